/*
 * Who speaks to whom, and who leads.
 *
 * One connection between two nodes serves both directions. dial.h says who makes it, and
 * rivals.h what happens when two connections meet. The dialer says hello and sends nothing
 * more until it is welcomed; then raft may send. Clients learn who leads with the welcome and
 * whenever it changes.
 *
 * doubt.h says who is accepted. When a configuration comes, those that are no longer members
 * are told and refused.
 */
#ifndef NODE_GREET_H
#define NODE_GREET_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/locks.h"
#include "node/conn.h"
#include "node/dial.h"
#include "node/door.h"
#include "node/doubt.h"
#include "node/rivals.h"
#include "node/roster.h"
#include "node/times.h"
#include "protocol/condition.h"
#include "protocol/hello.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

struct greet {
    const struct node_settings *settings; /* Addresses */
    const struct raft *raft;
    const struct wal *wal;
    const struct locks *locks; /* The settings of the cluster */
    struct roster *roster;
    struct conns *conns;
    struct notices *notices;
    const struct times *times;
    const struct dial *dial;
    const struct door *door;
    const struct rivals *rivals;
    struct doubts *doubts;
    bool join_due;       /* raft is to be told that this node may join, */
    bool can_join;       /* ... and the log has room for what that may write. */
    uint64_t removed_at; /* Members say that this node was removed there; 0: they do not. */
    /*
     * By the configuration at this index this very directory is a member, as others say: what
     * an older one says of it is of the past.
     */
    uint64_t member_at;
    uint64_t given_up;   /* Incarnation of this node's log that was damaged; 0: none */
    uint64_t run;        /* Of this process: a random number */
    uint8_t leader_told; /* The last leader that clients were told */
    uint64_t leader_term_told;
};

/* The caller fills in all pointers; nothing else needs a first value. */
void greet_check(const struct greet *greet);

void greet_connected(struct greet *greet, const struct node_event *event);

/*
 * Handles the frames before the greeting is done, refusals and probes. True: a peer is up,
 * or this node has lost its directory; the event tells raft.
 */
bool greet_frame(struct greet *greet, struct conn *conn, const struct frame *frame,
        struct raft_event *event);

/*
 * Turn end: a peer's connection that waited for another one is taken. True: the peer is up;
 * the event tells raft. Call again until it is false.
 */
bool greet_waiting(struct greet *greet, struct raft_event *event);

/*
 * Turn end: what a new configuration or a greeting changed for raft. True: the event tells
 * it. Call again until it is false.
 */
bool greet_membership(struct greet *greet, struct raft_event *event);

/* Before it is closed, or when it speaks although it is to wait: it waits no longer. */
void greet_waits_no_more(struct greet *greet, const struct conn *conn);

/*
 * A greeted peer's connection is gone: the event tells raft. False: there was no greeted
 * peer.
 */
bool greet_lost(struct greet *greet, const struct conn *last, bool by_other,
        struct raft_event *event);
void greet_refuse(struct greet *greet, struct conn *conn, enum refusal why);

/* A greeted peer says what no sound member says: its connection is closed. */
void greet_object(struct greet *greet, struct conn *conn, enum refusal why);

/* A greeted peer sends entries of a version that this node does not know. */
void greet_too_late(struct greet *greet, struct conn *conn, uint16_t version);

/* Where clients reach the leader; empty if none is known. */
struct span greet_leader_address(const struct greet *greet);

/* The leader, as clients are told: this node only when it can serve them. 0: none. */
uint8_t greet_leader_id(const struct greet *greet);

/* Tell one client who leads; at the end of the turn all of them, if that changed. */
void greet_leader(struct greet *greet, struct conn *conn);
void greet_leader_changed(struct greet *greet);

#ifdef __cplusplus
}
#endif

#endif
