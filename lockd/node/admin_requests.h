/*
 * What an operator asks of the cluster: decodes FRAME_ADMIN and answers it.
 *
 * Only a leader does anything, and it answers when the state that it has applied is what was
 * asked for; until then it owes the answer. Every other node says who leads, and what it sees
 * itself, so that an operator can look at a cluster without a leader.
 */
#ifndef NODE_ADMIN_REQUESTS_H
#define NODE_ADMIN_REQUESTS_H

#include "base/sentence.h"
#include "locks/locks.h"
#include "node/changes.h"
#include "node/conn.h"
#include "node/greet.h"
#include "node/roster.h"
#include "node/times.h"
#include "node/upgrade.h"
#include "protocol/admin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ADMIN_OWED_MAX = 8 /* More at once are refused. */
};

/* An answer that is owed, until what was asked for is so. */
struct admin_owed {
    uint32_t conn;
    uint32_t serial;
    struct admin_request request; /* Without its text */
    uint16_t version;             /* ADMIN_UPGRADE_FINISH: to this one */
};

struct admin {
    const struct node_settings *settings;
    const struct raft *raft;
    const struct wal *wal;
    const struct locks *locks;
    struct upgrade *upgrade;
    const struct greet *greet; /* Where the leader is */
    struct changes *changes;
    const struct roster *roster;
    struct conns *conns;
    const struct times *times;
    uint32_t owed_count;
    struct admin_owed owed[ADMIN_OWED_MAX];
};

/* The caller fills in all pointers; nothing else needs a first value. */
void admin_check(const struct admin *admin);

/* The frame is a greeted client's. */
void admin_frame(struct admin *admin, struct conn *conn, const struct frame *frame);

/* Turn end: answer what became so, or what this node can do no more as it does not lead. */
void admin_settle(struct admin *admin);

#ifdef __cplusplus
}
#endif

#endif
