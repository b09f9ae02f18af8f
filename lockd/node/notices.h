/* What the node reports: notices for the log, and counts for the status. */
#ifndef NODE_NOTICES_H
#define NODE_NOTICES_H

#include <stdint.h>

#include "node/node.h"
#include "protocol/answer.h"
#include "protocol/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Beyond every enum request_kind, status and limit: what is larger counts in the last. */
enum {
    COUNTED_KINDS = 16,
    COUNTED_STATUSES = 48,
    COUNTED_LIMITS = 32
};

struct counters {
    uint64_t answers[COUNTED_KINDS][COUNTED_STATUSES]; /* Sent to clients */
    uint64_t limits[COUNTED_LIMITS]; /* Of these with STATUS_LIMIT, by enum limit */
    uint64_t leader_changes;         /* Times that this node heard of a new leader */
    uint64_t requests;
    uint64_t refused_busy;
    uint64_t bad_frames;
    uint64_t elections;
    uint64_t repairs;   /* Starts with a log that was given up, in this process */
    uint64_t bad_reads; /* An error, or bytes that are not what was written */
    uint64_t mends;     /* Damaged parts of the log that a new snapshot replaced */
};

struct notices {
    const struct raft *raft;      /* For the term that a notice names */
    struct node_effects *effects; /* Of the turn */
    struct counters counters;
};

/* One more answer to a client. */
static inline void notices_count_answer(
        struct notices *notices, const struct answer *answer)
{
    struct counters *counters = &notices->counters;
    uint32_t kind = answer->kind < COUNTED_KINDS ? answer->kind : COUNTED_KINDS - 1;
    uint32_t status =
            answer->status < COUNTED_STATUSES ? answer->status : COUNTED_STATUSES - 1;
    counters->answers[kind][status]++;
    if (answer->status == STATUS_LIMIT)
        counters->limits[answer->detail % COUNTED_LIMITS]++;
}

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
