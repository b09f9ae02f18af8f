#include "base/map.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

enum {
    GROUP_KEYS = 8 /* Two cache lines of slots */
};

/* The finalizer of splitmix64: every bit of the key reaches every bit of the slot. */
static uint64_t mixed(uint64_t key)
{
    key = (key ^ (key >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    key = (key ^ (key >> 27)) * UINT64_C(0x94d049bb133111eb);
    return key ^ (key >> 31);
}

/*
 * Where the search for a key begins. Groups of keys are spread; within a group keys are
 * neighbours, so that counters share cache lines, and most keys are counters.
 */
static uint32_t home_of(const struct map *map, uint64_t key)
{
    uint64_t home = (mixed(key / GROUP_KEYS) * GROUP_KEYS) + (key % GROUP_KEYS);
    return (uint32_t)(home & (map->slot_count - 1));
}

static uint32_t slot_after(const struct map *map, uint32_t slot)
{
    return (slot + 1) & (map->slot_count - 1);
}

void map_carve(struct map *map, struct arena *arena, const char *name, uint32_t count)
{
    assert(0 < count && count <= MAP_COUNT_MAX);
    uint32_t slot_count = 2;
    while (slot_count / 2 < count)
        slot_count *= 2;
    *map = (struct map){.slot_count = slot_count, .count_max = count};
    map->slots = arena_take(
            arena, name, slot_count, sizeof(struct map_slot), alignof(struct map_slot));
}

void map_init(struct map *map)
{
    /* An empty map has only empty slots: do not touch what was never used. */
    if (map->count > 0)
        memset(map->slots, 0, map->slot_count * sizeof(struct map_slot));
    map->count = 0;
}

/* Look for the cursor's key from its slot on. */
static bool search(const struct map *map, struct map_cursor *cursor)
{
    for (uint32_t at = cursor->slot; map->slots[at].used != 0; at = slot_after(map, at)) {
        if (map->slots[at].key == cursor->key) {
            cursor->slot = at;
            cursor->value = map->slots[at].value;
            return true;
        }
    }
    return false;
}

bool map_find(const struct map *map, uint64_t key, struct map_cursor *cursor)
{
    *cursor = (struct map_cursor){.key = key, .slot = home_of(map, key)};
    return search(map, cursor);
}

bool map_find_next(const struct map *map, struct map_cursor *cursor)
{
    assert(map->slots[cursor->slot].used != 0);
    cursor->slot = slot_after(map, cursor->slot);
    return search(map, cursor);
}

/* Set the cursor on the pair, if it is there. */
static bool find_pair(
        const struct map *map, uint64_t key, uint32_t value, struct map_cursor *cursor)
{
    bool found = map_find(map, key, cursor);
    while (found && cursor->value != value)
        found = map_find_next(map, cursor);
    return found;
}

void map_add(struct map *map, uint64_t key, uint32_t value)
{
    assert(map->count < map->count_max);
    uint32_t at = home_of(map, key);
    for (; map->slots[at].used != 0; at = slot_after(map, at))
        assert(map->slots[at].key != key || map->slots[at].value != value);
    map->slots[at] = (struct map_slot){.key = key, .value = value, .used = 1};
    map->count++;
}

void map_remove(struct map *map, uint64_t key, uint32_t value)
{
    struct map_cursor cursor;
    bool found = find_pair(map, key, value, &cursor);
    assert(found);

    /*
     * Shift back what the gap would hide. A pair may move into the gap unless its home lies
     * after the gap, that is, unless it is nearer to its home than to the gap.
     */
    uint32_t mask = map->slot_count - 1;
    uint32_t gap = cursor.slot;
    for (uint32_t at = slot_after(map, gap); map->slots[at].used != 0;
            at = slot_after(map, at)) {
        uint32_t from_home = (at - home_of(map, map->slots[at].key)) & mask;
        uint32_t from_gap = (at - gap) & mask;
        if (from_home >= from_gap) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap] = (struct map_slot){.key = 0};
    map->count--;
}
