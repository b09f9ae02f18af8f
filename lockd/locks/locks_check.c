/*
 * Checks the invariants of the whole state by a full walk: exclusion (G1), tokens (G2), the
 * order of queues (G7) and of every other list, that every part is in all the places where it must be and nowhere
 * else, that the pools hold nothing else, and that the kept digest equals the computed one.
 */
#include <assert.h>

#include "base/hash.h"
#include "locks/claim.h"
#include "locks/object.h"
#include "locks/order.h"
#include "locks/quotas.h"
#include "locks/remembered.h"
#include "locks/saving.h"
#include "locks/sessions.h"
#include "locks/state.h"

/* What the walk adds up. */
struct walk {
    const struct locks *locks;
    uint64_t digest;
    uint32_t sessions;
    uint32_t ending;
    uint32_t locks_found;
    uint32_t ready;
    /* Counted by session; by lock they are checked against the locks' counts. */
    uint32_t holds;
    uint32_t waits;
    uint32_t lock_holds;
    uint32_t lock_waits;
    uint32_t answers;
    uint32_t promised; /* Answers */
    uint32_t changes;
    uint32_t blocks;
    uint32_t filed; /* In the heap */
    /*
     * What was found of all parties, each times a number of the party's own: the sum over
     * all parties' counts must be the same. That finds a wrong count without room to count
     * each party anew.
     */
    uint64_t charged[QUOTA_COUNT];
};

static void add_weight(struct walk *walk, enum part part, const void *item)
{
    walk->digest += object_weight(part, item);
}

/* A number of the party, odd, so that nothing times it is lost. */
static uint64_t number_of(const struct party *party)
{
    return hash_bytes(party->key, sizeof(party->key), party->key_bytes) | 1;
}

/* The session's parties must have been charged with this. */
static void charge(
        struct walk *walk, const struct session *session, enum quota quota, uint32_t count)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        const struct party *party = session->parties[kind];
        if (party != NULL)
            walk->charged[quota] += count * number_of(party);
    }
}

static void charge_claim(
        struct walk *walk, const struct session *session, const struct lock *lock)
{
    charge(walk, session, QUOTA_HOLDS, 1);
    charge(walk, session, QUOTA_NAME_BLOCKS, namechain_blocks(lock->name_bytes));
}

static void check_hold(struct walk *walk, const struct hold *hold)
{
    const struct locks *locks = walk->locks;
    assert(hold->mode < MODE_COUNT);
    assert(1 <= hold->count && hold->count <= locks->settings.count_max);
    assert(1 <= hold->token && hold->token <= locks->token_last);
    assert(hold->granted_at <= locks->time);
    assert(hold->change <= hold->session->change);
    assert(claim_hold_by_token(locks, hold->token) == hold);
    assert(claim_hold_by_number(locks, hold->session, hold->number) == hold);
    assert(claim_wait_by_number(locks, hold->session, hold->number) == NULL);
    assert(pool_at(&locks->locks, pool_handle_of(&locks->locks, hold->lock)) == hold->lock);
    add_weight(walk, PART_HOLD, hold);
    charge_claim(walk, hold->session, hold->lock);
    charge(walk, hold->session, QUOTA_ANSWERS, hold->count);
    walk->holds++;
}

static void check_wait(struct walk *walk, const struct wait *wait)
{
    const struct locks *locks = walk->locks;
    assert(wait->mode < MODE_COUNT);
    assert(wait->due.tie_high == DUE_WAIT);
    assert(1 <= wait->due.tie_low && wait->due.tie_low <= locks->order_last);
    assert(heap_has(&wait->due) == (wait->due.key != UINT64_MAX));
    assert(claim_wait_by_number(locks, wait->session, wait->number) == wait);
    assert(pool_at(&locks->locks, pool_handle_of(&locks->locks, wait->lock)) == wait->lock);
    add_weight(walk, PART_WAIT, wait);
    walk->filed += heap_has(&wait->due);
    charge_claim(walk, wait->session, wait->lock);
    charge(walk, wait->session, QUOTA_WAITS, 1);
    charge(walk, wait->session, QUOTA_ANSWERS, 1);
    walk->waits++;
}

static void check_session_claims(struct walk *walk, const struct session *session)
{
    assert(order_holds(&session->holds, ORDER_HOLDS_OF_SESSION));
    assert(order_holds(&session->waits, ORDER_WAITS_OF_SESSION));
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->holds); node != NULL;
            node = list_next(&session->holds, node)) {
        const struct hold *hold = LIST_OWNER(node, struct hold, in_session);
        assert(hold->session == session);
        check_hold(walk, hold);
        walk->promised += hold->count;
        count++;
    }
    assert(count == session->hold_count);
    count = 0;
    for (struct list_node *node = list_first(&session->waits); node != NULL;
            node = list_next(&session->waits, node)) {
        const struct wait *wait = LIST_OWNER(node, struct wait, in_session);
        assert(wait->session == session);
        check_wait(walk, wait);
        walk->promised++;
        count++;
    }
    assert(count == session->wait_count);
}

static void check_session_answers(struct walk *walk, const struct session *session)
{
    assert(order_holds(&session->answers, ORDER_ANSWERS));
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->answers); node != NULL;
            node = list_next(&session->answers, node)) {
        const struct remembered *answer = LIST_OWNER(node, struct remembered, in_session);
        assert(answer->session == session);
        assert(answer->number > session->answered);
        assert(answer->number - session->answered <= REQUEST_WINDOW);
        assert(remembered_find(walk->locks, session, answer->number) == answer);
        add_weight(walk, PART_ANSWER, answer);
        count++;
    }
    assert(count == session->answer_count);
    assert(count <= REQUEST_WINDOW);
    walk->answers += count;
    if (count < ANSWERS_OF_SESSION)
        walk->promised += ANSWERS_OF_SESSION - count;
    bool own = count < ANSWERS_OF_SESSION;
    charge(walk, session, QUOTA_ANSWERS, own ? (uint32_t)ANSWERS_OF_SESSION : count);
}

static void check_session_changes(struct walk *walk, const struct session *session)
{
    assert(session->confirmed <= session->change);
    assert(session->dropped <= session->change);
    assert(order_holds(&session->changes, ORDER_CHANGES));
    uint64_t before =
            session->confirmed > session->dropped ? session->confirmed : session->dropped;
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->changes); node != NULL;
            node = list_next(&session->changes, node)) {
        const struct told *told = LIST_OWNER(node, struct told, in_session);
        assert(told->session == session);
        if (session->end_order == 0)
            assert(told->change.change == before + 1);
        before = told->change.change;
        add_weight(walk, PART_CHANGE, told);
        count++;
    }
    if (session->end_order == 0)
        assert(before == session->change);
    assert(count == session->change_count);
    assert(count <= walk->locks->settings.changes_per_session_max);
    walk->changes += count;
}

static void check_session_life(struct walk *walk, const struct session *session)
{
    const struct locks *locks = walk->locks;
    bool ending = session->end_order != 0;
    assert(ending == list_is_linked(&session->ending));
    assert(ending == (session->end_reason != 0));
    assert(ending != heap_has(&session->due));
    walk->ending += ending;
    walk->filed += !ending;
    if (ending) {
        assert(session->end_order <= locks->order_last);
        assert(!list_is_linked(&session->changed));
        return;
    }
    assert(session->due.tie_high == DUE_SESSION);
    assert(session->due.tie_low == session->id);
    assert(session->due.key >= session->deadline);
    assert(session->due.key <= sessions_due_at(locks, session));
}

static void check_session(struct walk *walk, const struct session *session)
{
    const struct locks *locks = walk->locks;
    assert(1 <= session->id && session->id <= locks->session_last);
    assert(sessions_find(locks, session->id) == session);
    unsigned char label[LABEL_BYTES_MAX];
    assert(session->label_bytes <= LABEL_BYTES_MAX);
    namechain_read(&locks->blocks, session->label, session->label_bytes, label);
    struct span text = {.bytes = label, .count = session->label_bytes};
    assert(session->identity == object_identity(session, text));
    walk->blocks += namechain_blocks(session->label_bytes);
    struct parties parties = quotas_find(locks, session->address, text);
    assert(parties.of[PARTY_ADDRESS] == session->parties[PARTY_ADDRESS]);
    assert(parties.of[PARTY_LABEL] == session->parties[PARTY_LABEL]);
    charge(walk, session, QUOTA_SESSIONS, 1);
    charge(walk, session, QUOTA_NAME_BLOCKS, namechain_blocks(session->label_bytes));
    add_weight(walk, PART_SESSION, session);
    check_session_life(walk, session);
    check_session_claims(walk, session);
    check_session_answers(walk, session);
    check_session_changes(walk, session);
    walk->sessions++;
}

/* G1: the holders of a lock are pairwise compatible. */
static void check_holders(struct walk *walk, const struct lock *lock)
{
    assert(order_holds(&lock->holders, ORDER_HOLDERS));
    uint32_t count = 0;
    for (struct list_node *node = list_first(&lock->holders); node != NULL;
            node = list_next(&lock->holders, node)) {
        const struct hold *hold = LIST_OWNER(node, struct hold, in_lock);
        assert(hold->lock == lock);
        assert(hold->token >= lock->id);
        for (struct list_node *next = list_next(&lock->holders, node); next != NULL;
                next = list_next(&lock->holders, next)) {
            const struct hold *other = LIST_OWNER(next, struct hold, in_lock);
            assert(!mode_excludes((enum lock_mode)hold->mode, (enum lock_mode)other->mode));
        }
        count++;
    }
    assert(count == lock->hold_count);
    walk->lock_holds += count;
}

/* G7: the queue is in the order of requests. */
static void check_queue(struct walk *walk, const struct lock *lock)
{
    assert(order_holds(&lock->queue, ORDER_QUEUE));
    uint32_t count = 0;
    for (struct list_node *node = list_first(&lock->queue); node != NULL;
            node = list_next(&lock->queue, node)) {
        const struct wait *wait = LIST_OWNER(node, struct wait, in_lock);
        assert(wait->lock == lock);
        count++;
    }
    assert(count == lock->wait_count);
    assert(count <= walk->locks->settings.waits_per_lock_max);
    walk->lock_waits += count;
}

static void check_lock(struct walk *walk, const struct lock *lock)
{
    const struct locks *locks = walk->locks;
    unsigned char name[NAME_BYTES_MAX];
    assert(1 <= lock->id && lock->id <= locks->token_last);
    assert(lock->name_bytes > 0);
    namechain_read(&locks->blocks, lock->name, lock->name_bytes, name);
    struct span span = {.bytes = name, .count = lock->name_bytes};
    assert(lock->hash == nametable_hash(span));
    assert(nametable_find(locks, span) == lock);
    assert(lock->hold_count > 0 || lock->wait_count > 0);
    check_holders(walk, lock);
    check_queue(walk, lock);

    bool ready = claim_is_ready(lock);
    assert(ready == list_is_linked(&lock->ready));
    assert(ready == (lock->ready_order != 0));
    assert(lock->ready_order <= locks->order_last);
    walk->ready += ready;
    walk->blocks += namechain_blocks(lock->name_bytes);
    add_weight(walk, PART_LOCK, lock);
    walk->locks_found++;
}

/* All locks, in the order in which they are listed. */
static void check_table(struct walk *walk)
{
    const struct locks *locks = walk->locks;
    uint64_t before = 0;
    for (uint32_t bucket = 0; bucket < nametable_bucket_count(&locks->names); bucket++) {
        uint32_t at = locks->names.heads[bucket];
        while (at != 0) {
            const struct lock *lock = pool_at(&locks->locks, at);
            assert(nametable_bucket(&locks->names, lock->hash) == bucket);
            assert(lock->hash >= before);
            before = lock->hash;
            check_lock(walk, lock);
            at = lock->next;
        }
    }
    assert(walk->locks_found == locks->names.count);
}

static void check_work(const struct walk *walk)
{
    const struct locks *locks = walk->locks;
    assert(order_holds(&locks->ending, ORDER_ENDING));
    assert(order_holds(&locks->ready, ORDER_READY));
    uint32_t count = 0;
    for (struct list_node *node = list_first(&locks->ending); node != NULL;
            node = list_next(&locks->ending, node))
        count++;
    assert(count == walk->ending);
    count = 0;
    for (struct list_node *node = list_first(&locks->ready); node != NULL;
            node = list_next(&locks->ready, node))
        count++;
    assert(count == walk->ready);
    assert(count == locks->ready_count);
}

/* The pools have what was found and nothing else, and no limit is exceeded. */
static void check_pools(const struct walk *walk)
{
    const struct locks *locks = walk->locks;
    const struct cluster_settings *settings = &locks->settings;
    assert(pool_count(&locks->sessions) == walk->sessions);
    assert(pool_count(&locks->locks) == walk->locks_found);
    assert(pool_count(&locks->holds) == walk->holds);
    assert(pool_count(&locks->waits) == walk->waits);
    assert(pool_count(&locks->answers) == walk->answers);
    assert(pool_count(&locks->changes) == walk->changes);
    assert(pool_count(&locks->blocks) == walk->blocks);
    assert(walk->lock_holds == walk->holds);
    assert(walk->lock_waits == walk->waits);
    assert(walk->sessions <= settings->sessions_max);
    assert(walk->locks_found <= settings->locks_max);
    assert(walk->holds + walk->ready <= settings->holds_max);
    assert(walk->waits <= settings->waits_max);
    assert(locks->answers_promised == walk->promised);
    assert(walk->answers + walk->promised <= settings->answers_max);
    assert(walk->changes <= settings->changes_max);
    assert(walk->blocks <= settings->name_blocks_max);
    assert(heap_count(&locks->due) == walk->filed);
}

/* Parties have what their sessions have, and none is without a session. */
static void check_parties(const struct walk *walk)
{
    uint64_t counted[QUOTA_COUNT] = {0};
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        const struct pool *pool = &walk->locks->parties[kind].pool;
        for (int quota = 0; quota < QUOTA_COUNT; quota++)
            assert(walk->locks->quota_most[kind][quota] ==
                    quotas_most(walk->locks, (enum party_kind)kind, (enum quota)quota));
        for (uint32_t at = pool_next(pool, 0); at != 0; at = pool_next(pool, at)) {
            const struct party *party = pool_at(pool, at);
            assert(party->counts[QUOTA_SESSIONS] > 0);
            for (int quota = 0; quota < QUOTA_COUNT; quota++)
                counted[quota] += party->counts[quota] * number_of(party);
        }
    }
    for (int quota = 0; quota < QUOTA_COUNT; quota++)
        assert(counted[quota] == walk->charged[quota]);
}

void locks_check(const struct locks *locks)
{
    struct walk walk = {.locks = locks};
    for (uint32_t at = pool_next(&locks->sessions, 0); at != 0;
            at = pool_next(&locks->sessions, at))
        check_session(&walk, pool_at(&locks->sessions, at));
    check_table(&walk);
    check_work(&walk);
    check_pools(&walk);
    check_parties(&walk);
    heap_check(&locks->due);
    saving_check(locks);
    assert(locks->lifted <= time_after(locks->time, locks->settings.term_grace_ns));
    assert(walk.digest == locks->digest);
}
