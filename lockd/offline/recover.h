/*
 * lockd --recover DIR: a new cluster of this node alone, from the data directory of a survivor,
 * when a majority of the voters is lost for good. What only the lost ones had is lost.
 */
#ifndef OFFLINE_RECOVER_H
#define OFFLINE_RECOVER_H

#include "ops/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The exit status of the process; what was done, or why not, was printed. */
int offline_recover(const struct config *config);

#ifdef __cplusplus
}
#endif

#endif
