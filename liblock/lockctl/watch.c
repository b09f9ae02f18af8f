#include "lockctl/watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "lockctl/hygiene.h"
#include "tool/fail.h"

/* What others send to end or to tell something. Faults of our own keep their effect. */
static const struct {
    int signal;
    bool ends;
} taken[] = {
        {SIGINT, true},
        {SIGTERM, true},
        {SIGHUP, true},
        {SIGQUIT, true},
        {SIGALRM, true}, /* alarm(2) and exec, a common idiom, and its siblings */
        {SIGVTALRM, true},
        {SIGPROF, true},
        {SIGPWR, true},
        {SIGUSR1, false}, /* Meant for the command: while it waits for the lock, nothing */
        {SIGUSR2, false},
        {SIGWINCH, false},
        {SIGTSTP, false},
        {SIGCONT, false},
        {SIGCHLD, false},
};

enum {
    TAKEN_COUNT = sizeof(taken) / sizeof(taken[0])
};

uint64_t boottime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A blocked signal is delivered even if it is ignored, so an ignored one stays unblocked. */
static void gather(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < TAKEN_COUNT; i++) {
        if (taken[i].signal == SIGCHLD || !hygiene_ignores(taken[i].signal))
            sigaddset(set, taken[i].signal);
    }
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        if (!hygiene_ignores(i))
            sigaddset(set, i);
    }
}

bool watch_signal_ends(int signal)
{
    for (size_t i = 0; i < TAKEN_COUNT; i++) {
        if (taken[i].signal == signal)
            return taken[i].ends;
    }
    return true;
}

bool watch_open(struct watch *watch)
{
    sigset_t set;
    gather(&set);
    watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    watch->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch->signals < 0 || watch->timer < 0) {
        complain("cannot watch signals and time: %s", strerror(errno));
        return false;
    }
    /* Without this, a message or taking the terminal back from a child would stop us. */
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return true;
}

void watch_close(struct watch *watch)
{
    if (watch->signals >= 0)
        close(watch->signals);
    if (watch->timer >= 0)
        close(watch->timer);
    watch->signals = -1;
    watch->timer = -1;
}

void watch_add(struct watch *watch, enum watch_place place, int fd, short events)
{
    watch->added[place] = (struct pollfd){fd, events, 0};
}

bool watch_is_ready(const struct watch *watch, enum watch_place place)
{
    return watch->added[place].revents != 0;
}

static void set_timer(struct watch *watch, uint64_t until_ns)
{
    struct itimerspec when = {{0, 0}, {0, 0}};
    if (until_ns != UINT64_MAX) {
        /* 0 would mean: never. */
        uint64_t at = until_ns == 0 ? 1 : until_ns;
        when.it_value.tv_sec = (time_t)(at / NS_PER_S);
        when.it_value.tv_nsec = (long)(at % NS_PER_S);
    }
    timerfd_settime(watch->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void watch_wait(struct watch *watch, int fd, uint64_t until_ns)
{
    set_timer(watch, until_ns);
    struct pollfd polled[3 + WATCH_PLACES] = {
            {fd, POLLIN, 0}, {watch->signals, POLLIN, 0}, {watch->timer, POLLIN, 0}};
    for (int i = 0; i < WATCH_PLACES; i++) {
        polled[3 + i] = watch->added[i];
        polled[3 + i].revents = 0;
        if (watch->added[i].events == 0)
            polled[3 + i].fd = -1;
    }
    poll(polled, 3 + WATCH_PLACES, -1);
    for (int i = 0; i < WATCH_PLACES; i++)
        watch->added[i].revents = polled[3 + i].revents;
}

int watch_signal(struct watch *watch)
{
    struct signalfd_siginfo info;
    ssize_t count = read(watch->signals, &info, sizeof(info));
    return count == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
