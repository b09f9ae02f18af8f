/*
 * Remembered answers: a request that comes again gets the answer it had (G6). An answer is
 * kept from the time when its request is applied until the session says that it has the
 * answer, or ends.
 */
#ifndef LOCKS_REMEMBERED_H
#define LOCKS_REMEMBERED_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The answer to a number; NULL: none. */
struct remembered *remembered_find(
        const struct locks *locks, const struct session *session, uint64_t number);

/* True when `count` more may be remembered. */
bool remembered_room(const struct locks *locks, uint32_t count);

void remembered_add(
        struct locks *locks, struct session *session, const struct answer *answer);

/* The request was taken back: from now on its answer is CANCELLED. */
void remembered_cancel(struct locks *locks, struct remembered *answer);

/* Forget one; `remembered_forget` all up to a number. */
void remembered_drop(struct locks *locks, struct remembered *answer);
void remembered_forget(struct locks *locks, struct session *session, uint64_t answered);

#ifdef __cplusplus
}
#endif

#endif
