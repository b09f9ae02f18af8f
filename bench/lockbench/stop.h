/*
 * ^C and SIGTERM: the first ends the measurement early, so that what was measured can be
 * reported. The second ends lockbench at once.
 */
#ifndef BENCH_STOP_H
#define BENCH_STOP_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How long requests that run may take to finish after the signal. */
extern const uint64_t stop_patience_ns;

/* Call once, before any thread is started. */
void stop_prepare(void);

/* The signal that came, or 0. Any thread. */
int stop_signal(void);

#ifdef __cplusplus
}
#endif

#endif
