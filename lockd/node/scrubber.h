/*
 * Looks for damage before anybody needs what is damaged: reads the log from its beginning, then
 * every snapshot, and compares their sums. It reads at most so many bytes per second, one piece
 * at a time and after all others who want to read, and begins anew after a while.
 *
 * It finds, and mends nothing: the reader tells of a place in the log that cannot be read, and a
 * snapshot is marked as damaged. mender.h says what happens then. While a part of the log cannot
 * be read, it waits.
 */
#ifndef NODE_SCRUBBER_H
#define NODE_SCRUBBER_H

#include <stdbool.h>
#include <stdint.h>

#include "node/files.h"
#include "node/reader.h"
#include "node/snapshots.h"
#include "node/times.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

struct scrubber {
    uint64_t bytes_per_s; /* 0: it never looks. */
    uint64_t every_ns;
    const struct wal *wal;
    struct reader *reader;
    struct files *files;
    struct snapshots *snapshots;
    const struct times *times;

    bool in_snapshots;      /* The log is done. */
    struct wal_place place; /* What comes next of the log; segment 0: its beginning */
    uint64_t index;         /* The snapshot that is read, or was read last; 0: none yet */
    uint64_t offset;        /* What comes next of it; 0 if it is done */
    uint64_t begun_ns;      /* When this time round began */
    uint64_t next_ns;       /* Not before */
    uint64_t scrubs;        /* Times that all was looked at */
};

/* The caller fills in the pointers. The node has just started, and read its log. */
void scrubber_init(struct scrubber *scrubber, uint64_t now_ns);

/* Turn end, while no snapshot of another member is being loaded. */
void scrubber_turn(struct scrubber *scrubber);

/* Records of the log were looked at: reader_scrub(). */
void scrubber_read(struct scrubber *scrubber, const struct reading *reading);

/* A piece of a snapshot was read. */
void scrubber_done(struct scrubber *scrubber, const struct file_done *done);

/* When it has something to do without an event; UINT64_MAX: never. */
uint64_t scrubber_deadline(const struct scrubber *scrubber);

#ifdef __cplusplus
}
#endif

#endif
