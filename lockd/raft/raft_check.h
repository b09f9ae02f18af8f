/*
 * What must be true of a raft at any time, and of any step. For tests and the simulator. A
 * violation fails an assertion.
 */
#ifndef RAFT_RAFT_CHECK_H
#define RAFT_RAFT_CHECK_H

#include "raft/raft_state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Between steps. Costs a walk over the terms of the log. */
void raft_check(const struct raft *raft);

/* `before` is a copy of the struct made before the step; its arrays have moved on. */
void raft_check_step(const struct raft *before, const struct raft *after);

#ifdef __cplusplus
}
#endif

#endif
