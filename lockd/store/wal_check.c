/* What must be true of a log at any time. */

#include <assert.h>

#include "store/wal_state.h"

static void check_places(const struct places *places)
{
    uint64_t first = places->begin.segment;
    assert(0 < first && first <= places->begun + 1);
    assert(places->begun <= places->existing);
    assert(places->existing + 1 - first <= places->segments_max);
    uint64_t position = 0;
    if (first > 1 && first <= places->begun)
        position = places_segment(places, first)->start;
    for (uint64_t number = first; number <= places->begun; number++) {
        const struct segment *segment = places_segment(places, number);
        assert(segment->start == position);
        assert(places->begin.before.index <= segment->before.index);
        assert(WAL_BLOCK_BYTES <= segment->used && segment->used <= segment->bytes);
        assert(segment->used % WAL_BLOCK_BYTES == 0);
        position += segment->used;
    }
    assert(position == places_end_position(places));
    for (uint64_t at = 0; at < places->entry_count; at++) {
        const struct entry_place *entry = &places->entries[at];
        const struct segment *segment = places_segment(places, entry->place.segment);
        assert(places->begin.before.index < entry->index);
        assert(entry->place.segment <= places->begun);
        assert(entry->place.offset < segment->used);
        if (at == 0)
            continue;
        const struct entry_place *before = entry - 1;
        assert(before->index < entry->index);
        assert(before->place.segment <= entry->place.segment);
        if (before->place.segment == entry->place.segment)
            assert(before->place.offset < entry->place.offset);
    }
}

/* All parts of the log begin at one place. */
static void check_begin(const struct log *log)
{
    const struct log_begin *begin = &log->places.begin;
    assert(entry_id_equal(begin->before, log->chain.before));
    assert(begin->sum == log->chain.before_sum);
    assert((begin->before.index == 0) == (begin->before.term == 0));
    if (begin->segment == 1)
        assert(begin->before.index == 0);
    if (begin->segment <= log->places.begun)
        assert(entry_id_equal(
                begin->before, places_segment(&log->places, begin->segment)->before));
    assert(begin->before.index < log->chain.begin);
}

/* Flights, then unwritten stretches, then the end: without a gap in position. */
static void check_pending(const struct wal *wal)
{
    const struct ring *flights = &wal->flight_ring;
    const struct ring *ring = &wal->unwritten_ring;
    uint64_t position = wal->durable;
    assert(ring_count(flights) <= wal->settings.writes_max);
    for (uint64_t id = flights->begin; id < flights->end; id++) {
        const struct flight *flight = &wal->flights[ring_at(flights, id)];
        assert(position < flight->position_end);
        assert(wal->tail < flight->cursor_end && flight->cursor_end <= wal->head);
        if (id == flights->begin)
            assert(!flight->done);
        position = flight->position_end;
    }
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        const struct unwritten *stretch = &wal->unwritten[ring_at(ring, at)];
        assert(stretch->position == position);
        assert(stretch->count > 0 && stretch->count % WAL_BLOCK_BYTES == 0);
        assert(wal->tail <= stretch->cursor &&
                stretch->cursor + stretch->count <= wal->head);
        uint64_t at_buffer = stretch->cursor % wal->settings.buffer_bytes;
        assert(at_buffer + stretch->count <= wal->settings.buffer_bytes);
        position += stretch->count;
    }
    assert(position == wal_end(wal));
    if (position == wal->durable)
        assert(wal->head == wal->tail);
    assert(wal->head - wal->tail <= wal->settings.buffer_bytes);
}

static void check_window(const struct wal *wal)
{
    assert(wal->window_begin <= wal->window_end);
    assert(wal->window_end == wal->log.chain.end);
    assert(wal->log.places.begin.before.index < wal->window_begin);
    assert(wal->window_end - wal->window_begin <= wal->window_mask + 1);
    uint64_t cursor = 0;
    for (uint64_t index = wal->window_begin; index < wal->window_end; index++) {
        const struct window_entry *entry = &wal->window[index & wal->window_mask];
        assert(entry->head.id.index == index);
        if (index > wal->window_begin)
            assert(cursor < entry->cursor);
        cursor = entry->cursor;
        assert(cursor < wal->head && wal->head - cursor <= wal->settings.buffer_bytes);
    }
}

void wal_check(const struct wal *wal)
{
    check_places(&wal->log.places);
    check_begin(&wal->log);
    check_window(wal);
    check_pending(wal);
    const struct chain *chain = &wal->log.chain;
    assert(chain->begin <= chain->end);
    assert(chain->end - chain->begin <= CHAIN_MAX);
    assert(wal->durable <= wal_end(wal));
}
