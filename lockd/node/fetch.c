/*
 * Entries that are no longer in memory, from the log on disk: to apply them after a restart,
 * and for peers that are far behind.
 *
 * One read is under way at a time; applying comes first, peers take turns. A cursor
 * remembers where the next entry stands, so a long catch-up reads the log once, in order.
 * Records that were cut off are met too: they are known by their term.
 */
#include "base/mark.h"
#include "node/replica.h"

enum {
    FOR_APPLY = 0
};

void fetch_want(struct node *node, uint8_t id, uint64_t begin)
{
    struct peer *peer = node_peer(node, id);
    peer->fetch_wanted = true;
    peer->fetch_begin = begin;
}

static void point_at(const struct node *node, struct disk_cursor *cursor, uint64_t index)
{
    if (cursor->valid && cursor->index == index)
        return;
    *cursor = (struct disk_cursor){
            .valid = true,
            .index = index,
            .place = wal_locate(node->wal, index),
    };
}

static void next_segment(struct disk_cursor *cursor)
{
    cursor->place.segment++;
    cursor->place.offset = 0;
}

static void ask_disk(struct node *node, struct disk_cursor *cursor, uint8_t reader)
{
    uint64_t end = wal_segment_end(node->wal, cursor->place.segment);
    if (cursor->place.offset >= end) {
        next_segment(cursor);
        end = wal_segment_end(node->wal, cursor->place.segment);
    }
    assert(end > cursor->place.offset);
    uint64_t count = end - cursor->place.offset;
    if (count > NODE_READ_BYTES_MAX)
        count = NODE_READ_BYTES_MAX;
    node->disk_busy = true;
    node->disk_for = reader;
    node->effects->read_wanted = true;
    node->effects->read = (struct node_read){
            .id = ++node->disk_id,
            .place = cursor->place,
            .count = count,
    };
}

void fetch_next(struct node *node)
{
    if (node->disk_busy)
        return;
    if (node->apply_wants_disk) {
        point_at(node, &node->apply_cursor, node->applied + 1);
        ask_disk(node, &node->apply_cursor, FOR_APPLY);
        return;
    }
    for (uint8_t i = 0; i < node->peer_count; i++) {
        uint8_t at = (uint8_t)((node->fetch_turn + i) % node->peer_count);
        struct peer *peer = &node->peers[at];
        if (!peer->fetch_wanted)
            continue;
        if (!raft_is_leader(node->raft) || peer->conn == NO_CONN) {
            peer->fetch_wanted = false;
            continue;
        }
        node->fetch_turn = (uint8_t)(at + 1);
        point_at(node, &peer->cursor, peer->fetch_begin);
        ask_disk(node, &peer->cursor, (uint8_t)(at + 1));
        return;
    }
}

/* The next entry of the log as it is now, from where the cursor stands in the chunk. */
static const unsigned char *next_entry(
        struct node *node, struct disk_cursor *cursor, struct wal_walk *walk, uint64_t base)
{
    for (;;) {
        enum wal_walk_result result = wal_walk_next(walk);
        if (result == WAL_WALK_END) {
            /* No read goes past the records of a segment: the write of this is under way. */
            MARK(read_before_the_write);
            return NULL;
        }
        if (result == WAL_WALK_MORE)
            return NULL;
        cursor->place.offset = base + walk->at;
        if (result != WAL_WALK_ENTRY || walk->head.id.index != cursor->index)
            continue;
        if (walk->head.id.term != raft_term_at(node->raft, cursor->index)) {
            MARK(read_cut_off_entry);
            continue;
        }
        cursor->index++;
        return walk->entry;
    }
}

static void apply_chunk(struct node *node, struct wal_walk *walk)
{
    struct disk_cursor *cursor = &node->apply_cursor;
    uint64_t base = cursor->place.offset;
    while (node->applied < raft_commit(node->raft) && !node->failed) {
        const unsigned char *entry = next_entry(node, cursor, walk, base);
        if (!entry)
            return; /* The rest with the next read. */
        apply_entry(node, entry, &walk->head);
        struct entry_head head;
        if (wal_find(node->wal, node->applied + 1, &head))
            break;
    }
    node->apply_wants_disk = false;
}

/* As many entries as fit into one append. */
static void collect(struct node *node, struct peer *peer, struct wal_walk *walk)
{
    struct disk_cursor *cursor = &peer->cursor;
    uint64_t base = cursor->place.offset;
    uint64_t bytes = 0;
    node->chunk_begin = cursor->index;
    node->chunk_count = 0;
    while (node->chunk_count < node->settings.raft.append_entries_max) {
        struct disk_cursor before = *cursor;
        const unsigned char *entry = next_entry(node, cursor, walk, base);
        if (!entry)
            return;
        bytes += entry_bytes(&walk->head);
        if (node->chunk_count > 0 && bytes > node->settings.raft.append_bytes_max) {
            *cursor = before;
            return;
        }
        node->chunk_entries[node->chunk_count++] = entry;
    }
}

static void serve_peer(struct node *node, struct peer *peer, struct wal_walk *walk)
{
    if (!peer->fetch_wanted || peer->cursor.index != peer->fetch_begin)
        return; /* Asked for something else meanwhile. */
    collect(node, peer, walk);
    if (node->chunk_count == 0)
        return; /* It stands further on: read again. */
    peer->fetch_wanted = false;
    uint64_t before = node->chunk_begin - 1;
    struct raft_event event = {
            .kind = RAFT_FETCHED,
            .peer = peer->id,
            .begin = node->chunk_begin,
            .end = node->chunk_begin + node->chunk_count,
            .previous = {raft_term_at(node->raft, before), before},
    };
    consensus_step(node, &event);
    node->chunk_count = 0;
}

void fetch_read(struct node *node, const struct node_event *event)
{
    assert(node->disk_busy && event->id == node->disk_id);
    node->disk_busy = false;
    struct wal_walk walk;
    wal_walk_init(&walk, event->bytes, event->count);
    if (node->disk_for == FOR_APPLY)
        apply_chunk(node, &walk);
    else
        serve_peer(node, &node->peers[node->disk_for - 1], &walk);
}
