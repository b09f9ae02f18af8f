#include "store/places.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/mark.h"

void places_carve(
        struct places *places, struct arena *arena, const struct wal_settings *settings)
{
    *places = (struct places){.segments_max = settings->segments_max};
    places->segments = arena_take(arena, "log segments", places->segments_max,
            sizeof(struct segment), alignof(struct segment));
    places->entries = arena_take(arena, "log places", PLACES_MAX,
            sizeof(struct entry_place), alignof(struct entry_place));
}

void places_init(struct places *places)
{
    places->begun = 0;
    places->existing = 0;
    places->entry_count = 0;
    places->step = PLACES_STEP;
}

void places_copy(struct places *to, const struct places *from)
{
    assert(to->segments_max == from->segments_max);
    to->begun = from->begun;
    to->existing = from->existing;
    to->entry_count = from->entry_count;
    to->step = from->step;
    memcpy(to->segments, from->segments, from->existing * sizeof(struct segment));
    memcpy(to->entries, from->entries, from->entry_count * sizeof(struct entry_place));
}

struct segment *places_segment(const struct places *places, uint64_t number)
{
    assert(0 < number && number <= places->existing);
    return &places->segments[number - 1];
}

struct segment *places_current(const struct places *places)
{
    return places->begun == 0 ? NULL : places_segment(places, places->begun);
}

bool places_add_segment(struct places *places, uint64_t bytes)
{
    if (places->existing == places->segments_max)
        return false;
    places->segments[places->existing++] = (struct segment){.bytes = bytes};
    return true;
}

void places_drop_segment(struct places *places)
{
    assert(places->begun < places->existing);
    places->existing--;
}

void places_begin_segment(struct places *places, uint64_t start)
{
    assert(places->begun < places->existing);
    assert(start == places_end_position(places));
    places->begun++;
    places_current(places)->start = start;
    places_current(places)->used = 0;
}

struct wal_place places_end(const struct places *places)
{
    if (places->begun == 0)
        return (struct wal_place){0, 0};
    return (struct wal_place){places->begun, places_current(places)->used};
}

uint64_t places_end_position(const struct places *places)
{
    const struct segment *current = places_current(places);
    return current == NULL ? 0 : current->start + current->used;
}

/* Where in the log a place is. */
static uint64_t position_of(const struct places *places, struct wal_place place)
{
    return places_segment(places, place.segment)->start + place.offset;
}

/* Keep every other place, the first among them. */
static void thin_out(struct places *places)
{
    uint64_t kept = 0;
    for (uint64_t at = 0; at < places->entry_count; at += 2)
        places->entries[kept++] = places->entries[at];
    places->entry_count = kept;
    places->step *= 2;
}

void places_note_entry(struct places *places, uint64_t index)
{
    if (places->entry_count > 0) {
        const struct entry_place *last = &places->entries[places->entry_count - 1];
        assert(last->index < index);
        uint64_t distance = places_end_position(places) - position_of(places, last->place);
        if (distance < places->step)
            return;
    }
    if (places->entry_count == PLACES_MAX) {
        MARK(log_places_thinned);
        thin_out(places);
    }
    places->entries[places->entry_count++] =
            (struct entry_place){.index = index, .place = places_end(places)};
}

void places_add_bytes(struct places *places, uint64_t count)
{
    struct segment *current = places_current(places);
    current->used += count;
    assert(current->used <= current->bytes);
}

void places_cut(struct places *places, uint64_t from)
{
    while (places->entry_count > 0 &&
            places->entries[places->entry_count - 1].index >= from)
        places->entry_count--;
}

bool places_have_entry_before(const struct places *places, uint64_t position)
{
    return places->entry_count > 0 &&
           position_of(places, places->entries[0].place) < position;
}

struct wal_place places_locate(const struct places *places, uint64_t index)
{
    uint64_t low = 0; /* All before it have an index not above. */
    uint64_t high = places->entry_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (places->entries[middle].index <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? (struct wal_place){1, 0} : places->entries[low - 1].place;
}
