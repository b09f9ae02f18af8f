/*
 * Preloaded into a program: its clocks run faster than they should, by FAST_CLOCK_PPM, from
 * when it starts. The kernel's own timers do not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The names that the system has for them are not for us to use. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int64_t begin[16];
    static int64_t ppm;
    long failed = syscall(SYS_clock_gettime, clock, time);
    if (failed != 0 || clock < 0 || clock >= 16)
        return (int)failed;
    if (ppm == 0) {
        const char *text = getenv("FAST_CLOCK_PPM");
        ppm = text != NULL ? strtoll(text, NULL, 10) : 1;
    }
    int64_t now = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
    if (begin[clock] == 0)
        begin[clock] = now;
    now += (now - begin[clock]) / 1000 * ppm / 1000;
    time->tv_sec = now / 1000000000;
    time->tv_nsec = now % 1000000000;
    return 0;
}
