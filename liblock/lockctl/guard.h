/*
 * The process between lockctl and the command, which ends the command when lockctl cannot:
 *
 *     lockctl run  ----  guard  ----  the command, its group, and all that is below it
 *        |                |
 *        |  link, page    |   parent of the command, and subreaper: orphans come to it
 *
 *  - lockctl dies, even by SIGKILL: the link closes, and the guard kills all of the command
 *    at once. The lease ends later, by its ttl.
 *  - lockctl lives but does not run (SIGSTOP, a hung disk): the page that both share says
 *    until when the lease is certain. The guard kills all before that.
 *  - The guard dies: its child gets SIGKILL from the kernel, everything else below it comes
 *    to lockctl, which is a subreaper, too, and ends it.
 *
 * The guard says on the link what its child does. When the child has ended, it is kept as a
 * zombie until guard_dismiss(), so that its process group cannot become another's meanwhile.
 * The guard is one fork() without an exec: it shares nearly all of its memory with lockctl.
 */
#ifndef LOCKCTL_GUARD_H
#define LOCKCTL_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The guard kills this much before the end of the lease; lockctl itself does it earlier. */
#define GUARD_MARGIN_NS UINT64_C(50000000)

/* In memory that both processes share. */
struct guard_page {
    uint64_t deadline_ns; /* Until when the lease is certain; CLOCK_BOOTTIME */
    uint32_t killed;      /* The guard has killed the command, because that was over. */
};

enum guard_kind {
    GUARD_FORKED,  /* value: the process id of the command */
    GUARD_FAILED,  /* value: the errno of exec */
    GUARD_STOPPED, /* value: the signal that stopped it */
    GUARD_ENDED,   /* value: its status, as from waitpid() */
    GUARD_GONE,    /* The guard itself ended. */
};

struct guard_event {
    enum guard_kind kind;
    int value;
};

struct guard {
    pid_t pid;
    int link; /* Readable: guard_next() has an event. */
    struct guard_page *page;
};

/*
 * Start guard and command; `deadline_ns` as in guard_extend(). Returns the command's process
 * id; -1: errno says why not, and nothing runs.
 */
pid_t guard_start(struct guard *guard, char **command, uint64_t deadline_ns);

/* Until when the lease is certain now; 0: no longer. */
void guard_extend(struct guard *guard, uint64_t deadline_ns);

/* The next event. False: none has come yet. */
bool guard_next(struct guard *guard, struct guard_event *event);

/* True when the guard killed the command because its lease was over. */
bool guard_has_killed(const struct guard *guard);

/* The command has ended: let the guard end, too, and wait for it. */
void guard_dismiss(struct guard *guard);

#ifdef __cplusplus
}
#endif

#endif
