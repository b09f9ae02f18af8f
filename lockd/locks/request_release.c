/*
 * RELEASE: ends exactly the hold that the token names (G12). For a token of another lock,
 * of another session or of the past the answer is NOT_FOUND, and nothing happens.
 */
#include "locks/claim.h"
#include "locks/requests.h"

void request_release(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer)
{
    if (request->name.count == 0 || request->name.count > NAME_BYTES_MAX ||
            (request->flags & ~RELEASE_ALL) != 0) {
        answer->status = STATUS_INVALID;
        return;
    }
    struct hold *hold = claim_hold_by_token(locks, request->target);
    if (hold == NULL || hold->session != session ||
            !nametable_names(locks, hold->lock, request->name)) {
        answer->status = STATUS_NOT_FOUND;
        return;
    }
    bool all = (request->flags & RELEASE_ALL) != 0;
    answer->status = STATUS_OK;
    answer->count = claim_leave(locks, hold, all ? hold->count : 1);
}
