/*
 * Takes snapshots of the lock state while the node serves.
 *
 * A snapshot is of one index. It is walked a few items at a time, at the end of each turn;
 * the state writes first what an entry is about to change (locks/snapshot.h). If there is no
 * room for that, the entry is applied only after records were taken, and if these find no
 * room either, because the disk is slow, then the snapshot is given up: it is the service
 * that must not wait.
 *
 * Records go into chunks. A full one is written to the snapshot's temporary file; the header
 * follows last. When all is written, and the log is durable here up to the snapshot's
 * index, the file gets its name.
 *
 *     IDLE -> WALKING -> HEADER -> WAITING -> PUBLISHING -> IDLE
 *                \________\___________\____________\-> CLEANING -> IDLE, again later
 */
#ifndef NODE_SNAPSHOTTER_H
#define NODE_SNAPSHOTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "locks/locks.h"
#include "node/files.h"
#include "node/notices.h"
#include "node/snapshots.h"
#include "node/times.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SNAPSHOTTER_CHUNKS = 4, /* That wait for the disk, with the one that is filled */
};

enum snapshotter_state {
    SNAPSHOTTER_IDLE,
    SNAPSHOTTER_WALKING,
    SNAPSHOTTER_HEADER,  /* All chunks are written but those that wait. */
    SNAPSHOTTER_WAITING, /* The log must be durable up to its index. */
    SNAPSHOTTER_PUBLISHING,
    SNAPSHOTTER_CLEANING, /* It failed: the temporary file is removed. */
};

struct snapshotter {
    const struct snapshot_settings *settings;
    const struct raft *raft;
    const struct wal *wal;
    struct locks *locks;
    struct files *files;
    struct snapshots *snapshots;
    struct notices *notices;
    const struct times *times;

    enum snapshotter_state state;
    struct snapshot_header header; /* Of the one that is taken */
    uint64_t begun_ns;
    bool walked;         /* The state has given all its records. */
    uint32_t filled;     /* Bytes of records in the chunk that is filled */
    uint32_t full_count; /* Chunks that wait for the disk, before it */
    uint32_t written_count;
    uint32_t full_bytes[SNAPSHOTTER_CHUNKS];
    unsigned char *chunks[SNAPSHOTTER_CHUNKS]; /* Chunk n at n % SNAPSHOTTER_CHUNKS */
    unsigned char *block;                      /* The header's */

    uint64_t position;       /* End of the log when the newest snapshot was taken, */
    uint64_t begun_position; /* ... and when this one was begun */
    uint64_t retry_ns;       /* Not before */
    uint64_t next_ns;        /* The next chunk is not written before, if that can wait */
    uint32_t failures;       /* In a row, of the disk */
    bool paused;             /* One comes in from another member: none is begun. */
    uint64_t wanted;         /* One of this entry or a later one is due at once; 0: none */
};

void snapshotter_carve(struct snapshotter *snapshotter, struct arena *arena,
        const struct snapshot_settings *settings);

/* The caller fills in the pointers. */
void snapshotter_init(struct snapshotter *snapshotter);

/*
 * Before an entry with so many commands and keepalives is applied: take records until the
 * state has room to save what it changes, or give the snapshot up.
 */
void snapshotter_make_room(struct snapshotter *snapshotter, uint32_t commands);

static inline bool snapshotter_is_walking(const struct snapshotter *snapshotter)
{
    return snapshotter->state == SNAPSHOTTER_WALKING && !snapshotter->walked;
}

/* Turn end, after entries were applied: begin a snapshot if one is due, or go on. */
void snapshotter_turn(struct snapshotter *snapshotter);

void snapshotter_done(struct snapshotter *snapshotter, const struct file_done *done);

/* When it has something to do without an event; UINT64_MAX: never. */
uint64_t snapshotter_deadline(const struct snapshotter *snapshotter);

/*
 * The state is about to be replaced by another member's: what is under way is given up. It
 * has ended when the snapshotter is idle.
 */
void snapshotter_stop(struct snapshotter *snapshotter);

/* The disk takes no snapshots, or not as fast as the log grows. */
bool snapshotter_is_failing(const struct snapshotter *snapshotter);

/* Log since the newest snapshot, in bytes. */
uint64_t snapshotter_behind(const struct snapshotter *snapshotter);

void snapshotter_check(const struct snapshotter *snapshotter);

#ifdef __cplusplus
}
#endif

#endif
