#include "lockctl/hygiene.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/fail.h"

/* As the caller handed it over; written once, at the start. */
static struct {
    sigset_t blocked;
    sigset_t ignored;
    bool closed[3];
} handed;

static const int changed[] = {SIGCHLD, SIGPIPE, SIGXFSZ};

enum {
    CHANGED_COUNT = sizeof(changed) / sizeof(changed[0])
};

static void set_handler(int signal, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(signal, &action, NULL);
}

/* Where there is no /dev/null, any descriptor will do: what matters is its number. */
static int open_nowhere(void)
{
    int nowhere = open("/dev/null", O_RDWR);
    return nowhere >= 0 ? nowhere : eventfd(0, EFD_NONBLOCK);
}

void hygiene_start(void)
{
    for (int i = 0; i <= 2; i++) {
        handed.closed[i] = fcntl(i, F_GETFD) < 0 && errno == EBADF;
        if (handed.closed[i])
            (void)open_nowhere(); /* The lowest number that is free, so this one. */
    }
    sigemptyset(&handed.ignored);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&handed.ignored, i);
    }
    set_handler(SIGCHLD, SIG_DFL);
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGXFSZ, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, &handed.blocked);
}

bool hygiene_ignores(int signal)
{
    return sigismember(&handed.ignored, signal) == 1;
}

bool hygiene_was_closed(int descriptor)
{
    return handed.closed[descriptor];
}

void hygiene_restore(void)
{
    for (size_t i = 0; i < CHANGED_COUNT; i++)
        set_handler(changed[i], hygiene_ignores(changed[i]) ? SIG_IGN : SIG_DFL);
    sigprocmask(SIG_SETMASK, &handed.blocked, NULL);
}

static void close_from_to(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    /* Before Linux 5.9. */
    struct rlimit limit;
    unsigned most = 65536;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < most)
        most = (unsigned)limit.rlim_cur;
    for (unsigned i = first; i <= last && i < most; i++)
        close((int)i);
}

static unsigned least_from(unsigned first, int descriptor, unsigned least)
{
    unsigned number = (unsigned)descriptor;
    return descriptor >= 0 && number >= first && number < least ? number : least;
}

void hygiene_close_others(const int *keep, size_t count)
{
    unsigned first = 3;
    for (;;) {
        unsigned next = least_from(first, complain_descriptor(), ~0U);
        for (size_t i = 0; i < count; i++)
            next = least_from(first, keep[i], next);
        if (next == ~0U)
            break;
        if (next > first)
            close_from_to(first, next - 1);
        first = next + 1;
    }
    close_from_to(first, ~0U);
}

void hygiene_leave_terminal(void)
{
    int nowhere = open_nowhere();
    for (int i = 0; nowhere >= 0 && i <= 2; i++)
        dup2(nowhere, i);
    if (nowhere > 2)
        close(nowhere);
}
