/*
 * Requests: their numbers, their places, their completions.
 *
 * A request that the program got an outcome for stays here until the cluster has answered
 * it, or the session is over.
 */
#include "core/core_internal.h"

struct core_request *request_at(const struct core *core, uint32_t handle)
{
    return pool_has(&core->requests, handle) ? pool_at(&core->requests, handle) : NULL;
}

/* Numbers of one session that follow one another are neighbours in the map. */
static uint64_t number_key(const struct core_session *session, uint64_t number)
{
    return ((uint64_t)session->handle << 32) + number;
}

/*
 * Answers nearly always come in the order of numbers: then it is the first of those sent.
 * Only requests that wait in the cluster stay for long, and those are looked up.
 */
struct core_request *request_by_number(
        const struct core *core, const struct core_session *session, uint64_t number)
{
    struct list_node *node = list_first(&session->sent);
    for (; node != NULL; node = list_next(&session->sent, node)) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        if (request->number == number)
            return request;
        if (request->number > number)
            break;
    }
    struct map_cursor at;
    uint64_t key = number_key(session, number);
    for (bool ok = map_find(&core->numbers, key, &at); ok;
            ok = map_find_next(&core->numbers, &at)) {
        struct core_request *request = request_at(core, at.value);
        if (request->session == session->handle && request->number == number)
            return request;
    }
    return NULL;
}

struct core_request *request_take(struct core *core)
{
    uint32_t handle = pool_take(&core->requests);
    /* The pool has room for all that the program may submit, and for our own. */
    assert(handle != 0);
    struct core_request *request = request_at(core, handle);
    request->handle = handle;
    request->limit_ns = UINT64_MAX;
    return request;
}

struct core_request *request_make_own(
        struct core *core, struct core_session *session, uint8_t wire_kind)
{
    struct core_request *request = request_take(core);
    request->own = true;
    request->session = session->handle;
    request->wire_kind = wire_kind;
    return request;
}

/* This answer is final: nothing will refer to its number again. */
void request_forget_number(struct core *core, struct core_request *request)
{
    if (!request->indexed)
        return;
    struct core_session *session = session_at(core, request->session);
    map_remove(&core->numbers, number_key(session, request->number), request->handle);
    request->indexed = false;
}

void request_move(struct core_request *request, struct list *list, enum place place)
{
    if (list_is_linked(&request->link))
        list_remove(&request->link);
    if (list != NULL)
        list_push_back(list, &request->link);
    request->place = place;
}

void request_queue(struct core *core, struct core_session *session,
        struct core_request *request, bool front)
{
    request_move(request, front ? NULL : &session->queued, PLACE_QUEUED);
    if (front)
        list_push_front(&session->queued, &request->link);
    if (request->indexed)
        return;
    request->indexed = true;
    map_add(&core->numbers, number_key(session, request->number), request->handle);
}

static void give_back(struct core *core, struct core_request *request)
{
    if (!request->own) {
        assert(core->asked_count > 0);
        core->asked_count--;
    }
    pool_give(&core->requests, request->handle);
}

void request_tell(struct core *core, struct core_request *request, enum status status)
{
    if (request->own || request->told)
        return;
    request->told = true;
    request->status = status;
    list_push_back(&core->completed, &request->out);
}

/*
 * Acquire and CANCEL no longer know each other. A CANCEL that has left is then counted, so
 * that there is always room for one for every acquire.
 */
static void part(struct core *core, struct core_request *request)
{
    if (request->stray) {
        request->stray = false;
        core->stray_count--;
    }
    struct core_request *partner = request_at(core, request->partner);
    request->partner = 0;
    if (partner == NULL)
        return;
    partner->partner = 0;
    if (partner->wire_kind == REQUEST_CANCEL && request->wire_kind != REQUEST_CANCEL) {
        partner->stray = true;
        core->stray_count++;
    }
}

void request_finish(struct core *core, struct core_request *request, enum status status)
{
    assert(request->place != PLACE_DONE);
    part(core, request);
    request_move(request, NULL, PLACE_DONE);
    timers_set(&core->timers, request, UINT64_MAX);
    request_forget_number(core, request);
    holds_break_promise(&core->holds, request);
    request_tell(core, request, status);
    if (!list_is_linked(&request->out))
        give_back(core, request);
}

void request_fetched(struct core *core, struct core_request *request)
{
    list_remove(&request->out);
    if (request->place == PLACE_DONE)
        give_back(core, request);
}
