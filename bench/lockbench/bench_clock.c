#include "bench_clock.h"

#include <time.h>

#include "base/units.h"

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t boottime_ns(void)
{
    return clock_ns(CLOCK_BOOTTIME);
}

uint64_t on_monotonic(uint64_t instant_ns, uint64_t now, uint64_t boottime_now)
{
    return instant_ns > boottime_now ? now + (instant_ns - boottime_now) : now;
}
