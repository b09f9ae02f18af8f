/*
 * Reads a snapshot file piece by piece, in order, and believes nothing that does not fit
 * together. A piece is the header or one chunk. Whoever has the file asks which piece is
 * next, gives it, and gets its records. A snapshot is whole when no piece is missing.
 *
 * The same reader serves a restart, a node that installs what it received, and a node that
 * receives: nothing else decides whether a snapshot is sound.
 */
#ifndef PROTOCOL_SNAPSHOT_READER_H
#define PROTOCOL_SNAPSHOT_READER_H

#include "protocol/snapshot_format.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct snapshot_reader {
    struct snapshot_header header; /* Once the first piece was taken */
    uint32_t pieces;               /* Taken: the header, then chunks */
    uint64_t content_sum;          /* Of the chunks taken */
};

/* Where a piece lies in its file. */
struct snapshot_piece {
    uint64_t offset;
    uint32_t bytes;
};

void snapshot_reader_init(struct snapshot_reader *reader);

/* The piece that comes next; {0, 0} bytes: none, the snapshot is whole. */
struct snapshot_piece snapshot_reader_next(const struct snapshot_reader *reader);

/*
 * The piece that comes next, whole. `records` gets what is in it: nothing in a header.
 * Anything but SNAPSHOT_GOOD ends the reading.
 */
enum snapshot_finding snapshot_reader_take(struct snapshot_reader *reader,
        const unsigned char *bytes, size_t count, struct span *records);

bool snapshot_reader_is_done(const struct snapshot_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
