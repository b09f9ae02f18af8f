/*
 * `lockd --check`: the settings are valid, and this machine can do what a node needs. It tries
 * the ring, the disk, the clocks, the limits and the memory, and says of each whether it is
 * well, what it means if not, and the cure. Nothing is left behind.
 */
#ifndef OFFLINE_TRIAL_H
#define OFFLINE_TRIAL_H

#include "io/loop.h"
#include "ops/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The exit status: 1 if anything is a problem. */
int trial_run(const struct config *config, const struct loop_settings *settings);

#ifdef __cplusplus
}
#endif

#endif
