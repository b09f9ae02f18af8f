/*
 * What became of waits and holds: the cluster pushes it.
 *
 * Changes have numbers and are handled in order, each once. If the cluster no longer keeps
 * some of them, it sends a list of all that the session has. A hold or wait that a whole
 * list does not name is gone.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

/* ---- One by one ---- */

static void on_granted(
        struct core *core, struct core_session *session, const struct change *change)
{
    struct core_request *request = request_by_number(core, session, change->number);
    if (request == NULL || request->wire_kind != REQUEST_ACQUIRE)
        return;
    if (request->partner != 0) {
        /*
         * It is to be taken back by its number, so the grant stays unconfirmed until then.
         */
        MARK(client_grant_behind_cancel);
        request->granted_change = change->change;
        request_queue(core, session, request, true);
        return;
    }
    grant_take(core, session, request, change->token);
}

static void on_failed(
        struct core *core, struct core_session *session, const struct change *change)
{
    struct core_request *request = request_by_number(core, session, change->number);
    if (request == NULL || request->wire_kind != REQUEST_ACQUIRE)
        return;
    bool over = change->status == STATUS_TIMEOUT || change->status == STATUS_CANCELLED;
    if (over)
        grant_over(core, request);
    else
        request_finish(core, request, (enum status)change->status);
}

/* A grant that the program does not have yet, or a hold that it knows. */
static void end_hold(struct core *core, struct core_session *session, uint64_t token)
{
    struct core_hold *hold = hold_by_token(&core->holds, token);
    if (hold == NULL || hold->session != session->handle)
        return;
    grants_lose(core, session, token);
    if (hold->count > 0)
        hold_ended(&core->holds, hold);
    else
        hold_drop(&core->holds, hold);
}

void change_take(
        struct core *core, struct core_session *session, const struct change *change)
{
    if (change->change != session->seen + 1)
        return; /* Known, or one before it is missing and will come again. */
    session->seen = change->change;
    switch (change->kind) {
    case CHANGE_GRANTED:
        on_granted(core, session, change);
        break;
    case CHANGE_FAILED:
        on_failed(core, session, change);
        break;
    default:
        end_hold(core, session, change->token);
        break;
    }
}

/* ---- Lists ---- */

void change_take_listed(struct core *core, struct core_session *session, uint64_t at,
        const struct change *change)
{
    struct change granted = *change;
    /*
     * The list does not say which change granted it: any that was not seen before it. If it
     * is to be taken back, none of these may be confirmed.
     */
    granted.change = u64_min(at, session->seen + 1);
    if (change->kind == CHANGE_HOLDS)
        on_granted(core, session, &granted);
    struct core_hold *hold = hold_by_token(&core->holds, change->token);
    if (change->kind == CHANGE_HOLDS && hold != NULL)
        hold->list_mark = session->list_mark;
    struct core_request *request = request_by_number(core, session, change->number);
    if (change->kind == CHANGE_WAITS && request != NULL)
        request->list_mark = session->list_mark;
}

/* A hold or wait that a whole list does not name is gone. */
void changes_sweep(struct core *core, struct core_session *session)
{
    MARK(client_list_swept);
    struct list_node *node = list_first(&session->holds);
    while (node != NULL) {
        struct core_hold *hold = LIST_OWNER(node, struct core_hold, link);
        node = list_next(&session->holds, node);
        if (hold->list_mark != session->list_mark)
            end_hold(core, session, hold->token);
    }
    node = list_first(&session->queued);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(&session->queued, node);
        if (request->list_mark != session->list_mark && request->granted_change == 0)
            grant_over(core, request);
    }
}
