/*
 * Snapshots, as one: those that are taken, sent and received, the log behind them, and the
 * files of all.
 */
#ifndef NODE_UPKEEP_H
#define NODE_UPKEEP_H

#include <stdint.h>

#include "node/backups.h"
#include "node/compactor.h"
#include "node/files.h"
#include "node/health.h"
#include "node/mender.h"
#include "node/receiver.h"
#include "node/scrubber.h"
#include "node/sender.h"
#include "node/snapshots.h"
#include "node/snapshotter.h"

#ifdef __cplusplus
extern "C" {
#endif

struct upkeep {
    struct files files;
    struct snapshots snapshots;
    struct snapshotter snapshotter;
    struct compactor compactor;
    struct sender sender;
    struct receiver receiver;
    struct backups backups;
    struct mender mender;
    struct scrubber scrubber;
    struct health *health;
};

/*
 * Turn end, after entries were applied. While a snapshot comes in none is taken, so that
 * there are never more than the directory is planned for.
 */
void upkeep_turn(struct upkeep *upkeep, struct node_effects *effects);

/* NODE_FILE_DONE: whoever asked for it continues. */
void upkeep_file_done(struct upkeep *upkeep, const struct node_event *event);

uint64_t upkeep_deadline(const struct upkeep *upkeep);
void upkeep_check(const struct upkeep *upkeep);

#ifdef __cplusplus
}
#endif

#endif
