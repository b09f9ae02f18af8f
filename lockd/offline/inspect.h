/* lockd --inspect PATH: what a backup or a data directory holds. Nothing is changed. */
#ifndef OFFLINE_INSPECT_H
#define OFFLINE_INSPECT_H

#include "ops/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The exit status of the process: 0, or 1 if something in it is damaged or cannot be read. */
int offline_inspect(const struct config *config);

#ifdef __cplusplus
}
#endif

#endif
