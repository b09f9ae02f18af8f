/*
 * Applies committed entries to the lock state, in order, on every node. Their bytes lie in
 * memory or are read from disk.
 *
 * The node that appended an entry in the current term owes the answers to its commands. The
 * ledger has them in the order of the commands. Every other node applies and sends no
 * answers.
 */
#ifndef NODE_APPLY_H
#define NODE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/locks.h"
#include "node/backlog.h"
#include "node/conn.h"
#include "node/ledger.h"
#include "node/reader.h"
#include "node/reply.h"
#include "node/snapshots.h"
#include "node/snapshotter.h"
#include "node/stages.h"
#include "node/times.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

struct applier {
    const struct raft *raft;
    const struct wal *wal;
    struct locks *locks;
    struct reader *reader;
    struct ledger *ledger;
    struct backlog *backlog;
    struct replies *replies;
    struct conns *conns;
    struct stages *stages;
    struct notices *notices;
    const struct times *times;
    struct snapshots *snapshots;
    struct snapshotter *snapshotter;
    uint32_t turn_bytes; /* How much one turn applies */
    uint64_t applied;    /* The last index */
    bool replaced;       /* Another member's state is being loaded: nothing is applied. */
    bool failed;         /* It cannot continue: the last notice says why. */
};

/* The caller fills in all pointers; nothing else needs a first value. */
void apply_check(const struct applier *applier);

/*
 * Turn end: what is committed and lies in memory or was read from disk, but only so much
 * that a turn stays short
 */
void apply_committed(struct applier *applier);

/* More could be applied at once, without waiting for anything. */
bool apply_has_more(const struct applier *applier);

#ifdef __cplusplus
}
#endif

#endif
