/*
 * What lockctl waits for: liblock's descriptor, signals as a descriptor, a timer on
 * CLOCK_BOOTTIME, which continues while the machine is suspended, and whatever else a
 * command adds. One thread, one poll.
 */
#ifndef LOCKCTL_WATCH_H
#define LOCKCTL_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Descriptors that a command adds. */
enum watch_place {
    WATCH_LINK,    /* run: the warden; acquire: the process that waits for the grant */
    WATCH_KEEPER,  /* acquire: `lockctl release` */
    WATCH_PROCESS, /* acquire: the process that the hold is bound to */
    WATCH_INPUT,   /* acquire: standard input, if the hold is bound to it */
    WATCH_PLACES,
};

struct watch {
    int signals;
    int timer;
    struct pollfd added[WATCH_PLACES]; /* No events: nothing is watched there */
};

uint64_t boottime_ns(void);

/*
 * Takes over the signals that are passed on or end a wait, except those that the caller
 * ignores. False: the error was printed.
 */
bool watch_open(struct watch *watch);
void watch_close(struct watch *watch);

/* Wait for `events` of `fd`, too, from now on; -1: no longer. */
void watch_add(struct watch *watch, enum watch_place place, int fd, short events);

/* True when that descriptor was ready, or at its end, when the last wait was over. */
bool watch_is_ready(const struct watch *watch, enum watch_place place);

/*
 * Wait until `fd` is readable, a signal came, or it is `until_ns` (UINT64_MAX: no limit).
 */
void watch_wait(struct watch *watch, int fd, uint64_t until_ns);

/* The next signal that came; 0: none. SIGCHLD: reap what has ended. */
int watch_signal(struct watch *watch);

/* True for a signal that ends a program which does nothing about it. */
bool watch_signal_ends(int signal);

#ifdef __cplusplus
}
#endif

#endif
