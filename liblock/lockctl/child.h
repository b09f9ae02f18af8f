/*
 * The command under `lockctl run`: a process group of its own, so that all of it can be
 * signalled, below a warden that ends it when lockctl cannot (warden.h).
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

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lockctl/descendants.h"
#include "lockctl/warden.h"

#ifdef __cplusplus
extern "C" {
#endif

struct child {
    pid_t pid;    /* Of its first process, and of the group */
    int terminal; /* -1: there is none */
    bool foreground;
    bool ended;
    int wait_status;
    int exec_error; /* Why the command could not be executed; 0: it was */
    struct warden warden;
};

enum child_change {
    CHILD_SAME,
    CHILD_ENDED,
    CHILD_STOPPED,   /* As by ^Z: stop too, and then child_continue(). */
    CHILD_UNGUARDED, /* Somebody killed the warden, so the kernel kills the child. */
};

/*
 * Start `command`; the lease is certain until `deadline_ns`. 0: it was started. Else an exit
 * code, and the error was printed.
 */
int child_start(struct child *child, char **command, uint64_t deadline_ns);

/* Until when the lease is certain now; 0: no longer. */
void child_extend(struct child *child, uint64_t deadline_ns);

/* Readable when child_look() may have something. */
int child_link(const struct child *child);

/* Check its state; call this after SIGCHLD, too. */
enum child_change child_look(struct child *child);

/* Send a signal to the whole group. False: errno says why none of it got the signal. */
bool child_signal(const struct child *child, int signal);

/*
 * Kill the whole group and all that is below the child, whatever its group. Returns what was
 * alive until then.
 */
struct survivors child_kill(const struct child *child);

/* The same until nothing is alive, at most `most_ms`. */
struct survivors child_end(const struct child *child, int most_ms);

/* Give it the terminal again if it had it, and let it continue. */
void child_continue(struct child *child);

/* Give the terminal back to lockctl. */
void child_take_terminal(struct child *child);

/* It has ended, and so has all of it that should: let the warden go. */
void child_bury(struct child *child);

/* Its exit code, or 128 and the signal that ended it. */
int child_exit_code(const struct child *child);

#ifdef __cplusplus
}
#endif

#endif
