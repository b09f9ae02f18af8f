/*
 * A snapshot that comes from the leader, because this node's log ends before the leader's
 * begins, and that becomes this node's state.
 *
 *     IDLE -> RECEIVING -> PUBLISHING -> FREEZING -> BEGINNING -> LOADING -> LINKING -> IDLE
 *
 * Each piece is checked before it is written. When all are there, the file is made durable
 * and gets its name. Then nothing is added to the log any more (FREEZING): what is under way
 * becomes durable, and the file that says where the log begins is replaced (BEGINNING). That
 * is the moment from which the snapshot counts: after a crash before it, the old log and
 * state stand, and after it the new ones. In memory the log and raft begin anew, and then the
 * state is loaded, piece by piece, and linked, some parts in each turn; until it is whole,
 * nothing is applied and nothing read.
 *
 * A snapshot is taken only if it is of a later entry than any that is known to be committed
 * here: never over a newer state.
 */
#ifndef NODE_RECEIVER_H
#define NODE_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "locks/locks.h"
#include "node/apply.h"
#include "node/compactor.h"
#include "node/conn.h"
#include "node/files.h"
#include "node/journal.h"
#include "node/notices.h"
#include "node/reader.h"
#include "node/reads.h"
#include "node/roster.h"
#include "node/snapshots.h"
#include "node/snapshotter.h"
#include "node/times.h"
#include "protocol/peer_snapshot.h"
#include "protocol/snapshot_reader.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum receiver_state {
    RECEIVER_IDLE,
    RECEIVER_RECEIVING,
    RECEIVER_PUBLISHING,
    RECEIVER_FREEZING,
    RECEIVER_BEGINNING,
    RECEIVER_LOADING,
    RECEIVER_LINKING,
    RECEIVER_DISCARDING, /* Its file is removed. */
};

struct receiver {
    const struct snapshot_settings *settings;
    struct versions known; /* Which this node knows */
    struct raft *raft;
    struct wal *wal;
    struct locks *locks;
    struct configurations *configurations;
    struct roster *roster;
    struct conns *conns;
    struct journal *journal;
    struct reader *reader;
    struct reads *reads;
    struct applier *applier;
    struct compactor *compactor;
    struct snapshotter *snapshotter;
    struct snapshots *snapshots;
    struct files *files;
    struct notices *notices;
    const struct times *times;

    enum receiver_state state;
    bool published;            /* Its file has its name. */
    uint8_t peer;              /* Who sends it */
    struct peer_snapshot head; /* Of the piece that came last, without its content */
    uint16_t version;          /* Which the cluster used before the snapshot */
    struct snapshot_reader pieces;
    struct cluster_record cluster; /* As its header has it */
    uint64_t heard_ns;             /* When the last piece came */
    unsigned char *buffer;         /* A piece, until it is written */
};

void receiver_carve(struct receiver *receiver, struct arena *arena);

/* The caller fills in the pointers. */

/*
 * FRAME_PEER_SNAPSHOT. 0, or the version that the cluster uses, if this node does not know it:
 * then the snapshot is not taken, and the caller refuses the other end.
 */
uint16_t receiver_frame(
        struct receiver *receiver, struct conn *conn, const struct frame *frame);

void receiver_done(struct receiver *receiver, const struct file_done *done);

/* Turn end */
void receiver_turn(struct receiver *receiver);

/* When it has something to do without an event; UINT64_MAX: never. */
uint64_t receiver_deadline(const struct receiver *receiver);

/* The state is being replaced: it must be neither changed nor read. */
static inline bool receiver_is_loading(const struct receiver *receiver)
{
    return receiver->state == RECEIVER_LOADING || receiver->state == RECEIVER_LINKING;
}

/* Nothing may be read from the log, as it is about to begin anew. */
static inline bool receiver_is_freezing(const struct receiver *receiver)
{
    return receiver->state == RECEIVER_FREEZING || receiver->state == RECEIVER_BEGINNING;
}

void receiver_check(const struct receiver *receiver);

#ifdef __cplusplus
}
#endif

#endif
