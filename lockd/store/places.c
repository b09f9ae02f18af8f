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

void places_init(struct places *places, const struct log_begin *begin)
{
    assert(begin->segment > 0);
    places->begin = *begin;
    places->begun = begin->segment - 1;
    places->existing = begin->segment - 1;
    places->entry_count = 0;
    places->step = PLACES_STEP;
}

/* The place in memory of the segment with that number. */
static struct segment *slot_of(const struct places *places, uint64_t number)
{
    return &places->segments[number % places->segments_max];
}

void places_copy(struct places *to, const struct places *from)
{
    assert(to->segments_max == from->segments_max);
    to->begin = from->begin;
    to->begun = from->begun;
    to->existing = from->existing;
    to->entry_count = from->entry_count;
    to->step = from->step;
    for (uint64_t number = from->begin.segment; number <= from->existing; number++)
        *slot_of(to, number) = *slot_of(from, number);
    memcpy(to->entries, from->entries, from->entry_count * sizeof(struct entry_place));
}

struct segment *places_segment(const struct places *places, uint64_t number)
{
    assert(places->begin.segment <= number && number <= places->existing);
    return slot_of(places, number);
}

struct segment *places_current(const struct places *places)
{
    bool is_none = places->begun < places->begin.segment;
    return is_none ? NULL : places_segment(places, places->begun);
}

bool places_is_full(const struct places *places)
{
    return places->existing + 1 - places->begin.segment == places->segments_max;
}

bool places_add_segment(struct places *places, uint64_t bytes)
{
    if (places_is_full(places))
        return false;
    places->existing++;
    *slot_of(places, places->existing) = (struct segment){.bytes = bytes};
    return true;
}

void places_drop_segment(struct places *places)
{
    assert(places->begun < places->existing);
    places->existing--;
}

void places_begin_segment(
        struct places *places, uint64_t start, struct entry_id before, uint64_t sum)
{
    assert(places->begun < places->existing);
    /* In a log that begins later, only its header tells where the first segment starts. */
    bool is_later_first =
            places->begun < places->begin.segment && places->begin.segment > 1;
    if (!is_later_first)
        assert(start == places_end_position(places));
    places->begun++;
    struct segment *current = places_current(places);
    current->start = start;
    current->used = 0;
    current->before = before;
    current->before_sum = sum;
}

struct wal_place places_end(const struct places *places)
{
    const struct segment *current = places_current(places);
    if (current == NULL)
        return (struct wal_place){0, 0};
    return (struct wal_place){places->begun, current->used};
}

uint64_t places_end_position(const struct places *places)
{
    const struct segment *current = places_current(places);
    return current == NULL ? 0 : current->start + current->used;
}

/* The position in the log of a place. */
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
    /*
     * The segments before the first one that names an earlier entry were ended by an
     * earlier cut.
     */
    for (uint64_t number = places->begun; number > places->begin.segment; number--) {
        struct segment *segment = places_segment(places, number);
        if (segment->before.index < from)
            break;
        segment->before.term = 0;
    }
}

static bool can_begin(const struct segment *segment)
{
    return segment->before.index == 0 || segment->before.term > 0;
}

/* Forget the places that lie in segments before the beginning. */
static void drop_entries(struct places *places)
{
    uint64_t gone = 0;
    while (gone < places->entry_count &&
            places->entries[gone].place.segment < places->begin.segment)
        gone++;
    places->entry_count -= gone;
    memmove(places->entries, places->entries + gone,
            places->entry_count * sizeof(struct entry_place));
}

static bool can_begin_durably(const struct segment *segment, uint64_t durable)
{
    return can_begin(segment) && segment->start + WAL_BLOCK_BYTES <= durable;
}

bool places_last_through(const struct places *places, uint64_t number, uint64_t durable,
        struct entry_id *last)
{
    assert(number >= places->begin.segment);
    for (uint64_t next = number + 1; next <= places->begun; next++) {
        const struct segment *segment = places_segment(places, next);
        if (!can_begin_durably(segment, durable))
            continue;
        *last = segment->before;
        return true;
    }
    return false;
}

bool places_drop_before(struct places *places, uint64_t index, uint64_t durable)
{
    for (uint64_t number = places->begun; number > places->begin.segment; number--) {
        const struct segment *segment = places_segment(places, number);
        if (!can_begin_durably(segment, durable) || segment->before.index >= index)
            continue;
        MARK(log_begin_moved);
        places->begin = (struct log_begin){
                .before = segment->before,
                .sum = segment->before_sum,
                .segment = number,
        };
        drop_entries(places);
        return true;
    }
    return false;
}

void places_restart(struct places *places, const struct log_begin *begin)
{
    assert(begin->segment == places->begun + 1);
    places->begin = *begin;
    places->entry_count = 0;
    places->step = PLACES_STEP;
}

struct entry_id places_behind(const struct places *places, uint64_t bytes)
{
    uint64_t end = places_end_position(places);
    for (uint64_t number = places->begun; number > places->begin.segment; number--) {
        const struct segment *segment = places_segment(places, number);
        if (can_begin(segment) && end - segment->start >= bytes)
            return segment->before;
    }
    return places->begin.before;
}

bool places_have_entry_before(const struct places *places, uint64_t position)
{
    if (places->begin.before.index > 0)
        return true;
    return places->entry_count > 0 &&
           position_of(places, places->entries[0].place) < position;
}

struct wal_place places_locate(const struct places *places, uint64_t index)
{
    if (index <= places->begin.before.index)
        return (struct wal_place){0, 0};
    uint64_t low = 0; /* All before it have an index not above. */
    uint64_t high = places->entry_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (places->entries[middle].index <= index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct wal_place){places->begin.segment, 0};
    return places->entries[low - 1].place;
}
