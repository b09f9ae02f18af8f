/*
 * Ends damage that is found while the node runs: in its log, or in a snapshot.
 *
 * Nothing is lost by it. The state in memory has all that the log says up to the last applied
 * entry, so a new snapshot makes the damaged part superfluous, and it is removed:
 *
 *     1  nothing more is written to the damaged segment, if the log ends there
 *     2  all entries in it are applied, and a snapshot is taken of them or of more
 *     3  the log begins behind that segment, whoever may want to read it (compactor.h)
 *
 * The first step waits for the next entry, the second for the node to apply what is in memory.
 * A node that must read the damaged part to apply it cannot do so; it stays as it is, says so
 * (CONDITION_READ_ERROR), and gives its log up at its next start (restart.h).
 *
 * A damaged snapshot no longer counts for a restart, and is sent to nobody. A new one takes its
 * place; until then the older one and the log behind it are kept.
 */
#ifndef NODE_MENDER_H
#define NODE_MENDER_H

#include <stdint.h>

#include "node/compactor.h"
#include "node/notices.h"
#include "node/reader.h"
#include "node/snapshots.h"
#include "node/snapshotter.h"
#include "node/times.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mender {
    struct reader *reader;
    struct wal *wal;
    struct snapshots *snapshots;
    struct snapshotter *snapshotter;
    struct compactor *compactor;
    struct notices *notices;
    const struct times *times;
    uint64_t since_ns; /* When the log's damage was first seen here; 0: there is none. */
};

/* The caller fills in the pointers. */

/* Turn end, while no snapshot of another member is being loaded. */
void mender_turn(struct mender *mender);

/* When it has something to do without an event; UINT64_MAX: never. */
uint64_t mender_deadline(const struct mender *mender);

#ifdef __cplusplus
}
#endif

#endif
