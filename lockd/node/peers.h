/*
 * Turns messages of other nodes into events of raft.
 *
 * A receiver checks each entry's sum, chain and content before raft gets it: what is not an
 * entry of this cluster, or cannot be applied, never enters the log.
 */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H

#include <stdbool.h>

#include "node/conn.h"
#include "node/guard.h"
#include "node/journal.h"
#include "node/roster.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

struct peers {
    const struct configurations *configurations;
    const struct raft *raft;
    const struct wal *wal;
    struct roster *roster;
    struct conns *conns;
    struct guard *guard;
    const struct node_settings *settings;
};

/*
 * What the frame says, as an event for raft. The event points into `received`, and that
 * into the frame. If it is unsound, the connection is closed, unless `received` says that it
 * is of a version that is not known. That and the other objections are for the caller to act
 * upon.
 */
enum raft_objection peers_decode(const struct peers *peers, struct conn *conn,
        const struct frame *frame, struct received *received, struct raft_event *event);

#ifdef __cplusplus
}
#endif

#endif
