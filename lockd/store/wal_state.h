/*
 * The inside of struct wal, for the files of this folder.
 *
 * The buffer is a ring of bytes. A *cursor* counts them and never goes back; cursor modulo
 * buffer_bytes is the place in the buffer. A record never crosses the buffer's end: the
 * bytes before the end are skipped. Bytes that wal_next_write has not handed out yet are
 * *unwritten*, in stretches that are contiguous in the buffer and in one segment; bytes
 * that it has handed out are in *flight*. The *window* says where the newest entries lie in
 * the buffer.
 */
#ifndef STORE_WAL_STATE_H
#define STORE_WAL_STATE_H

#include "base/ring.h"
#include "store/log.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that wait to be written. */
struct unwritten {
    uint64_t cursor;
    uint64_t position;
    struct wal_place place;
    uint64_t count;
};

/* Bytes that are being written. */
struct flight {
    uint64_t cursor_end;
    uint64_t position_end;
    bool done;
};

/* An entry in the buffer: its record begins at `cursor`. */
struct window_entry {
    uint64_t cursor;
    struct entry_head head;
};

/* Room in the buffer for a record, and for a header before it if a segment is full. */
struct wal_slot {
    uint64_t cursor;
    uint64_t count; /* Of both */
    bool rolls;
};

struct wal {
    struct wal_settings settings;
    struct log log;
    bool closed; /* The log is damaged: nothing is added. */
    uint64_t durable;

    unsigned char *buffer;
    uint64_t head; /* Cursor after the newest record */
    uint64_t tail; /* Cursor before which all is durable */

    struct unwritten *unwritten;
    struct ring unwritten_ring;
    struct flight flights[WAL_WRITES_MAX];
    struct ring flight_ring; /* Write id = position in the ring */

    struct window_entry *window; /* Of entry i at i & window_mask */
    uint64_t window_mask;
    uint64_t window_begin; /* Entries [begin, end) lie in the buffer. */
    uint64_t window_end;

    bool is_open;
    struct wal_slot open;
    uint32_t open_body_max;
};

/* The bytes at a cursor. */
static inline unsigned char *wal_bytes_at(const struct wal *wal, uint64_t cursor)
{
    return wal->buffer + cursor % wal->settings.buffer_bytes;
}

#ifdef __cplusplus
}
#endif

#endif
