/*
 * Decides who may read the log from disk. Entries that are no longer in memory are needed
 * to apply them after a restart, and for peers that lag far behind.
 *
 * One read is under way at a time; applying comes first, peers take turns. Each user has a
 * cursor that remembers where its next entry lies, so a long catch-up reads the log once,
 * in order, from whatever index it began. A read also meets records that were cut off:
 * their term tells.
 */
#ifndef NODE_READER_H
#define NODE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    READER_APPLY = 0, /* A peer's number is its place in the roster + 1. */
    READER_USERS_MAX = MEMBERS_MAX + 1,
};

/* Walks the log on disk from an index on. */
struct disk_cursor {
    bool valid;
    uint64_t index; /* The next entry wanted */
    struct wal_place place;
};

struct reader_user {
    uint64_t begin; /* It wants entries from here on. */
    struct disk_cursor cursor;
};

/* What was read just now, for one user. Valid during the step that brought it. */
struct reading {
    uint8_t user;
    uint64_t base; /* Offset in the segment of its first byte */
    struct wal_walk walk;
};

struct reader {
    const struct wal *wal;
    const struct raft *raft;
    struct reader_user users[READER_USERS_MAX];
    uint8_t user_count;
    uint32_t wanting; /* Bit set of the users who want entries */
    bool unreadable;  /* A durable part of the log could not be read back. */
    bool busy;        /* A read is under way ... */
    uint8_t busy_for;
    uint64_t id;  /* ... with this number. */
    uint8_t turn; /* Which peer is looked at first */
};

/* The caller fills in the pointers. */
void reader_init(struct reader *reader, uint8_t peer_count);
void reader_check(const struct reader *reader);

/* The user wants entries from `begin` on. A later wish replaces it. */
void reader_want(struct reader *reader, uint8_t user, uint64_t begin);

/* It has what it wanted. */
void reader_done(struct reader *reader, uint8_t user);

static inline bool reader_wants(const struct reader *reader, uint8_t user)
{
    return (reader->wanting & UINT32_C(1) << user) != 0;
}

/* Whether a read could be started: a user wants one, and none is under way. */
static inline bool reader_is_due(const struct reader *reader)
{
    return reader->wanting != 0 && !reader->busy;
}

/*
 * Turn end, if it is due: ask io for the next read, if any. Of the peers only those in the
 * bit set `able` (bit of the user's number) can use one now; the read does not wait for
 * others.
 */
void reader_next(struct reader *reader, uint32_t able, struct node_effects *effects);

/* What was read has come. */
struct reading reader_take(struct reader *reader, const struct node_event *event);

/*
 * The user's next entry, as the log is now; its head is in reading->walk. NULL: what was
 * read holds no more of them, read on.
 */
const unsigned char *reader_entry(struct reader *reader, struct reading *reading);

#ifdef __cplusplus
}
#endif

#endif
