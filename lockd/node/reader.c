/* Reads of the log on disk, in turns: see reader.h. */
#include "node/reader.h"

#include "base/mark.h"
#include "base/numbers.h"

void reader_init(struct reader *reader, uint8_t peer_count)
{
    assert(peer_count < MEMBERS_MAX);
    assert(reader->wal && reader->raft);
    reader->user_count = (uint8_t)(peer_count + 1);
}

void reader_want(struct reader *reader, uint8_t user, uint64_t begin)
{
    assert(user < reader->user_count);
    assert(begin > 0);
    reader->wanting |= UINT32_C(1) << user;
    reader->users[user].begin = begin;
}

void reader_done(struct reader *reader, uint8_t user)
{
    assert(user < reader->user_count);
    reader->wanting &= ~(UINT32_C(1) << user);
}

static void point_at(
        const struct reader *reader, struct disk_cursor *cursor, uint64_t index)
{
    if (cursor->valid && cursor->index == index)
        return;
    *cursor = (struct disk_cursor){
            .valid = true,
            .index = index,
            .place = wal_locate(reader->wal, index),
    };
}

static void ask_disk(struct reader *reader, uint8_t user, struct node_effects *effects)
{
    assert(!reader->busy && !effects->read_wanted);
    struct disk_cursor *cursor = &reader->users[user].cursor;
    point_at(reader, cursor, reader->users[user].begin);
    uint64_t end = wal_segment_end(reader->wal, cursor->place.segment);
    if (cursor->place.offset >= end) {
        cursor->place.segment++;
        cursor->place.offset = 0;
        end = wal_segment_end(reader->wal, cursor->place.segment);
    }
    assert(end > cursor->place.offset);
    reader->busy = true;
    reader->busy_for = user;
    effects->read_wanted = true;
    effects->read = (struct node_read){
            .id = ++reader->id,
            .place = cursor->place,
            .count = u64_min(end - cursor->place.offset, NODE_READ_BYTES_MAX),
    };
}

void reader_next(struct reader *reader, uint32_t able, struct node_effects *effects)
{
    assert(reader_is_due(reader));
    if (reader_wants(reader, READER_APPLY)) {
        ask_disk(reader, READER_APPLY, effects);
        return;
    }
    uint8_t peer_count = (uint8_t)(reader->user_count - 1);
    for (uint8_t i = 0; i < peer_count; i++) {
        uint8_t user = (uint8_t)((reader->turn + i) % peer_count + 1);
        if (!reader_wants(reader, user))
            continue;
        if ((able & UINT32_C(1) << user) == 0) {
            reader_done(reader, user);
            continue;
        }
        reader->turn = user;
        ask_disk(reader, user, effects);
        return;
    }
}

struct reading reader_take(struct reader *reader, const struct node_event *event)
{
    assert(reader->busy && event->id == reader->id);
    assert(event->bytes || event->count == 0);
    reader->busy = false;
    struct reading reading = {
            .user = reader->busy_for,
            .base = reader->users[reader->busy_for].cursor.place.offset,
    };
    wal_walk_init(&reading.walk, event->bytes, event->count);
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
            /*
             * No read goes past the records of a segment: the write of this record is under
             * way.
             */
            MARK(read_before_the_write);
            return NULL;
        }
        if (result == WAL_WALK_MORE)
            return NULL;
        cursor->place.offset = reading->base + walk->at;
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

void reader_check(const struct reader *reader)
{
    assert(reader->user_count > 0 && reader->user_count <= READER_USERS_MAX);
    assert(reader->turn < reader->user_count);
    assert(reader->wanting >> reader->user_count == 0);
    if (reader->busy) {
        assert(reader->id > 0 && reader->busy_for < reader->user_count);
        assert(reader->users[reader->busy_for].cursor.valid);
    }
    for (uint8_t user = 0; user < reader->user_count; user++) {
        const struct reader_user *that = &reader->users[user];
        if (reader_wants(reader, user))
            assert(that->begin > 0);
        if (that->cursor.valid)
            assert(that->cursor.index > 0);
    }
}
