/* The clocks. Nothing else in lockd reads time. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the system lets this process read all of them. The others assume it. */
bool clock_works(void);

/* CLOCK_MONOTONIC */
uint64_t clock_now(void);

/* All clocks, read one after another. */
struct node_clocks clock_read(void);

#ifdef __cplusplus
}
#endif

#endif
