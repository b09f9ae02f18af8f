/*
 * Decides who may read the log from disk. Entries that are no longer in memory are needed
 * to apply them after a restart, and for peers that lag far behind.
 *
 * One read is under way at a time. Applying comes first if it has nothing to apply, then
 * the peers in turns, then the read after the one that is being applied: a node that applies
 * its log, a slice each turn, does not wait for the disk meanwhile. So what is read for
 * applying is kept until it is applied, in one of io's two buffers. What is read for peers
 * is used in the step that brings it.
 *
 * Each user has a cursor that remembers where its next entry lies, so a long catch-up reads
 * the log once, in order, from whatever index it began. A read also meets records that were
 * cut off: their term tells.
 *
 * A durable part of the log that cannot be read back, because of an error or because its
 * bytes are not what was written, is a fault. It is told once, and whoever wants to read
 * there tries again after a pause that grows from 100 ms to 30 s. If nobody does, the
 * reader itself looks at the place (READER_PROBE). So a fault ends when its cause does, or
 * when the log no longer has that place: mender.h. The scrubber reads what nobody else reads,
 * after all others.
 */
#ifndef NODE_READER_H
#define NODE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"
#include "node/notices.h"
#include "node/times.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    READER_APPLY = 0, /* A peer's number is its place in the roster + 1. */
    READER_PROBE = NODE_PEERS_MAX + 1,
    READER_SCRUB = NODE_PEERS_MAX + 2,
    READER_USERS_MAX = NODE_PEERS_MAX + 3,
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
    uint64_t pause_ns; /* After its last read, which brought nothing; 0: it did */
    uint64_t retry_ns; /* Until then it waits. */
};

/* What was read for one user: bytes from walk.place on, and how far they are walked. */
struct reading {
    uint8_t user;
    struct wal_walk walk;
};

struct reader {
    const struct wal *wal;
    const struct raft *raft;
    const struct times *times;
    struct notices *notices;
    struct reader_user users[READER_USERS_MAX];
    uint8_t user_count;
    uint32_t wanting;       /* Bit set of the users who want entries */
    bool unreadable;        /* A durable part of the log could not be read back: */
    struct wal_place fault; /* ... the record there. */
    bool busy;              /* A read is under way ... */
    uint8_t busy_for;
    bool busy_in_vain; /* ... for nobody: its user no longer wants it. */
    struct wal_place busy_at;
    uint32_t busy_buffer;
    uint64_t id;  /* ... with this number. */
    uint8_t turn; /* Which peer is looked at first */
    bool scrubs;  /* The records from here on are to be looked at. */
    struct wal_place scrub_at;
    uint32_t read_bytes; /* How much one read asks for, at most */
    /* What was read to be applied and is not applied yet, in the order of the log: */
    struct reading kept[NODE_READ_BUFFERS];
    uint32_t kept_in[NODE_READ_BUFFERS]; /* ... in which buffer of io, */
    uint32_t kept_count;                 /* ... how many, */
    struct wal_place kept_end;           /* ... and where the log continues after it. */
};

/* The caller fills in the pointers and read_bytes. */
void reader_init(struct reader *reader, uint8_t peer_count);
void reader_check(const struct reader *reader);

/* The user wants entries from `begin` on. A later wish replaces it. */
void reader_want(struct reader *reader, uint8_t user, uint64_t begin);

/* The log has begun anew: where entries lay is of no use any more. None is being read. */
void reader_forget(struct reader *reader);

/*
 * Look at the records from this place on, which is durable and in the log, as many as one read
 * brings. reader_take() then says how far they were intact.
 */
void reader_scrub(struct reader *reader, struct wal_place place);

/* That is wanted, or under way. */
static inline bool reader_is_scrubbing(const struct reader *reader)
{
    return reader->scrubs || (reader->busy && reader->busy_for == READER_SCRUB);
}

/* The log no longer has the place that could not be read. */
void reader_mended(struct reader *reader);

/* It has what it wanted. */
void reader_done(struct reader *reader, uint8_t user);

static inline bool reader_wants(const struct reader *reader, uint8_t user)
{
    return (reader->wanting & UINT32_C(1) << user) != 0;
}

/*
 * Whether a read could be started: a user wants one and need not wait, and none is under
 * way.
 */
bool reader_is_due(const struct reader *reader);

/* When it could be, if a user waits; UINT64_MAX: nobody does. */
uint64_t reader_deadline(const struct reader *reader);

/*
 * Turn end, if it is due: ask io for the next read, if any. Of the peers only those in the
 * bit set `able` (bit of the user's number) can use one now; the read does not wait for
 * others.
 */
void reader_next(struct reader *reader, uint32_t able, struct node_effects *effects);

/*
 * What was read has come: nothing, if it could not be read or is not what was written. For
 * READER_APPLY it is kept, and reader_kept_entry() has its entries.
 */
struct reading reader_take(struct reader *reader, const struct node_event *event);

/*
 * The user's next entry, as the log is now; its head is in reading->walk. NULL: what was
 * read holds no more of them, read on.
 */
const unsigned char *reader_entry(struct reader *reader, struct reading *reading);

/*
 * The next entry to apply, of what was read and is kept: valid until the end of the turn.
 * NULL: none; a read that was wanted before may bring it.
 */
const unsigned char *reader_kept_entry(struct reader *reader, struct entry_head *head);

/* Something is kept: reader_kept_entry() need not wait for the disk. */
static inline bool reader_has_kept(const struct reader *reader)
{
    return reader->kept_count > 0;
}

#ifdef __cplusplus
}
#endif

#endif
