/*
 * The bookkeeping of a ring whose capacity is a power of two, over an array that the caller
 * has. Positions are counters that only grow: [begin, end) is what the ring holds, and the
 * position's low bits are the slot in the array. It never overwrites: pushing without room
 * is an assertion.
 *
 *     items[ring_push(&ring)] = item;
 *     item = items[ring_pop(&ring)];
 *     for (uint64_t at = ring.begin; at < ring.end; at++)
 *         visit(items[ring_at(&ring, at)]);
 */
#ifndef LOCKD_BASE_RING_H
#define LOCKD_BASE_RING_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ring {
    uint64_t begin; /* Position of the oldest item. */
    uint64_t end;   /* Position after the newest. */
    uint32_t capacity;
};

/* An empty ring whose first item will have position `begin`. */
static inline void ring_init_at(struct ring *ring, uint32_t capacity, uint64_t begin)
{
    assert(capacity > 0 && (capacity & (capacity - 1)) == 0);
    ring->begin = begin;
    ring->end = begin;
    ring->capacity = capacity;
}

static inline void ring_init(struct ring *ring, uint32_t capacity)
{
    ring_init_at(ring, capacity, 0);
}

static inline uint32_t ring_count(const struct ring *ring)
{
    return (uint32_t)(ring->end - ring->begin);
}

/* How many more can be pushed. */
static inline uint32_t ring_room(const struct ring *ring)
{
    return ring->capacity - ring_count(ring);
}

static inline bool ring_is_empty(const struct ring *ring)
{
    return ring->begin == ring->end;
}

/* Whether the item at `position` is held. */
static inline bool ring_has(const struct ring *ring, uint64_t position)
{
    return ring->begin <= position && position < ring->end;
}

/* The slot of the item at `position`, which is held. */
static inline uint32_t ring_at(const struct ring *ring, uint64_t position)
{
    assert(ring_has(ring, position));
    return (uint32_t)(position & (ring->capacity - 1));
}

/* Hold one more at the end: the slot to fill. */
static inline uint32_t ring_push(struct ring *ring)
{
    assert(ring_room(ring) > 0);
    ring->end++;
    return ring_at(ring, ring->end - 1);
}

/* Remove the oldest: its slot, whose content is intact until the next push. */
static inline uint32_t ring_pop(struct ring *ring)
{
    uint32_t slot = ring_at(ring, ring->begin);
    ring->begin++;
    return slot;
}

/* Remove all before position `begin`. */
static inline void ring_pop_before(struct ring *ring, uint64_t begin)
{
    assert(ring->begin <= begin && begin <= ring->end);
    ring->begin = begin;
}

/* Remove all from position `end` on. */
static inline void ring_cut(struct ring *ring, uint64_t end)
{
    assert(ring->begin <= end && end <= ring->end);
    ring->end = end;
}

#ifdef __cplusplus
}
#endif

#endif
