/*
 * Due work, counted in items. An entry does at most work_max of them: a session filed
 * again, a step of a session's end, a wait that timed out, a grant from a queue.
 *
 * The order is: ends that have begun, in the order in which they began; then what is due,
 * in the order of (deadline, kind, id); then the grants that this made possible, in the
 * order in which the locks became free. An entry first finishes what was due by the time of
 * the entry before, grants included, and then does what has become due since. So nothing
 * overtakes, and no lock goes to a session whose end has begun or is overdue.
 */
#ifndef LOCKS_DUE_H
#define LOCKS_DUE_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Continue with the work left in the state, as far as the entry's items allow. */
void due_work(struct locks *locks);

/* A wait has failed: report its end and settle its lock. */
void due_fail_wait(struct locks *locks, struct wait *wait, enum status status);

#ifdef __cplusplus
}
#endif

#endif
