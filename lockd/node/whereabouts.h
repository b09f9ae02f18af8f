/*
 * Tells other nodes where the members are. The addresses are in the configuration, which a node
 * gets from its leader. When its leader and this node have both moved while they were not
 * connected, neither knows where the other one is. A third node knows: it tells a peer of every
 * configuration that is newer than the peer's own.
 *
 * What is told is only where to connect to. Who is a member, and who counts, the log alone says.
 */
#ifndef NODE_WHEREABOUTS_H
#define NODE_WHEREABOUTS_H

#include "node/configurations.h"
#include "node/conn.h"
#include "node/roster.h"

#ifdef __cplusplus
extern "C" {
#endif

struct whereabouts {
    const struct configurations *configurations;
    struct roster *roster;
    struct conns *conns;
    uint64_t told; /* All who are connected know the configuration at this index. */
};

/* Turn end: tell those who know less, each once. */
void whereabouts_turn(struct whereabouts *whereabouts);

/* FRAME_PEER_MEMBERS, of a peer that was greeted */
void whereabouts_frame(
        struct whereabouts *whereabouts, struct conn *conn, const struct frame *frame);

#ifdef __cplusplus
}
#endif

#endif
