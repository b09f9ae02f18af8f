/*
 * Memory that may be locked (RLIMIT_MEMLOCK). The kernel counts rings and registered
 * buffers as locked memory of their user, over all of its processes, unless they may lock
 * any amount (CAP_IPC_LOCK). A node needs its ring, but can do without a registered log
 * buffer. So the buffer leaves enough for the rings of the user's other processes.
 */
#ifndef IO_LOCKED_MEMORY_H
#define IO_LOCKED_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raise the soft limit to the hard limit, as for descriptors. */
void locked_memory_raise(void);

/* Whether `bytes` are at most half of what may be locked. */
bool locked_memory_is_ample(uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
