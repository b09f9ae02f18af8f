/*
 * Waiting for those who are about to come back.
 *
 * Clients that get their answers together mostly send their next requests together:
 * programs in a loop, or the two clients of a handoff, where one learns that its release is
 * done and the other that it has the lock. The first to arrive would get an entry for
 * itself and the others the next one. That makes two writes where one would do, and from
 * then on the clients come in two groups. So the leader counts the connections that it has
 * sent something to and not received anything from since. It keeps the entry open while
 * they keep coming: until all are back, or half an entry's time went by without any, or a
 * whole entry's time went by since the entry was opened.
 *
 * This is a guess, so it is checked: while fewer than half of those connections come back
 * in time, the leader waits for none. And a single client never waits: it is the one that
 * came.
 *
 * An entry's time is the least time that one takes: the way to the peers and a write. Where
 * that is long, the spacing of entries is used instead: over a distance entries wait for it
 * anyway.
 */
#ifndef NODE_GATHER_H
#define NODE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "node/backlog.h"
#include "node/conn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gather {
    const struct backlog *backlog; /* Knows what an entry takes. */
    uint64_t spacing_ns;           /* Of entries; an entry counts as no longer than this. */
    uint64_t round;    /* From 1; a connection of an earlier round is no longer awaited. */
    uint32_t awaited;  /* Connections, in this round */
    uint64_t heard_ns; /* When one of them came back */
    uint64_t over_ns;  /* A connection that is not back by then is no longer awaited. */
    uint32_t told_count;
    uint32_t back_count; /* Of those told, in time */
};

/* A term begins, or ends: no connection is awaited. `backlog` and `spacing_ns` stay. */
void gather_init(struct gather *gather);
void gather_check(const struct gather *gather);

/* The connection gets its answer; it sends again; it is gone and will not send. */
void gather_told(struct gather *gather, struct conn *conn, uint64_t now_ns);
void gather_heard(struct gather *gather, struct conn *conn, uint64_t now_ns);
void gather_gone(struct gather *gather, struct conn *conn);

/* Until when a batch with commands, opened at that time, waits; 0: it does not wait */
uint64_t gather_until_ns(const struct gather *gather, uint64_t opened_ns, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
