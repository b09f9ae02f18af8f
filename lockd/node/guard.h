/*
 * The clock guard: is the leader's clock too fast?
 *
 * All promises about time rest on one assumption, that hardware clocks run at nearly the
 * same rate. A leader whose clock runs ahead would end leases early, so its followers
 * watch:
 *
 *     follower      x: ack sent                                 y: received
 *     leader                   heartbeat repeats it, U1   ...  heartbeat, U2
 *
 * U is the time that the leader has served in its term. (Not cluster time: that also moves
 * while entries of older terms are applied.) From U1 to U2 it has counted only time that
 * lies between x and y, so U2 - U1 > (y - x) * (1 + 2 rho) proves it too fast, whatever
 * delays and pauses there were. Followers test brackets of ten seconds and send the result
 * in their acks. If a majority suspects the leader, it raises an alarm and hands over.
 *
 * A follower's own readings err towards no alarm: x is read before the ack is sent, y at
 * the end of the turn, and of two clocks the one that counted more is used.
 */
#ifndef NODE_GUARD_H
#define NODE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "node/notices.h"
#include "node/roster.h"
#include "node/times.h"

#ifdef __cplusplus
extern "C" {
#endif

struct guard {
    const struct raft *raft;
    struct roster *roster; /* Who suspects this leader */
    const struct times *times;
    struct notices *notices;
    uint64_t quiet_ns; /* After handing over for this: a few elections */

    uint64_t term;
    bool begun;        /* An ack was sent that no heartbeat has repeated yet, ... */
    bool bracketed;    /* ... or one has: `served_ns` was U then. */
    uint64_t stamp_ns; /* Of that ack */
    uint64_t boot_ns;  /* This node's clocks, no later than its sending */
    uint64_t raw_ns;
    uint64_t served_ns;
    uint64_t newest_ns;      /* The newest U received */
    bool suspect;            /* Said in acks */
    uint64_t quiet_until_ns; /* Leader: it has handed over for this; do not again before */
};

enum {
    GUARD_QUIET_ELECTIONS = 5 /* quiet_ns: this many of the longest */
};

/* The caller fills in the pointers and quiet_ns. */
void guard_check(const struct guard *guard);
void guard_acknowledge(struct guard *guard, struct peer_message *answer);
void guard_heard_append(struct guard *guard, const struct peer_message *append);
void guard_heard_ack(
        const struct guard *guard, struct peer *peer, const struct peer_message *answer);

/* Turn end. True: this leader is suspected; the event makes it hand over. */
bool guard_judge(struct guard *guard, struct raft_event *event);

#ifdef __cplusplus
}
#endif

#endif
