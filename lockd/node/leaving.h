/*
 * A node that was told to stop leaves: a leader hands over first, so that no client waits
 * for an election, and then all answers go out.
 */
#ifndef NODE_LEAVING_H
#define NODE_LEAVING_H

#include <stdbool.h>
#include <stdint.h>

#include "node/conn.h"
#include "node/notices.h"
#include "node/roster.h"
#include "node/times.h"
#include "raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

struct leaving {
    const struct raft *raft;
    const struct roster *roster;
    const struct conns *conns;
    const struct times *times;
    struct notices *notices;
    uint64_t election_ns; /* The longest election timeout */
    bool begun;
    bool handing_over;
    uint64_t begun_ns;
};

/* False: it has begun already. */
bool leaving_begin(struct leaving *leaving);

/*
 * A leader that leaves hands over as soon as a member could serve at once. Until then it
 * serves: a member that has just started has to apply its log first. True: the event tells
 * raft.
 */
bool leaving_hand_over(const struct leaving *leaving, struct raft_event *event);

/*
 * True when nothing is owed: this node no longer leads, or no other node took over in time.
 */
bool leaving_is_done(struct leaving *leaving);

#ifdef __cplusplus
}
#endif

#endif
