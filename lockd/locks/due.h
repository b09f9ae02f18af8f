/*
 * Due work, counted in items of which an entry does at most work_max: a session filed again,
 * a step of a session's end, a wait that timed out, a grant from a queue.
 *
 * What an earlier entry left over goes first: ends of sessions, in the order in which they
 * began, before grants, in the order in which their locks came free. Then what has come due,
 * in the order of (deadline, kind, id), then the grants that this made possible. So nothing
 * overtakes, and a grant is never made to a session whose end has begun.
 */
#ifndef LOCKS_DUE_H
#define LOCKS_DUE_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Go on with what stands in the state, while the entry's items last. */
void due_work(struct locks *locks);

/* A wait has failed: its end is told, its lock settled. */
void due_fail_wait(struct locks *locks, struct wait *wait, enum status status);

#ifdef __cplusplus
}
#endif

#endif
