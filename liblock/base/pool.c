#include "base/pool.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#define GENERATION_SHIFT 24
#define GENERATION_MAX   UINT32_C(255)

static unsigned char *item_at(const struct pool *pool, uint32_t index)
{
    assert(index < pool->capacity);
    return pool->items + index * pool->item_bytes;
}

void pool_carve(struct pool *pool, struct arena *arena, const char *name, uint32_t count,
        size_t item_bytes)
{
    assert(0 < count && count <= POOL_COUNT_MAX);
    assert(item_bytes > 0);
    *pool = (struct pool){.item_bytes = item_bytes, .capacity = count};
    pool->items = arena_take(arena, name, count, item_bytes, alignof(max_align_t));
    pool->slots = arena_take(arena, name, count, sizeof(uint32_t), alignof(uint32_t));
}

void pool_init(struct pool *pool)
{
    /* Generations stay as they are, so that old handles are recognized as stale. */
    pool->count = 0;
    pool->used_count = 0;
    pool->free_head = 0;
}

/* The index of a free item; the caller knows that there is one. */
static uint32_t pop_free(struct pool *pool)
{
    assert(pool->count < pool->capacity);
    if (pool->free_head == 0)
        return pool->used_count++;
    uint32_t index = pool->free_head - 1;
    pool->free_head = pool_index(pool->slots[index]);
    assert(pool->free_head != POOL_TAKEN);
    return index;
}

uint32_t pool_take(struct pool *pool)
{
    if (pool->count == pool->capacity)
        return 0;
    uint32_t index = pop_free(pool);
    /* Generation 0 is for items never taken, so that no handle is 0. */
    uint32_t generation = pool->slots[index] >> GENERATION_SHIFT;
    generation = generation == GENERATION_MAX ? 1 : generation + 1;
    pool->slots[index] = generation << GENERATION_SHIFT | POOL_TAKEN;
    pool->count++;
    memset(item_at(pool, index), 0, pool->item_bytes);
    return generation << GENERATION_SHIFT | index;
}

void pool_give(struct pool *pool, uint32_t handle)
{
    assert(pool_has(pool, handle));
    assert(pool->count > 0);
    uint32_t index = pool_index(handle);
    pool->slots[index] = (handle & ~POOL_TAKEN) | pool->free_head;
    pool->free_head = index + 1;
    pool->count--;
}

/* The handle of the item at `index`, or 0 if it is not taken. */
static uint32_t handle_at(const struct pool *pool, uint32_t index)
{
    uint32_t slot = pool->slots[index];
    return pool_index(slot) == POOL_TAKEN ? (slot & ~POOL_TAKEN) | index : 0;
}

uint32_t pool_handle_of(const struct pool *pool, const void *item)
{
    uintptr_t offset = (uintptr_t)item - (uintptr_t)pool->items;
    assert(offset % pool->item_bytes == 0);
    assert(offset / pool->item_bytes < pool->used_count);
    uint32_t handle = handle_at(pool, (uint32_t)(offset / pool->item_bytes));
    assert(handle != 0);
    return handle;
}

uint32_t pool_next(const struct pool *pool, uint32_t handle)
{
    uint32_t index = handle == 0 ? 0 : pool_index(handle) + 1;
    for (; index < pool->used_count; index++) {
        uint32_t found = handle_at(pool, index);
        if (found != 0)
            return found;
    }
    return 0;
}
