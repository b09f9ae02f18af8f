/*
 * Requests: their numbers, their places, their completions.
 *
 * A request that the program got an outcome for stays here until the cluster has answered
 * it, or the session is over.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

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

/* ---- Numbers ---- */

/*
 * The window of numbers moves on only when its first number is answered, and the answer to an
 * acquire that is being cancelled may wait for its CANCEL. So each acquire that gets a number
 * keeps another one free for its CANCEL, and passes it on to it: however full the window, what
 * the window waits for can be sent. Acquires leave a quarter for releases besides.
 */
static uint64_t numbers_free(const struct core *core, const struct core_session *session)
{
    return session_answered(session) + core->settings.window + 1 - session->next_number;
}

static void keep_number(struct core_session *session, struct core_request *request)
{
    request->keeps = true;
    session->kept_numbers++;
}

static void drop_number(struct core *core, struct core_request *request)
{
    if (!request->keeps)
        return;
    request->keeps = false;
    struct core_session *session = session_at(core, request->session);
    assert(session->kept_numbers > 0);
    session->kept_numbers--;
}

/* An acquire that has left `sent` has its answer, and holds up the window no longer. */
void request_move(struct core *core, struct core_request *request, struct list *list,
        enum place place)
{
    if (list_is_linked(&request->link))
        list_remove(&request->link);
    if (list != NULL)
        list_push_back(list, &request->link);
    if (place != PLACE_SENT && request->wire_kind == REQUEST_ACQUIRE)
        drop_number(core, request);
    request->place = place;
}

bool request_may_number(const struct core *core, const struct core_session *session,
        const struct core_request *request)
{
    if (request->keeps)
        return true;
    bool acquire = request->wire_kind == REQUEST_ACQUIRE;
    uint64_t wanted = acquire ? 2 + core->settings.window / 4 : 1;
    return numbers_free(core, session) >= session->kept_numbers + wanted;
}

void request_pass_number(struct core_request *acquire, struct core_request *cancel)
{
    cancel->keeps = acquire->keeps;
    acquire->keeps = false;
}

void request_number(
        struct core *core, struct core_session *session, struct core_request *request)
{
    drop_number(core, request);
    assert(numbers_free(core, session) > 0);
    request->number = session->next_number++;
    request_move(core, request, &session->sent, PLACE_SENT);
    if (request->wire_kind == REQUEST_ACQUIRE)
        keep_number(session, request);
}

/* ---- Queued ---- */

void request_queue(struct core *core, struct core_session *session,
        struct core_request *request, bool front)
{
    request_move(core, request, front ? NULL : &session->queued, PLACE_QUEUED);
    if (front)
        list_push_front(&session->queued, &request->link);
    if (request->indexed)
        return;
    request->indexed = true;
    map_add(&core->numbers, number_key(session, request->number), request->handle);
}

/* An acquire that was refused is not under way: nothing is known later than at its limit. */
void request_set_limit(struct core *core, struct core_request *acquire)
{
    uint64_t slack_ns = acquire->refused ? 0 : CANCEL_SLACK_NS;
    timers_set(&core->timers, acquire, u64_sum(acquire->limit_ns, slack_ns));
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
 * Acquire and CANCEL no longer know each other. A CANCEL that has not left is needless now; one
 * that has is counted, so that there is always room for one for every acquire.
 */
void request_part(struct core *core, struct core_request *request)
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
    if (partner->wire_kind != REQUEST_CANCEL || request->wire_kind == REQUEST_CANCEL)
        return;
    if (partner->place == PLACE_WAITING) {
        MARK(client_cancel_needless);
        request_move(core, partner, NULL, PLACE_DONE);
        drop_number(core, partner);
        give_back(core, partner);
    } else {
        partner->stray = true;
        core->stray_count++;
    }
}

/*
 * Its session no longer waits for it: the end of the session, which may come before the
 * completion was fetched, must not finish it again.
 */
static void leave_session(struct core *core, const struct core_request *request)
{
    struct core_session *session = session_at(core, request->session);
    if (session == NULL)
        return;
    if (session->opening == request->handle)
        session->opening = 0;
    if (session->closing == request->handle)
        session->closing = 0;
}

/*
 * The only way to PLACE_DONE. Nothing that could finish it again may find it afterwards: no
 * list, no timer, no number, no partner, no session.
 */
void request_finish(struct core *core, struct core_request *request, enum status status)
{
    assert(request->place != PLACE_DONE);
    request_part(core, request);
    leave_session(core, request);
    request_move(core, request, NULL, PLACE_DONE);
    drop_number(core, request);
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
