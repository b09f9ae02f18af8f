/* What the system says about this process: for the page of metrics. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "node/report.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Read the figures; what cannot be read is 0. `folder`: a descriptor of the data directory.
 * A few system calls that wait for nothing, unless the data directory is on a network.
 */
void process_read(struct process_figures *figures, int folder);

#ifdef __cplusplus
}
#endif

#endif
