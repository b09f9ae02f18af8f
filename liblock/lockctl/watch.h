/*
 * What lockctl waits for: liblock's descriptor, signals as a descriptor, and a timer on
 * CLOCK_BOOTTIME, which continues while the machine is suspended. One thread, one poll.
 */
#ifndef LOCKCTL_WATCH_H
#define LOCKCTL_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct watch {
    int signals;
    int timer;
    sigset_t mask_before; /* For the child */
};

uint64_t boottime_ns(void);

/* Takes over the signals that are passed on or end a wait. False: the error was printed. */
bool watch_open(struct watch *watch);
void watch_close(struct watch *watch);

/*
 * Wait until `fd` is readable, a signal came, or it is `until_ns` (UINT64_MAX: no limit).
 */
void watch_wait(struct watch *watch, int fd, uint64_t until_ns);

/* The next signal that came; 0: none. */
int watch_signal(struct watch *watch);

#ifdef __cplusplus
}
#endif

#endif
