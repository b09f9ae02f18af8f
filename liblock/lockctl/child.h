/*
 * The command under `lockctl run`: a process group of its own, so that all of it can be
 * signalled and ended, with SIGKILL for its first process if lockctl dies.
 *
 * The terminal. For the terminal, the child's group is a background group, and a background
 * group that reads from the terminal is stopped. This stop is the signal for lockctl: if it
 * is the foreground group itself, it makes the child's group that, and the child continues.
 * Until then ^C and ^Z reach lockctl, which passes them on, and other parts of a pipeline
 * stay in the foreground. When ^Z stops the child, lockctl stops itself too, so that the
 * shell sees it. When lockctl continues, it first checks that the lock is still held.
 */
#ifndef LOCKCTL_CHILD_H
#define LOCKCTL_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct child {
    pid_t pid;    /* Of its first process, and of the group */
    int terminal; /* -1: there is none */
    bool foreground;
    bool ended;
    int wait_status;
};

enum child_change {
    CHILD_SAME,
    CHILD_ENDED,
    CHILD_STOPPED, /* As by ^Z: stop too, and then child_continue(). */
};

/*
 * Start `command` with that signal mask. 0: it runs. Else an exit code, and the error was
 * printed.
 */
int child_start(struct child *child, char **command, const sigset_t *mask);

/* Check its state; call this after SIGCHLD. */
enum child_change child_look(struct child *child);

/* Send a signal to the whole group. */
void child_signal(const struct child *child, int signal);

/* Give it the terminal again if it had it, and let it continue. */
void child_continue(struct child *child);

/* Give the terminal back to lockctl. */
void child_take_terminal(struct child *child);

/* True when no process is left in the group. */
bool child_group_is_gone(const struct child *child);

/* Its exit code, or 128 and the signal that ended it. */
int child_exit_code(const struct child *child);

#ifdef __cplusplus
}
#endif

#endif
