#include "lockctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lockctl/lockctl.h"
#include "tool/fail.h"

/* In the child: exec the command, or tell the parent why it failed. */
__attribute__((noreturn)) static void become(
        char **command, const sigset_t *mask, pid_t parent, int failures)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* If the parent died before prctl, no signal will come. */
    if (getppid() != parent)
        _exit(EXIT_SYSTEM);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(command[0], command);
    int error = errno;
    if (write(failures, &error, sizeof(error)) < 0)
        _exit(EXIT_SYSTEM);
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* The error of exec, 0 on success: then the pipe closes without a byte. */
static int await_exec(int failures)
{
    int error = 0;
    ssize_t count;
    do
        count = read(failures, &error, sizeof(error));
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof(error) ? error : 0;
}

static int cannot_start(const char *command, int error, int code)
{
    complain("cannot run %s: %s", command, strerror(error));
    return code;
}

int child_start(struct child *child, char **command, const sigset_t *mask)
{
    *child = (struct child){.terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
    int failures[2];
    if (pipe2(failures, O_CLOEXEC) < 0)
        return cannot_start(command[0], errno, EXIT_SYSTEM);
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid < 0)
        return cannot_start(command[0], errno, EXIT_SYSTEM);
    if (child->pid == 0)
        become(command, mask, parent, failures[1]);
    setpgid(child->pid, child->pid);
    close(failures[1]);
    int error = await_exec(failures[0]);
    close(failures[0]);
    if (error == 0)
        return EXIT_DONE;
    waitpid(child->pid, NULL, 0);
    return cannot_start(
            command[0], error, error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

void child_signal(const struct child *child, int signal)
{
    kill(-child->pid, signal);
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

enum child_change child_look(struct child *child)
{
    int status = 0;
    enum child_change change = CHILD_SAME;
    while (!child->ended &&
            waitpid(child->pid, &status, WNOHANG | WUNTRACED) == child->pid) {
        if (WIFSTOPPED(status)) {
            change = on_stopped(child, WSTOPSIG(status));
            continue;
        }
        child->ended = true;
        child->wait_status = status;
        child_take_terminal(child);
        return CHILD_ENDED;
    }
    return change;
}

bool child_group_is_gone(const struct child *child)
{
    return kill(-child->pid, 0) < 0 && errno == ESRCH;
}

int child_exit_code(const struct child *child)
{
    if (WIFSIGNALED(child->wait_status))
        return EXIT_SIGNAL + WTERMSIG(child->wait_status);
    return WEXITSTATUS(child->wait_status);
}
