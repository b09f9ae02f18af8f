#include "lockctl/backup_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/snapshot_reader.h"
#include "tool/fail.h"

/* All of them, from there on; fewer at the end of the file; negative: errno says why. */
static ssize_t read_whole(int fd, unsigned char *bytes, size_t wanted, uint64_t offset)
{
    size_t count = 0;
    while (count < wanted) {
        ssize_t more = pread(fd, bytes + count, wanted - count, (off_t)(offset + count));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return more;
        if (more == 0)
            break;
        count += (size_t)more;
    }
    return (ssize_t)count;
}

static bool take_piece(struct snapshot_reader *reader, const unsigned char *bytes,
        ssize_t count, const char **why)
{
    struct span records;
    struct snapshot_piece piece = snapshot_reader_next(reader);
    if (count < 0) {
        *why = strerror(errno);
        return false;
    }
    if ((size_t)count < piece.bytes) {
        *why = reader->pieces == 0 ? "it is no backup: it is too short"
                                   : "it is cut off: its end is missing";
        return false;
    }
    switch (snapshot_reader_take(reader, bytes, (size_t)count, &records)) {
    case SNAPSHOT_GOOD:
        return true;
    case SNAPSHOT_NEWER:
        *why = "it was written by a newer lockd: use that version's lockctl";
        return false;
    case SNAPSHOT_DAMAGED:
        break;
    }
    *why = reader->pieces == 0 ? "it is no backup, or its begin is damaged"
                               : "it is damaged: a part of it is not what was written";
    return false;
}

static bool verify(
        int fd, unsigned char *room, struct snapshot_reader *reader, const char **why)
{
    snapshot_reader_init(reader);
    while (!snapshot_reader_is_done(reader)) {
        struct snapshot_piece piece = snapshot_reader_next(reader);
        ssize_t count = read_whole(fd, room, piece.bytes, piece.offset);
        if (!take_piece(reader, room, count, why))
            return false;
    }
    ssize_t more = read_whole(fd, room, 1, reader->header.file_bytes);
    if (more != 0)
        *why = "it is longer than a backup says that it is";
    return more == 0;
}

bool backup_file_verify(int fd, struct snapshot_header *header, const char **why)
{
    struct snapshot_reader reader;
    unsigned char *room = need(malloc(SNAPSHOT_CHUNK_BYTES_MAX));
    bool whole = verify(fd, room, &reader, why);
    free(room);
    *header = reader.header;
    return whole;
}
