/*
 * Changes: what a session must learn about its holds and waits besides the answers to its
 * own requests. They have numbers, +1 each, and are kept until the client confirms them.
 * When there is no more room, the session's oldest change is dropped. The client then gets
 * a list of all that it has instead, so only the history is lost.
 *
 * The changes with numbers in (max(confirmed, dropped), change] are kept, and no others.
 */
#ifndef LOCKS_TOLD_H
#define LOCKS_TOLD_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The session's next change; its number is filled in. */
void told_add(struct locks *locks, struct session *session, struct change change);

/* Put a change whose fields are set at the end of its session's. */
void told_link(struct locks *locks, struct told *told);

/*
 * Forget the changes up to `confirmed`. Call it within a change of the session, between its
 * two reports.
 */
void told_confirm(struct locks *locks, struct session *session, uint64_t confirmed);

/* Drop the oldest. */
void told_drop(struct locks *locks, struct session *session);

#ifdef __cplusplus
}
#endif

#endif
