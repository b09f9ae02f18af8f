/* What the node reports: notices for the log, and counts for the status. */
#ifndef NODE_NOTICES_H
#define NODE_NOTICES_H

#include <stdint.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct counters {
    uint64_t requests;
    uint64_t refused_busy;
    uint64_t bad_frames;
    uint64_t elections;
    uint64_t bad_reads; /* Of the log: an error, or bytes that are not what was written */
};

struct notices {
    const struct raft *raft;      /* For the term that a notice names */
    struct node_effects *effects; /* Of the turn */
    struct counters counters;
};

/* More than NODE_NOTICES_MAX in a turn are left out. */
void notices_tell(
        struct notices *notices, enum node_notice_kind kind, uint8_t peer, uint64_t number);

/* About a place of the log. */
void notices_tell_place(
        struct notices *notices, enum node_notice_kind kind, struct wal_place place);
/* ... about a connection whose other end is `from`. */
void notices_tell_of(
        struct notices *notices, const struct node_notice *notice, const char *from);
void notices_check(const struct notices *notices);

#ifdef __cplusplus
}
#endif

#endif
