/* The clocks of a load. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CLOCK_MONOTONIC, which all times of a run are on. */
uint64_t monotonic_ns(void);

/* CLOCK_BOOTTIME, which deadlines of grants are on. */
uint64_t boottime_ns(void);

/*
 * The time of CLOCK_BOOTTIME on CLOCK_MONOTONIC, which showed `now` just before the other
 * showed `boottime_now`. The result may be too early, never too late.
 */
uint64_t on_monotonic(uint64_t instant_ns, uint64_t now, uint64_t boottime_now);

#ifdef __cplusplus
}
#endif

#endif
