/* The config file, read again while the node runs. */
#ifndef OPS_RELOAD_H
#define OPS_RELOAD_H

#include "ops/config.h"
#include "ops/logger.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reads the file that `argv` names again. What can change in a running node is changed: the
 * level of the log. A line of the log says what that is, and which other settings of the
 * file differ and need a restart. With a wrong file nothing changes, and the line says why.
 * `running`: the settings that the node runs with; they are kept up to date.
 */
void reload(struct config *running, char **argv, struct logger *logger);

#ifdef __cplusplus
}
#endif

#endif
