#include "locks/buckets.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

void buckets_carve(struct buckets *buckets, struct arena *arena, const char *name,
        uint32_t item_count, size_t next_offset)
{
    uint32_t bucket_count = 1;
    while (bucket_count <= item_count / 2)
        bucket_count *= 2;
    *buckets = (struct buckets){.mask = bucket_count - 1, .next_offset = next_offset};
    buckets->heads =
            arena_take(arena, name, bucket_count, sizeof(uint32_t), alignof(uint32_t));
}

void buckets_init(struct buckets *buckets)
{
    /* Empty buckets are all zero: do not touch what was never used. */
    if (buckets->count > 0)
        memset(buckets->heads, 0, ((size_t)buckets->mask + 1) * sizeof(uint32_t));
    buckets->count = 0;
}

static uint32_t *next_of(const struct buckets *buckets, void *item)
{
    return (uint32_t *)(void *)((char *)item + buckets->next_offset);
}

void buckets_add(
        struct buckets *buckets, const struct pool *pool, uint64_t key, uint32_t handle)
{
    uint32_t *head = &buckets->heads[key & buckets->mask];
    *next_of(buckets, pool_at(pool, handle)) = *head;
    *head = handle;
    buckets->count++;
}

uint32_t buckets_remove(
        struct buckets *buckets, const struct pool *pool, uint64_t key, const void *item)
{
    uint32_t *at = &buckets->heads[key & buckets->mask];
    void *found = pool_at(pool, *at);
    while (found != item) {
        at = next_of(buckets, found);
        found = pool_at(pool, *at);
    }
    uint32_t handle = *at;
    *at = *next_of(buckets, found);
    assert(buckets->count > 0);
    buckets->count--;
    return handle;
}
