#include "io/clock.h"

#include <assert.h>
#include <time.h>

#include "base/units.h"

bool clock_works(void)
{
    static const clockid_t clocks[] = {
            CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME};
    struct timespec time;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        if (clock_gettime(clocks[i], &time) != 0)
            return false;
    }
    return true;
}

static uint64_t read_clock(clockid_t which)
{
    struct timespec time;
    int failed = clock_gettime(which, &time);
    assert(failed == 0);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

uint64_t clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

struct node_clocks clock_read(void)
{
    struct node_clocks clocks;
    clocks.raw_ns = read_clock(CLOCK_MONOTONIC_RAW);
    clocks.boot_ns = read_clock(CLOCK_BOOTTIME);
    clocks.monotonic_ns = read_clock(CLOCK_MONOTONIC);
    clocks.wall_ns = read_clock(CLOCK_REALTIME);
    return clocks;
}
