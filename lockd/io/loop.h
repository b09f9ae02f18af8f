/*
 * A node at work: it opens everything, reads the log, then runs one turn after another:
 *
 *     take completions, step each; step the turn's end; perform its effects; submit, wait
 *
 * All effects of a turn share one submission. In the same system call the thread sleeps
 * until a completion or the next deadline.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "io/http.h"
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
    bool to_try;            /* The data may be in memory. */
    struct address http;    /* Where metrics and probes are; port 0: nowhere */
    struct http_pages pages;
    struct tell tell;
};

/*
 * Raise the soft limit of descriptors to the hard limit, and lower *connections to what it
 * allows, which is logged. False if not even the smallest number fits.
 */
bool loop_fit_connections(
        const struct tell *tell, uint8_t member_count, uint32_t *connections);

/*
 * Take all memory of io and node from the arena. With an arena that only measures, this is
 * the plan.
 */
struct node *loop_measure(struct arena *arena, const struct loop_settings *settings,
        const struct node_settings *node);

/*
 * Run until stopped. Returns the exit status: 0 clean shutdown, 1 after an error was
 * logged.
 */
int loop_run(const struct loop_settings *settings, const struct node_settings *node);

#ifdef __cplusplus
}
#endif

#endif
