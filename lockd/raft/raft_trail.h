/*
 * The terms of all entries of the log, as runs: where each term begins.
 *
 * Leaders change seldom, so even a long log has few runs. A binary search finds any entry's
 * term.
 *
 * The log begins after the entry `before`: {0, 0} for a log that has all its entries. The
 * entry itself is not in the log, but its term is known, so that an append can follow it.
 *
 * Invariant: terms and first indexes both grow strictly; the first run begins after
 * `before`; without a run, `last` is `before`.
 */
#ifndef RAFT_RAFT_TRAIL_H
#define RAFT_RAFT_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "protocol/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

struct raft_run {
    uint64_t term;
    uint64_t first; /* Index of the term's first entry */
};

struct raft_trail {
    struct raft_run *runs;
    uint32_t count;
    uint32_t count_max;
    struct entry_id before;
    struct entry_id last;
};

void raft_trail_carve(struct raft_trail *trail, struct arena *arena, uint32_t count_max);
void raft_trail_init(struct raft_trail *trail);

/* The log, which has no entry, begins after `before`. */
void raft_trail_begin_at(struct raft_trail *trail, struct entry_id before);

/*
 * Remove all entries before `index`, which is at most last + 1. False: the log begins there
 * or later already, and nothing is changed.
 */
bool raft_trail_drop_before(struct raft_trail *trail, uint64_t index);

/* Whether an entry of `term`, which is not less than the last's, can be added. */
bool raft_trail_has_room(const struct raft_trail *trail, uint64_t term);

/* The next entry: its index is last + 1, its term not less than the last's. */
void raft_trail_add(struct raft_trail *trail, struct entry_id id);

/* Remove `from`, which is in the log, and all after it. */
void raft_trail_cut(struct raft_trail *trail, uint64_t from);

/*
 * The term of the entry at `index`, which may be `before`; 0 if there is none, or no
 * longer.
 */
uint64_t raft_trail_term(const struct raft_trail *trail, uint64_t index);

/*
 * The last entry, from `before` on, whose index and term are both at most those of `bound`;
 * {0, 0} if there is none: it is not in this log, or it was before the beginning. If
 * `bound` is the last entry of another log, the two logs cannot agree after the answer.
 */
struct entry_id raft_trail_within(const struct raft_trail *trail, struct entry_id bound);

#ifdef __cplusplus
}
#endif

#endif
