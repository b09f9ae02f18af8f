/*
 * The process between lockctl and the command, which ends the command when lockctl cannot:
 *
 *     lockctl run  ----  warden  ----  the command, its group, and all that is below it
 *        |                |
 *        |  link, page    |   parent of the command, and subreaper: orphans come to it
 *
 *  - lockctl dies, even by SIGKILL: the link closes, and the warden kills all of the command
 *    at once. The lease ends later, by its ttl.
 *  - lockctl lives but does not run (SIGSTOP, a hung disk): the page that both share says
 *    until when the lease is certain. The warden kills all before that.
 *  - The warden dies: its child gets SIGKILL from the kernel, everything else below it comes
 *    to lockctl, which is a subreaper, too, and ends it.
 *
 * The warden says on the link what its child does. When the child has ended, it is kept as a
 * zombie until warden_dismiss(), so that its process group cannot become another's meanwhile.
 * The warden is one fork() without an exec: it shares nearly all of its memory with lockctl.
 */
#ifndef LOCKCTL_WARDEN_H
#define LOCKCTL_WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The warden kills this much before the end of the lease; lockctl itself does it earlier. */
#define WARDEN_MARGIN_NS UINT64_C(50000000)

/* In memory that both processes share. */
struct warden_page {
    uint64_t deadline_ns; /* Until when the lease is certain; CLOCK_BOOTTIME */
    uint32_t killed;      /* The warden has killed the command, because that was over. */
};

enum warden_kind {
    WARDEN_FORKED,  /* value: the process id of the command */
    WARDEN_FAILED,  /* value: the errno of exec */
    WARDEN_STOPPED, /* value: the signal that stopped it */
    WARDEN_ENDED,   /* value: its status, as from waitpid() */
    WARDEN_GONE,    /* The warden itself ended. */
};

struct warden_event {
    enum warden_kind kind;
    int value;
};

struct warden {
    pid_t pid;
    int link; /* Readable: warden_next() has an event. */
    struct warden_page *page;
};

/*
 * Start warden and command; `deadline_ns` as in warden_extend(). Returns the command's process
 * id; -1: errno says why not, and nothing runs.
 */
pid_t warden_start(struct warden *warden, char **command, uint64_t deadline_ns);

/* Until when the lease is certain now; 0: no longer. */
void warden_extend(struct warden *warden, uint64_t deadline_ns);

/* The next event. False: none has come yet. */
bool warden_next(struct warden *warden, struct warden_event *event);

/* True when the warden killed the command because its lease was over. */
bool warden_has_killed(const struct warden *warden);

/* The command has ended: let the warden end, too, and wait for it. */
void warden_dismiss(struct warden *warden);

#ifdef __cplusplus
}
#endif

#endif
