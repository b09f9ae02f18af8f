/*
 * The data directory: segment files of the log are written, read, and made before they are
 * needed.
 *
 *     segment-000000000001       a segment of the log (store/wal.h says what is in it)
 *     segment-000000000002.new   one being made; removed at the next start if left behind
 *     snapshot-..., log-begin    see disk_snapshot.h
 *
 * The directory itself is locked (flock), so that two processes never share it, and each
 * segment, so that no write of an earlier process comes after one of this (disk_lock.h).
 *
 * Writing. One O_DIRECT write with RWF_DSYNC from the registered log buffer: no worker
 * thread of the kernel is needed and, as segments are filled with zeros beforehand, no
 * metadata changes. With sync_after, and where O_DIRECT is refused, it is a write and an
 * fdatasync linked after it. A write is durable when it came back with its full length and
 * the sync after it had no error; nothing is inferred from the link. Anything else ends the
 * process: after a failed fsync it is unknown what is on the disk, and a retry would only
 * hide that.
 */
#ifndef IO_DISK_H
#define IO_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/tell.h"
#include "io/turn.h"
#include "io/uring.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DISK_FILES_MAX = 8,
    DISK_NAME_BYTES = 40,
    DISK_REASON_BYTES = 768,
    DISK_TEMPORARY_MAX =
            3, /* Files being written: a snapshot, one received, the beginning */
    DISK_FILL_BYTES = 512 * 1024, /* Zeros written at once into a new segment */
};

struct disk_settings {
    const char *path;
    bool sync_after; /* Write, then fdatasync, instead of RWF_DSYNC */
    bool to_try;     /* Nothing must last: a file system in memory will do. */
    uint64_t segment_bytes;
    uint32_t segments_max;
};

/* An open segment. */
struct disk_file {
    uint64_t number; /* 0: none */
    int fd;
    bool locked;    /* What it writes keeps a later process from starting (disk_lock.h). */
    uint32_t users; /* Operations under way */
    uint64_t used;  /* When, in counts of use: the one unused longest makes room. */
};

struct disk_write {
    struct wal_write write;
    struct disk_file *file; /* NULL: free */
    bool written;           /* Came back with its full length */
    bool synced;            /* Needs no sync, or it came back well */
};

enum maker_state {
    MAKER_IDLE,
    MAKER_CREATING,
    MAKER_RESERVING,
    MAKER_FILLING,
    MAKER_SYNCING,
    MAKER_RENAMING,
    MAKER_SYNCING_FOLDER,
    MAKER_REMOVING, /* What is half made, after a failure */
};

/* Makes the next segment, a step at a time; see disk_maker.h. */
struct disk_maker {
    enum maker_state state;
    bool under_way;
    bool said; /* That there is no space has been reported. */
    int fd;
    uint64_t number;
    uint64_t filled;
    uint64_t chunk_ns; /* When the last chunk was begun */
    uint64_t wanted;   /* The segment that the node wants, until made or failed; 0: none */
    char name[DISK_NAME_BYTES];
    char name_new[DISK_NAME_BYTES];
    unsigned char *zeros;
};

enum other_step {
    OTHER_IDLE,
    OTHER_TO_WRITE, /* Waits until the log's writes leave room. */
    OTHER_WRITING,
    OTHER_READING,
    OTHER_SYNCING,
    OTHER_RENAMING,
    OTHER_SYNCING_FOLDER,
    OTHER_UNLINKING,
    OTHER_FAILED, /* The node learns it in the next turn. */
};

/* Works on files beside the log, a step at a time; see disk_snapshot.h. */
struct disk_other {
    enum other_step step;
    struct node_file file; /* What is under way */
    size_t done;           /* Bytes read or written */
    uint64_t written_ns;   /* When the last write was begun */
    bool said;             /* A failure was reported, and nothing has succeeded since. */
    int writing[DISK_TEMPORARY_MAX]; /* By name; -1: none */
    int reading;                     /* The snapshot that was read last; -1: none */
    uint64_t reading_number;
    char name[DISK_NAME_BYTES];
    char name_to[DISK_NAME_BYTES];
    unsigned char *buffer; /* SNAPSHOT_CHUNK_BYTES_MAX, page-aligned */
};

struct disk {
    struct uring *uring;
    struct turn *turn;
    const struct tell *tell;
    struct disk_settings settings;
    int folder;
    bool direct;     /* O_DIRECT is taken. */
    bool registered; /* The log buffer is registered with the ring. */
    uint64_t use_count;
    uint32_t writes_under_way;
    struct disk_write writes[NODE_WRITES_MAX];
    struct disk_file files[DISK_FILES_MAX];
    struct disk_maker maker;
    struct disk_other other;
    bool reading;
    struct node_read read;
    struct disk_file *read_file; /* NULL: it could not be opened. */
    size_t read_bytes;
    uint32_t read_tries;
    bool read_failed; /* The node learns it in the next turn. */
    bool read_said;   /* A read that failed was reported, and none has succeeded since. */
    /* NODE_READ_BUFFERS of NODE_READ_BYTES_MAX, page-aligned; the first also at the start */
    unsigned char *read_buffers;
    uint64_t *numbers; /* The segments found at start, ascending */
    uint32_t number_count;
    uint64_t snapshots[NODE_SNAPSHOTS_MAX]; /* Found at start: the newest */
    uint32_t snapshot_count;
    uint64_t first_segment; /* The log begins with it. */
    bool denied;            /* A snapshot could not be opened, and not because of damage. */
};

/*
 * Find, or create, the directory and lock it. False with a sentence in `reason` if it
 * cannot be used; nothing in it was changed then.
 */
bool disk_open(struct disk *disk, const struct disk_settings *settings, char *reason);
void disk_close(struct disk *disk);

void disk_carve(struct disk *disk, struct arena *arena, uint32_t segments_max);

/*
 * Read the whole log into the node's recovery. Waits, and logs that it does, while an
 * earlier process has a write under way. False with a sentence in `reason`.
 */
bool disk_replay(struct disk *disk, struct node *node, char *reason);

/*
 * Make durable what was read, once the node has accepted it: see store/tail.h. False with a
 * sentence in `reason`; nothing may be done then that depends on the log.
 */
bool disk_settle(struct disk *disk, struct node *node, char *reason);

/*
 * Begin to serve the node; from here on the directory may change. `uring`, `turn` and
 * `tell` are set by then.
 */
void disk_begin(struct disk *disk);

/* Completions of OP_LOG_WRITE, OP_LOG_SYNC and OP_LOG_READ. */
void disk_written(struct disk *disk, const struct uring_done *done);
void disk_synced(struct disk *disk, const struct uring_done *done);
void disk_read(struct disk *disk, const struct uring_done *done);

/* Does what waited for the next turn. Call before its end. */
void disk_time(struct disk *disk);

/* After the turn's end: begin what the node wants written, read and made. */
void disk_perform(struct disk *disk, const struct node_effects *effects);

/* When disk_perform has something to do without an event; UINT64_MAX: nothing. */
uint64_t disk_deadline(const struct disk *disk);

#ifdef __cplusplus
}
#endif

#endif
