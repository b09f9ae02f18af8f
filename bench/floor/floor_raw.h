/*
 * Measures each part of a commit alone: one durable write of 4 KiB at a time, by one
 * process and by three at once (like three nodes on one disk), and the round trip of a
 * request and its answer between two processes that sleep while they wait.
 *
 * A commit with one request in flight cannot be faster than a round trip and a durable
 * write while two other processes write too. What it takes beyond that is the second round
 * trip, to a follower.
 */
#ifndef BENCH_FLOOR_RAW_H
#define BENCH_FLOOR_RAW_H

#include <stdbool.h>

#include "floor_shared.h"

#ifdef __cplusplus
extern "C" {
#endif

struct floor_raw {
    struct histogram one_write;
    struct histogram three_writes;
    struct histogram round_trip;
};

/* `settings->time_ns` for each of the three. False: the error was printed. */
bool floor_raw(const struct floor_settings *settings, struct floor_raw *raw);

#ifdef __cplusplus
}
#endif

#endif
