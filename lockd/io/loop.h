/*
 * A node at work: everything is opened, the log read, then one turn follows another:
 *
 *     take completions, step each; step the turn's end; perform its effects; submit, wait
 *
 * All effects of a turn share one submission, and the thread sleeps in the same system call
 * until something comes back or the next deadline.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "io/tell.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct loop_settings {
    const char *data;
    struct address listen;
    const char *congestion; /* Between nodes: see listen_tune_peer() */
    bool sync_after;        /* Write and fdatasync rather than RWF_DSYNC */
    struct tell tell;
};

/*
 * Raise the soft limit on descriptors to the hard one, and take back *connections to what it
 * then allows, which is said. False if not even the fewest fit.
 */
bool loop_fit_connections(
        const struct tell *tell, uint8_t member_count, uint32_t *connections);

/* Take everything that io and node need; with an arena that only measures, the memory plan. */
struct node *loop_measure(struct arena *arena, const struct node_settings *node);

/* Run until stopped; returns the exit status: 0 stopped as asked, 1 with an error said. */
int loop_run(const struct loop_settings *settings, const struct node_settings *node);

#ifdef __cplusplus
}
#endif

#endif
