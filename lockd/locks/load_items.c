#include "locks/load_items.h"

#include <assert.h>
#include <string.h>

#include "locks/claim.h"
#include "locks/object.h"
#include "locks/record.h"
#include "locks/remembered.h"
#include "locks/sessions.h"
#include "locks/told.h"
#include "protocol/status.h"

/* Room for a text and for promised answers, which the functions that link do not check. */
static bool has_blocks(const struct locks *locks, struct span text)
{
    return namechain_blocks(text.count) <=
           locks->settings.name_blocks_max - pool_count(&locks->blocks);
}

static bool has_promises(const struct locks *locks, uint32_t count)
{
    uint64_t taken = (uint64_t)pool_count(&locks->answers) + locks->answers_promised;
    return taken + count <= locks->settings.answers_max;
}

/* ---- Sessions ---- */

static bool session_is_alive_rightly(
        const struct locks *locks, const struct record_session *record)
{
    struct session deadlines = {.deadline = record->deadline, .ttl_ns = record->ttl_ns};
    return record->end_reason == 0 && record->filed >= record->deadline &&
           record->filed <= sessions_due_at(locks, &deadlines);
}

static bool session_is_ending_rightly(
        const struct locks *locks, const struct record_session *record)
{
    return record->end_order <= locks->order_last && record->filed == 0 &&
           (record->end_reason == LOST_EXPIRED || record->end_reason == LOST_CLOSED);
}

static bool session_makes_sense(
        const struct locks *locks, const struct record_session *record)
{
    bool ids = 1 <= record->id && record->id <= locks->session_last;
    bool numbers = record->change < COUNTER_END && record->confirmed <= record->change &&
                   record->dropped <= record->change;
    bool times = record->ttl_ns > 0 &&
                 record->deadline <= time_after(locks->time, record->ttl_ns);
    bool life = record->end_order == 0 ? session_is_alive_rightly(locks, record)
                                       : session_is_ending_rightly(locks, record);
    return ids && numbers && times && life;
}

bool load_session(struct locks *locks, struct wire *body)
{
    struct record_session record;
    record_read_session(body, &record);
    if (!wire_complete(body) || !session_makes_sense(locks, &record) ||
            sessions_find(locks, record.id) != NULL ||
            pool_count(&locks->sessions) >= locks->settings.sessions_max ||
            !has_blocks(locks, record.label) || !has_promises(locks, ANSWERS_OF_SESSION))
        return false;
    uint32_t handle = pool_take(&locks->sessions);
    struct session *session = pool_at(&locks->sessions, handle);
    session->id = record.id;
    memcpy(session->secret, record.secret, SECRET_BYTES);
    memcpy(session->address, record.address, CLIENT_ADDRESS_BYTES);
    session->ttl_ns = record.ttl_ns;
    session->deadline = record.deadline;
    session->due.key = record.filed;
    session->change = record.change;
    session->confirmed = record.confirmed;
    session->dropped = record.dropped;
    session->answered = record.answered;
    session->end_order = record.end_order;
    session->end_reason = record.end_reason;
    session->label = namechain_put(&locks->blocks, record.label);
    session->label_bytes = (uint8_t)record.label.count;
    session->identity = object_identity(session, record.label);
    sessions_link(locks, session, handle, record.label);
    return true;
}

/* ---- Locks ---- */

/* The table of locks by id, in the memory of the table of names. */
static struct buckets locks_by_id(const struct locks *locks)
{
    return (struct buckets){
            .heads = locks->names.heads,
            .mask = nametable_bucket_count(&locks->names) - 1,
            .next_offset = offsetof(struct lock, next),
    };
}

static struct lock *find_lock(const struct locks *locks, uint64_t id)
{
    struct buckets by_id = locks_by_id(locks);
    uint32_t at = buckets_first(&by_id, id);
    while (at != 0) {
        struct lock *lock = pool_at(&locks->locks, at);
        if (lock->id == id)
            return lock;
        at = lock->next;
    }
    return NULL;
}

void load_forget_ids(struct locks *locks)
{
    nametable_init(&locks->names);
}

bool load_lock(struct locks *locks, struct wire *body)
{
    struct record_lock record;
    record_read_lock(body, &record);
    if (!wire_complete(body) || record.id < 1 || record.id > locks->token_last ||
            record.ready_order > locks->order_last || find_lock(locks, record.id) != NULL ||
            pool_count(&locks->locks) >= locks->settings.locks_max ||
            !has_blocks(locks, record.name))
        return false;
    uint32_t handle = pool_take(&locks->locks);
    struct lock *lock = pool_at(&locks->locks, handle);
    lock->id = record.id;
    lock->hash = nametable_hash(record.name);
    lock->name = namechain_put(&locks->blocks, record.name);
    lock->name_bytes = (uint8_t)record.name.count;
    lock->ready_order = record.ready_order;
    list_init(&lock->holders);
    list_init(&lock->queue);
    if (lock->ready_order != 0)
        claim_link_ready(locks, lock);
    struct buckets by_id = locks_by_id(locks);
    buckets_add(&by_id, &locks->locks, lock->id, handle);
    locks->names.count++; /* So that the table is known not to be empty. */
    object_change(locks, AFTER, PART_LOCK, lock);
    return true;
}

/* ---- Holds and waits ---- */

/* No hold and no wait of the session came from that request. */
static bool number_is_free(
        const struct locks *locks, const struct session *session, uint64_t number)
{
    return claim_hold_by_number(locks, session, number) == NULL &&
           claim_wait_by_number(locks, session, number) == NULL;
}

static bool hold_makes_sense(const struct locks *locks, const struct record_hold *record)
{
    return record->number > 0 && record->lock <= record->token &&
           record->token <= locks->token_last && record->granted_at <= locks->time &&
           record->mode < MODE_COUNT && 1 <= record->count &&
           record->count <= locks->settings.count_max;
}

bool load_hold(struct locks *locks, struct wire *body)
{
    struct record_hold record;
    record_read_hold(body, &record);
    if (!wire_complete(body) || !hold_makes_sense(locks, &record) ||
            pool_count(&locks->holds) >= locks->settings.holds_max ||
            !has_promises(locks, record.count))
        return false;
    struct lock *lock = find_lock(locks, record.lock);
    struct session *session = sessions_find(locks, record.session);
    if (lock == NULL || session == NULL || record.change > session->change ||
            claim_hold_by_token(locks, record.token) != NULL ||
            !number_is_free(locks, session, record.number) ||
            !claim_admits(lock, (enum lock_mode)record.mode))
        return false;
    uint32_t handle = pool_take(&locks->holds);
    struct hold *hold = pool_at(&locks->holds, handle);
    hold->lock = lock;
    hold->session = session;
    hold->token = record.token;
    hold->owner = record.owner;
    hold->number = record.number;
    hold->granted_at = record.granted_at;
    hold->change = record.change;
    hold->count = record.count;
    hold->mode = record.mode;
    claim_link_hold(locks, hold, handle);
    return true;
}

bool load_wait(struct locks *locks, struct wire *body)
{
    struct record_wait record;
    record_read_wait(body, &record);
    if (!wire_complete(body) || record.order < 1 || record.order > locks->order_last ||
            record.mode >= MODE_COUNT || record.number == 0 ||
            pool_count(&locks->waits) >= locks->settings.waits_max ||
            !has_promises(locks, 1))
        return false;
    struct lock *lock = find_lock(locks, record.lock);
    struct session *session = sessions_find(locks, record.session);
    if (lock == NULL || session == NULL ||
            lock->wait_count >= locks->settings.waits_per_lock_max ||
            !number_is_free(locks, session, record.number))
        return false;
    uint32_t handle = pool_take(&locks->waits);
    struct wait *wait = pool_at(&locks->waits, handle);
    wait->lock = lock;
    wait->session = session;
    wait->owner = record.owner;
    wait->number = record.number;
    wait->mode = record.mode;
    wait->due.key = record.deadline;
    wait->due.tie_high = DUE_WAIT;
    wait->due.tie_low = record.order;
    claim_link_wait(locks, wait, handle);
    return true;
}

/* ---- Answers and changes ---- */

/* Kinds whose answers are remembered. */
static bool is_remembered(uint8_t kind)
{
    return kind == REQUEST_ACQUIRE || kind == REQUEST_CANCEL || kind == REQUEST_RELEASE;
}

bool load_answer(struct locks *locks, struct wire *body)
{
    struct record_answer record;
    record_read_answer(body, &record);
    struct session *session = sessions_find(locks, record.session);
    const struct answer *answer = &record.answer;
    if (!wire_complete(body) || session == NULL || !is_remembered(answer->kind) ||
            answer->number <= session->answered ||
            answer->number - session->answered > REQUEST_WINDOW ||
            answer->token > locks->token_last ||
            remembered_find(locks, session, answer->number) != NULL ||
            remembered_limit(locks, session, 1, 0) == LIMIT_ANSWERS)
        return false;
    uint32_t handle = pool_take(&locks->answers);
    struct remembered *added = pool_at(&locks->answers, handle);
    added->session = session;
    added->number = answer->number;
    added->token = answer->token;
    added->count = answer->count;
    added->kind = answer->kind;
    added->status = answer->status;
    added->detail = answer->detail;
    remembered_link(locks, added, handle, &session->answers.head);
    return true;
}

bool load_change(struct locks *locks, struct wire *body)
{
    struct record_change record;
    record_read_change(body, &record);
    struct session *session = sessions_find(locks, record.session);
    const struct change *change = &record.change;
    if (!wire_complete(body) || session == NULL || change->change > session->change ||
            change->change <= session->confirmed || change->change <= session->dropped ||
            session->change_count >= locks->settings.changes_per_session_max ||
            pool_count(&locks->changes) >= locks->settings.changes_max ||
            change->token > locks->token_last)
        return false;
    struct told *told = pool_at(&locks->changes, pool_take(&locks->changes));
    told->session = session;
    told->change = *change;
    told_link(locks, told);
    return true;
}
