/*
 * Who speaks to whom, and who leads.
 *
 * Of two nodes the one with the smaller id dials: one connection serves both directions.
 * The dialer says hello and sends nothing more until it is welcomed; then raft may send.
 * Clients learn who leads with the welcome and whenever it changes.
 */
#ifndef NODE_GREET_H
#define NODE_GREET_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/locks.h"
#include "node/conn.h"
#include "node/roster.h"
#include "node/times.h"
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
    bool stopping;       /* The node leaves: it makes no more connections. */
    uint8_t leader_told; /* The last leader that clients were told */
    uint64_t leader_term_told;
};

/* The caller fills in all pointers; nothing else needs a first value. */
void greet_check(const struct greet *greet);

/* Turn end: connect to peers that this node dials and has not reached. */
void greet_dial(struct greet *greet, struct node_effects *effects);

/* When a peer that is not reached is to be tried again */
uint64_t greet_deadline(const struct greet *greet);
void greet_connected(struct greet *greet, uint32_t slot, uint8_t id);
void greet_connect_failed(struct greet *greet, uint8_t id);

/*
 * Handles the frames before the greeting is done, and refusals. True: a peer is up; the
 * event tells raft.
 */
bool greet_frame(struct greet *greet, struct conn *conn, const struct frame *frame,
        struct raft_event *event);

/*
 * A greeted peer's connection is gone: the event tells raft. False: there was no greeted
 * peer.
 */
bool greet_lost(struct greet *greet, const struct conn *last, bool by_other,
        struct raft_event *event);
void greet_refuse(struct greet *greet, struct conn *conn, enum refusal why);

/* Tell one client who leads; at the end of the turn all of them, if that changed. */
void greet_leader(struct greet *greet, struct conn *conn);
void greet_leader_changed(struct greet *greet);

#ifdef __cplusplus
}
#endif

#endif
