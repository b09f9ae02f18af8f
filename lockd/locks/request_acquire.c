/*
 * ACQUIRE: enters again, grants, tries or queues.
 *
 * Whether an owner enters its own hold is decided when the request comes in, and never for
 * a wait: two waits of one owner are two waits. No request overtakes a queue.
 *
 * Each lock in the list `ready` will need a hold. That many holds are kept in reserve, so a
 * grant from a queue never fails because none is free.
 */
#include <assert.h>

#include "base/mark.h"
#include "locks/claim.h"
#include "locks/quotas.h"
#include "locks/requests.h"

/* Each wait will need one. */
static bool has_tokens(const struct locks *locks)
{
    return locks->token_last + pool_count(&locks->waits) + 2 < TOKEN_END;
}

/* A wait counts as the hold that it will become. */
static bool has_enough_holds(const struct locks *locks, const struct session *session)
{
    uint64_t count = (uint64_t)session->hold_count + session->wait_count;
    return count >= locks->settings.holds_per_session_max;
}

/*
 * The capacity that prevents a new hold; 0: none. A new name must fit into the quota of its
 * party; a wait for a name that is there is charged with it, but never refused for it.
 */
static enum limit find_hold_limit(
        const struct locks *locks, const struct session *session, uint32_t name_bytes)
{
    const struct cluster_settings *settings = &locks->settings;
    if (!has_tokens(locks))
        return LIMIT_TOKENS;
    if (has_enough_holds(locks, session))
        return LIMIT_SESSION_HOLDS;
    if (pool_count(&locks->holds) + locks->ready_count >= settings->holds_max)
        return LIMIT_HOLDS;
    if (pool_count(&locks->locks) >= settings->locks_max)
        return LIMIT_LOCKS;
    uint32_t blocks = namechain_blocks(name_bytes);
    if (blocks > settings->name_blocks_max - pool_count(&locks->blocks))
        return LIMIT_NAME_BLOCKS;
    enum limit limit = quotas_limit(locks, session->parties, QUOTA_HOLDS, 1);
    return limit != 0 ? limit
                      : quotas_limit(locks, session->parties, QUOTA_NAME_BLOCKS, blocks);
}

/* `lock_waits`: how many wait for that lock already. */
static enum limit find_wait_limit(
        const struct locks *locks, const struct session *session, uint32_t lock_waits)
{
    const struct cluster_settings *settings = &locks->settings;
    if (!has_tokens(locks))
        return LIMIT_TOKENS;
    if (has_enough_holds(locks, session))
        return LIMIT_SESSION_HOLDS;
    if (session->wait_count >= settings->waits_per_session_max)
        return LIMIT_SESSION_WAITS;
    if (pool_count(&locks->waits) >= settings->waits_max)
        return LIMIT_WAITS;
    if (lock_waits >= settings->waits_per_lock_max)
        return LIMIT_WAITS_PER_LOCK;
    enum limit limit = quotas_limit(locks, session->parties, QUOTA_HOLDS, 1);
    return limit != 0 ? limit : quotas_limit(locks, session->parties, QUOTA_WAITS, 1);
}

static void grant_new(struct locks *locks, struct claim *claim, struct span name,
        uint64_t hash, struct answer *answer)
{
    enum limit limit = find_hold_limit(locks, claim->session, name.count);
    if (limit != 0) {
        MARK(locks_hold_refused);
        answer_limit(answer, limit);
        return;
    }
    claim->lock = claim_lock(locks, name, hash);
    answer->status = STATUS_OK;
    answer->token = claim_hold(locks, claim)->token;
    answer->count = 1;
}

static void enter_own(
        struct locks *locks, struct hold *hold, bool reentrant, struct answer *answer)
{
    if (!reentrant) {
        answer->status = STATUS_DEADLOCK;
    } else if (hold->count >= locks->settings.count_max) {
        answer_limit(answer, LIMIT_COUNT);
    } else {
        answer->status = STATUS_OK;
        answer->token = hold->token;
        answer->count = claim_enter(locks, hold);
    }
}

static void queue_up(struct locks *locks, const struct claim *claim, uint64_t wait_ns,
        struct answer *answer)
{
    enum limit limit = find_wait_limit(locks, claim->session, claim->lock->wait_count);
    if (wait_ns == 0) {
        answer->status = STATUS_TIMEOUT;
    } else if (limit != 0) {
        MARK(locks_wait_refused);
        answer_limit(answer, limit);
    } else {
        answer->status = STATUS_QUEUED;
        answer->count = claim->lock->wait_count;
        claim_wait(locks, claim, time_after(locks->time, wait_ns));
    }
}

/* Quarantine: the lock is free, and its queue begins. Its id is a token that nobody gets. */
static void queue_first(struct locks *locks, struct claim *claim,
        const struct request *request, uint64_t hash, struct answer *answer)
{
    enum limit limit = find_hold_limit(locks, claim->session, request->name.count);
    if (limit == 0)
        limit = find_wait_limit(locks, claim->session, 0);
    if (request->wait_ns == 0) {
        answer->status = STATUS_TIMEOUT;
    } else if (limit != 0) {
        MARK(locks_wait_refused);
        answer_limit(answer, limit);
    } else {
        answer->status = STATUS_QUEUED;
        claim->lock = claim_lock(locks, request->name, hash);
        locks->token_last = claim->lock->id;
        (void)claim_wait(locks, claim, time_after(locks->time, request->wait_ns));
        claim_settle(locks, claim->lock);
    }
}

void request_acquire(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer)
{
    if (request->name.count == 0 || request->name.count > NAME_BYTES_MAX ||
            (request->flags & ~ACQUIRE_REENTRANT) != 0) {
        answer->status = STATUS_INVALID;
        return;
    }
    uint64_t hash = nametable_hash(request->name);
    struct claim claim = {
            .lock = nametable_find_hashed(locks, request->name, hash),
            .session = session,
            .owner = request->owner,
            .number = request->number,
            .mode = MODE_EX,
    };
    if (claim.lock == NULL && is_quarantined(locks)) {
        queue_first(locks, &claim, request, hash, answer);
        return;
    }
    if (claim.lock == NULL) {
        grant_new(locks, &claim, request->name, hash, answer);
        return;
    }
    struct hold *own = claim_hold_of(claim.lock, session, request->owner);
    if (own != NULL)
        enter_own(locks, own, (request->flags & ACQUIRE_REENTRANT) != 0, answer);
    else
        queue_up(locks, &claim, request->wait_ns, answer);
}
