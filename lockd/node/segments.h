/* Segments of the log that io is asked to make, one at a time. */
#ifndef NODE_SEGMENTS_H
#define NODE_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/notices.h"
#include "node/times.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

struct segments {
    struct wal *wal;
    struct notices *notices;
    const struct times *times;
    bool asked;
    uint64_t retry_ns; /* There was no space: do not retry before; 0: there is. */
};

/* The caller fills in all pointers; nothing else needs a first value. */

/* Turn end: ask for the next one, if the log wants it. */
void segments_want(struct segments *segments, struct node_effects *effects);

void segments_ready(struct segments *segments, uint64_t number);
void segments_failed(struct segments *segments);

/* When to ask again; UINT64_MAX: nothing was refused. */
uint64_t segments_deadline(const struct segments *segments);

#ifdef __cplusplus
}
#endif

#endif
