/* What to write next, and what is durable. */

#include <assert.h>

#include "base/mark.h"
#include "base/units.h"
#include "store/wal_state.h"

/*
 * A write ends with the record that reaches this size, so that the first need not wait for
 * all.
 */
#define WRITE_BYTES MIB

/* Bytes of what is here in the buffer: a record, or a header with its first record. */
static uint64_t unit_bytes(const unsigned char *bytes)
{
    uint64_t header_bytes = 0;
    struct format_block block;
    format_read(bytes, &block);
    if (block.finding == FORMAT_HEADER) {
        header_bytes = WAL_BLOCK_BYTES;
        format_read(bytes + header_bytes, &block);
    }
    assert(block.finding == FORMAT_RECORD);
    return header_bytes + format_record_bytes(block.record.payload_bytes);
}

/* How many bytes of the stretch to write at once: whole records. */
static uint64_t choose_count(const struct wal *wal, const struct unwritten *stretch)
{
    uint64_t count = 0;
    while (count < stretch->count) {
        uint64_t more = unit_bytes(wal_bytes_at(wal, stretch->cursor + count));
        if (count > 0 && count + more > WRITE_BYTES)
            break;
        count += more;
    }
    assert(count <= stretch->count);
    return count;
}

/* Take bytes off the first stretch. */
static void shorten(struct wal *wal, struct unwritten *stretch, uint64_t count)
{
    stretch->cursor += count;
    stretch->position += count;
    stretch->place.offset += count;
    stretch->count -= count;
    if (stretch->count == 0)
        (void)ring_pop(&wal->unwritten_ring);
}

bool wal_next_write(struct wal *wal, struct wal_write *write)
{
    struct ring *flights = &wal->flight_ring;
    if (ring_count(flights) == wal->settings.writes_max ||
            ring_is_empty(&wal->unwritten_ring))
        return false;
    struct ring *ring = &wal->unwritten_ring;
    struct unwritten *stretch = &wal->unwritten[ring_at(ring, ring->begin)];
    uint64_t count = choose_count(wal, stretch);
    *write = (struct wal_write){
            .id = flights->end,
            .place = stretch->place,
            .bytes = wal_bytes_at(wal, stretch->cursor),
            .count = count,
    };
    wal->flights[ring_push(flights)] = (struct flight){
            .cursor_end = stretch->cursor + count,
            .position_end = stretch->position + count,
    };
    shorten(wal, stretch, count);
    return true;
}

void wal_written(struct wal *wal, uint64_t id)
{
    struct ring *flights = &wal->flight_ring;
    struct flight *flight = &wal->flights[ring_at(flights, id)];
    assert(!flight->done);
    flight->done = true;
    if (id != flights->begin)
        MARK(log_written_out_of_order);
    while (!ring_is_empty(flights)) {
        const struct flight *first = &wal->flights[ring_at(flights, flights->begin)];
        if (!first->done)
            break;
        wal->durable = first->position_end;
        wal->tail = first->cursor_end;
        (void)ring_pop(flights);
    }
}

uint64_t wal_durable(const struct wal *wal)
{
    return wal->durable;
}
