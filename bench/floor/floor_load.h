/*
 * The clients, all in one process: a closed loop of `inflight` requests over `connections`.
 *
 * A request that was answered begins again at once, in the same turn. All requests that a
 * connection's answers set free leave in one frame with one send, as in liblock. Time is
 * read once per turn; a request's latency is from the turn in which it was sent to the turn
 * in which its answer was taken. Answers come in the order of the requests on their
 * connection.
 */
#ifndef BENCH_FLOOR_LOAD_H
#define BENCH_FLOOR_LOAD_H

#include <stdint.h>

#include "floor_shared.h"

#ifdef __cplusplus
extern "C" {
#endif

struct floor_load_input {
    const struct floor_settings *settings;
    struct floor_shared *shared;
    uint16_t port;
    int started; /* A byte is written to it when the span is known and the load runs. */
};

/* Connect, load, measure, and go when the last answer is there. */
void floor_load(const struct floor_load_input *input);

#ifdef __cplusplus
}
#endif

#endif
