/*
 * Ends everything below a process: children, their children, and orphans that came to it as
 * subreaper, whatever group or session they are in.
 */
#ifndef LOCKCTL_DESCENDANTS_H
#define LOCKCTL_DESCENDANTS_H

#include <stdbool.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct descendants {
    pid_t root;  /* What is below it, but not itself. */
    pid_t group; /* And all of this process group; 0: none */
    pid_t spare; /* Not this one, but what is below it; 0: none */
};

/* What was still alive when descendants_kill looked. */
struct survivors {
    int count;
    pid_t pid; /* One of them */
    uid_t user;
    bool refused; /* It may not be killed: it belongs to another user. */
};

/*
 * Send SIGKILL to the group, then to each descendant that is alive. Call it until `count` is
 * 0: while one looks, others may fork. Without /proc only the group is reached.
 */
struct survivors descendants_kill(const struct descendants *below);

/* The same until nothing is alive, or for `most_ms`, or as long as it is of use. */
struct survivors descendants_end(const struct descendants *below, int most_ms);

#ifdef __cplusplus
}
#endif

#endif
