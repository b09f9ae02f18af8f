/*
 * The tail of a log that was read after a restart: the records that follow, but that no
 * later record calls durable. They are written to disk once more, as they are, before
 * anything is done or sent that depends on them.
 *
 * Why: what recovery read may never have reached the disk. After a failed sync the kernel
 * keeps what was written in its cache, calls it clean, and lets the next process read it; a
 * second sync then has nothing to do and succeeds. Only a write makes it dirty again, so
 * that a sync means something. Everything before the tail was synced without an error, or
 * the record that says so would not have been written.
 *
 * What is written again must be what recovery believed: it is read again, and the bytes may
 * have changed if the cache was dropped between. So the records are checked once more, up
 * to the sum of the last one, which is a digest of all that is before it.
 */
#ifndef STORE_TAIL_H
#define STORE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/recovery.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tail {
    const struct recovery *recovery;
    struct wal_place place; /* The next record or header */
    uint64_t previous;      /* Sum of the one before it */
    bool begun;             /* There was one before it. */
};

/* After the last segment was fed. The tail of a log that must not be written is empty. */
void tail_init(struct tail *tail, const struct recovery *recovery);

/* Bytes of the tail from tail->place on in that segment; 0: there are no more. */
uint64_t tail_left(const struct tail *tail);

/*
 * Of these bytes, read at tail->place, how many are whole records of the tail: write them
 * to where they were read, and sync. The place is moved past them. 0: the file no longer
 * holds what recovery read. `count` is enough for the longest record, or it is all that is
 * left.
 */
size_t tail_take(struct tail *tail, const void *bytes, size_t count);

/* After the end: whether all that was taken is what recovery read. */
bool tail_is_whole(const struct tail *tail);

#ifdef __cplusplus
}
#endif

#endif
