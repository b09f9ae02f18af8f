/*
 * Which members this node connects to, and when. The one with the smaller id dials at once,
 * the other one a moment later if there still is no connection: so two nodes find each other
 * as long as one of them knows where the other is.
 */
#ifndef NODE_DIAL_H
#define NODE_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "node/conn.h"
#include "node/roster.h"
#include "node/times.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dial {
    struct roster *roster;
    struct conns *conns;
    const struct times *times;
    bool stopping; /* The node leaves: it makes no more connections. */
};

/* The caller fills in all pointers; nothing else needs a first value. */

/* Turn end: connect to members that this node dials and has not reached. */
void dial_turn(const struct dial *dial, struct node_effects *effects);

/* When a member that is not reached is to be tried again */
uint64_t dial_deadline(const struct dial *dial);
void dial_failed(const struct dial *dial, uint8_t id);

/* Not before that time: a member that refused, for example, will do so again. */
void dial_pause(const struct dial *dial, struct peer *peer, uint64_t pause_ns);

#ifdef __cplusplus
}
#endif

#endif
