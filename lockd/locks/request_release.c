/*
 * RELEASE: ends exactly the hold that the token names (G12). For a token of another lock,
 * of another session or of the past the answer is NOT_FOUND, and nothing happens.
 */
#include "locks/claim.h"
#include "locks/requests.h"

/* NULL: the token does not name a hold of the session on that lock. */
static struct hold *find_named(const struct locks *locks, const struct session *session,
        const struct request *request)
{
    struct hold *hold = claim_hold_by_token(locks, request->target);
    bool named = hold != NULL && hold->session == session &&
                 nametable_names(locks, hold->lock, request->name);
    return named ? hold : NULL;
}

/* What a request may not say is refused before anything is looked up. */
static bool is_valid(const struct request *request)
{
    return request->name.count > 0 && request->name.count <= NAME_BYTES_MAX &&
           (request->flags & ~RELEASE_ALL) == 0;
}

bool request_release_ends(const struct locks *locks, const struct session *session,
        const struct request *request)
{
    return is_valid(request) && find_named(locks, session, request) != NULL;
}

void request_release(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer)
{
    if (!is_valid(request)) {
        answer->status = STATUS_INVALID;
        return;
    }
    struct hold *hold = find_named(locks, session, request);
    if (hold == NULL) {
        answer->status = STATUS_NOT_FOUND;
        return;
    }
    bool all = (request->flags & RELEASE_ALL) != 0;
    answer->status = STATUS_OK;
    answer->count = claim_leave(locks, hold, all ? hold->count : 1);
}
