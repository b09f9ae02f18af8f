/* Adds to the log. wal_write.c writes it to disk, wal_read.c reads it. */

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/mark.h"
#include "base/units.h"
#include "store/recovery_state.h"
#include "store/wal_state.h"

/* Bytes of the longest record. */
static uint64_t longest_bytes(const struct wal_settings *settings)
{
    return format_entry_bytes(settings->entry_body_max);
}

/* Bytes of records that a step may add: its entries, a vote and a truncation. */
static uint64_t records_bytes(uint32_t entry_count, uint64_t entry_bytes)
{
    uint64_t rounding = WAL_RECORD_HEAD_BYTES + WAL_BLOCK_BYTES - 1;
    uint64_t entries = (entry_bytes + entry_count * rounding) / WAL_BLOCK_BYTES;
    return (entries + 2) * WAL_BLOCK_BYTES;
}

/*
 * What may be skipped at the buffer's end: all but a block of a header and a longest
 * record.
 */
static uint64_t skipped_bytes(const struct wal_settings *settings, uint64_t records)
{
    uint64_t longest = longest_bytes(settings);
    return records < longest ? records : longest;
}

uint64_t wal_step_bytes(
        const struct wal_settings *settings, uint32_t entry_count, uint64_t entry_bytes)
{
    uint64_t records = records_bytes(entry_count, entry_bytes);
    return WAL_BLOCK_BYTES + records + skipped_bytes(settings, records);
}

static void check_settings(const struct wal_settings *settings)
{
    assert(settings->node > 0);
    assert(settings->entry_body_max <= ENTRY_BODY_MAX);
    assert(settings->segment_bytes % WAL_BLOCK_BYTES == 0);
    assert(settings->segment_bytes >= WAL_BLOCK_BYTES + longest_bytes(settings));
    assert(settings->buffer_bytes % WAL_BLOCK_BYTES == 0);
    assert(settings->buffer_bytes >= WAL_BLOCK_BYTES + longest_bytes(settings));
    assert(settings->buffer_bytes < 8 * MIB);
    assert(0 < settings->writes_max && settings->writes_max <= WAL_WRITES_MAX);
    assert(settings->segments_max > 0);
}

/* Slots for as many records as the buffer can hold. */
static uint32_t record_slots(const struct wal_settings *settings)
{
    uint32_t slots = 1;
    while (slots < settings->buffer_bytes / WAL_BLOCK_BYTES)
        slots *= 2;
    return slots;
}

struct wal *wal_carve(struct arena *arena, const struct wal_settings *settings)
{
    check_settings(settings);
    uint32_t slots = record_slots(settings);
    struct wal measured = {0};
    struct wal *wal = arena_take(arena, "log", 1, sizeof(*wal), alignof(struct wal));
    struct wal *carved = wal != NULL ? wal : &measured;
    carved->buffer =
            arena_take(arena, "log buffer", settings->buffer_bytes, 1, WAL_BLOCK_BYTES);
    carved->unwritten = arena_take(arena, "log unwritten", slots, sizeof(struct unwritten),
            alignof(struct unwritten));
    carved->window = arena_take(arena, "log window", slots, sizeof(struct window_entry),
            alignof(struct window_entry));
    log_carve(&carved->log, arena, settings);
    return wal;
}

/* Segments after the end are made again if they are smaller than is wanted now. */
static void drop_unfit_segments(struct wal *wal)
{
    struct places *places = &wal->log.places;
    uint64_t keep = places->begun;
    while (keep < places->existing &&
            places_segment(places, keep + 1)->bytes >= wal->settings.segment_bytes)
        keep++;
    while (places->existing > keep)
        places_drop_segment(places);
}

void wal_init(struct wal *wal, const struct wal_settings *settings,
        const struct recovery *recovery)
{
    check_settings(settings);
    wal->settings = *settings;
    wal->closed = recovery_log_for_writing(recovery, &wal->log);
    wal->log.node = settings->node;
    if (wal->log.incarnation == 0)
        wal->log.incarnation = settings->incarnation;
    drop_unfit_segments(wal);
    wal->durable = places_end_position(&wal->log.places);

    uint32_t slots = record_slots(settings);
    wal->head = 0;
    wal->tail = 0;
    ring_init(&wal->unwritten_ring, slots);
    ring_init_at(&wal->flight_ring, WAL_WRITES_MAX, 1);
    wal->window_mask = slots - 1;
    wal->window_begin = wal->log.chain.end;
    wal->window_end = wal->log.chain.end;
    wal->is_open = false;
}

const unsigned char *wal_buffer(const struct wal *wal, uint64_t *bytes)
{
    *bytes = wal->settings.buffer_bytes;
    return wal->buffer;
}

void wal_set_cluster(struct wal *wal, uint64_t cluster)
{
    assert(cluster != 0);
    assert(wal->log.cluster == 0 || wal->log.cluster == cluster);
    wal->log.cluster = cluster;
}

uint64_t wal_cluster(const struct wal *wal)
{
    return wal->log.cluster;
}

uint64_t wal_incarnation(const struct wal *wal)
{
    return wal->log.incarnation;
}

/* What entries leave of the last segment to votes: a sixteenth, at most 64 blocks. */
static uint64_t reserved_bytes(const struct wal *wal)
{
    uint64_t sixteenth = wal->settings.segment_bytes / 16 / WAL_BLOCK_BYTES;
    return (sixteenth < 64 ? sixteenth : 64) * WAL_BLOCK_BYTES;
}

bool wal_segments_have_room(
        const struct wal *wal, uint32_t entry_count, uint64_t entry_bytes)
{
    const struct places *places = &wal->log.places;
    uint64_t records = records_bytes(entry_count, entry_bytes);
    uint64_t left = log_left(&wal->log);
    if (wal->closed)
        return false;
    if (places->begun == places->existing) {
        uint64_t reserved = entry_bytes > 0 ? reserved_bytes(wal) : 0;
        return records + reserved <= left;
    }
    uint64_t next_bytes = places_segment(places, places->begun + 1)->bytes;
    return records <= left || records + WAL_BLOCK_BYTES <= next_bytes;
}

bool wal_has_room(const struct wal *wal, uint32_t entry_count, uint64_t entry_bytes)
{
    if (wal->closed)
        return false;
    uint64_t records = records_bytes(entry_count, entry_bytes);
    uint64_t count = records + WAL_BLOCK_BYTES;
    uint64_t at = wal->head % wal->settings.buffer_bytes;
    if (at + count > wal->settings.buffer_bytes)
        count += skipped_bytes(&wal->settings, records);
    uint64_t pending = wal->head - wal->tail;
    return pending + count <= wal->settings.buffer_bytes &&
           wal_segments_have_room(wal, entry_count, entry_bytes);
}

/* Entries that lie where bytes up to `cursor_end` will be are no longer in the buffer. */
static void evict(struct wal *wal, uint64_t cursor_end)
{
    while (wal->window_begin < wal->window_end) {
        uint64_t cursor = wal->window[wal->window_begin & wal->window_mask].cursor;
        if (cursor + wal->settings.buffer_bytes >= cursor_end)
            return;
        wal->window_begin++;
    }
}

/*
 * Find room for a record of `count` bytes. It is not taken yet; only old entries there are
 * dropped.
 */
static struct wal_slot find_room(struct wal *wal, uint64_t count)
{
    assert(!wal->closed);
    uint64_t buffer_bytes = wal->settings.buffer_bytes;
    struct wal_slot slot = {.cursor = wal->head, .count = count};
    slot.rolls = count > log_left(&wal->log);
    if (slot.rolls)
        slot.count += WAL_BLOCK_BYTES;
    uint64_t at = wal->head % buffer_bytes;
    if (at + slot.count > buffer_bytes)
        slot.cursor += buffer_bytes - at;

    assert(slot.cursor + slot.count - wal->tail <= buffer_bytes);
    evict(wal, slot.cursor + slot.count);
    return slot;
}

/* Whether bytes at the buffer's head, for `segment`, directly follow the last stretch. */
static bool continues_stretch(const struct wal *wal, uint64_t segment)
{
    const struct ring *ring = &wal->unwritten_ring;
    if (ring_is_empty(ring) || wal->head % wal->settings.buffer_bytes == 0)
        return false;
    const struct unwritten *last = &wal->unwritten[ring_at(ring, ring->end - 1)];
    return last->cursor + last->count == wal->head && last->place.segment == segment;
}

/* The next `count` bytes of the buffer wait to be written to the log's end, at `place`. */
static void add_unwritten(struct wal *wal, struct wal_place place, uint64_t count)
{
    struct ring *ring = &wal->unwritten_ring;
    if (continues_stretch(wal, place.segment)) {
        struct unwritten *last = &wal->unwritten[ring_at(ring, ring->end - 1)];
        assert(last->place.offset + last->count == place.offset);
        last->count += count;
    } else {
        wal->unwritten[ring_push(ring)] = (struct unwritten){
                .cursor = wal->head,
                .position = places_end_position(&wal->log.places),
                .place = place,
                .count = count,
        };
    }
    wal->head += count;
}

/* What the next record or header says of its place. */
static struct record_place next_place(const struct wal *wal)
{
    return (struct record_place){
            .run = wal->log.run,
            .segment = wal->log.places.begun,
            .position = places_end_position(&wal->log.places),
            .durable = wal->durable,
            .previous = wal->log.previous,
    };
}

/* Continue in the next segment: its header goes to the buffer, before its first record. */
static void roll_over(struct wal *wal)
{
    struct log *log = &wal->log;
    uint64_t number = log->places.begun + 1;
    struct segment_header header = {
            .place = next_place(wal),
            .node = wal->settings.node,
            .vote = log->vote,
            .segment_bytes = places_segment(&log->places, number)->bytes,
            .term = log->term,
            .last = chain_last(&log->chain),
            .incarnation = log->incarnation,
    };
    /* While the first entry may still be lost, the cluster may still get another id. */
    if (places_have_entry_before(&log->places, wal->durable))
        header.cluster = log->cluster;
    struct chain_link link;
    if (chain_at(&log->chain, header.last.index, &link))
        header.last_sum = link.sum;
    header.place.segment = number;
    format_write_header(wal_bytes_at(wal, wal->head), &header);
    add_unwritten(wal, (struct wal_place){number, 0}, WAL_BLOCK_BYTES);
    log_take_header(log, &header);
}

/* Take the room that find_room() found. */
static void take_room(struct wal *wal, const struct wal_slot *slot)
{
    wal->head = slot->cursor;
    if (slot->rolls)
        roll_over(wal);
}

/* Add the record at the buffer's head; its payload is already there. */
static void add_record(
        struct wal *wal, struct record *record, const struct entry_head *head)
{
    unsigned char *bytes = wal_bytes_at(wal, wal->head);
    uint64_t used = WAL_RECORD_HEAD_BYTES + (uint64_t)record->payload_bytes;
    uint64_t count = format_record_bytes(record->payload_bytes);
    memset(bytes + used, 0, count - used);
    record->place = next_place(wal);
    format_write_record(bytes, record);
    add_unwritten(wal, places_end(&wal->log.places), count);
    log_take_record(&wal->log, record, head);
}

static void add_small(struct wal *wal, struct record *record)
{
    assert(!wal->is_open);
    struct wal_slot slot = find_room(wal, format_record_bytes(0));
    take_room(wal, &slot);
    add_record(wal, record, NULL);
}

void wal_add_vote(struct wal *wal, uint64_t term, uint8_t vote)
{
    struct record record = {.kind = RECORD_VOTE, .vote = vote, .value = term};
    add_small(wal, &record);
}

void wal_add_truncate(struct wal *wal, uint64_t from)
{
    struct record record = {.kind = RECORD_TRUNCATE, .value = from};
    add_small(wal, &record);
    wal->window_end = from;
    if (wal->window_begin > wal->window_end)
        wal->window_begin = wal->window_end;
}

/* Add the record of an entry whose bytes are already after the place of its head. */
static void add_entry_record(struct wal *wal, const struct entry_head *head)
{
    struct record record = {
            .kind = RECORD_ENTRY,
            .payload_bytes = (uint32_t)entry_bytes(head),
            .value = head->sum,
    };
    struct window_entry *entry = &wal->window[head->id.index & wal->window_mask];
    assert(head->id.index == wal->window_end);
    *entry = (struct window_entry){.cursor = wal->head, .head = *head};
    wal->window_end++;
    add_record(wal, &record, head);
}

void wal_add_entry(
        struct wal *wal, const unsigned char *entry, const struct entry_head *head)
{
    assert(!wal->is_open);
    assert(head->body_bytes <= wal->settings.entry_body_max);
    struct wal_slot slot = find_room(wal, format_entry_bytes(head->body_bytes));
    take_room(wal, &slot);
    unsigned char *bytes = wal_bytes_at(wal, wal->head) + WAL_RECORD_HEAD_BYTES;
    memcpy(bytes, entry, entry_bytes(head));
    add_entry_record(wal, head);
}

unsigned char *wal_open_entry(struct wal *wal, uint32_t body_max)
{
    assert(!wal->is_open);
    assert(body_max <= wal->settings.entry_body_max);
    wal->is_open = true;
    wal->open_body_max = body_max;
    wal->open = find_room(wal, format_entry_bytes(body_max));
    uint64_t record = wal->open.cursor + (wal->open.rolls ? WAL_BLOCK_BYTES : 0);
    return wal_bytes_at(wal, record) + WAL_RECORD_HEAD_BYTES + ENTRY_HEAD_BYTES;
}

bool wal_entry_is_open(const struct wal *wal)
{
    return wal->is_open;
}

void wal_seal_entry(struct wal *wal, struct entry_head *head)
{
    assert(wal->is_open);
    assert(head->body_bytes <= wal->open_body_max);
    assert(wal->log.cluster != 0);
    wal->is_open = false;

    struct chain_link link;
    bool known = chain_at(&wal->log.chain, head->id.index - 1, &link);
    assert(known);
    head->previous_term = link.term;
    head->previous_sum = link.sum;
    head->cluster = wal->log.cluster;
    take_room(wal, &wal->open);
    entry_seal(wal_bytes_at(wal, wal->head) + WAL_RECORD_HEAD_BYTES, head);
    add_entry_record(wal, head);
}

void wal_drop_entry(struct wal *wal)
{
    assert(wal->is_open);
    wal->is_open = false;
}

void wal_learn_last(struct wal *wal, struct entry_id id, uint64_t sum)
{
    chain_learn(&wal->log.chain, id, sum);
}

uint64_t wal_end(const struct wal *wal)
{
    return places_end_position(&wal->log.places);
}

uint64_t wal_wanted_segment(const struct wal *wal)
{
    const struct places *places = &wal->log.places;
    bool has_next = places->begun < places->existing;
    if (wal->closed || has_next || places_is_full(places))
        return 0;
    return places->existing + 1;
}

bool wal_is_full(const struct wal *wal)
{
    const struct places *places = &wal->log.places;
    return places->begun == places->existing && places_is_full(places);
}

uint64_t wal_segments_used(const struct wal *wal)
{
    const struct places *places = &wal->log.places;
    return places->begun + 1 - places->begin.segment;
}

uint64_t wal_segments_max(const struct wal *wal)
{
    return wal->log.places.segments_max;
}

void wal_segment_ready(struct wal *wal, uint64_t number)
{
    assert(number == wal_wanted_segment(wal) && number != 0);
    bool added = places_add_segment(&wal->log.places, wal->settings.segment_bytes);
    assert(added);
}

bool wal_drop_before(struct wal *wal, uint64_t index)
{
    assert(index <= wal->log.chain.end);
    if (wal->closed || !log_drop_before(&wal->log, index, wal->durable))
        return false;
    uint64_t first = wal->log.places.begin.before.index + 1;
    if (wal->window_begin < first)
        wal->window_begin = first;
    return true;
}

struct log_begin wal_begin(const struct wal *wal)
{
    return wal->log.places.begin;
}

struct entry_id wal_behind(const struct wal *wal, uint64_t bytes)
{
    return places_behind(&wal->log.places, bytes);
}

void wal_leave_segment(struct wal *wal, uint64_t number)
{
    wal->log.leaving = number;
}

bool wal_last_through(const struct wal *wal, uint64_t number, struct entry_id *last)
{
    return places_last_through(&wal->log.places, number, wal->durable, last);
}

uint64_t wal_next_segment(const struct wal *wal)
{
    return wal->log.places.begun + 1;
}

bool wal_is_settled(const struct wal *wal)
{
    return !wal->is_open && ring_is_empty(&wal->unwritten_ring) &&
           ring_is_empty(&wal->flight_ring);
}

void wal_restart_at(struct wal *wal, const struct log_begin *begin)
{
    assert(wal_is_settled(wal) && !wal->closed);
    log_restart(&wal->log, begin);
    wal->durable = places_end_position(&wal->log.places);
    wal->head = 0;
    wal->tail = 0;
    wal->window_begin = wal->log.chain.end;
    wal->window_end = wal->log.chain.end;
}

struct entry_id wal_last(const struct wal *wal)
{
    return chain_last(&wal->log.chain);
}

bool wal_last_is_known(const struct wal *wal)
{
    return chain_is_known(&wal->log.chain);
}

uint64_t wal_last_sum(const struct wal *wal)
{
    struct chain_link link;
    bool known = chain_at(&wal->log.chain, wal_last(wal).index, &link);
    assert(known);
    return link.sum;
}
