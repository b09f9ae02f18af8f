/*
 * What each kind of numbered request does. The session is alive and the number is new. The
 * function fills in status, detail, token and count of the answer, which is then
 * remembered.
 *
 * Each first checks everything that may refuse the request, and then does what cannot fail.
 */
#ifndef LOCKS_REQUESTS_H
#define LOCKS_REQUESTS_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

void request_acquire(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer);
void request_release(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer);
void request_cancel(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer);

/* True when the request ends a hold of the session, or takes a count of it. */
bool request_release_ends(const struct locks *locks, const struct session *session,
        const struct request *request);

/* True when the request takes back a wait or a grant of the session. */
bool request_cancel_ends(const struct locks *locks, const struct session *session,
        const struct request *request);

static inline void answer_limit(struct answer *answer, enum limit limit)
{
    answer->status = STATUS_LIMIT;
    answer->detail = (uint8_t)limit;
}

#ifdef __cplusplus
}
#endif

#endif
