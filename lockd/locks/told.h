/*
 * Changes: what a session must hear of its holds and waits besides the answers to its own
 * requests. They have numbers, +1 each, and are kept until the client confirms them. Where
 * there is no more room the session's oldest goes; the client then gets a list of all that
 * it has instead, so nothing is lost but the story.
 *
 * Kept are exactly the changes with numbers in (max(confirmed, dropped), change].
 */
#ifndef LOCKS_TOLD_H
#define LOCKS_TOLD_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The session's next change; its number is filled in. */
void told_add(struct locks *locks, struct session *session, struct change change);

/* Forget the changes up to `confirmed`. The session is being changed: between its edges. */
void told_confirm(struct locks *locks, struct session *session, uint64_t confirmed);

/* Drop the oldest. */
void told_drop(struct locks *locks, struct session *session);

#ifdef __cplusplus
}
#endif

#endif
