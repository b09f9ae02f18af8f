/*
 * Drives the load: clients of liblock without threads, all polled by one loop, and slots in
 * flight that go through these states in turn
 *
 *     idle -> acquiring -> holding -> releasing -> idle
 *
 * Closed loop: an idle slot starts again at once. Open loop: acquires are due at fixed
 * times; an idle slot takes the next one that is due, and latency counts from when it was
 * due, so a stall of cluster or client shows in every request that it delayed.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_history.h"
#include "bench_settings.h"
#include "tally.h"
#include "workload.h"

#ifdef __cplusplus
extern "C" {
#endif

enum engine_end {
    ENGINE_DONE,
    ENGINE_NO_CLUSTER, /* Not all clients found it in time; the error was printed. */
    ENGINE_FAILED,     /* A system call failed; the error was printed. */
    ENGINE_STOPPED,    /* By a signal (stop.h), before anything was measured. */
};

/* Called when the measured span starts and ends, and every second from the start. */
struct engine_watcher {
    void (*edge)(void *user, bool begins);
    void (*second)(void *user, const struct tally *tally, uint64_t elapsed_ns);
    void *user;
};

/* Connect, load, measure, drain, close. A signal shortens the measured span. */
enum engine_end engine_run(const struct settings *settings, struct history *history,
        struct tally *tally, const struct engine_watcher *watcher);

#ifdef __cplusplus
}
#endif

#endif
