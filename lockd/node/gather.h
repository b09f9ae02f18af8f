/*
 * Waiting for those who are about to come back.
 *
 * Clients that are answered together mostly ask again together: programs in a loop, or the two
 * of a handoff, of whom one hears that its lock is free and the other that it is its own. The
 * first to arrive would get an entry for itself and the others the next: two writes beside each
 * other where one would do, and from then on they come in two groups. So the leader counts the
 * connections that it has told something and not heard from since, and keeps the entry open
 * while they keep coming: until all are back, half an entry's time went by without any, or a
 * whole one since the entry was opened.
 *
 * It is a guess, so it is checked: while fewer than half of those that were told come back in
 * time, nobody is waited for. And a client alone never waits: it is the one that came.
 *
 * An entry's time is what one takes at the least: the way to the peers and a write. Where that
 * is long it is the spacing of entries instead, which over a distance they wait anyway.
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
    uint64_t round;    /* From 1; whoever is awaited in an earlier one no longer is. */
    uint32_t awaited;  /* Connections, in this round */
    uint64_t heard_ns; /* When one of them came back */
    uint64_t over_ns;  /* Who is not back by then is not awaited any more. */
    uint32_t told_count;
    uint32_t back_count; /* Of those told, in time */
};

/* A term begins, or ends: nobody is awaited. `backlog` and `spacing_ns` stay. */
void gather_init(struct gather *gather);
void gather_check(const struct gather *gather);

/* The connection is told what it waited for; it sends again; it is gone and will not. */
void gather_told(struct gather *gather, struct conn *conn, uint64_t now_ns);
void gather_heard(struct gather *gather, struct conn *conn, uint64_t now_ns);
void gather_gone(struct gather *gather, struct conn *conn);

/* Until when a batch with commands that was opened then waits; 0: no longer */
uint64_t gather_until_ns(const struct gather *gather, uint64_t opened_ns, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
