#include "lockctl/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "lockctl/descendants.h"
#include "lockctl/hygiene.h"
#include "lockctl/lockctl.h"
#include "lockctl/watch.h"
#include "tool/fail.h"

enum {
    END_WAIT_MS = 2000,
    WAIT_MS_MAX = 1000,
};

/* ---- In the warden ---- */

struct watchman {
    pid_t command;
    int link;
    int failures; /* The errno of exec; closes without a byte when it succeeds */
    int signals;
    struct warden_page *page;
    bool ended;
};

/* In the command's process: exec, or tell the warden why it failed. */
__attribute__((noreturn)) static void become(char **command, pid_t warden, int failures)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* If the warden died before prctl, no signal will come. */
    if (getppid() != warden)
        _exit(EXIT_SYSTEM);
    hygiene_restore();
    execvp(command[0], command);
    int error = errno;
    if (write(failures, &error, sizeof(error)) < 0)
        _exit(EXIT_SYSTEM);
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static void report(const struct watchman *man, enum warden_kind kind, int value)
{
    struct warden_event event = {kind, value};
    (void)!send(man->link, &event, sizeof(event), MSG_NOSIGNAL);
}

static struct survivors end_all(const struct watchman *man)
{
    struct descendants below = {.root = getpid(), .group = man->command};
    return descendants_end(&below, END_WAIT_MS);
}

/* lockctl is gone: nobody renews the lease. */
__attribute__((noreturn)) static void on_orphaned(const struct watchman *man)
{
    struct survivors alive = end_all(man);
    if (alive.count > 0)
        complain("lockctl was killed, and its command cannot be ended: "
                 "process %d of user %u still runs",
                (int)alive.pid, (unsigned)alive.user);
    else if (!man->ended)
        complain("lockctl was killed: its command was killed, too");
    _exit(EXIT_SYSTEM);
}

static uint64_t kill_time(const struct watchman *man)
{
    uint64_t deadline = __atomic_load_n(&man->page->deadline_ns, __ATOMIC_RELAXED);
    return u64_rest(deadline, WARDEN_MARGIN_NS);
}

static void on_overdue(const struct watchman *man)
{
    __atomic_store_n(&man->page->killed, 1, __ATOMIC_RELAXED);
    (void)end_all(man);
}

/* The errno that the command's process left in the pipe; 0: none. */
static int read_failure(int failures)
{
    int error = 0;
    return read(failures, &error, sizeof(error)) == (ssize_t)sizeof(error) ? error : 0;
}

static void on_failures(struct watchman *man)
{
    int error = man->failures < 0 ? 0 : read_failure(man->failures);
    if (error != 0)
        report(man, WARDEN_FAILED, error);
    if (man->failures >= 0)
        close(man->failures);
    man->failures = -1;
}

/* If it could not be executed, that is told first. */
static void on_ended(struct watchman *man, const siginfo_t *info)
{
    on_failures(man);
    report(man, WARDEN_ENDED,
            info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status);
}

/*
 * What the command did, and what other children of ours did: they were orphaned, and their
 * status interests nobody. The command itself stays a zombie.
 */
static void look_at_children(struct watchman *man)
{
    siginfo_t info = {.si_pid = 0};
    while (!man->ended && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid != 0) {
        man->ended = info.si_pid == man->command;
        if (man->ended)
            on_ended(man, &info);
        else
            waitpid(info.si_pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
    info.si_pid = 0;
    while (!man->ended &&
            waitid(P_PID, (id_t)man->command, &info, WSTOPPED | WNOHANG) == 0 &&
            info.si_pid != 0) {
        report(man, WARDEN_STOPPED, info.si_status);
        info.si_pid = 0;
    }
}

/*
 * Kill what may not run any more. Returns how long to sleep, in ms: never long, because
 * poll() sleeps on a clock that stands still while the machine is suspended.
 */
static int keep_time(const struct watchman *man)
{
    uint64_t now = boottime_ns();
    uint64_t kill_at = kill_time(man);
    if (man->ended)
        return -1;
    if (now >= kill_at) {
        on_overdue(man);
        return WAIT_MS_MAX;
    }
    uint64_t left_ms = (kill_at - now) / NS_PER_MS + 1;
    return left_ms < WAIT_MS_MAX ? (int)left_ms : WAIT_MS_MAX;
}

/* Returns when lockctl dismisses it. */
static void stand_watch(struct watchman *man)
{
    for (;;) {
        int wait_ms = keep_time(man);
        struct pollfd polled[] = {{man->link, POLLIN, 0}, {man->signals, POLLIN, 0},
                {man->failures, POLLIN, 0}};
        poll(polled, 3, wait_ms);
        char word;
        if (polled[0].revents != 0) {
            if (recv(man->link, &word, 1, MSG_DONTWAIT) == 1)
                return;
            on_orphaned(man);
        }
        struct signalfd_siginfo info;
        if (polled[1].revents != 0)
            (void)!read(man->signals, &info, sizeof(info));
        if (polled[2].revents != 0)
            on_failures(man);
        look_at_children(man);
    }
}

/*
 * Signals of the terminal and of whoever signals a whole group are for lockctl: the warden
 * has a group of its own, and blocks them.
 */
__attribute__((noreturn)) static void be_warden(
        int link, struct warden_page *page, char **command)
{
    struct watchman man = {.link = link, .page = page};
    sigset_t set;
    int failures[2];
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    man.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t self = getpid();
    man.command = man.signals >= 0 && pipe2(failures, O_CLOEXEC) == 0 ? fork() : -1;
    if (man.command == 0)
        become(command, self, failures[1]);
    if (man.command < 0) {
        report(&man, WARDEN_FAILED, errno);
        _exit(EXIT_SYSTEM);
    }
    setpgid(man.command, man.command);
    man.failures = failures[0];
    report(&man, WARDEN_FORKED, man.command);
    hygiene_close_others((int[]){link, man.failures, man.signals}, 3);
    stand_watch(&man);
    _exit(EXIT_DONE);
}

/* ---- In lockctl ---- */

static bool is_ready(const struct warden *warden)
{
    struct pollfd polled = {warden->link, POLLIN, 0};
    return poll(&polled, 1, 0) == 1;
}

static bool receive(struct warden *warden, struct warden_event *event)
{
    ssize_t count;
    do
        count = recv(warden->link, event, sizeof(*event), 0);
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof(*event);
}

static pid_t give_up(struct warden *warden, int error)
{
    if (warden->link >= 0)
        close(warden->link);
    if (warden->pid > 0)
        waitpid(warden->pid, NULL, 0);
    warden->link = -1;
    errno = error;
    return -1;
}

pid_t warden_start(struct warden *warden, char **command, uint64_t deadline_ns)
{
    int ends[2];
    *warden = (struct warden){.pid = -1, .link = -1};
    warden->page = mmap(NULL, sizeof(*warden->page), PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (warden->page == MAP_FAILED ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    warden->link = ends[0];
    warden_extend(warden, deadline_ns);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    warden->pid = fork();
    if (warden->pid == 0) {
        close(ends[0]);
        be_warden(ends[1], warden->page, command);
    }
    int error = errno;
    close(ends[1]);
    struct warden_event event;
    if (warden->pid < 0)
        return give_up(warden, error);
    if (!receive(warden, &event) || event.kind != WARDEN_FORKED)
        return give_up(warden, event.kind == WARDEN_FAILED ? event.value : EAGAIN);
    return event.value;
}

void warden_extend(struct warden *warden, uint64_t deadline_ns)
{
    __atomic_store_n(&warden->page->deadline_ns, deadline_ns, __ATOMIC_RELAXED);
}

bool warden_next(struct warden *warden, struct warden_event *event)
{
    if (warden->link < 0 || !is_ready(warden))
        return false;
    if (receive(warden, event))
        return true;
    close(warden->link);
    warden->link = -1;
    *event = (struct warden_event){WARDEN_GONE, 0};
    return true;
}

bool warden_has_killed(const struct warden *warden)
{
    return __atomic_load_n(&warden->page->killed, __ATOMIC_RELAXED) != 0;
}

void warden_dismiss(struct warden *warden)
{
    if (warden->link >= 0) {
        (void)!send(warden->link, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(warden->link);
    }
    warden->link = -1;
    if (warden->pid > 0)
        waitpid(warden->pid, NULL, 0);
    warden->pid = -1;
}
