/*
 * Hash chains through items of a pool, for lookups that must cost few bytes per item: four
 * in the item and four in a bucket. The item has a uint32_t that holds the next handle, at
 * an offset given when carved. Keys are not stored: the caller compares what it finds.
 *
 *     for (uint32_t at = buckets_first(buckets, key); at != 0; at = item->next)
 *         if (is_wanted(item = pool_at(pool, at))) ...
 *
 * Only the low bits of a key are used: plain counters are good keys.
 */
#ifndef LOCKS_BUCKETS_H
#define LOCKS_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

struct buckets {
    uint32_t *heads;
    uint32_t mask;
    uint32_t count;
    size_t next_offset;
};

/* One bucket or more for each two items. */
void buckets_carve(struct buckets *buckets, struct arena *arena, const char *name,
        uint32_t item_count, size_t next_offset);

/* Forget all items. */
void buckets_init(struct buckets *buckets);

void buckets_add(
        struct buckets *buckets, const struct pool *pool, uint64_t key, uint32_t handle);

/* Unlinks an item, which must be there. Returns its handle, for the caller to give back. */
uint32_t buckets_remove(
        struct buckets *buckets, const struct pool *pool, uint64_t key, const void *item);

/* The first handle in the bucket of that key; 0: none. */
static inline uint32_t buckets_first(const struct buckets *buckets, uint64_t key)
{
    return buckets->heads[key & buckets->mask];
}

#ifdef __cplusplus
}
#endif

#endif
