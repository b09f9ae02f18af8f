/*
 * Two connections that speak for one member: which one is kept.
 *
 * Two nodes dial each other when neither has the other, as only one of them may know the
 * other's address. So two connections can meet; and a second process can say that it is a
 * member that is here already: the same directory, started twice, or a copy of it. Of the
 * two connections the one that is here has it, and the newcomer waits until it is decided:
 *
 *     the one that is here            the newcomer is taken when
 *     this node dialed it, and the    it is closed. If this node has the larger id, at once:
 *     other end says nothing yet      of two that dial each other, the smaller one's counts.
 *     it is welcomed; the newcomer    at once, if the process made it later: the one that
 *     is of the same process          is here is dead for it. Else it is void, and closed.
 *     it is welcomed; the newcomer    it is closed, or does not answer a probe in time. If
 *     is of another process           it answers, then two processes are this member, and
 *                                     the newcomer is refused.
 *
 * So no newcomer ends a connection whose other end is alive. A newcomer was checked before
 * it comes here (greet.c): it names the cluster, and the member's directory.
 */
#ifndef NODE_RIVALS_H
#define NODE_RIVALS_H

#include <stdbool.h>

#include "node/conn.h"
#include "node/roster.h"
#include "node/times.h"
#include "protocol/hello.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rivals {
    struct roster *roster;
    struct conns *conns;
    const struct times *times;
};

enum rival_verdict {
    RIVAL_TAKE,   /* There is no other: welcome it. */
    RIVAL_WAITS,  /* It is decided later. */
    RIVAL_VOID,   /* It is closed: its own process made a newer one. */
    RIVAL_REFUSE, /* Another newcomer waits already. */
};

/* A connection whose hello is sound: it says that it is `peer`. */
enum rival_verdict rivals_meet(const struct rivals *rivals, struct peer *peer,
        struct conn *conn, const struct hello *hello);

/* The other end welcomed a connection that this node made to `peer`. */
void rivals_welcomed(const struct rivals *rivals, struct peer *peer);

/* The peer answered the probe. The newcomer that is to be refused; NULL: there is none. */
struct conn *rivals_alive(const struct rivals *rivals, struct peer *peer);

/* The waiting connection was closed, or is no longer to wait. */
void rivals_forget(struct conns *conns, struct peer *peer);

/* Turn end: probes that nobody answered. */
void rivals_time(const struct rivals *rivals);

/* Turn end: a connection that waited, and has no rival any more; NULL: none. */
struct conn *rivals_next(const struct rivals *rivals);

/* When a probe must be answered; UINT64_MAX: there is none. */
uint64_t rivals_deadline(const struct rivals *rivals);

void rivals_check(const struct rivals *rivals);

#ifdef __cplusplus
}
#endif

#endif
