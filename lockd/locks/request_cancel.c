/*
 * CANCEL: takes back what request `target` did, until its outcome is confirmed (G11).
 *
 *     target                                      what happens                 answer
 *     waits                                       the wait is removed          CANCELLED
 *     was granted, its answer not confirmed       one count is released        CANCELLED
 *     was granted from the queue, and the change
 *         that told it is not confirmed           one count is released        CANCELLED
 *     was refused or failed, answer not confirmed nothing                      CANCELLED
 *     has not come yet                            does nothing when it comes   CANCELLED
 *     has an outcome that is confirmed            nothing                      NOT_FOUND
 *     is not an acquire, or out of the window     nothing                      INVALID
 *
 * So CANCELLED means: the target holds nothing and never will. Its remembered answer, if it
 * is kept, becomes CANCELLED too, and no second CANCEL takes back twice.
 */
#include <assert.h>

#include "base/mark.h"
#include "locks/claim.h"
#include "locks/remembered.h"
#include "locks/requests.h"

/* The hold that the target brought and that is not confirmed; NULL: none. */
static struct hold *find_unconfirmed(const struct locks *locks,
        const struct session *session, uint64_t target, const struct remembered *known)
{
    if (known != NULL && known->status == STATUS_OK)
        return claim_hold_by_token(locks, known->token);
    struct hold *hold = claim_hold_by_number(locks, session, target);
    return hold != NULL && hold->change > session->confirmed ? hold : NULL;
}

/* True when the client has confirmed the target's outcome. */
static bool is_confirmed(const struct locks *locks, const struct session *session,
        uint64_t target, const struct remembered *known)
{
    if (known == NULL)
        return true;
    return known->status == STATUS_QUEUED &&
           claim_hold_by_number(locks, session, target) != NULL;
}

/* Undo what the target did. False: it is confirmed. */
static bool take_back(struct locks *locks, struct session *session, uint64_t target,
        struct answer *answer)
{
    struct remembered *known = remembered_find(locks, session, target);
    struct wait *wait = claim_wait_by_number(locks, session, target);
    struct hold *hold = find_unconfirmed(locks, session, target, known);
    if (wait != NULL) {
        struct lock *lock = wait->lock;
        claim_unwait(locks, wait);
        claim_settle(locks, lock);
    } else if (hold != NULL) {
        MARK(locks_cancel_released);
        if (hold->number == target)
            claim_told(locks, hold, 0);
        answer->count = claim_leave(locks, hold, 1);
    } else if (is_confirmed(locks, session, target, known)) {
        return false;
    }
    if (known != NULL)
        remembered_cancel(locks, known);
    return true;
}

/* Remember a request that has not come as CANCELLED. */
static void cancel_unseen(struct locks *locks, struct session *session, uint64_t target)
{
    MARK(locks_cancel_before_request);
    struct answer unseen = {
            .kind = REQUEST_ACQUIRE,
            .status = STATUS_CANCELLED,
            .number = target,
    };
    remembered_add(locks, session, &unseen);
}

static bool is_valid(const struct session *session, const struct request *request,
        const struct remembered *known)
{
    uint64_t target = request->target;
    bool past = target <= session->answered;
    return target != 0 && target != request->number &&
           (past || target - session->answered <= REQUEST_WINDOW) &&
           (known == NULL || known->kind == REQUEST_ACQUIRE);
}

bool request_cancel_ends(const struct locks *locks, const struct session *session,
        const struct request *request)
{
    uint64_t target = request->target;
    const struct remembered *known = remembered_find(locks, session, target);
    bool unseen = target > session->answered && known == NULL;
    return is_valid(session, request, known) && !unseen &&
           (claim_wait_by_number(locks, session, target) != NULL ||
                   find_unconfirmed(locks, session, target, known) != NULL);
}

void request_cancel(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer)
{
    uint64_t target = request->target;
    const struct remembered *known = remembered_find(locks, session, target);
    bool past = target <= session->answered;
    if (!is_valid(session, request, known)) {
        answer->status = STATUS_INVALID;
        return;
    }
    answer->status = STATUS_CANCELLED;
    if (!past && known == NULL)
        cancel_unseen(locks, session, target);
    else if (!take_back(locks, session, target, answer))
        answer->status = STATUS_NOT_FOUND;
}
