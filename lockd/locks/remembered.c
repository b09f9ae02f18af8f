#include "locks/remembered.h"

#include <assert.h>

#include "locks/object.h"

struct remembered *remembered_find(
        const struct locks *locks, const struct session *session, uint64_t number)
{
    uint32_t at = buckets_first(&locks->answers_by_number, number_key(session, number));
    while (at != 0) {
        struct remembered *answer = pool_at(&locks->answers, at);
        if (answer->session == session && answer->number == number)
            return answer;
        at = answer->number_next;
    }
    return NULL;
}

/* Neither remembered nor promised */
static uint32_t left(const struct locks *locks)
{
    return locks->settings.answers_max - pool_count(&locks->answers) -
           locks->answers_promised;
}

/* What the session may still remember of its own room */
static uint32_t own_left(const struct session *session)
{
    uint32_t count = session->answer_count;
    return count < ANSWERS_OF_SESSION ? ANSWERS_OF_SESSION - count : 0;
}

static enum limit limit_of(
        const struct locks *locks, struct party *const *parties, uint32_t count)
{
    if (count == 0)
        return (enum limit)0;
    if (count > left(locks))
        return LIMIT_ANSWERS;
    return quotas_limit(locks, parties, QUOTA_ANSWERS, count);
}

enum limit remembered_limit(const struct locks *locks, const struct session *session,
        uint32_t answers, uint32_t promises)
{
    uint32_t own = own_left(session);
    uint32_t shared = answers > own ? answers - own : 0;
    return limit_of(locks, session->parties, shared + promises);
}

enum limit remembered_limit_of_open(
        const struct locks *locks, const struct parties *parties)
{
    return limit_of(locks, parties->of, ANSWERS_OF_SESSION);
}

bool remembered_too_many(const struct locks *locks, const struct session *session)
{
    uint32_t share = locks->settings.answers_max / ANSWERS_SHARE;
    return own_left(session) == 0 && session->answer_count >= share;
}

void remembered_promise(struct locks *locks, struct session *session, uint32_t count)
{
    assert(count <= left(locks));
    locks->answers_promised += count;
    quotas_charge(session, QUOTA_ANSWERS, count);
}

void remembered_unpromise(struct locks *locks, struct session *session, uint32_t count)
{
    assert(count <= locks->answers_promised);
    locks->answers_promised -= count;
    quotas_discharge(session, QUOTA_ANSWERS, count);
}

void remembered_link(struct locks *locks, struct remembered *answer, uint32_t handle,
        struct list_node *place)
{
    struct session *session = answer->session;
    if (own_left(session) > 0)
        remembered_unpromise(locks, session, 1);
    quotas_charge(session, QUOTA_ANSWERS, 1);
    list_insert_before(place, &answer->in_session);
    session->answer_count++;
    buckets_add(&locks->answers_by_number, &locks->answers,
            number_key(session, answer->number), handle);
    object_change(locks, AFTER, PART_ANSWER, answer);
}

/*
 * Where the answer to that number belongs in the list. Most numbers come in their order;
 * at most a window of others is passed.
 */
static struct list_node *find_place(struct session *session, uint64_t number)
{
    struct list_node *place = &session->answers.head;
    while (place->prev != &session->answers.head &&
            LIST_OWNER(place->prev, struct remembered, in_session)->number > number)
        place = place->prev;
    return place;
}

void remembered_add(
        struct locks *locks, struct session *session, const struct answer *answer)
{
    uint32_t handle = pool_take(&locks->answers);
    struct remembered *added = pool_at(&locks->answers, handle);
    added->session = session;
    added->number = answer->number;
    added->token = answer->token;
    added->count = answer->count;
    added->kind = answer->kind;
    added->status = answer->status;
    added->detail = answer->detail;
    remembered_link(locks, added, handle, find_place(session, answer->number));
}

void remembered_cancel(struct locks *locks, struct remembered *answer)
{
    object_change(locks, BEFORE, PART_ANSWER, answer);
    answer->status = STATUS_CANCELLED;
    answer->detail = 0;
    answer->token = 0;
    answer->count = 0;
    object_change(locks, AFTER, PART_ANSWER, answer);
}

void remembered_drop(struct locks *locks, struct remembered *answer)
{
    struct session *session = answer->session;
    object_change(locks, BEFORE, PART_ANSWER, answer);
    uint32_t handle = buckets_remove(&locks->answers_by_number, &locks->answers,
            number_key(session, answer->number), answer);
    list_remove(&answer->in_session);
    session->answer_count--;
    pool_give(&locks->answers, handle);
    quotas_discharge(session, QUOTA_ANSWERS, 1);
    if (own_left(session) > 0)
        remembered_promise(locks, session, 1);
}

/* They are the first of the list. */
void remembered_forget(struct locks *locks, struct session *session, uint64_t answered)
{
    struct list_node *node;
    while ((node = list_first(&session->answers)) != NULL) {
        struct remembered *answer = LIST_OWNER(node, struct remembered, in_session);
        if (answer->number > answered)
            return;
        remembered_drop(locks, answer);
    }
}
