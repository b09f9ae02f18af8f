#include "locks/object.h"

#include <string.h>

#include "base/hash.h"
#include "locks/saving.h"

/*
 * One more word of a part. For a given weight no two words give the same result, so a
 * change of one word always shows. A hash of bytes would cost more: parts are weighed at
 * every change.
 */
static uint64_t fold(uint64_t weight, uint64_t word)
{
    weight = (weight ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return weight ^ (weight >> 32);
}

static uint64_t weigh_session(const struct session *session)
{
    uint64_t weight = fold(PART_SESSION, session->identity);
    weight = fold(weight, session->deadline);
    weight = fold(weight, heap_has(&session->due) ? session->due.key : 0);
    weight = fold(weight, session->change);
    weight = fold(weight, session->confirmed);
    weight = fold(weight, session->dropped);
    weight = fold(weight, session->answered);
    weight = fold(weight, session->end_order);
    return fold(weight, session->end_reason);
}

/*
 * Its holds and waits say who holds and waits, and no lock is without any. Only its place
 * among the ready locks is left to weigh.
 */
static uint64_t weigh_lock(const struct lock *lock)
{
    if (lock->ready_order == 0)
        return 0;
    uint64_t weight = fold(PART_LOCK, lock->hash);
    weight = fold(weight, lock->name_bytes);
    return fold(weight, lock->ready_order);
}

static uint64_t weigh_hold(const struct hold *hold)
{
    uint64_t weight = fold(PART_HOLD, hold->lock->hash);
    weight = fold(weight, hold->session->id);
    weight = fold(weight, hold->token);
    weight = fold(weight, hold->owner);
    weight = fold(weight, hold->number);
    weight = fold(weight, hold->granted_at);
    weight = fold(weight, hold->change);
    weight = fold(weight, hold->count);
    return fold(weight, hold->mode);
}

static uint64_t weigh_wait(const struct wait *wait)
{
    uint64_t weight = fold(PART_WAIT, wait->lock->hash);
    weight = fold(weight, wait->session->id);
    weight = fold(weight, wait->owner);
    weight = fold(weight, wait->number);
    weight = fold(weight, wait->due.key);
    weight = fold(weight, wait->due.tie_low);
    return fold(weight, wait->mode);
}

static uint64_t weigh_answer(const struct remembered *answer)
{
    uint64_t weight = fold(PART_ANSWER, answer->session->id);
    weight = fold(weight, answer->number);
    weight = fold(weight, answer->token);
    uint32_t said = (uint32_t)answer->kind << 16 | (uint32_t)answer->status << 8;
    weight = fold(weight, said | answer->detail);
    return fold(weight, answer->count);
}

static uint64_t weigh_change(const struct told *told)
{
    uint64_t weight = fold(PART_CHANGE, told->session->id);
    weight = fold(weight, told->change.kind);
    weight = fold(weight, told->change.status);
    weight = fold(weight, told->change.change);
    weight = fold(weight, told->change.number);
    return fold(weight, told->change.token);
}

uint64_t object_identity(const struct session *session, struct span label)
{
    uint64_t secret[SECRET_BYTES / sizeof(uint64_t)];
    memcpy(secret, session->secret, sizeof(secret));
    uint64_t address[CLIENT_ADDRESS_BYTES / sizeof(uint64_t)];
    memcpy(address, session->address, sizeof(address));
    uint64_t identity = fold(session->id, session->ttl_ns);
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        identity = fold(identity, secret[i]);
    for (size_t i = 0; i < sizeof(address) / sizeof(address[0]); i++)
        identity = fold(identity, address[i]);
    return fold(identity, hash_bytes(label.bytes, label.count, 0));
}

uint64_t object_weight(enum part part, const void *item)
{
    switch (part) {
    case PART_SESSION:
        return weigh_session(item);
    case PART_LOCK:
        return weigh_lock(item);
    case PART_HOLD:
        return weigh_hold(item);
    case PART_WAIT:
        return weigh_wait(item);
    case PART_ANSWER:
        return weigh_answer(item);
    case PART_CHANGE:
        return weigh_change(item);
    }
    return 0;
}

void object_change(struct locks *locks, enum edge edge, enum part part, const void *item)
{
    if (locks->saving.active)
        saving_see(locks, edge, part, item);
    /* A sum, so that the order in which parts came and went does not matter. */
    uint64_t weight = object_weight(part, item);
    locks->digest += edge == BEFORE ? 0 - weight : weight;
}
