/*
 * Writes answers and changes into the clients' output.
 *
 * All that a turn has for a connection goes into one frame, and the answers of one session
 * from one entry go into one section of it. Changes are sent once on a connection: TCP
 * keeps the order, and a new connection begins again after what the client confirmed. What
 * is too much for the output is sent when the client has read some of it.
 *
 * A session's route names the connection on which its client sent last. It is local to the
 * node.
 */
#ifndef NODE_REPLY_H
#define NODE_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "locks/locks.h"
#include "node/conn.h"
#include "node/gather.h"
#include "node/times.h"

#ifdef __cplusplus
extern "C" {
#endif

/* By session slot */
struct route {
    uint64_t session;
    struct changes_from from; /* Changes up to `after` were sent on that connection. */
    uint64_t list_change;     /* The change that the list being sent describes, or 0 */
    uint64_t keepalive; /* admit.c: position + 1 in the ledger, of the slot's newest */
    uint32_t conn;
    uint32_t serial;
    struct list_node behind; /* In its connection's list, while changes wait for room */
};

struct replies {
    const struct raft *raft;
    struct locks *locks;
    struct conns *conns;
    struct gather *gather;
    const struct times *times;
    struct notices *notices;
    struct route *routes;
    uint32_t sessions_max;
};

void replies_carve(
        struct replies *replies, struct arena *arena, const struct node_settings *settings);

/* The caller fills in the pointers. */
void replies_init(struct replies *replies, const struct node_settings *settings);
void replies_check(const struct replies *replies);

/* The route of the session that has that slot now */
struct route *reply_route_of(struct replies *replies, const struct session_view *view);

void reply_answer(struct replies *replies, struct conn *conn,
        const struct locks_outcome *outcome, uint64_t applied);

/* Refused here: nothing was logged, so this is no anchor and tells no deadline. */
void reply_refuse(struct replies *replies, struct conn *conn, uint64_t session,
        struct answer *answer);

/* Tell the session's client what changed since the last time. */
void reply_changes(struct replies *replies, uint64_t session);

/* Something was sent: what found no room continues. */
void reply_rest(struct replies *replies, struct conn *conn);

/* The connection is gone: no session waits for its room. */
void reply_forget(struct conn *conn);

/* The state is another one: slots belong to other sessions now. Not on a leader. */
void replies_forget(struct replies *replies);

/*
 * The client uses this connection now: what it has not confirmed is sent again. This is
 * needed on the same connection too: what was applied while another node led was not sent.
 */
void reply_route(
        struct replies *replies, const struct session_view *view, const struct conn *conn);

#ifdef __cplusplus
}
#endif

#endif
