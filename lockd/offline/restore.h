/* lockd --restore FILE: a new cluster of this node alone, from a backup. */
#ifndef OFFLINE_RESTORE_H
#define OFFLINE_RESTORE_H

#include "ops/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The exit status of the process; what was done, or why not, was printed. */
int offline_restore(const struct config *config);

#ifdef __cplusplus
}
#endif

#endif
