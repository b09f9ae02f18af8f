#include "offline/saved_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "locks/load.h"
#include "locks/snapshot.h"
#include "node/snapshots.h"
#include "protocol/snapshot_reader.h"

ptrdiff_t offline_read_at(int fd, void *bytes, size_t wanted, uint64_t offset)
{
    size_t count = 0;
    while (count < wanted) {
        ssize_t more =
                pread(fd, (char *)bytes + count, wanted - count, (off_t)(offset + count));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return more;
        if (more == 0)
            break;
        count += (size_t)more;
    }
    return (ptrdiff_t)count;
}

bool offline_write_at(int fd, const void *bytes, size_t count, uint64_t offset)
{
    for (size_t at = 0; at < count;) {
        ssize_t more =
                pwrite(fd, (const char *)bytes + at, count - at, (off_t)(offset + at));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return false;
        at += (size_t)more;
    }
    return true;
}

/* ---- Memory ---- */

bool offline_make(struct offline_state *state, const struct cluster_settings *settings)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    (void)locks_carve(&arena, settings);
    state->bytes = arena_used_bytes(&arena);
    state->memory = mmap(NULL, state->bytes, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (state->memory == MAP_FAILED) {
        state->memory = NULL;
        return false;
    }
    arena_init(&arena, state->memory, state->bytes);
    state->locks = locks_carve(&arena, settings);
    locks_init(state->locks, settings);
    return true;
}

void offline_drop(struct offline_state *state)
{
    if (state->memory != NULL)
        (void)munmap(state->memory, state->bytes);
    state->memory = NULL;
    state->locks = NULL;
}

/* ---- Reading ---- */

static const char damaged[] = "it is damaged: a part of it is not what was written";

static const char *make_room(struct offline_state *state,
        const struct snapshot_header *header, struct versions known)
{
    state->header = *header;
    if (!versions_have(known, header->cluster_version))
        return "its cluster uses a version that this lockd does not know: use the lockd that wrote it";
    if (!snapshots_read_cluster(header, &state->cluster) ||
            !settings_valid(&state->cluster.settings))
        return damaged;
    if (!offline_make(state, &state->cluster.settings))
        return "there is not enough memory for the state in it";
    locks_load_begin(state->locks, header->cluster_version);
    return NULL;
}

/* One more piece: the header, or records. */
static const char *take_piece(struct offline_state *state, struct snapshot_reader *reader,
        const unsigned char *bytes, size_t count, struct versions known)
{
    struct span records;
    switch (snapshot_reader_take(reader, bytes, count, &records)) {
    case SNAPSHOT_GOOD:
        break;
    case SNAPSHOT_NEWER:
        return "a newer lockd wrote it: use that version";
    case SNAPSHOT_DAMAGED:
        return reader->pieces == 0 ? "it is no snapshot, or its begin is damaged" : damaged;
    }
    if (state->memory == NULL)
        return make_room(state, &reader->header, known);
    return locks_load(state->locks, records) ? NULL : damaged;
}

static const char *load(
        struct offline_state *state, int fd, unsigned char *room, struct versions known)
{
    struct snapshot_reader reader;
    snapshot_reader_init(&reader);
    while (!snapshot_reader_is_done(&reader)) {
        struct snapshot_piece piece = snapshot_reader_next(&reader);
        ptrdiff_t count = offline_read_at(fd, room, piece.bytes, piece.offset);
        if (count < 0)
            return strerror(errno);
        if ((size_t)count < piece.bytes)
            return reader.pieces == 0 ? "it is no snapshot: it is too short"
                                      : "it is cut off: its end is missing";
        const char *why = take_piece(state, &reader, room, (size_t)count, known);
        if (why != NULL)
            return why;
    }
    return locks_load_end(state->locks) ? NULL : "its records make no state: it is damaged";
}

const char *offline_load(struct offline_state *state, int fd, struct versions known)
{
    *state = (struct offline_state){0};
    unsigned char *room = malloc(SNAPSHOT_CHUNK_BYTES_MAX);
    if (room == NULL)
        return strerror(ENOMEM);
    const char *why = load(state, fd, room, known);
    free(room);
    if (why != NULL)
        offline_drop(state);
    return why;
}

/* ---- Writing ---- */

/* The records that fit into one chunk; the last chunk is shorter. */
static size_t fill_chunk(struct locks *locks, unsigned char *records, size_t room)
{
    size_t count = 0;
    while (!locks_snapshot_done(locks) && room - count >= LOCKS_SNAPSHOT_ROOM_MIN)
        count += locks_snapshot_next(locks, records + count, room - count, UINT32_MAX);
    return count;
}

static bool write_chunks(struct offline_state *state, int fd, unsigned char *bytes)
{
    struct snapshot_header *header = &state->header;
    while (!locks_snapshot_done(state->locks)) {
        size_t count = fill_chunk(state->locks, bytes + SNAPSHOT_CHUNK_HEAD_BYTES,
                snapshot_chunk_room(header->chunk_bytes));
        struct snapshot_chunk chunk = {.number = header->chunk_count,
                .record_bytes = (uint32_t)count,
                .index = header->last.index};
        uint32_t whole = snapshot_write_chunk(bytes, &chunk);
        bool is_last = locks_snapshot_done(state->locks);
        uint32_t written = is_last ? whole : header->chunk_bytes;
        memset(bytes + whole, 0, written - whole);
        if (!offline_write_at(fd, bytes, written, header->file_bytes))
            return false;
        header->content_sum = snapshot_add_sum(header->content_sum, chunk.sum);
        header->chunk_count++;
        header->file_bytes += written;
    }
    return true;
}

bool offline_write(struct offline_state *state, int fd)
{
    struct snapshot_header *header = &state->header;
    unsigned char block[SNAPSHOT_BLOCK_BYTES];
    unsigned char *room = malloc(SNAPSHOT_CHUNK_BYTES);
    if (room == NULL)
        return false;
    header->chunk_bytes = SNAPSHOT_CHUNK_BYTES;
    header->chunk_count = 0;
    header->file_bytes = SNAPSHOT_BLOCK_BYTES;
    header->content_sum = 0;
    header->cluster_version = locks_settings(state->locks)->version;
    header->time = locks_time(state->locks);
    struct wire wire = wire_writer(header->configuration, sizeof header->configuration);
    wire_cluster_record(&wire, &state->cluster);
    assert(!wire.failed);
    header->configuration_bytes = (uint32_t)wire.at;
    locks_snapshot_begin(state->locks);
    bool written = write_chunks(state, fd, room);
    snapshot_write_header(block, header);
    written = written && offline_write_at(fd, block, sizeof block, 0) && fsync(fd) == 0;
    locks_snapshot_abandon(state->locks);
    free(room);
    return written;
}
