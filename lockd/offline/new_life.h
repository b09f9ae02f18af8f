/*
 * A new life of a cluster, in a new data directory: of one voter, from a state that was saved.
 *
 * Nobody knows what the old life granted after the state was saved. So all sessions end, tokens
 * begin far above all that can have been used, nothing is granted for the longest ttl, and the
 * cluster has a new id, so that nodes of the old life are refused.
 */
#ifndef OFFLINE_NEW_LIFE_H
#define OFFLINE_NEW_LIFE_H

#include "offline/saved_state.h"
#include "ops/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * `state` as of `state->header.last`; `source` is where it comes from, for people. Prints what
 * was done and what comes next. Returns the exit status of the process; errors are printed.
 */
int offline_begin_life(
        const struct config *config, struct offline_state *state, const char *source);

/* Print an error of the program as lockd does; returns the exit status for it. */
int offline_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
