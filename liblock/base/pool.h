/*
 * Items of one size, named by 32-bit handles: 24 bits of index, 8 bits of generation. The
 * generation shows that a handle's item was given back, so an old handle is an assertion
 * and not a mystery. 0 is never a handle and may stand for "none".
 *
 * Items freed last are used first, and items never used are not touched: a generous pool
 * costs nothing until it is needed. Handles follow the history of one process; they must
 * not reach an output that replicas agree on.
 */
#ifndef LOCKD_BASE_POOL_H
#define LOCKD_BASE_POOL_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The greatest capacity; the index above it marks an item that is taken. */
#define POOL_COUNT_MAX UINT32_C(0xfffffe)
#define POOL_TAKEN     UINT32_C(0xffffff)

struct pool {
    unsigned char *items;
    uint32_t *slots; /* Generation << 24, and the next free index + 1 or POOL_TAKEN. */
    size_t item_bytes;
    uint32_t capacity;
    uint32_t count;      /* Items taken. */
    uint32_t used_count; /* Items ever taken: those from here on are untouched. */
    uint32_t free_head;  /* Index + 1 of the item given back last; 0: none. */
};

/* Take the memory of `count` items; the pool is empty then. `name` is kept: a literal. */
void pool_carve(struct pool *pool, struct arena *arena, const char *name, uint32_t count,
        size_t item_bytes);

/* Empty it: all items are given back at once. */
void pool_init(struct pool *pool);

/* Take an item, zeroed: its handle, or 0 if all are taken. */
uint32_t pool_take(struct pool *pool);

/* Give the item back. Its handle is stale from now on. */
void pool_give(struct pool *pool, uint32_t handle);

/* The handle of an item that is taken. */
uint32_t pool_handle_of(const struct pool *pool, const void *item);

/*
 * Walk over the items taken, by index: the handle after `handle`, 0 at the end; 0 begins.
 */
uint32_t pool_next(const struct pool *pool, uint32_t handle);

static inline uint32_t pool_count(const struct pool *pool)
{
    return pool->count;
}

static inline uint32_t pool_capacity(const struct pool *pool)
{
    return pool->capacity;
}

/* The index in a handle: below the capacity, for arrays beside the pool. */
static inline uint32_t pool_index(uint32_t handle)
{
    return handle & UINT32_C(0xffffff);
}

/* Whether the handle names an item that is taken; false for 0 and for old handles. */
static inline bool pool_has(const struct pool *pool, uint32_t handle)
{
    uint32_t index = pool_index(handle);
    return handle != 0 && index < pool->used_count &&
           pool->slots[index] == (handle | POOL_TAKEN);
}

/* The item of a valid handle. It stays where it is until given back. */
static inline void *pool_at(const struct pool *pool, uint32_t handle)
{
    assert(pool_has(pool, handle));
    return pool->items + pool_index(handle) * pool->item_bytes;
}

/* The item with that index, below `used_count`; NULL if it is not taken. */
static inline void *pool_peek(const struct pool *pool, uint32_t index)
{
    bool taken = (pool->slots[index] & POOL_TAKEN) == POOL_TAKEN;
    return taken ? pool->items + index * pool->item_bytes : NULL;
}

#ifdef __cplusplus
}
#endif

#endif
