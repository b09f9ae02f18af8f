/*
 * A snapshot: the state as of one index as a row of records (record.h), written while
 * entries are applied. No fork, no second copy of the state, no stop.
 *
 *     locks_snapshot_begin(...)        after an entry
 *     until locks_snapshot_done(...):
 *         locks_snapshot_next(...)     some records, at any time between entries
 *         if locks_snapshot_has_room(... commands of the next entry)
 *             apply the entry
 *
 * The records say what the state was at the begin. Whatever changes meanwhile is saved at
 * the side before its first change, where there is room for a bounded number of changes:
 * ask locks_snapshot_has_room() before each entry. load.h reads the records.
 *
 * The records belong to one node's run of this snapshot: two nodes write the same state in
 * different orders. What they load from them is equal.
 */
#ifndef LOCKS_SNAPSHOT_H
#define LOCKS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "locks/locks.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LOCKS_SNAPSHOT_ROOM_MIN = 512 /* Bytes: a record fits. */
};

/*
 * Begin a snapshot of the state as it is now, between two entries. None is being taken. It
 * costs the same for any state.
 */
void locks_snapshot_begin(struct locks *locks);

/*
 * The next records, whole ones, at most `items` of them, as long as a record of any size
 * still has room: how many bytes. There must be room for one, LOCKS_SNAPSHOT_ROOM_MIN. The
 * time is bounded by `items`; looking at places in memory without a part counts too, so 0
 * bytes do not mean that nothing is left. Once the snapshot is done, there are no more.
 */
size_t locks_snapshot_next(
        struct locks *locks, unsigned char *out, size_t room, uint32_t items);

/* The last record has been given out; until the next begin or abandon. */
bool locks_snapshot_done(const struct locks *locks);

/* Forget it, if one is being taken or done. */
void locks_snapshot_abandon(struct locks *locks);

/*
 * Before an entry is applied: is there room at the side for all that an entry of so many
 * commands, keepalives included, may change? If not, take records until there is. That
 * comes, at the latest when all records have been taken. True when no snapshot is taken.
 */
bool locks_snapshot_has_room(const struct locks *locks, uint32_t commands);

/* Whether the snapshot may wait a little: there is much room for what changes meanwhile. */
bool locks_snapshot_may_wait(const struct locks *locks);

/* Bytes of all records of the largest state that such settings allow. */
uint64_t locks_snapshot_bytes_most(const struct cluster_settings *settings);

#ifdef __cplusplus
}
#endif

#endif
