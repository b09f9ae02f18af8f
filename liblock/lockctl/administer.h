/* What the commands of an operator share: one request to the cluster, and its answer. */
#ifndef LOCKCTL_ADMINISTER_H
#define LOCKCTL_ADMINISTER_H

#include "lockctl/lockctl.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Sends the request to the leader and waits for the answer as long as --connect says. Returns
 * the exit code, and has printed why if it is not EXIT_DONE. `answer` has what a node said,
 * also if there was no leader or if the cluster refused; its `node` is 0 if none answered.
 */
int administer(const struct common *common, const struct lk_admin_request *request,
        struct lk_admin_answer *answer);

#ifdef __cplusplus
}
#endif

#endif
