#include "store/recovery.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/mark.h"
#include "store/recovery_state.h"

/* Whatever the settings are now, the log may hold an entry of the greatest length. */
static size_t longest_bytes(void)
{
    return (size_t)format_entry_bytes(ENTRY_BODY_MAX);
}

struct recovery *recovery_carve(struct arena *arena, const struct wal_settings *settings)
{
    struct recovery measured = {0};
    struct recovery *recovery =
            arena_take(arena, "recovery", 1, sizeof(*recovery), alignof(struct recovery));
    struct recovery *carved = recovery != NULL ? recovery : &measured;
    carved->carried = arena_take(arena, "recovery record", longest_bytes(), 1, 16);
    log_carve(&carved->log, arena, settings);
    return recovery;
}

void recovery_init(struct recovery *recovery, const struct wal_settings *settings)
{
    assert(recovery->log.places.segments_max == settings->segments_max);
    struct log log = recovery->log;
    unsigned char *carried = recovery->carried;
    *recovery = (struct recovery){.log = log, .carried = carried, .alarm = RECOVERY_BLANK};
    log_init(&recovery->log);
}

void recovery_begin_at(struct recovery *recovery, const struct log_begin *begin)
{
    assert(recovery->bytes == 0 && recovery->log.places.existing == 0);
    log_init_at(&recovery->log, begin);
    recovery->number = begin->segment - 1;
}

void recovery_begin_as(struct recovery *recovery, const struct begin_block *begin)
{
    recovery_begin_at(recovery, &begin->begin);
    recovery->node = begin->node;
    recovery->cluster = begin->cluster;
    recovery->incarnation = begin->incarnation;
    recovery->fresh = begin->fresh;
    recovery->log.node = begin->node;
    recovery->log.cluster = begin->cluster;
    recovery->log.incarnation = begin->incarnation;
    recovery->log.term = begin->term;
    recovery->log.vote = begin->vote;
    recovery->term_seen = begin->term;
    recovery->vote_seen = begin->vote;
}

/* ---- The bytes, as one contiguous stream. ---- */

static size_t carried_left(const struct recovery *recovery)
{
    return recovery->carried_count - recovery->carried_at;
}

static size_t bytes_left(const struct recovery *recovery)
{
    return carried_left(recovery) + recovery->chunk_count - recovery->chunk_at;
}

/* Carry over at least `count` bytes, which are available. */
static void carry(struct recovery *recovery, size_t count)
{
    size_t left = carried_left(recovery);
    if (recovery->carried_at > 0)
        memmove(recovery->carried, recovery->carried + recovery->carried_at, left);
    recovery->carried_at = 0;
    recovery->carried_count = left;
    if (left >= count)
        return;
    size_t more = count - left;
    assert(count <= longest_bytes() && more <= recovery->chunk_count - recovery->chunk_at);
    memcpy(recovery->carried + left, recovery->chunk + recovery->chunk_at, more);
    recovery->carried_count = count;
    recovery->chunk_at += more;
}

/* The next `count` bytes in one piece; NULL if not all of them were fed yet. */
static const unsigned char *peek(struct recovery *recovery, size_t count)
{
    if (bytes_left(recovery) < count) {
        /* The chunk goes away: keep what is left of it. */
        carry(recovery, bytes_left(recovery));
        return NULL;
    }
    if (carried_left(recovery) == 0)
        return recovery->chunk + recovery->chunk_at;
    if (carried_left(recovery) < count)
        carry(recovery, count);
    return recovery->carried + recovery->carried_at;
}

/* Continue after `count` bytes, which were peeked at. */
static void skip(struct recovery *recovery, size_t count)
{
    recovery->at += count;
    if (carried_left(recovery) == 0)
        recovery->chunk_at += count;
    else
        recovery->carried_at += count;
    assert(recovery->carried_at <= recovery->carried_count);
    assert(recovery->chunk_at <= recovery->chunk_count);
}

/* ---- What is seen in a block, whether it follows or not. ---- */

static void raise_alarm(
        struct recovery *recovery, enum recovery_verdict alarm, uint64_t offset)
{
    /* A newer version weighs more than a foreign segment, and that more than damage. */
    bool outweighs = recovery->alarm == RECOVERY_BLANK || alarm > recovery->alarm;
    if (!outweighs)
        return;
    recovery->alarm = alarm;
    recovery->alarm_place = (struct wal_place){recovery->number, offset};
}

static void note_place(struct recovery *recovery, const struct record_place *place)
{
    if (place->durable > recovery->durable_seen)
        recovery->durable_seen = place->durable;
    if (place->run > recovery->run_seen)
        recovery->run_seen = place->run;
}

/*
 * The newest vote that is intact, whether it follows or not. What stands inside a torn entry
 * may have been put there by a client, so it is not counted.
 */
static void note_vote(struct recovery *recovery, uint64_t term, uint8_t vote)
{
    bool newer = term > recovery->term_seen ||
                 (term == recovery->term_seen && recovery->vote_seen == 0);
    if (!newer || recovery->at < recovery->torn_until)
        return;
    recovery->term_seen = term;
    recovery->vote_seen = vote;
}

/* A vote is saved before entries of its term. If it is not found, it counts as used. */
static void note_entry(struct recovery *recovery, const struct entry_head *head)
{
    if (recovery->at < recovery->torn_until)
        return;
    if (head->id.term > recovery->term_seen)
        note_vote(recovery, head->id.term, recovery->node);
    if (recovery->cluster_seen == 0)
        recovery->cluster_seen = head->cluster;
}

static bool is_foreign(const struct recovery *recovery, const struct segment_header *header)
{
    bool is_cluster = header->cluster == 0 || header->cluster == recovery->cluster;
    bool is_directory =
            header->incarnation == 0 || header->incarnation == recovery->incarnation;
    return header->node != recovery->node || !is_cluster || !is_directory;
}

/* A header at the start of a file says whose file it is. */
static void note_header(struct recovery *recovery, const struct segment_header *header)
{
    note_place(recovery, &header->place);
    if (recovery->at != 0)
        return;
    if (recovery->node == 0)
        recovery->node = header->node;
    if (recovery->cluster == 0)
        recovery->cluster = header->cluster;
    if (recovery->incarnation == 0)
        recovery->incarnation = header->incarnation;
    if (!is_foreign(recovery, header))
        note_vote(recovery, header->term, header->vote);
    if (is_foreign(recovery, header)) {
        MARK(recovery_foreign);
        raise_alarm(recovery, RECOVERY_FOREIGN, 0);
    } else if (header->place.segment != recovery->number) {
        MARK(recovery_misnamed_file);
        raise_alarm(recovery, RECOVERY_DAMAGED, 0);
    } else if (header->segment_bytes > recovery->bytes) {
        MARK(recovery_short_file);
        raise_alarm(recovery, RECOVERY_DAMAGED, recovery->bytes);
    }
}

static void note(struct recovery *recovery, const struct format_block *block)
{
    switch (block->finding) {
    case FORMAT_NOTHING:
        break;
    case FORMAT_RECORD:
        note_place(recovery, &block->record.place);
        if (block->record.kind == RECORD_VOTE)
            note_vote(recovery, block->record.value, block->record.vote);
        break;
    case FORMAT_HEADER:
        note_header(recovery, &block->header);
        break;
    case FORMAT_NEWER:
        MARK(recovery_newer);
        raise_alarm(recovery, RECOVERY_NEWER, recovery->at);
        break;
    }
}

/* ---- What follows. ---- */

static bool is_zero(const unsigned char *block)
{
    return block[0] == 0 && memcmp(block, block + 1, WAL_BLOCK_BYTES - 1) == 0;
}

/* This block does not follow: look after it for records that vouch for it. */
static void pass_block(struct recovery *recovery, const unsigned char *block)
{
    recovery->ended = true;
    if (!is_zero(block))
        recovery->left = true;
    skip(recovery, WAL_BLOCK_BYTES);
}

/* A header that follows continues the log, wherever the log ended in the segment before. */
static void take_header(struct recovery *recovery, const struct segment_header *header)
{
    log_take_header(&recovery->log, header);
    recovery->ended = false;
    recovery->left = false;
    skip(recovery, WAL_BLOCK_BYTES);
}

static void fill_item(struct recovery_item *item, const struct record *record)
{
    switch (record->kind) {
    case RECORD_ENTRY:
        item->kind = RECOVERY_ENTRY;
        break;
    case RECORD_VOTE:
        item->kind = RECOVERY_VOTE;
        item->term = record->value;
        item->vote = record->vote;
        break;
    case RECORD_TRUNCATE:
        item->kind = RECOVERY_TRUNCATE;
        item->from = record->value;
        break;
    }
}

enum step {
    STEP_ITEM,
    STEP_ON,
    STEP_WAIT, /* For more to be fed */
};

/* An intact head of a record is here; what follows it may be damaged. */
static enum step step_record(
        struct recovery *recovery, const struct record *record, struct recovery_item *item)
{
    size_t count = (size_t)format_record_bytes(record->payload_bytes);
    if (count > recovery->bytes - recovery->at) {
        pass_block(recovery, peek(recovery, WAL_BLOCK_BYTES));
        return STEP_ON;
    }
    const unsigned char *bytes = peek(recovery, count);
    if (bytes == NULL)
        return STEP_WAIT;

    *item = (struct recovery_item){.kind = RECOVERY_ENTRY};
    if (record->kind == RECORD_ENTRY) {
        item->entry = bytes + WAL_RECORD_HEAD_BYTES;
        if (!entry_decode(item->entry, record->payload_bytes, &item->head)) {
            MARK(recovery_torn_entry);
            if (recovery->torn_until < recovery->at + count)
                recovery->torn_until = recovery->at + count;
            pass_block(recovery, bytes);
            return STEP_ON;
        }
        note_entry(recovery, &item->head);
    }
    if (recovery->ended || !log_takes_record(&recovery->log, record, &item->head)) {
        /* Whole, but no longer of this log: the content of such an entry is not checked. */
        recovery->ended = true;
        recovery->left = true;
        skip(recovery, count);
        return STEP_ON;
    }
    log_take_record(&recovery->log, record, &item->head);
    recovery->found_any = true;
    recovery->cluster = recovery->log.cluster;
    fill_item(item, record);
    skip(recovery, count);
    return STEP_ITEM;
}

static enum step step(struct recovery *recovery, struct recovery_item *item)
{
    const unsigned char *bytes = peek(recovery, WAL_BLOCK_BYTES);
    if (bytes == NULL)
        return STEP_WAIT;
    struct format_block block;
    format_read(bytes, &block);
    note(recovery, &block);
    if (block.finding == FORMAT_RECORD)
        return step_record(recovery, &block.record, item);
    if (block.finding == FORMAT_HEADER && recovery->at == 0 &&
            block.header.place.segment == recovery->number &&
            log_takes_header(&recovery->log, &block.header))
        take_header(recovery, &block.header);
    else
        pass_block(recovery, bytes);
    return STEP_ON;
}

/* Bytes that were announced and not fed cannot be trusted. */
static void end_segment(struct recovery *recovery)
{
    if (recovery->at == recovery->bytes)
        return;
    MARK(recovery_unread);
    recovery->ended = true;
    recovery->left = true;
}

void recovery_begin_segment(struct recovery *recovery, uint64_t number, uint64_t bytes)
{
    end_segment(recovery);
    struct places *places = &recovery->log.places;
    bool is_first = recovery->number < places->begin.segment;
    if (is_first && number < places->begin.segment) {
        /* Nothing of it is looked at: no bytes are taken before the first segment. */
        MARK(recovery_before_the_log);
        return;
    }
    bool is_gap = number != recovery->number + 1;
    assert(number > recovery->number);
    if (!is_first && recovery->bytes == 0) {
        /*
         * The next segment is made when this one is begun, so this one had its full size.
         */
        MARK(recovery_empty_file);
        raise_alarm(recovery, RECOVERY_DAMAGED, 0);
    }
    recovery->number++;
    if (is_gap) {
        /*
         * A file is missing. The files after it are read to learn which node and cluster
         * wrote them.
         */
        MARK(recovery_gap);
        raise_alarm(recovery, RECOVERY_DAMAGED, 0);
    }
    recovery->number = number;
    recovery->bytes = bytes / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    recovery->fed = 0;
    recovery->at = 0;
    recovery->torn_until = 0;
    recovery->carried_at = 0;
    recovery->carried_count = 0;
    recovery->chunk_at = 0;
    recovery->chunk_count = 0;
    if (!is_gap && places->existing + 1 == number) {
        bool is_room = places_add_segment(places, recovery->bytes);
        assert(is_room);
    }
}

void recovery_feed(struct recovery *recovery, const void *bytes, size_t count)
{
    assert(count % WAL_BLOCK_BYTES == 0);
    assert(recovery->chunk_at == recovery->chunk_count);
    if (count > recovery->bytes - recovery->fed)
        count = (size_t)(recovery->bytes - recovery->fed);
    recovery->chunk = bytes;
    recovery->chunk_at = 0;
    recovery->chunk_count = count;
    recovery->fed += count;
}

bool recovery_next(struct recovery *recovery, struct recovery_item *item)
{
    for (;;) {
        switch (step(recovery, item)) {
        case STEP_ITEM:
            return true;
        case STEP_ON:
            break;
        case STEP_WAIT:
            return false;
        }
    }
}

/* ---- What to trust. ---- */

/* The first block that does not follow. */
static struct wal_place first_doubtful(const struct recovery *recovery)
{
    const struct places *places = &recovery->log.places;
    const struct segment *current = places_current(places);
    if (current == NULL || current->used == current->bytes)
        return (struct wal_place){places->begun + 1, 0};
    return places_end(places);
}

static enum recovery_verdict decide_verdict(const struct recovery *recovery)
{
    if (recovery->alarm != RECOVERY_BLANK)
        return recovery->alarm;
    const struct places *places = &recovery->log.places;
    if (recovery->durable_seen > places_end_position(places))
        return RECOVERY_DAMAGED;
    bool has_none = places->begin.segment > 1 && places_current(places) == NULL;
    if (has_none && !recovery->fresh)
        return RECOVERY_DAMAGED; /* The segment with which the log begins was durable. */
    if (has_none)
        MARK(recovery_fresh_log);
    if (!recovery->found_any && places->begin.segment == 1)
        return RECOVERY_BLANK;
    return recovery->left ? RECOVERY_CUT : RECOVERY_CLEAN;
}

struct recovery_decision recovery_decide(struct recovery *recovery)
{
    end_segment(recovery);
    const struct log *log = &recovery->log;
    struct recovery_decision decision = {
            .verdict = decide_verdict(recovery),
            .term = log->term,
            .vote = log->vote,
            .node = recovery->node,
            .cluster = log->cluster,
            .incarnation = log->incarnation,
            .last = chain_last(&log->chain),
            .end = places_end(&log->places),
            .bad = first_doubtful(recovery),
            .durable_at_least = recovery->durable_seen,
    };
    if (recovery->alarm != RECOVERY_BLANK)
        decision.bad = recovery->alarm_place;
    return decision;
}

void recovery_call_damaged(struct recovery *recovery)
{
    raise_alarm(recovery, RECOVERY_DAMAGED, 0);
}

bool recovery_give_up(const struct recovery *recovery, struct repair_block *repair)
{
    *repair = (struct repair_block){
            .node = recovery->node,
            .vote = recovery->vote_seen,
            .moving = true,
            .cluster = recovery->cluster != 0 ? recovery->cluster : recovery->cluster_seen,
            .given_up = recovery->incarnation,
            .term = recovery->term_seen,
            .folder = 1,
    };
    return repair->node != 0 && repair->cluster != 0 && repair->given_up != 0;
}

uint64_t recovery_incarnation(const struct recovery *recovery)
{
    return recovery->log.incarnation;
}

static bool is_writable(enum recovery_verdict verdict)
{
    return verdict == RECOVERY_BLANK || verdict == RECOVERY_CLEAN ||
           verdict == RECOVERY_CUT;
}

bool recovery_may_be_written(const struct recovery *recovery)
{
    return is_writable(decide_verdict(recovery));
}

bool recovery_log_for_writing(const struct recovery *recovery, struct log *log)
{
    enum recovery_verdict verdict = decide_verdict(recovery);
    log_copy(log, &recovery->log);
    log->run = recovery->run_seen;
    if (log->run < UINT32_MAX)
        log->run++;
    if (verdict == RECOVERY_BLANK) {
        /* Headers alone are written again, with their first record. */
        uint64_t existing = log->places.existing;
        uint32_t run = log->run;
        log_init(log);
        log->run = run;
        log->places.existing = existing;
    }
    return !is_writable(verdict);
}
