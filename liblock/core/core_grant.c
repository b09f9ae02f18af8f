/*
 * Grants, and how they are taken back.
 *
 * The program gets the grant of an acquire when its session's window is long enough. An
 * acquire whose limit has passed must hold nothing: it is cancelled by its number, or its
 * grant is released by its token. It stays here until the cluster has answered that or the
 * session is over, whatever the program was told [G11].
 */
#include "core/core_internal.h"

#include "base/mark.h"

void grant_give(struct core *core, struct core_request *request)
{
    struct core_hold *hold = hold_at(&core->holds, request->hold);
    hold_enter(&core->holds, hold);
    request_finish(core, request, STATUS_OK);
}

/* Its grant is released by token; the answer to that is the acquire's end. */
static void turn_into_release(struct core *core, struct core_request *request)
{
    MARK(client_returns_grant);
    struct core_session *session = session_at(core, request->session);
    struct core_hold *hold = hold_at(&core->holds, request->hold);
    hold->waiting--;
    hold_left(&core->holds, hold);
    request_forget_number(core, request);
    request->wire_kind = REQUEST_RELEASE;
    request->target = request->token;
    request->all = false;
    request->sent_on = 0;
    request->doubtful = false;
    request_move(core, request, &session->urgent, PLACE_WAITING);
    session_touch(core, session);
}

void grant_take(struct core *core, struct core_session *session,
        struct core_request *request, uint64_t token)
{
    struct core_hold *hold = hold_by_token(&core->holds, token);
    if (hold != NULL && hold->session != session->handle) {
        MARK(client_token_of_another);
        return; /* No token is given twice: this does not come from a working cluster. */
    }
    if (token <= request->released) {
        MARK(client_entry_released_under_way);
        request_finish(core, request, request->told ? request->final : STATUS_LOST);
        return;
    }
    request->token = token;
    request_forget_number(core, request);
    if (hold == NULL)
        hold = hold_make(&core->holds, session, token);
    hold->waiting++;
    request->hold = hold->handle;
    holds_break_promise(&core->holds, request);
    request_move(core, request, &session->granted, PLACE_GRANTED);
    if (request->told)
        turn_into_release(core, request);
}

void grants_lose(struct core *core, struct core_session *session, uint64_t token)
{
    struct list_node *node = list_first(&session->granted);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(&session->granted, node);
        if (request->token == token)
            request_finish(core, request, STATUS_LOST);
    }
}

/* The leader had too much to do: nothing of it is under way. It waits to be sent anew. */
static void again(struct core *core, struct core_request *request)
{
    MARK(client_waits_out_busy);
    struct core_session *session = session_at(core, request->session);
    request_part(core, request);
    request_forget_number(core, request);
    request->final = STATUS_TIMEOUT;
    request->refused = true;
    request->expired = false;
    request->doubtful = false;
    request->sent_on = 0;
    request->released = 0;
    request->granted_change = 0;
    request_set_limit(core, request);
    request_move(core, request, &session->acquires, PLACE_WAITING);
    session_touch(core, session);
}

void grant_over(struct core *core, struct core_request *request)
{
    /* For each acquire there is room for one CANCEL only. */
    const struct core_request *cancel = request_at(core, request->partner);
    bool alone = cancel == NULL || cancel->place == PLACE_WAITING;
    if (request->final == STATUS_BUSY && alone && busy_waits_out(core, request))
        again(core, request);
    else
        request_finish(core, request, request->final);
}

/* Send a CANCEL: the cluster takes back whatever this acquire did or will do. */
static void send_cancel(struct core *core, struct core_request *request)
{
    if (request->partner != 0)
        return;
    struct core_session *session = session_at(core, request->session);
    struct core_request *cancel = request_make_own(core, session, REQUEST_CANCEL);
    cancel->target = request->number;
    cancel->partner = request->handle;
    request->partner = cancel->handle;
    request_pass_number(request, cancel);
    request_move(core, cancel, &session->urgent, PLACE_WAITING);
    if (cancel->keeps) { /* Nothing that lacks a number may stand before it. */
        list_remove(&cancel->link);
        list_push_front(&session->urgent, &cancel->link);
    }
    session_touch(core, session);
}

void grant_withdraw(struct core *core, struct core_request *request)
{
    switch (request->place) {
    case PLACE_WAITING:
        if (request->wire_kind == REQUEST_ACQUIRE)
            request_finish(core, request, request->final);
        break;
    case PLACE_SENT:
    case PLACE_QUEUED:
        if (request->wire_kind == REQUEST_ACQUIRE)
            send_cancel(core, request);
        break;
    case PLACE_GRANTED:
        turn_into_release(core, request);
        break;
    case PLACE_DONE:
        break;
    }
}
