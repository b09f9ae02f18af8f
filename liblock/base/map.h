/*
 * A map from 64-bit keys to 32-bit values, in which a key may occur more than once: names
 * are looked up by their hash, and the caller compares what it finds.
 *
 *     struct map_cursor at;
 *     for (bool ok = map_find(map, key, &at); ok; ok = map_find_next(map, &at))
 *         if (is_wanted(at.value)) ...
 *
 * Open addressing with linear probing, at most half full. Removing shifts the following
 * pairs back, so there are no tombstones and a map does not get slower with age. Keys are
 * mixed here, so they need not be random. The order in which values of one key are found
 * depends on the history; do not rely on it.
 */
#ifndef LOCKD_BASE_MAP_H
#define LOCKD_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MAP_COUNT_MAX (UINT32_C(1) << 30)

struct map_slot {
    uint64_t key;
    uint32_t value;
    uint32_t used; /* 0: an empty slot, as fresh memory is. */
};

struct map {
    struct map_slot *slots;
    uint32_t slot_count; /* A power of two, at least twice count_max. */
    uint32_t count_max;
    uint32_t count;
};

/* How far a search is; `value` is what it found. Any change of the map ends it. */
struct map_cursor {
    uint64_t key;
    uint32_t slot;
    uint32_t value;
};

/* Take memory for `count` pairs; the map is empty then. `name` is kept: a literal. */
void map_carve(struct map *map, struct arena *arena, const char *name, uint32_t count);

/* Empty it. */
void map_init(struct map *map);

/* Add a pair; there must be room, and the same pair must not be there yet. */
void map_add(struct map *map, uint64_t key, uint32_t value);

/* Remove the pair, which must be there. */
void map_remove(struct map *map, uint64_t key, uint32_t value);

/* Find the first value of the key; false if there is none. */
bool map_find(const struct map *map, uint64_t key, struct map_cursor *cursor);

/* Find the next value of the same key; false after the last. */
bool map_find_next(const struct map *map, struct map_cursor *cursor);

static inline uint32_t map_count(const struct map *map)
{
    return map->count;
}

#ifdef __cplusplus
}
#endif

#endif
