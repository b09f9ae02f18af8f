/*
 * The end of the chain of entries: ids and sums of the newest CHAIN_MAX entries.
 *
 * A truncation takes the log's end back to an entry whose sum the next one must carry. It
 * only ever cuts what was not committed, which is far less than is kept here. Should it be
 * more, the end is *unknown* until the next entry brings the id and sum of the one before it,
 * or until somebody has read them (chain_learn).
 *
 * Invariant: what is kept are the entries [begin, end), and end - 1 is the last of the log.
 * The entry before the log's first is always known: {0, 0} and sum 0 in a whole log.
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
    struct entry_id before; /* The log begins behind it */
    uint64_t before_sum;
    uint64_t begin;
    uint64_t end;
    struct chain_link *links; /* Of index i at i % CHAIN_MAX */
};

void chain_carve(struct chain *chain, struct arena *arena, const char *name);

/* A log without entries that begins behind `before`. */
void chain_init(struct chain *chain, struct entry_id before, uint64_t sum);
void chain_copy(struct chain *to, const struct chain *from);

/*
 * Id and sum of the entry at `index`, also of the one before the beginning; false if they
 * are not kept, or stood before that.
 */
bool chain_at(const struct chain *chain, uint64_t index, struct chain_link *link);

/* The last entry; its term is 0 while it is not known. */
struct entry_id chain_last(const struct chain *chain);
bool chain_is_known(const struct chain *chain);

/* Whether an entry says of the one before it what is known here. */
bool chain_fits(const struct chain *chain, const struct entry_head *head);

/* The last entry is not known, and now it is. */
void chain_learn(struct chain *chain, struct entry_id id, uint64_t sum);

/* One more entry, which fits. */
void chain_add(struct chain *chain, const struct entry_head *head);

/* Cut `from`, which is in the log, and all behind it off. */
void chain_cut(struct chain *chain, uint64_t from);

/* The log begins behind `before` now, which is its entry of that sum. */
void chain_drop_before(struct chain *chain, struct entry_id before, uint64_t sum);

#ifdef __cplusplus
}
#endif

#endif
