/*
 * The terms of all entries of the log, as runs: where each term begins.
 *
 * Leaders change seldom, so the whole log, however long, has few runs, and any entry's term
 * is found by binary search.
 *
 * Invariant: terms and first indexes both grow strictly; the first run begins at index 1.
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
    struct entry_id last; /* {0, 0}: the log is empty. */
};

void raft_trail_carve(struct raft_trail *trail, struct arena *arena, uint32_t count_max);
void raft_trail_init(struct raft_trail *trail);

/* Whether an entry of `term`, which is not less than the last's, can be added. */
bool raft_trail_has_room(const struct raft_trail *trail, uint64_t term);

/* The next entry: its index is last + 1, its term not less than the last's. */
void raft_trail_add(struct raft_trail *trail, struct entry_id id);

/* Let go of `from` and all behind it. */
void raft_trail_cut(struct raft_trail *trail, uint64_t from);

/* The term of the entry at `index`; 0 if there is none. */
uint64_t raft_trail_term(const struct raft_trail *trail, uint64_t index);

/*
 * The last entry whose index and term are both at most those of `bound`; {0, 0} if there is
 * none. Two logs cannot agree behind the answer, if `bound` is where the other one stands.
 */
struct entry_id raft_trail_within(const struct raft_trail *trail, struct entry_id bound);

#ifdef __cplusplus
}
#endif

#endif
