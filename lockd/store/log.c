#include "store/log.h"

#include <assert.h>

void log_carve(struct log *log, struct arena *arena, const struct wal_settings *settings)
{
    places_carve(&log->places, arena, settings);
    chain_carve(&log->chain, arena, "log chain");
}

void log_init_at(struct log *log, const struct log_begin *begin)
{
    places_init(&log->places, begin);
    chain_init(&log->chain, begin->before, begin->sum);
    log->previous = 0;
    log->cluster = 0;
    log->incarnation = 0;
    log->term = 0;
    log->vote = 0;
    log->node = 0;
    log->run = 0;
    log->leaving = 0;
}

void log_init(struct log *log)
{
    const struct log_begin whole = {.segment = 1};
    log_init_at(log, &whole);
}

void log_copy(struct log *to, const struct log *from)
{
    places_copy(&to->places, &from->places);
    chain_copy(&to->chain, &from->chain);
    to->previous = from->previous;
    to->cluster = from->cluster;
    to->incarnation = from->incarnation;
    to->term = from->term;
    to->vote = from->vote;
    to->node = from->node;
    to->run = from->run;
}

uint64_t log_left(const struct log *log)
{
    const struct places *places = &log->places;
    const struct segment *current = places_current(places);
    bool leaves = log->leaving == places->begun && places->begun < places->existing;
    return current == NULL || leaves ? 0 : current->bytes - current->used;
}

/*
 * Common to records and headers: it is at this place, and it continues what is before it.
 */
static bool follows(const struct log *log, const struct record_place *place)
{
    return place->position == places_end_position(&log->places) &&
           place->previous == log->previous && place->durable <= place->position &&
           place->run >= log->run;
}

/* Is segment `number` the first of a log that no longer has its first entry? */
static bool is_later_first(const struct log *log, uint64_t number)
{
    return number == log->places.begin.segment && number > 1;
}

static bool is_begin(const struct log_begin *begin, const struct segment_header *header)
{
    return entry_id_equal(header->last, begin->before) && header->last_sum == begin->sum;
}

/* What the header says of the last entry; either side may not know it. */
static bool agrees_on_last(const struct log *log, const struct segment_header *header)
{
    struct entry_id last = chain_last(&log->chain);
    if (header->last.index != last.index)
        return false;
    if (header->last.term == 0 || !chain_is_known(&log->chain))
        return true;
    struct chain_link link;
    return chain_at(&log->chain, last.index, &link) && link.term == header->last.term &&
           link.sum == header->last_sum;
}
/* Equal, or one of them is not known. */
static bool agree(uint64_t a, uint64_t b)
{
    return a == 0 || b == 0 || a == b;
}

static bool is_same_owner(const struct log *log, uint8_t node, uint64_t cluster)
{
    return (log->node == 0 || log->node == node) && agree(log->cluster, cluster);
}

bool log_takes_header(const struct log *log, const struct segment_header *header)
{
    const struct places *places = &log->places;
    uint64_t number = header->place.segment;
    if (number != places->begun + 1 || number > places->existing)
        return false;
    uint64_t bytes = header->segment_bytes;
    if (bytes % WAL_BLOCK_BYTES != 0 || bytes == 0 ||
            bytes > places_segment(places, number)->bytes)
        return false;
    if (header->node == 0 || !agrees_on_last(log, header) ||
            !is_same_owner(log, header->node, header->cluster) ||
            !agree(log->incarnation, header->incarnation))
        return false;
    if (is_later_first(log, number))
        return is_begin(&log->places.begin, header) &&
               header->place.durable <= header->place.position;
    return follows(log, &header->place) && header->term == log->term &&
           header->vote == log->vote;
}

void log_take_header(struct log *log, const struct segment_header *header)
{
    assert(log_takes_header(log, header));
    if (is_later_first(log, header->place.segment)) {
        log->term = header->term;
        log->vote = header->vote;
    }
    places_begin_segment(
            &log->places, header->place.position, header->last, header->last_sum);
    places_current(&log->places)->bytes = header->segment_bytes;
    places_add_bytes(&log->places, WAL_BLOCK_BYTES);
    if (!chain_is_known(&log->chain) && header->last.term != 0)
        chain_learn(&log->chain, header->last, header->last_sum);
    if (header->cluster != 0)
        log->cluster = header->cluster;
    if (header->incarnation != 0)
        log->incarnation = header->incarnation;
    log->node = header->node;
    log->previous = header->sum;
    log->run = header->place.run;
}

bool log_drop_before(struct log *log, uint64_t index, uint64_t durable)
{
    if (!places_drop_before(&log->places, index, durable))
        return false;
    const struct log_begin *begin = &log->places.begin;
    chain_drop_before(&log->chain, begin->before, begin->sum);
    return true;
}

void log_restart(struct log *log, const struct log_begin *begin)
{
    places_restart(&log->places, begin);
    chain_init(&log->chain, begin->before, begin->sum);
    log->previous = 0;
}

static bool takes_entry(
        const struct log *log, const struct record *record, const struct entry_head *head)
{
    return record->value == head->sum && record->payload_bytes == entry_bytes(head) &&
           is_same_owner(log, log->node, head->cluster) && chain_fits(&log->chain, head);
}

/* A vote is for a later term, or the first of this one, or a repeated one. */
static bool takes_vote(const struct log *log, const struct record *record)
{
    if (record->value != log->term)
        return record->value > log->term;
    return log->vote == 0 || record->vote == log->vote;
}

static bool takes_truncate(const struct log *log, const struct record *record)
{
    return log->places.begin.before.index < record->value &&
           record->value <= chain_last(&log->chain).index;
}

bool log_takes_record(
        const struct log *log, const struct record *record, const struct entry_head *head)
{
    if (record->place.segment != log->places.begun || !follows(log, &record->place))
        return false;
    if (format_record_bytes(record->payload_bytes) > log_left(log))
        return false;
    switch (record->kind) {
    case RECORD_ENTRY:
        return takes_entry(log, record, head);
    case RECORD_VOTE:
        return takes_vote(log, record);
    case RECORD_TRUNCATE:
        return takes_truncate(log, record);
    }
    return false;
}

void log_take_record(
        struct log *log, const struct record *record, const struct entry_head *head)
{
    assert(log_takes_record(log, record, head));
    switch (record->kind) {
    case RECORD_ENTRY:
        places_note_entry(&log->places, head->id.index);
        chain_add(&log->chain, head);
        log->cluster = head->cluster;
        break;
    case RECORD_VOTE:
        log->term = record->value;
        log->vote = record->vote;
        break;
    case RECORD_TRUNCATE:
        places_cut(&log->places, record->value);
        chain_cut(&log->chain, record->value);
        break;
    }
    places_add_bytes(&log->places, format_record_bytes(record->payload_bytes));
    log->previous = record->sum;
    log->run = record->place.run;
}
