/* Takes snapshots while the node serves: see snapshotter.h. */
#include "node/snapshotter.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"
#include "locks/snapshot.h"

enum {
    OVERDUE_FACTOR = 4
};

static const uint64_t pause_ns = 10 * NS_PER_S; /* After one that failed */
static const uint64_t pause_of_load_ns = NS_PER_S;

void snapshotter_carve(struct snapshotter *snapshotter, struct arena *arena,
        const struct snapshot_settings *settings)
{
    unsigned char *chunks = arena_take(
            arena, "node.snapshot_chunks", SNAPSHOTTER_CHUNKS, settings->chunk_bytes, 4096);
    for (uint32_t i = 0; i < SNAPSHOTTER_CHUNKS && chunks; i++)
        snapshotter->chunks[i] = chunks + (size_t)i * settings->chunk_bytes;
    snapshotter->block =
            arena_take(arena, "node.snapshot_header", 1, SNAPSHOT_BLOCK_BYTES, 4096);
}

void snapshotter_init(struct snapshotter *snapshotter)
{
    assert(snapshotter->settings && snapshotter->raft && snapshotter->wal);
    assert(snapshotter->locks && snapshotter->files && snapshotter->snapshots);
    assert(snapshotter->settings->items > 0);
    assert(snapshotter->settings->chunk_bytes % SNAPSHOT_BLOCK_BYTES == 0);
    assert(snapshot_chunk_room(snapshotter->settings->chunk_bytes) >=
            LOCKS_SNAPSHOT_ROOM_MIN);
}

static uint32_t chunk_room(const struct snapshotter *snapshotter)
{
    return snapshot_chunk_room(snapshotter->settings->chunk_bytes);
}

/* The file of the snapshot that is taken. */
static struct node_file file_of(
        const struct snapshotter *snapshotter, enum node_file_action action)
{
    return (struct node_file){
            .action = action,
            .name = NODE_FILE_SNAPSHOT,
            .number = snapshotter->header.last.index,
    };
}

static void ask(struct snapshotter *snapshotter, const struct node_file *file)
{
    files_ask(snapshotter->files, FILES_SNAPSHOTTER, file);
}

/* ---- Walking ---- */

/* The chunk that is filled is complete: it waits for the disk. */
static void seal_chunk(struct snapshotter *snapshotter)
{
    struct snapshot_header *header = &snapshotter->header;
    uint32_t slot = header->chunk_count % SNAPSHOTTER_CHUNKS;
    struct snapshot_chunk chunk = {
            .number = header->chunk_count,
            .record_bytes = snapshotter->filled,
            .index = header->last.index,
    };
    uint32_t whole = snapshot_write_chunk(snapshotter->chunks[slot], &chunk);
    /* Only the last chunk may be shorter in the file. */
    uint32_t bytes = snapshotter->walked ? whole : header->chunk_bytes;
    memset(snapshotter->chunks[slot] + whole, 0, bytes - whole);
    snapshotter->full_bytes[slot] = bytes;
    header->content_sum = snapshot_add_sum(header->content_sum, chunk.sum);
    header->chunk_count++;
    header->file_bytes += bytes;
    snapshotter->full_count++;
    snapshotter->filled = 0;
}

/* Take records of at most `items`. False: all chunks wait for the disk. */
static bool take_records(struct snapshotter *snapshotter, uint32_t items)
{
    assert(!snapshotter->walked);
    if (snapshotter->full_count == SNAPSHOTTER_CHUNKS)
        return false;
    uint32_t slot = snapshotter->header.chunk_count % SNAPSHOTTER_CHUNKS;
    unsigned char *records = snapshotter->chunks[slot] + SNAPSHOT_CHUNK_HEAD_BYTES;
    uint32_t room = chunk_room(snapshotter) - snapshotter->filled;
    assert(room >= LOCKS_SNAPSHOT_ROOM_MIN);
    size_t count = locks_snapshot_next(
            snapshotter->locks, records + snapshotter->filled, room, items);
    snapshotter->filled += (uint32_t)count;
    snapshotter->walked = locks_snapshot_done(snapshotter->locks);
    room = chunk_room(snapshotter) - snapshotter->filled;
    if (snapshotter->walked || room < LOCKS_SNAPSHOT_ROOM_MIN)
        seal_chunk(snapshotter);
    return true;
}

/* Nothing of it is wanted any more. Its file is removed before the next is begun. */
static void give_up(struct snapshotter *snapshotter, uint64_t later_ns)
{
    if (snapshotter_is_walking(snapshotter))
        locks_snapshot_abandon(snapshotter->locks);
    snapshotter->state = SNAPSHOTTER_CLEANING;
    snapshotter->retry_ns = snapshotter->times->now_ns + later_ns;
}

void snapshotter_make_room(struct snapshotter *snapshotter, uint32_t commands)
{
    while (snapshotter_is_walking(snapshotter) &&
            !locks_snapshot_has_room(snapshotter->locks, commands)) {
        if (!take_records(snapshotter, snapshotter->settings->items))
            give_up(snapshotter, pause_of_load_ns);
    }
}

/* ---- When ---- */

uint64_t snapshotter_behind(const struct snapshotter *snapshotter)
{
    return wal_end(snapshotter->wal) - snapshotter->position;
}

/* Bytes of log after which the next one is due. */
static uint64_t log_limit(const struct snapshotter *snapshotter)
{
    return snapshots_due_bytes(snapshotter->snapshots, snapshotter->settings);
}

/* Several were due, and none was written: the disk is too slow for them, if not more. */
bool snapshotter_is_failing(const struct snapshotter *snapshotter)
{
    return snapshotter->failures > 0 ||
           snapshotter_behind(snapshotter) / OVERDUE_FACTOR > log_limit(snapshotter);
}

static bool has_changed(const struct snapshotter *snapshotter)
{
    const struct snapshots *snapshots = snapshotter->snapshots;
    return snapshots->applied.index > snapshots_last(snapshots);
}

/* When time alone makes one due. */
static uint64_t due_ns(const struct snapshotter *snapshotter)
{
    return snapshotter->snapshots->newest_ns + snapshotter->settings->every_ns;
}

/* Whatever the time. */
static bool is_due_for_itself(const struct snapshotter *snapshotter)
{
    return snapshotter->wanted != 0 ||
           snapshotter_behind(snapshotter) > log_limit(snapshotter);
}

static bool is_due(const struct snapshotter *snapshotter)
{
    uint64_t now_ns = snapshotter->times->now_ns;
    if (snapshotter->paused || now_ns < snapshotter->retry_ns || !has_changed(snapshotter))
        return false;
    if (!snapshots_have_place(snapshotter->snapshots))
        return false;
    return is_due_for_itself(snapshotter) || now_ns >= due_ns(snapshotter);
}

static void begin(struct snapshotter *snapshotter)
{
    const struct snapshots *snapshots = snapshotter->snapshots;
    struct snapshot_header *header = &snapshotter->header;
    assert(snapshots->applied.index == locks_index(snapshotter->locks));
    *header = (struct snapshot_header){
            .chunk_bytes = snapshotter->settings->chunk_bytes,
            .file_bytes = SNAPSHOT_BLOCK_BYTES,
            .cluster_version = locks_settings(snapshotter->locks)->version,
            .cluster = wal_cluster(snapshotter->wal),
            .last = snapshots->applied,
            .last_sum = snapshots->applied_sum,
            .time = locks_time(snapshotter->locks),
            .wall_ns = snapshotter->times->clocks.wall_ns,
    };
    snapshots_write_cluster(snapshots, locks_settings(snapshotter->locks), header);
    if (header->last.index >= snapshotter->wanted)
        snapshotter->wanted = 0;
    snapshotter->state = SNAPSHOTTER_WALKING;
    snapshotter->begun_ns = snapshotter->times->now_ns;
    snapshotter->walked = false;
    snapshotter->filled = 0;
    snapshotter->full_count = 0;
    snapshotter->written_count = 0;
    snapshotter->begun_position = wal_end(snapshotter->wal);
    locks_snapshot_begin(snapshotter->locks);
}

/* ---- Writing ---- */

static void write_chunk(struct snapshotter *snapshotter)
{
    uint32_t number = snapshotter->written_count;
    uint32_t slot = number % SNAPSHOTTER_CHUNKS;
    struct node_file file =
            file_of(snapshotter, number == 0 ? NODE_FILE_CREATE : NODE_FILE_WRITE);
    file.offset =
            SNAPSHOT_BLOCK_BYTES + (uint64_t)number * snapshotter->settings->chunk_bytes;
    file.bytes = snapshotter->chunks[slot];
    file.count = snapshotter->full_bytes[slot];
    snapshotter->next_ns = snapshotter->times->now_ns +
                           file.count * NS_PER_S / snapshotter->settings->write_bytes_per_s;
    ask(snapshotter, &file);
}

/*
 * A chunk is there and may be written now. Those who wait for the log's writes on the same disk
 * must not wait for a whole snapshot; but what changes meanwhile needs room.
 */
static bool chunk_is_due(const struct snapshotter *snapshotter)
{
    return snapshotter->full_count > 0 &&
           (snapshotter->times->now_ns >= snapshotter->next_ns ||
                   !locks_snapshot_may_wait(snapshotter->locks));
}

static void write_header(struct snapshotter *snapshotter)
{
    snapshot_write_header(snapshotter->block, &snapshotter->header);
    struct node_file file = file_of(snapshotter, NODE_FILE_WRITE);
    file.bytes = snapshotter->block;
    file.count = SNAPSHOT_BLOCK_BYTES;
    snapshotter->state = SNAPSHOTTER_HEADER;
    ask(snapshotter, &file);
}

/* A snapshot must never have what this node's own log may still lose. */
static void publish(struct snapshotter *snapshotter)
{
    if (raft_durable(snapshotter->raft) < snapshotter->header.last.index)
        return;
    const struct node_file file = file_of(snapshotter, NODE_FILE_PUBLISH);
    snapshotter->state = SNAPSHOTTER_PUBLISHING;
    ask(snapshotter, &file);
}

static void clean(struct snapshotter *snapshotter)
{
    const struct node_file file = file_of(snapshotter, NODE_FILE_DISCARD);
    ask(snapshotter, &file);
}

/* What can be done while nothing of it is under way. */
static void go_on(struct snapshotter *snapshotter)
{
    switch (snapshotter->state) {
    case SNAPSHOTTER_WALKING:
        if (chunk_is_due(snapshotter))
            write_chunk(snapshotter);
        else if (snapshotter->full_count == 0 && snapshotter->walked)
            write_header(snapshotter);
        break;
    case SNAPSHOTTER_WAITING:
        publish(snapshotter);
        break;
    case SNAPSHOTTER_CLEANING:
        clean(snapshotter);
        break;
    case SNAPSHOTTER_IDLE:
    case SNAPSHOTTER_HEADER:
    case SNAPSHOTTER_PUBLISHING:
        break;
    }
}

void snapshotter_turn(struct snapshotter *snapshotter)
{
    if (snapshotter->state == SNAPSHOTTER_IDLE && is_due(snapshotter))
        begin(snapshotter);
    else if (snapshotter_is_walking(snapshotter))
        (void)take_records(snapshotter, snapshotter->settings->items);
    if (files_is_idle(snapshotter->files, FILES_SNAPSHOTTER))
        go_on(snapshotter);
}

static void fail(struct snapshotter *snapshotter)
{
    MARK(snapshot_failed);
    if (snapshotter->failures == 0)
        notices_tell_place(snapshotter->notices, NOTICE_SNAPSHOT_FAILED,
                (struct wal_place){snapshotter->header.last.index, 0});
    snapshotter->failures++;
    give_up(snapshotter, pause_ns);
}

static void finish(struct snapshotter *snapshotter)
{
    const struct snapshot_header *header = &snapshotter->header;
    uint64_t now_ns = snapshotter->times->now_ns;
    snapshots_add(snapshotter->snapshots, header);
    snapshotter->snapshots->newest_ns = now_ns;
    snapshotter->snapshots->duration_ns = now_ns - snapshotter->begun_ns;
    snapshotter->position = snapshotter->begun_position;
    snapshotter->failures = 0;
    snapshotter->state = SNAPSHOTTER_IDLE;
    notices_tell_place(snapshotter->notices, NOTICE_SNAPSHOT_TAKEN,
            (struct wal_place){header->last.index, header->file_bytes});
}

void snapshotter_done(struct snapshotter *snapshotter, const struct file_done *done)
{
    enum snapshotter_state state = snapshotter->state;
    if (state == SNAPSHOTTER_CLEANING) {
        /* What was under way before is of no interest. */
        if (done->file.action == NODE_FILE_DISCARD)
            snapshotter->state = SNAPSHOTTER_IDLE;
    } else if (done->failed) {
        fail(snapshotter);
    } else if (state == SNAPSHOTTER_WALKING) {
        snapshotter->full_count--;
        snapshotter->written_count++;
    } else if (state == SNAPSHOTTER_HEADER) {
        snapshotter->state = SNAPSHOTTER_WAITING;
    } else {
        assert(state == SNAPSHOTTER_PUBLISHING);
        finish(snapshotter);
    }
}

uint64_t snapshotter_deadline(const struct snapshotter *snapshotter)
{
    uint64_t now_ns = snapshotter->times->now_ns;
    if (snapshotter_is_walking(snapshotter) && snapshotter->full_count < SNAPSHOTTER_CHUNKS)
        return now_ns;
    if (snapshotter->state == SNAPSHOTTER_WALKING && snapshotter->full_count > 0 &&
            files_is_idle(snapshotter->files, FILES_SNAPSHOTTER))
        return u64_max(snapshotter->next_ns, now_ns);
    if (snapshotter->state != SNAPSHOTTER_IDLE || snapshotter->paused ||
            !has_changed(snapshotter) || !snapshots_have_place(snapshotter->snapshots))
        return UINT64_MAX;
    uint64_t wanted_ns = is_due_for_itself(snapshotter) ? now_ns : due_ns(snapshotter);
    return u64_max(wanted_ns, snapshotter->retry_ns);
}

void snapshotter_stop(struct snapshotter *snapshotter)
{
    bool ends = snapshotter->state == SNAPSHOTTER_IDLE ||
                snapshotter->state == SNAPSHOTTER_PUBLISHING ||
                snapshotter->state == SNAPSHOTTER_CLEANING;
    if (!ends)
        give_up(snapshotter, 0);
}

void snapshotter_check(const struct snapshotter *snapshotter)
{
    assert(snapshotter->full_count <= SNAPSHOTTER_CHUNKS);
    assert(snapshotter->filled <= chunk_room(snapshotter));
    if (snapshotter->state == SNAPSHOTTER_IDLE)
        return;
    assert(snapshotter->header.last.index > 0);
    if (snapshotter->state == SNAPSHOTTER_WALKING)
        assert(snapshotter->written_count + snapshotter->full_count ==
                snapshotter->header.chunk_count);
}
