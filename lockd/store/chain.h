/*
 * The end of the chain of entries: ids and sums of the newest CHAIN_MAX entries.
 *
 * A truncation takes the log's end back to an entry whose sum the next one must carry. It
 * only cuts entries that are not committed, and those are far fewer than are kept here. If
 * there are ever more, the end is *unknown* until the next entry brings the id and sum of
 * the one before it, or until they were read from disk (chain_learn).
 *
 * Invariant: the entries [begin, end) are kept, and end - 1 is the last of the log. The
 * entry before the log's first is always known: {0, 0} and sum 0 in a whole log.
 */
#ifndef STORE_CHAIN_H
#define STORE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "protocol/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CHAIN_MAX = 1024
};

struct chain_link {
    uint64_t term;
    uint64_t sum;
};

struct chain {
    struct entry_id before; /* The log begins after it */
    uint64_t before_sum;
    uint64_t begin;
    uint64_t end;
    struct chain_link *links; /* Of index i at i % CHAIN_MAX */
};

void chain_carve(struct chain *chain, struct arena *arena, const char *name);

/* A log without entries that begins after `before`. */
void chain_init(struct chain *chain, struct entry_id before, uint64_t sum);
void chain_copy(struct chain *to, const struct chain *from);

/*
 * Id and sum of the entry at `index`, also of the one before the beginning; false if they
 * are not kept, or if the entry was before that.
 */
bool chain_at(const struct chain *chain, uint64_t index, struct chain_link *link);

/* The last entry; its term is 0 while it is not known. */
struct entry_id chain_last(const struct chain *chain);
bool chain_is_known(const struct chain *chain);

/* Whether an entry names the last entry as the one before it. */
bool chain_fits(const struct chain *chain, const struct entry_head *head);

/* The last entry was not known, and now it is. */
void chain_learn(struct chain *chain, struct entry_id id, uint64_t sum);

/* One more entry, which fits. */
void chain_add(struct chain *chain, const struct entry_head *head);

/* Cut off `from`, which is in the log, and all after it. */
void chain_cut(struct chain *chain, uint64_t from);

/* The log now begins after `before`, which is its entry with that sum. */
void chain_drop_before(struct chain *chain, struct entry_id before, uint64_t sum);

#ifdef __cplusplus
}
#endif

#endif
