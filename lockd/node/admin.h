/*
 * What an operator asks of the cluster: decodes FRAME_ADMIN and answers it.
 *
 * Only a leader does anything, and it answers when that is applied here. Every other node
 * says who leads, and what it sees itself, so that an operator can look at a cluster without
 * a leader.
 */
#ifndef NODE_ADMIN_H
#define NODE_ADMIN_H

#include "base/sentence.h"
#include "locks/locks.h"
#include "node/changes.h"
#include "node/conn.h"
#include "node/greet.h"
#include "node/roster.h"
#include "node/times.h"
#include "protocol/admin.h"

#ifdef __cplusplus
extern "C" {
#endif

struct admin {
    const struct node_settings *settings;
    const struct raft *raft;
    const struct wal *wal;
    const struct greet *greet; /* Where the leader is */
    struct changes *changes;
    const struct roster *roster;
    struct conns *conns;
    const struct times *times;
};

/* The frame is a greeted client's. */
void admin_frame(const struct admin *admin, struct conn *conn, const struct frame *frame);

#ifdef __cplusplus
}
#endif

#endif
