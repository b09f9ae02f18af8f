/*
 * Admission: clients' requests go into the open batch, or are refused here.
 *
 * Only a leader that has committed in its term, and applied that, admits requests; every
 * other node says who leads. What is refused here (NOT_LEADER, DENIED, BUSY) was not logged
 * and has no effect. A keepalive is never refused for load: one per session waits in a ring
 * that has room for every session.
 *
 * The secret of every session is compared: of one in the applied state here, before
 * anything is logged. A section of any other session is logged with its secret, and the
 * secret is compared when it is applied. There the session may be one whose OPEN stands in
 * the log before it, or none: then the answer is LOST. A keepalive of such a session is
 * logged as a command, so that it cannot renew a session either whose secret it lacks.
 */
#ifndef NODE_ADMIT_H
#define NODE_ADMIT_H

#include "locks/locks.h"
#include "node/backlog.h"
#include "node/batcher.h"
#include "node/conn.h"
#include "node/greet.h"
#include "node/ledger.h"
#include "node/reply.h"

#ifdef __cplusplus
extern "C" {
#endif

/* It has no state of its own. */
struct admit {
    const struct raft *raft;
    const struct locks *locks;
    struct conns *conns;
    struct batcher *batcher;
    struct ledger *ledger;
    struct backlog *backlog;
    struct replies *replies;
    struct greet *greet;
    struct notices *notices;
};

void admit_requests(
        const struct admit *admit, struct conn *conn, const struct frame *frame);

#ifdef __cplusplus
}
#endif

#endif
