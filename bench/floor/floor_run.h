/*
 * Starts the four processes, watches them from outside, and reports what they did in the
 * measured span.
 *
 * The observer wakes twice, at the start and the end of the span. It reads the counters in
 * shared memory, each process's processor time, and /proc/stat. The last two tell how much
 * of the machine was used by others: other programs, and the kernel's own workers (these
 * alone take 0.1 to 0.5 of a processor in a durable run). A run with much more than that
 * was disturbed and shows nothing.
 */
#ifndef BENCH_FLOOR_RUN_H
#define BENCH_FLOOR_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "floor_shared.h"

#ifdef __cplusplus
extern "C" {
#endif

/* At one moment, or the difference of two. */
struct floor_reading {
    uint64_t at_ns;
    struct floor_counters counters[FLOOR_PROCESSES];
    uint64_t cpu_ns[FLOOR_PROCESSES];
    uint64_t busy_ns; /* Of all processors together */
};

struct floor_result {
    struct floor_reading span;
    struct histogram latency;
    bool verified;
    uint64_t blocks; /* Written, if they were compared */
};

/* False: the error was printed. */
bool floor_run(const struct floor_settings *settings, struct floor_result *result);

/* Wait for that many processes of ours; all are ended when one fails. */
bool floor_await(const int *pids, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
