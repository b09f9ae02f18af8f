#include "lockctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lockctl/lockctl.h"
#include "tool/fail.h"

int child_start(struct child *child, char **command, uint64_t deadline_ns)
{
    *child = (struct child){.terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
    child->pid = warden_start(&child->warden, command, deadline_ns);
    if (child->pid > 0)
        return EXIT_DONE;
    complain("cannot run %s: %s", command[0], strerror(errno));
    return EXIT_SYSTEM;
}

void child_extend(struct child *child, uint64_t deadline_ns)
{
    warden_extend(&child->warden, deadline_ns);
}

int child_link(const struct child *child)
{
    return child->warden.link;
}

bool child_signal(const struct child *child, int signal)
{
    return child->pid > 0 && kill(-child->pid, signal) == 0;
}

static struct descendants below(const struct child *child)
{
    return (struct descendants){
            .root = getpid(), .group = child->pid, .spare = child->warden.pid};
}

struct survivors child_kill(const struct child *child)
{
    struct descendants all = below(child);
    return descendants_kill(&all);
}

struct survivors child_end(const struct child *child, int most_ms)
{
    struct descendants all = below(child);
    return descendants_end(&all, most_ms);
}

static bool give_terminal(struct child *child)
{
    if (child->terminal < 0 || tcgetpgrp(child->terminal) != getpgrp())
        return false;
    child->foreground = tcsetpgrp(child->terminal, child->pid) == 0;
    return child->foreground;
}

void child_take_terminal(struct child *child)
{
    if (child->foreground && child->terminal >= 0)
        tcsetpgrp(child->terminal, getpgrp());
}

void child_continue(struct child *child)
{
    if (child->foreground)
        give_terminal(child);
    child_signal(child, SIGCONT);
}

static enum child_change on_stopped(struct child *child, int signal)
{
    bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;
    if (wants_terminal && give_terminal(child)) {
        child_signal(child, SIGCONT);
        return CHILD_SAME;
    }
    /*
     * Without a terminal nothing would wake us; and SIGSTOP was meant only for the child.
     */
    if (child->terminal < 0 || (!wants_terminal && signal != SIGTSTP))
        return CHILD_SAME;
    return CHILD_STOPPED;
}

static enum child_change on_ended(struct child *child, int wait_status)
{
    child->ended = true;
    child->wait_status = wait_status;
    child_take_terminal(child);
    return CHILD_ENDED;
}

static enum child_change on_event(struct child *child, const struct warden_event *event)
{
    switch (event->kind) {
    case WARDEN_FAILED:
        child->exec_error = event->value;
        break;
    case WARDEN_STOPPED:
        return on_stopped(child, event->value);
    case WARDEN_ENDED:
        return on_ended(child, event->value);
    case WARDEN_GONE:
        return CHILD_UNGUARDED;
    case WARDEN_FORKED:
        break;
    }
    return CHILD_SAME;
}

/* Our children: the warden, orphans of the command if it is gone, and all if we are init. */
static enum child_change reap(struct child *child)
{
    enum child_change change = CHILD_SAME;
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == child->warden.pid)
            child->warden.pid = -1;
        else if (pid == child->pid && !child->ended)
            change = on_ended(child, status);
    }
    return change;
}

enum child_change child_look(struct child *child)
{
    enum child_change change = CHILD_SAME;
    struct warden_event event;
    while (!child->ended && warden_next(&child->warden, &event)) {
        enum child_change next = on_event(child, &event);
        change = next != CHILD_SAME ? next : change;
    }
    enum child_change last = reap(child);
    return last != CHILD_SAME ? last : change;
}

void child_bury(struct child *child)
{
    warden_dismiss(&child->warden);
    if (child->terminal >= 0)
        close(child->terminal);
    child->terminal = -1;
}

int child_exit_code(const struct child *child)
{
    if (child->exec_error != 0)
        return child->exec_error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    if (WIFSIGNALED(child->wait_status))
        return EXIT_SIGNAL + WTERMSIG(child->wait_status);
    return WEXITSTATUS(child->wait_status);
}
