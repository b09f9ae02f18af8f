#include "store/tail.h"

#include <assert.h>

#include "base/mark.h"
#include "store/recovery_state.h"

static uint64_t end_of(const struct segment *segment)
{
    return segment->start + segment->used;
}

void tail_init(struct tail *tail, const struct recovery *recovery)
{
    const struct places *places = &recovery->log.places;
    *tail = (struct tail){.recovery = recovery, .place = places_end(places)};
    uint64_t durable = recovery->durable_seen;
    if (!recovery_may_be_written(recovery) || durable >= places_end_position(places))
        return;
    uint64_t number = places->begun;
    while (number > places->begin.segment &&
            end_of(places_segment(places, number - 1)) > durable)
        number--;
    uint64_t start = places_segment(places, number)->start;
    tail->place =
            (struct wal_place){number, durable > start ? durable - start : UINT64_C(0)};
}

uint64_t tail_left(const struct tail *tail)
{
    const struct places *places = &tail->recovery->log.places;
    if (places_current(places) == NULL)
        return 0;
    return places_segment(places, tail->place.segment)->used - tail->place.offset;
}

/* Bytes of the header or record here, if it is whole and continues the log; else 0. */
static size_t whole_bytes(struct tail *tail, const unsigned char *bytes, size_t left)
{
    struct format_block block;
    format_read(bytes, &block);
    bool is_header = block.finding == FORMAT_HEADER;
    if (!is_header && block.finding != FORMAT_RECORD)
        return 0;
    const struct record_place *place =
            is_header ? &block.header.place : &block.record.place;
    if (tail->begun && place->previous != tail->previous)
        return 0;
    size_t count = WAL_BLOCK_BYTES;
    if (!is_header)
        count = (size_t)format_record_bytes(block.record.payload_bytes);
    if (count > left)
        return 0;
    struct entry_head head;
    if (!is_header && block.record.kind == RECORD_ENTRY &&
            !(entry_decode(
                      bytes + WAL_RECORD_HEAD_BYTES, block.record.payload_bytes, &head) &&
                    head.sum == block.record.value))
        return 0;
    tail->previous = is_header ? block.header.sum : block.record.sum;
    tail->begun = true;
    return count;
}

size_t tail_take(struct tail *tail, const void *bytes, size_t count)
{
    uint64_t left = tail_left(tail);
    assert(left > 0 && count % WAL_BLOCK_BYTES == 0);
    if (count > left)
        count = (size_t)left;
    size_t taken = 0;
    while (taken < count) {
        const unsigned char *at = (const unsigned char *)bytes + taken;
        size_t more = whole_bytes(tail, at, count - taken);
        if (more == 0)
            break;
        taken += more;
    }
    MARK(log_tail_written_again);
    tail->place.offset += taken;
    if (tail_left(tail) == 0 && tail->place.segment < tail->recovery->log.places.begun)
        tail->place = (struct wal_place){tail->place.segment + 1, 0};
    return taken;
}

bool tail_is_whole(const struct tail *tail)
{
    if (tail_left(tail) > 0)
        return false;
    return !tail->begun || tail->previous == tail->recovery->log.previous;
}
