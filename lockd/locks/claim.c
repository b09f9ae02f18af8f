#include "locks/claim.h"

#include <assert.h>

#include "locks/object.h"
#include "locks/quotas.h"
#include "locks/remembered.h"
#include "locks/told.h"

struct lock *claim_lock(struct locks *locks, struct span name, uint64_t hash)
{
    uint32_t handle = pool_take(&locks->locks);
    struct lock *lock = pool_at(&locks->locks, handle);
    lock->id = locks->token_last + 1; /* Its first hold comes next. */
    lock->hash = hash;
    lock->name = namechain_put(&locks->blocks, name);
    lock->name_bytes = (uint8_t)name.count;
    list_init(&lock->holders);
    list_init(&lock->queue);
    nametable_add(locks, handle, name);
    object_change(locks, AFTER, PART_LOCK, lock);
    return lock;
}

static void remove_lock(struct locks *locks, struct lock *lock)
{
    assert(!list_is_linked(&lock->ready));
    object_change(locks, BEFORE, PART_LOCK, lock);
    namechain_give(&locks->blocks, lock->name);
    pool_give(&locks->locks, nametable_remove(locks, lock));
}

static struct hold *hold_in_lock(struct list_node *node)
{
    return node == NULL ? NULL : LIST_OWNER(node, struct hold, in_lock);
}

static struct wait *first_wait(const struct lock *lock)
{
    struct list_node *node = list_first(&lock->queue);
    return node == NULL ? NULL : LIST_OWNER(node, struct wait, in_lock);
}

bool claim_admits(const struct lock *lock, enum lock_mode mode)
{
    for (struct list_node *node = list_first(&lock->holders); node != NULL;
            node = list_next(&lock->holders, node))
        if (mode_excludes((enum lock_mode)hold_in_lock(node)->mode, mode))
            return false;
    return true;
}

struct hold *claim_hold_of(
        const struct lock *lock, const struct session *session, uint64_t owner)
{
    if (owner == 0)
        return NULL;
    for (struct list_node *node = list_first(&lock->holders); node != NULL;
            node = list_next(&lock->holders, node)) {
        struct hold *hold = hold_in_lock(node);
        if (hold->session == session && hold->owner == owner)
            return hold;
    }
    return NULL;
}

struct hold *claim_hold_by_token(const struct locks *locks, uint64_t token)
{
    uint32_t at = buckets_first(&locks->holds_by_token, token);
    while (at != 0) {
        struct hold *hold = pool_at(&locks->holds, at);
        if (hold->token == token)
            return hold;
        at = hold->token_next;
    }
    return NULL;
}

struct hold *claim_hold_by_number(
        const struct locks *locks, const struct session *session, uint64_t number)
{
    uint32_t at = buckets_first(&locks->holds_by_number, number_key(session, number));
    while (at != 0) {
        struct hold *hold = pool_at(&locks->holds, at);
        if (hold->session == session && hold->number == number)
            return hold;
        at = hold->number_next;
    }
    return NULL;
}

struct wait *claim_wait_by_number(
        const struct locks *locks, const struct session *session, uint64_t number)
{
    uint32_t at = buckets_first(&locks->waits_by_number, number_key(session, number));
    while (at != 0) {
        struct wait *wait = pool_at(&locks->waits, at);
        if (wait->session == session && wait->number == number)
            return wait;
        at = wait->number_next;
    }
    return NULL;
}

/* What a hold or a wait costs its session's parties, beside the promised answer */
static void charge(struct session *session, enum quota quota, const struct lock *lock)
{
    quotas_charge(session, quota, 1);
    quotas_charge(session, QUOTA_NAME_BLOCKS, namechain_blocks(lock->name_bytes));
}

static void discharge(struct session *session, enum quota quota, const struct lock *lock)
{
    quotas_discharge(session, quota, 1);
    quotas_discharge(session, QUOTA_NAME_BLOCKS, namechain_blocks(lock->name_bytes));
}

void claim_link_hold(struct locks *locks, struct hold *hold, uint32_t handle)
{
    list_push_back(&hold->lock->holders, &hold->in_lock);
    list_push_back(&hold->session->holds, &hold->in_session);
    hold->session->hold_count++;
    buckets_add(&locks->holds_by_token, &locks->holds, hold->token, handle);
    buckets_add(&locks->holds_by_number, &locks->holds,
            number_key(hold->session, hold->number), handle);
    object_change(locks, AFTER, PART_HOLD, hold);
    hold->lock->hold_count++;
    charge(hold->session, QUOTA_HOLDS, hold->lock);
    remembered_promise(locks, hold->session, hold->count);
}

struct hold *claim_hold(struct locks *locks, const struct claim *claim)
{
    assert(claim_admits(claim->lock, claim->mode));
    uint32_t handle = pool_take(&locks->holds);
    struct hold *hold = pool_at(&locks->holds, handle);
    hold->lock = claim->lock;
    hold->session = claim->session;
    hold->owner = claim->owner;
    hold->number = claim->number;
    hold->mode = (uint8_t)claim->mode;
    hold->token = ++locks->token_last;
    hold->granted_at = locks->time;
    hold->count = 1;
    claim_link_hold(locks, hold, handle);
    return hold;
}

static void remove_hold(struct locks *locks, struct hold *hold)
{
    struct lock *lock = hold->lock;
    object_change(locks, BEFORE, PART_HOLD, hold);
    histogram_add(&locks->figures.hold_ns, locks->time - hold->granted_at);
    (void)buckets_remove(&locks->holds_by_token, &locks->holds, hold->token, hold);
    uint32_t handle = buckets_remove(&locks->holds_by_number, &locks->holds,
            number_key(hold->session, hold->number), hold);
    list_remove(&hold->in_lock);
    list_remove(&hold->in_session);
    hold->session->hold_count--;
    discharge(hold->session, QUOTA_HOLDS, lock);
    pool_give(&locks->holds, handle);
    lock->hold_count--;
}

uint32_t claim_enter(struct locks *locks, struct hold *hold)
{
    object_change(locks, BEFORE, PART_HOLD, hold);
    hold->count++;
    object_change(locks, AFTER, PART_HOLD, hold);
    remembered_promise(locks, hold->session, 1);
    return hold->count;
}

uint32_t claim_leave(struct locks *locks, struct hold *hold, uint32_t count)
{
    assert(0 < count && count <= hold->count);
    remembered_unpromise(locks, hold->session, count);
    uint32_t left = hold->count - count;
    if (left > 0) {
        object_change(locks, BEFORE, PART_HOLD, hold);
        hold->count = left;
        object_change(locks, AFTER, PART_HOLD, hold);
        return left;
    }
    struct lock *lock = hold->lock;
    remove_hold(locks, hold);
    claim_settle(locks, lock);
    return 0;
}

void claim_told(struct locks *locks, struct hold *hold, uint64_t change)
{
    object_change(locks, BEFORE, PART_HOLD, hold);
    hold->change = change;
    object_change(locks, AFTER, PART_HOLD, hold);
}

void claim_link_wait(struct locks *locks, struct wait *wait, uint32_t handle)
{
    if (wait->due.key != UINT64_MAX)
        heap_add(&locks->due, &wait->due);
    list_push_back(&wait->lock->queue, &wait->in_lock);
    list_push_back(&wait->session->waits, &wait->in_session);
    wait->session->wait_count++;
    buckets_add(&locks->waits_by_number, &locks->waits,
            number_key(wait->session, wait->number), handle);
    object_change(locks, AFTER, PART_WAIT, wait);
    wait->lock->wait_count++;
    charge(wait->session, QUOTA_HOLDS, wait->lock);
    quotas_charge(wait->session, QUOTA_WAITS, 1);
    remembered_promise(locks, wait->session, 1);
}

struct wait *claim_wait(struct locks *locks, const struct claim *claim, uint64_t deadline)
{
    uint32_t handle = pool_take(&locks->waits);
    struct wait *wait = pool_at(&locks->waits, handle);
    wait->lock = claim->lock;
    wait->session = claim->session;
    wait->owner = claim->owner;
    wait->number = claim->number;
    wait->mode = (uint8_t)claim->mode;
    wait->asked_at = locks->time;
    wait->due.key = deadline;
    wait->due.tie_high = DUE_WAIT;
    wait->due.tie_low = ++locks->order_last;
    claim_link_wait(locks, wait, handle);
    return wait;
}

void claim_unwait(struct locks *locks, struct wait *wait)
{
    struct lock *lock = wait->lock;
    object_change(locks, BEFORE, PART_WAIT, wait);
    if (wait->asked_at != 0)
        histogram_add(&locks->figures.wait_ns, locks->time - wait->asked_at);
    if (heap_has(&wait->due))
        heap_remove(&locks->due, &wait->due);
    uint32_t handle = buckets_remove(&locks->waits_by_number, &locks->waits,
            number_key(wait->session, wait->number), wait);
    list_remove(&wait->in_lock);
    list_remove(&wait->in_session);
    wait->session->wait_count--;
    lock->wait_count--;
    discharge(wait->session, QUOTA_HOLDS, lock);
    quotas_discharge(wait->session, QUOTA_WAITS, 1);
    remembered_unpromise(locks, wait->session, 1);
    pool_give(&locks->waits, handle);
}

void claim_link_ready(struct locks *locks, struct lock *lock)
{
    list_push_back(&locks->ready, &lock->ready);
    locks->ready_count++;
}

static void set_ready(struct locks *locks, struct lock *lock, bool ready)
{
    object_change(locks, BEFORE, PART_LOCK, lock);
    if (ready) {
        lock->ready_order = ++locks->order_last;
        claim_link_ready(locks, lock);
    } else {
        lock->ready_order = 0;
        list_remove(&lock->ready);
        locks->ready_count--;
    }
    object_change(locks, AFTER, PART_LOCK, lock);
}

bool claim_is_ready(const struct lock *lock)
{
    const struct wait *first = first_wait(lock);
    return first != NULL && claim_admits(lock, (enum lock_mode)first->mode);
}

void claim_settle(struct locks *locks, struct lock *lock)
{
    bool ready = claim_is_ready(lock);
    if (ready != list_is_linked(&lock->ready))
        set_ready(locks, lock, ready);
    if (lock->hold_count == 0 && lock->wait_count == 0)
        remove_lock(locks, lock);
}

void claim_grant(struct locks *locks, struct lock *lock)
{
    struct wait *wait = first_wait(lock);
    assert(wait != NULL);
    assert(wait->session->end_order == 0);
    struct claim claim = {
            .lock = lock,
            .session = wait->session,
            .owner = wait->owner,
            .number = wait->number,
            .mode = (enum lock_mode)wait->mode,
    };
    claim_unwait(locks, wait);
    struct hold *hold = claim_hold(locks, &claim);
    told_add(locks, claim.session,
            (struct change){
                    .kind = CHANGE_GRANTED, .number = claim.number, .token = hold->token});
    claim_told(locks, hold, claim.session->change);
    claim_settle(locks, lock);
}
