/* Finds entries: in the buffer, or the place on disk where to begin to read. */

#include <assert.h>
#include <stddef.h>

#include "store/wal_state.h"

uint64_t wal_window_begin(const struct wal *wal)
{
    return wal->window_begin;
}

const unsigned char *wal_find(
        const struct wal *wal, uint64_t index, struct entry_head *head)
{
    if (index < wal->window_begin || wal->window_end <= index)
        return NULL;
    const struct window_entry *entry = &wal->window[index & wal->window_mask];
    assert(entry->head.id.index == index);
    *head = entry->head;
    return wal_bytes_at(wal, entry->cursor) + WAL_RECORD_HEAD_BYTES;
}

bool wal_sum_at(const struct wal *wal, uint64_t index, uint64_t *sum)
{
    struct chain_link link;
    bool known = chain_at(&wal->log.chain, index, &link);
    *sum = link.sum;
    return known;
}

struct wal_place wal_locate(const struct wal *wal, uint64_t index)
{
    return places_locate(&wal->log.places, index);
}

uint64_t wal_segment_end(const struct wal *wal, uint64_t number)
{
    const struct places *places = &wal->log.places;
    if (number < places->begin.segment || number > places->begun)
        return 0;
    return places_segment(places, number)->used;
}

static uint64_t position_of(const struct wal *wal, struct wal_place place)
{
    return places_segment(&wal->log.places, place.segment)->start + place.offset;
}

bool wal_is_durable_at(const struct wal *wal, struct wal_place place)
{
    return place.offset < wal_segment_end(wal, place.segment) &&
           position_of(wal, place) < wal->durable;
}

void wal_walk_at(const struct wal *wal, struct wal_walk *walk, struct wal_place place,
        const void *bytes, size_t count)
{
    wal_walk_init(walk, bytes, count);
    walk->place = place;
    walk->position = position_of(wal, place);
}
