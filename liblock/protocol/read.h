/*
 * Reads: queries that change nothing. Any node answers. By default it first learns from the
 * leader what is committed (ReadIndex). It answers a `stale` read at once.
 */
#ifndef PROTOCOL_READ_H
#define PROTOCOL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LIST_LOCKS_MAX = 64 /* in one page */
};

enum read_kind {
    READ_LOCK = 1, /* One lock, by name. */
    READ_LIST = 2, /* A page of the locks in use, from `cursor` on. */
};

struct read {
    uint8_t kind; /* enum read_kind */
    bool stale;
    uint64_t stamp;     /* Repeated in the answer */
    uint16_t limit;     /* READ_LIST: 1 to LIST_LOCKS_MAX */
    uint64_t cursor;    /* READ_LIST: 0 to begin, else `cursor` of the page before */
    struct span name;   /* READ_LOCK: the lock */
    uint64_t asker;     /* READ_LOCK: a session, for `ahead`; 0: none */
    struct span prefix; /* READ_LIST: only names with this prefix; may be empty */
};

/* A lock that is held or waited for. */
struct lock_view {
    struct span name;
    uint64_t session; /* The holder; 0: free */
    uint64_t owner;
    uint64_t token;
    uint32_t count; /* How often the owner entered */
    uint32_t waits;
    /*
     * Of `waits`, those before the first of the asker. All, if it has none or does not ask.
     */
    uint32_t ahead;
    uint64_t held_ns; /* Cluster time since the grant */
    /* Cluster time until the holder's session expires without a keepalive */
    uint64_t remain_ns;
    struct span label; /* The holder's */
};

/* Then `count` lock_views: for READ_LOCK always one, free if there is no such lock. */
struct read_answer {
    uint64_t stamp;
    uint8_t status; /* OK, BUSY, NOT_LEADER (no leader known), INVALID */
    uint64_t index; /* The state read: after this entry, ... */
    uint64_t time;  /* ... at this cluster time */
    /*
     * READ_LIST: where the next page begins, 0 after the last. Pages are in the order of
     * the names' hashes, which is the same on all nodes. A page may be short or empty
     * though more follow, because the work for one page is bounded.
     */
    uint64_t cursor;
    uint16_t count;
};

void wire_read(struct wire *wire, struct read *read);
void wire_read_answer(struct wire *wire, struct read_answer *answer);
void wire_lock_view(struct wire *wire, struct lock_view *view);

#ifdef __cplusplus
}
#endif

#endif
