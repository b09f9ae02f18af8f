/*
 * How long the disk takes for a durable write, measured as the log writes: a block of 4 KiB
 * through the ring, with O_DIRECT and RWF_DSYNC, or followed by an fdatasync where the node
 * would do that. The file is where the data directory is or will be; it has no name, so
 * nothing is left behind.
 */
#ifndef OFFLINE_TRIAL_DISK_H
#define OFFLINE_TRIAL_DISK_H

#include "io/loop.h"
#include "io/uring.h"
#include "offline/verdicts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `ring` is open. */
void trial_disk(struct verdicts *verdicts, const struct loop_settings *settings,
        struct uring *ring);

#ifdef __cplusplus
}
#endif

#endif
