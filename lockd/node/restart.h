/*
 * What a node finds in its data directory when it starts: its log, and snapshots.
 *
 * The log is read first, because it says which snapshots belong to it: a snapshot counts if
 * its last entry is in the log, with its sum, or is the one before the log's beginning. The
 * newest of these is loaded. If it is damaged the one before it will do, as long as the log
 * reaches back to it.
 */
#ifndef NODE_RESTART_H
#define NODE_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "locks/locks.h"
#include "node/configurations.h"
#include "node/node.h"
#include "protocol/snapshot_reader.h"
#include "raft/raft.h"
#include "store/recovery.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A snapshot that was found. */
struct offer {
    struct snapshot_header header;
    bool fits;       /* The log has its last entry. */
    bool tried;      /* It was loaded, or could not be. */
    uint64_t behind; /* Bytes of the log's entries after it */
};

struct restart {
    const struct node_settings *settings;
    struct recovery *recovery;
    struct raft *raft;
    struct locks *locks;
    struct configurations *configurations;
    struct log_begin begin; /* Segment 1: the log has its first entry. */
    uint32_t offer_count;
    struct offer *offers; /* NODE_SNAPSHOTS_MAX */
    struct offer *loading;
    bool loaded;    /* The state is that of `loading`. */
    bool too_small; /* A snapshot is whole, and this node's limits are below its cluster's. */
    struct repair_block repair; /* What the directory gave up before; given_up 0: nothing */
    struct snapshot_reader reader;
    /* The settings of the cluster, by the entry that bootstrapped it or by a snapshot: */
    bool bootstrapped;
    struct cluster_settings cluster_settings;
    struct cluster_record cluster; /* loaded: what the snapshot says of its cluster */
    /*
     * The cluster's version, as the log and the snapshot have it: when the log begins to be
     * applied, after the last entry that raises it, and before that one. 0: not known.
     */
    uint64_t version_index; /* Of that entry */
    uint16_t version_first;
    uint16_t version;
    uint16_t version_before;
};

void restart_carve(struct restart *restart, struct arena *arena);

/* The caller fills in the pointers. */
void restart_init(struct restart *restart);
void restart_begin_log(struct restart *restart, const struct begin_block *begin);
void restart_offer(struct restart *restart, const struct snapshot_header *header);

/* Take what recovery has found in the bytes that it was fed last. */
void restart_recover(struct restart *restart);

/* A version that the log or the snapshot is of and that this program does not know; 0: none. */
uint16_t restart_unknown_version(const struct restart *restart);

/* This directory gave up its log, and was no voter since. */
static inline bool restart_repairs(const struct restart *restart)
{
    return restart->repair.given_up != 0;
}

/* A directory that gave up its log is a voter again: true, once, and the repair is over. */
bool restart_is_repaired(struct restart *restart);

/* See node_next_snapshot() and node_feed_snapshot(). */
const struct snapshot_header *restart_next(struct restart *restart);
bool restart_feed(struct restart *restart, const unsigned char *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
