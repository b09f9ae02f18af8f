#include "locks/sessions.h"

#include <assert.h>
#include <string.h>

#include "base/numbers.h"
#include "locks/claim.h"
#include "locks/object.h"
#include "locks/quotas.h"
#include "locks/remembered.h"
#include "locks/told.h"

struct session *sessions_find(const struct locks *locks, uint64_t id)
{
    uint32_t at = buckets_first(&locks->sessions_by_id, id);
    while (at != 0) {
        struct session *session = pool_at(&locks->sessions, at);
        if (session->id == id)
            return session;
        at = session->next;
    }
    return NULL;
}

void sessions_link(
        struct locks *locks, struct session *session, uint32_t handle, struct span label)
{
    list_init(&session->holds);
    list_init(&session->waits);
    list_init(&session->answers);
    list_init(&session->changes);
    session->due.tie_high = DUE_SESSION;
    session->due.tie_low = session->id;
    if (session->end_order == 0)
        heap_add(&locks->due, &session->due);
    else
        list_push_back(&locks->ending, &session->ending);
    ttls_add(&locks->ttls, session->ttl_ns);
    quotas_join(locks, session, label);
    remembered_promise(locks, session, ANSWERS_OF_SESSION);
    buckets_add(&locks->sessions_by_id, &locks->sessions, session->id, handle);
    object_change(locks, AFTER, PART_SESSION, session);
}

struct session *sessions_open(struct locks *locks, const struct command *command)
{
    uint64_t ttl_ns = command->request.wait_ns;
    struct span label = command->request.name;
    uint32_t handle = pool_take(&locks->sessions);
    struct session *session = pool_at(&locks->sessions, handle);
    session->id = ++locks->session_last;
    memcpy(session->secret, command->section.secret, SECRET_BYTES);
    memcpy(session->address, command->address, CLIENT_ADDRESS_BYTES);
    session->ttl_ns = ttl_ns;
    session->deadline = time_after(locks->time, ttl_ns);
    session->label = namechain_put(&locks->blocks, label);
    session->label_bytes = (uint8_t)label.count;
    session->identity = object_identity(session, label);
    session->due.key = session->deadline;
    sessions_link(locks, session, handle, label);
    return session;
}

bool sessions_proves(const struct session *session, const struct section *section)
{
    return !section->unproved ||
           memcmp(session->secret, section->secret, SECRET_BYTES) == 0;
}

void sessions_renew(struct locks *locks, struct session *session,
        const struct section *heard, uint64_t waited_ns)
{
    assert(session->end_order == 0);
    uint64_t heard_at = locks->time - u64_min(locks->time, waited_ns);
    uint64_t deadline = u64_max(session->deadline, time_after(heard_at, session->ttl_ns));
    if (deadline == session->deadline && heard->confirmed <= session->confirmed &&
            heard->answered <= session->answered)
        return;
    object_change(locks, BEFORE, PART_SESSION, session);
    if (deadline != session->deadline) {
        session->deadline = deadline;
        heap_move(&locks->due, &session->due, deadline);
    }
    told_confirm(locks, session, heard->confirmed);
    if (heard->answered > session->answered) {
        remembered_forget(locks, session, heard->answered);
        session->answered = heard->answered;
    }
    object_change(locks, AFTER, PART_SESSION, session);
}

uint64_t sessions_due_at(const struct locks *locks, const struct session *session)
{
    uint64_t lifted = time_after(session->deadline, session->ttl_ns);
    if (lifted > locks->lifted)
        lifted = locks->lifted;
    return lifted > session->deadline ? lifted : session->deadline;
}

bool sessions_file(struct locks *locks, struct session *session)
{
    uint64_t due = sessions_due_at(locks, session);
    if (due <= locks->time)
        return false;
    object_change(locks, BEFORE, PART_SESSION, session);
    heap_move(&locks->due, &session->due, due);
    object_change(locks, AFTER, PART_SESSION, session);
    return true;
}

void sessions_end(struct locks *locks, struct session *session, enum lost_reason reason)
{
    assert(session->end_order == 0);
    object_change(locks, BEFORE, PART_SESSION, session);
    session->end_order = ++locks->order_last;
    session->end_reason = (uint8_t)reason;
    locks->figures.ended[reason]++;
    heap_remove(&locks->due, &session->due);
    list_push_back(&locks->ending, &session->ending);
    object_change(locks, AFTER, PART_SESSION, session);
    if (list_is_linked(&session->changed))
        list_remove(&session->changed);
}

static void remove_session(struct locks *locks, struct session *session)
{
    object_change(locks, BEFORE, PART_SESSION, session);
    list_remove(&session->ending);
    uint32_t handle =
            buckets_remove(&locks->sessions_by_id, &locks->sessions, session->id, session);
    namechain_give(&locks->blocks, session->label);
    ttls_remove(&locks->ttls, session->ttl_ns);
    remembered_unpromise(locks, session, ANSWERS_OF_SESSION);
    quotas_leave(locks, session);
    pool_give(&locks->sessions, handle);
}

void sessions_end_step(struct locks *locks, struct session *session)
{
    assert(session->end_order != 0);
    if (!list_is_empty(&session->holds)) {
        struct hold *hold =
                LIST_OWNER(list_first(&session->holds), struct hold, in_session);
        claim_leave(locks, hold, hold->count);
    } else if (!list_is_empty(&session->waits)) {
        struct wait *wait =
                LIST_OWNER(list_first(&session->waits), struct wait, in_session);
        struct lock *lock = wait->lock;
        claim_unwait(locks, wait);
        claim_settle(locks, lock);
    } else if (!list_is_empty(&session->answers)) {
        struct list_node *first = list_first(&session->answers);
        remembered_drop(locks, LIST_OWNER(first, struct remembered, in_session));
    } else if (!list_is_empty(&session->changes)) {
        told_drop(locks, session);
    } else {
        remove_session(locks, session);
    }
}
