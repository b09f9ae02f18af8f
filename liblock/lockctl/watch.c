#include "lockctl/watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "tool/fail.h"

uint64_t boottime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool watch_open(struct watch *watch)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
            SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    watch->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch->signals < 0 || watch->timer < 0) {
        complain("cannot watch signals and time: %s", strerror(errno));
        return false;
    }
    /* Without this, taking the terminal back from a child would stop us. */
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, &watch->mask_before);
    return true;
}

void watch_close(struct watch *watch)
{
    close(watch->signals);
    close(watch->timer);
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
    struct pollfd polled[] = {
            {fd, POLLIN, 0}, {watch->signals, POLLIN, 0}, {watch->timer, POLLIN, 0}};
    poll(polled, 3, -1);
}

int watch_signal(struct watch *watch)
{
    struct signalfd_siginfo info;
    ssize_t count = read(watch->signals, &info, sizeof(info));
    return count == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
