/*
 * The clocks as io read them: node reads none itself. `now_ns` is the start of the turn
 * while events are stepped, and the end of the turn for what the end of the turn does.
 */
#ifndef NODE_TIMES_H
#define NODE_TIMES_H

#include <assert.h>
#include <stdint.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct times {
    uint64_t now_ns; /* CLOCK_MONOTONIC */
    uint64_t start_ns;
    struct node_clocks clocks; /* All of them, at the end of the last turn */
};

static inline void times_check(const struct times *times)
{
    assert(times->start_ns <= times->now_ns);
    assert(times->clocks.monotonic_ns <= times->now_ns);
}

#ifdef __cplusplus
}
#endif

#endif
