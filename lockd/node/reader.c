/* Reads of the log on disk, in turns: see reader.h. */
#include "node/reader.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

static const uint64_t pause_first_ns = 100 * NS_PER_MS;
static const uint64_t pause_most_ns = 30 * NS_PER_S;

/* For a record whose write is under way. */
static const uint64_t pause_for_write_ns = 5 * NS_PER_MS;

void reader_init(struct reader *reader, uint8_t peer_count)
{
    assert(peer_count <= NODE_PEERS_MAX);
    assert(reader->wal && reader->raft && reader->times && reader->notices);
    assert(reader->read_bytes % WAL_BLOCK_BYTES == 0);
    assert(0 < reader->read_bytes && reader->read_bytes <= NODE_READ_BYTES_MAX);
    reader->user_count = (uint8_t)(peer_count + 1);
}

/* Also what is being read now. */
static void drop_kept(struct reader *reader)
{
    reader->kept_count = 0;
    if (reader->busy && reader->busy_for == READER_APPLY)
        reader->busy_in_vain = true;
}

void reader_want(struct reader *reader, uint8_t user, uint64_t begin)
{
    assert(user < reader->user_count);
    assert(begin > 0);
    reader->wanting |= UINT32_C(1) << user;
    struct reader_user *that = &reader->users[user];
    if (user == READER_APPLY && that->cursor.index != begin)
        drop_kept(reader);
    if (that->begin == begin)
        return;
    that->begin = begin;
    that->pause_ns = 0;
    that->retry_ns = 0;
}

/* ---- Faults ---- */

static bool waits(const struct reader *reader, uint8_t user)
{
    return reader->users[user].retry_ns > reader->times->now_ns;
}

static void pause(struct reader *reader, uint8_t user, uint64_t pause_ns)
{
    reader->users[user].pause_ns = pause_ns;
    reader->users[user].retry_ns = reader->times->now_ns + pause_ns;
}

static void note_fault(struct reader *reader, uint8_t user, struct wal_place place)
{
    MARK(log_unreadable);
    reader->notices->counters.bad_reads++;
    struct reader_user *that = &reader->users[user];
    uint64_t longer_ns = u64_min(2 * that->pause_ns, pause_most_ns);
    pause(reader, user, that->pause_ns < pause_first_ns ? pause_first_ns : longer_ns);
    if (reader->unreadable)
        return;
    reader->unreadable = true;
    reader->fault = place;
    pause(reader, READER_PROBE, pause_most_ns);
    notices_tell_place(reader->notices, NOTICE_LOG_UNREADABLE, place);
}

static bool is_at(struct wal_place a, struct wal_place b)
{
    return a.segment == b.segment && a.offset == b.offset;
}

/* Nobody waits any longer because of the fault. */
static void end_fault(struct reader *reader)
{
    reader->unreadable = false;
    for (uint32_t user = 0; user < READER_USERS_MAX; user++)
        pause(reader, (uint8_t)user, 0);
}

void reader_mended(struct reader *reader)
{
    assert(reader->unreadable);
    end_fault(reader);
}

static void note_success(struct reader *reader, uint8_t user, struct wal_place place)
{
    pause(reader, user, 0);
    if (!reader->unreadable || !is_at(place, reader->fault))
        return;
    MARK(log_readable_again);
    end_fault(reader);
    notices_tell_place(reader->notices, NOTICE_LOG_READABLE, place);
}

/* Whether what was read begins with a record of this log: else there is nothing in it. */
static bool is_sound(struct wal_walk walk)
{
    return wal_walk_next(&walk) < WAL_WALK_MORE;
}

static bool probe_is_due(const struct reader *reader)
{
    return reader->unreadable && !waits(reader, READER_PROBE);
}

/* ---- Turns ---- */

/* The log may begin later by now: then the place is no longer there. */
static bool is_there(const struct reader *reader, struct wal_place place)
{
    return place.segment >= wal_begin(reader->wal).segment;
}

/* The log continues in the next segment where this one ends. */
static struct wal_place next_place(const struct reader *reader, struct wal_place place)
{
    if (place.offset >= wal_segment_end(reader->wal, place.segment))
        return (struct wal_place){.segment = place.segment + 1};
    return place;
}

/* It has nothing to apply, and need not wait. */
static bool apply_is_due(const struct reader *reader)
{
    return reader_wants(reader, READER_APPLY) && reader->kept_count == 0 &&
           !waits(reader, READER_APPLY);
}

/* What is durable can be read while that before it is applied. */
static bool read_ahead_is_due(const struct reader *reader)
{
    return reader_wants(reader, READER_APPLY) && reader->kept_count > 0 &&
           !waits(reader, READER_APPLY) && is_there(reader, reader->kept_end) &&
           wal_is_durable_at(reader->wal, next_place(reader, reader->kept_end));
}

static bool can_read(const struct reader *reader)
{
    return !reader->busy && reader->kept_count < NODE_READ_BUFFERS;
}

bool reader_is_due(const struct reader *reader)
{
    if (!can_read(reader))
        return false;
    if (apply_is_due(reader) || read_ahead_is_due(reader))
        return true;
    for (uint8_t user = READER_APPLY + 1; user < reader->user_count; user++) {
        if (reader_wants(reader, user) && !waits(reader, user))
            return true;
    }
    return probe_is_due(reader) || reader->scrubs;
}

uint64_t reader_deadline(const struct reader *reader)
{
    uint64_t deadline_ns = UINT64_MAX;
    if (!can_read(reader))
        return deadline_ns;
    for (uint8_t user = 0; user < reader->user_count; user++) {
        if (reader_wants(reader, user) && waits(reader, user))
            deadline_ns = u64_min(deadline_ns, reader->users[user].retry_ns);
    }
    if (reader->unreadable)
        deadline_ns = u64_min(deadline_ns, reader->users[READER_PROBE].retry_ns);
    if (reader->scrubs)
        deadline_ns = reader->times->now_ns;
    return deadline_ns;
}

void reader_done(struct reader *reader, uint8_t user)
{
    assert(user < reader->user_count);
    reader->wanting &= ~(UINT32_C(1) << user);
    if (user == READER_APPLY)
        drop_kept(reader);
}

void reader_forget(struct reader *reader)
{
    assert(!reader->busy);
    drop_kept(reader);
    for (uint32_t user = 0; user < READER_USERS_MAX; user++)
        reader->users[user].cursor.valid = false;
    reader->unreadable = false;
    reader->scrubs = false;
}

void reader_scrub(struct reader *reader, struct wal_place place)
{
    assert(wal_is_durable_at(reader->wal, place) && !reader_is_scrubbing(reader));
    reader->scrubs = true;
    reader->scrub_at = place;
}

static void point_at(
        const struct reader *reader, struct disk_cursor *cursor, uint64_t index)
{
    if (cursor->valid && cursor->index == index && is_there(reader, cursor->place))
        return;
    *cursor = (struct disk_cursor){
            .valid = true,
            .index = index,
            .place = wal_locate(reader->wal, index),
    };
}

/* One that holds nothing that is kept */
static uint32_t free_buffer(const struct reader *reader)
{
    assert(reader->kept_count < NODE_READ_BUFFERS);
    uint32_t buffer = 0;
    for (uint32_t i = 0; i < reader->kept_count; i++) {
        if (reader->kept_in[i] == buffer)
            buffer++;
    }
    return buffer;
}

static void ask_disk(struct reader *reader, uint8_t user, struct wal_place place,
        struct node_effects *effects)
{
    assert(!reader->busy && !effects->read_wanted);
    uint64_t end = wal_segment_end(reader->wal, place.segment);
    assert(end > place.offset);
    reader->busy = true;
    reader->busy_for = user;
    reader->busy_in_vain = false;
    reader->busy_at = place;
    reader->busy_buffer = free_buffer(reader);
    effects->read_wanted = true;
    effects->read = (struct node_read){
            .id = ++reader->id,
            .place = place,
            .count = u64_min(end - place.offset, reader->read_bytes),
            .buffer = reader->busy_buffer,
    };
}

static void ask_for_user(struct reader *reader, uint8_t user, struct node_effects *effects)
{
    struct disk_cursor *cursor = &reader->users[user].cursor;
    point_at(reader, cursor, reader->users[user].begin);
    if (cursor->place.segment == 0) {
        /* A snapshot has it. */
        cursor->valid = false;
        reader_done(reader, user);
        return;
    }
    cursor->place = next_place(reader, cursor->place);
    ask_disk(reader, user, cursor->place, effects);
}

static void ask_for_probe(struct reader *reader, struct node_effects *effects)
{
    if (reader->fault.offset < wal_segment_end(reader->wal, reader->fault.segment))
        ask_disk(reader, READER_PROBE, reader->fault, effects);
    else
        reader->unreadable = false; /* The log no longer has this place. */
}

/* The log may begin later by now. */
static void ask_for_scrubber(struct reader *reader, struct node_effects *effects)
{
    reader->scrubs = false;
    if (is_there(reader, reader->scrub_at))
        ask_disk(reader, READER_SCRUB, reader->scrub_at, effects);
}

/* The peer whose turn it is; READER_APPLY: none can use a read. */
static uint8_t next_peer(struct reader *reader, uint32_t able)
{
    uint8_t peer_count = (uint8_t)(reader->user_count - 1);
    for (uint8_t i = 0; i < peer_count; i++) {
        uint8_t user = (uint8_t)((reader->turn + i) % peer_count + 1);
        if (!reader_wants(reader, user) || waits(reader, user))
            continue;
        if ((able & UINT32_C(1) << user) != 0)
            return user;
        reader_done(reader, user);
    }
    return READER_APPLY;
}

void reader_next(struct reader *reader, uint32_t able, struct node_effects *effects)
{
    assert(reader_is_due(reader));
    if (apply_is_due(reader)) {
        ask_for_user(reader, READER_APPLY, effects);
        return;
    }
    uint8_t peer = next_peer(reader, able);
    if (peer != READER_APPLY) {
        reader->turn = peer;
        ask_for_user(reader, peer, effects);
    } else if (read_ahead_is_due(reader)) {
        MARK(log_read_ahead);
        struct wal_place place = next_place(reader, reader->kept_end);
        ask_disk(reader, READER_APPLY, place, effects);
    } else if (probe_is_due(reader)) {
        ask_for_probe(reader, effects);
    } else if (reader->scrubs) {
        ask_for_scrubber(reader, effects);
    }
}

/* ---- What was read ---- */

static void keep(struct reader *reader, const struct reading *reading)
{
    assert(reader->kept_count < NODE_READ_BUFFERS);
    reader->kept[reader->kept_count] = *reading;
    reader->kept_in[reader->kept_count] = reader->busy_buffer;
    reader->kept_count++;
    reader->kept_end = reading->walk.place;
    reader->kept_end.offset += wal_walk_whole(&reading->walk);
}

/* All that is whole must be intact, up to where the log ends. */
static void scrub(struct reader *reader, struct wal_walk *walk)
{
    enum wal_walk_result result = WAL_WALK_OTHER;
    while (result < WAL_WALK_MORE)
        result = wal_walk_next(walk);
    struct wal_place ended = walk->place;
    ended.offset += walk->at;
    if (result == WAL_WALK_END && wal_is_durable_at(reader->wal, ended))
        note_fault(reader, READER_SCRUB, ended);
}

struct reading reader_take(struct reader *reader, const struct node_event *event)
{
    assert(reader->busy && event->id == reader->id);
    assert(event->bytes || event->count == 0);
    reader->busy = false;
    uint8_t user = reader->busy_for;
    struct wal_place place = reader->busy_at;
    struct reading reading = {.user = user};
    if (!is_there(reader, place)) {
        wal_walk_init(&reading.walk, NULL, 0);
        return reading;
    }
    wal_walk_at(reader->wal, &reading.walk, place, event->bytes, event->count);
    if (is_sound(reading.walk)) {
        note_success(reader, user, place);
        if (user == READER_APPLY && !reader->busy_in_vain)
            keep(reader, &reading);
        else if (user == READER_SCRUB)
            scrub(reader, &reading.walk);
        return reading;
    }
    if (wal_is_durable_at(reader->wal, place))
        note_fault(reader, user, place);
    else
        pause(reader, user, pause_for_write_ns);
    wal_walk_init(&reading.walk, NULL, 0);
    return reading;
}

const unsigned char *reader_entry(struct reader *reader, struct reading *reading)
{
    assert(reading->user < reader->user_count);
    struct disk_cursor *cursor = &reader->users[reading->user].cursor;
    struct wal_walk *walk = &reading->walk;
    for (;;) {
        enum wal_walk_result result = wal_walk_next(walk);
        if (result == WAL_WALK_END) {
            /* Damaged, which the next read finds out, or its write is under way. */
            if (!wal_is_durable_at(reader->wal, cursor->place))
                MARK(read_before_the_write);
            return NULL;
        }
        if (result == WAL_WALK_MORE)
            return NULL;
        cursor->place.offset = walk->place.offset + walk->at;
        if (result != WAL_WALK_ENTRY || walk->head.id.index != cursor->index)
            continue;
        if (walk->head.id.term != raft_term_at(reader->raft, cursor->index)) {
            MARK(read_cut_off_entry);
            continue;
        }
        cursor->index++;
        return walk->entry;
    }
}

/*
 * The first that is kept has no more. The second begins where the first ends by the heads of
 * its records. If the walk ended earlier, a record is damaged, and the next read begins with
 * that record.
 */
static void next_kept(struct reader *reader)
{
    struct disk_cursor *cursor = &reader->users[READER_APPLY].cursor;
    bool reads_on = reader->busy && reader->busy_for == READER_APPLY;
    if (reader->kept_count == 1 && !reads_on) {
        reader->kept_count = 0;
        return;
    }
    struct wal_place ended = next_place(reader, cursor->place);
    struct wal_place begins =
            reader->kept_count > 1 ? reader->kept[1].walk.place : reader->busy_at;
    if (!is_at(ended, begins)) {
        MARK(read_ahead_in_vain);
        drop_kept(reader);
        return;
    }
    cursor->place = ended;
    reader->kept_count--;
    reader->kept[0] = reader->kept[1];
    reader->kept_in[0] = reader->kept_in[1];
}

const unsigned char *reader_kept_entry(struct reader *reader, struct entry_head *head)
{
    /* What is no longer in the log is applied. */
    if (reader->kept_count > 0 && !is_there(reader, reader->kept[0].walk.place))
        drop_kept(reader);
    while (reader->kept_count > 0) {
        const unsigned char *entry = reader_entry(reader, &reader->kept[0]);
        *head = reader->kept[0].walk.head;
        if (entry)
            return entry;
        next_kept(reader);
    }
    return NULL;
}

void reader_check(const struct reader *reader)
{
    assert(reader->user_count > 0 && reader->user_count <= READER_PROBE);
    assert(reader->turn < reader->user_count);
    assert(reader->wanting >> reader->user_count == 0);
    assert(reader->kept_count <= NODE_READ_BUFFERS);
    if (reader->kept_count > 0)
        assert(reader_wants(reader, READER_APPLY));
    if (reader->kept_count == NODE_READ_BUFFERS)
        assert(!reader->busy && reader->kept_in[0] != reader->kept_in[1]);
    if (reader->busy) {
        for (uint32_t i = 0; i < reader->kept_count; i++)
            assert(reader->kept_in[i] != reader->busy_buffer);
        assert(reader->id > 0);
        bool is_own = reader->busy_for >= READER_PROBE;
        assert(is_own || reader->busy_for < reader->user_count);
        assert(is_own || reader->users[reader->busy_for].cursor.valid);
    }
    for (uint8_t user = 0; user < reader->user_count; user++) {
        const struct reader_user *that = &reader->users[user];
        if (reader_wants(reader, user))
            assert(that->begin > 0);
        if (that->cursor.valid)
            assert(that->cursor.index > 0);
    }
}
