/*
 * What an answer says about its request. Answers may come twice, late, or for requests that
 * are long forgotten: an answer that nothing waits for is ignored.
 */
#include "core/core_internal.h"

#include "base/mark.h"

static enum core_reason reason_of(uint8_t lost)
{
    switch (lost) {
    case LOST_EXPIRED:
        return CORE_REASON_EXPIRED;
    case LOST_CLOSED:
        return CORE_REASON_CLOSED;
    default:
        return CORE_REASON_UNKNOWN;
    }
}

/* The cluster no longer has it. */
static void on_session_lost(struct core *core, struct core_session *session, uint8_t lost)
{
    if (session->phase != PHASE_ENDED) {
        session_end(core, session, reason_of(lost), false);
        return;
    }
    if (lost == LOST_CLOSED) /* Only this client could have closed it */
        session->doubted = false;
    session->close_wanted = false;
    session_settle(core, session);
}

/* The cluster made a session for it. */
static void on_opened(
        struct core *core, struct core_request *request, const struct answer_section *head)
{
    struct core_session *session = session_at(core, request->session);
    if (head->applied != 0)
        anchor_take(&core->anchor, request->sent, head->applied, core->now);
    busy_accepted(core);
    request_move(core, request, NULL, PLACE_SENT);
    session->deadline = head->deadline;
    session->seen = head->change;
    session_opened(core, session, head->session);
    if (session->phase == PHASE_ENDED)
        request_finish(core, request, STATUS_LOST);
    else
        session->renewed_ns = request->sent.boot_ns;
}

/* It has none, and made none. */
static void on_open_refused(
        struct core *core, struct core_request *request, const struct answer *answer)
{
    struct core_session *session = session_at(core, request->session);
    if (session->phase == PHASE_ENDED) {
        session_forget_opening(core, request); /* Nobody waits for it any more. */
    } else if (answer->status == STATUS_NOT_LEADER) {
        request_move(core, request, &core->opens, PLACE_WAITING);
    } else if (answer->status == STATUS_BUSY) {
        request->refused = true;
        request_move(core, request, &core->opens_resting, PLACE_WAITING);
        busy_rest(core);
    } else {
        session->verdict = (enum status)answer->status;
        session->verdict_detail = answer->detail;
        session_end(core, session, CORE_REASON_NONE, false);
    }
}

/* The OPEN that this answers, if it waits for an answer; a broken node may answer twice. */
static struct core_request *awaited_open(const struct core *core, uint64_t number)
{
    struct core_request *request = request_at(core, (uint32_t)number);
    bool awaited = request != NULL && request->kind == CORE_OPEN &&
                   request->number == number && request->place == PLACE_SENT &&
                   session_at(core, request->session)->id == 0;
    return awaited ? request : NULL;
}

static void on_open_answer(
        struct core *core, const struct answer_section *head, const struct answer *answer)
{
    struct core_request *request = awaited_open(core, answer->number);
    if (request == NULL) {
        MARK(client_open_unawaited);
        return;
    }
    bool done = answer->status == STATUS_OK;
    if (done && (head->session == 0 || session_by_id(core, head->session) != NULL)) {
        /* No cluster has a session 0, or gives one id twice. */
        MARK(client_impossible_session);
        link_on_failed(core, CORE_NOTICE_NONSENSE, 0);
        return;
    }
    if (done)
        on_opened(core, request, head);
    else
        on_open_refused(core, request, answer);
    if (answer->status == STATUS_NOT_LEADER)
        link_on_not_leader(core);
}

static void on_keepalive_answer(struct core *core, struct core_session *session,
        const struct answer_section *head, const struct answer *answer)
{
    const struct sending *sending = &core->sendings[answer->number % SENDINGS_MAX];
    switch (answer->status) {
    case STATUS_OK:
        if (head->applied != 0 && sending->batch == answer->number)
            anchor_take(&core->anchor, sending->sent, head->applied, core->now);
        break;
    case STATUS_LOST:
        on_session_lost(core, session, answer->detail);
        break;
    case STATUS_DENIED:
        on_session_lost(core, session, LOST_UNKNOWN);
        break;
    case STATUS_NOT_LEADER:
        session_want_keepalive(core, session);
        link_on_not_leader(core);
        break;
    default:
        MARK(client_keepalive_refused);
        busy_rest_session(core, session);
        break;
    }
}

/* A definite answer to a CANCEL: its acquire is over. */
static void on_cancel_done(struct core *core, struct core_request *cancel)
{
    struct core_request *acquire = request_at(core, cancel->partner);
    if (acquire != NULL) {
        MARK(client_cancel_done);
        request_part(core, cancel);
        grant_over(core, acquire);
    }
    request_finish(core, cancel, STATUS_OK);
}

/*
 * Refused before it was logged. A request that gives something up must get through: it is
 * sent again with the same number, a little later. An acquire completes with BUSY, or is sent
 * anew if it is patient. But if an earlier sending of it may have been accepted, that is undone
 * first.
 */
static void on_busy(
        struct core *core, struct core_session *session, struct core_request *request)
{
    session->renewed_ns = 0; /* It did not renew. */
    request->sent_on = 0;
    bool acquire = request->wire_kind == REQUEST_ACQUIRE;
    if (acquire)
        busy_hush(core, request);
    if (acquire && request->partner == 0)
        request->final = STATUS_BUSY;
    if (acquire && !request->doubtful) {
        grant_over(core, request);
        return;
    }
    MARK(client_busy_again);
    if (acquire && request->partner == 0) {
        request->expired = true;
        grant_withdraw(core, request);
    }
    busy_rest_session(core, session);
}

static void on_acquire_answer(struct core *core, struct core_session *session,
        struct core_request *request, const struct answer *answer)
{
    if (answer->status == STATUS_OK) {
        if (request->partner != 0) {
            /* The CANCEL takes it back: until then its number is kept. */
            MARK(client_grant_behind_cancel);
            return;
        }
        grant_take(core, session, request, answer->token);
    } else if (answer->status == STATUS_QUEUED) {
        request_queue(core, session, request, false);
        /* A list that began before cannot name it. */
        request->list_mark = session->list_mark;
        if (request->expired && request->partner == 0)
            grant_withdraw(core, request);
    } else {
        if (answer->status == STATUS_CANCELLED || answer->status == STATUS_TIMEOUT)
            grant_over(core, request);
        else
            request_finish(core, request, (enum status)answer->status);
    }
}

static void on_definite_answer(struct core *core, struct core_session *session,
        struct core_request *request, const struct answer *answer)
{
    request->detail = answer->detail;
    busy_accepted(core);
    switch (request->wire_kind) {
    case REQUEST_ACQUIRE:
        on_acquire_answer(core, session, request, answer);
        break;
    case REQUEST_CANCEL:
        on_cancel_done(core, request);
        break;
    case REQUEST_CLOSE:
        on_session_lost(core, session, LOST_CLOSED);
        break;
    /*
     * A release; one of the library's own, for a grant that came too late, gives that
     * acquire its end.
     */
    default:
        request_finish(core, request,
                request->kind == CORE_ACQUIRE ? request->final
                                              : (enum status)answer->status);
        break;
    }
}

static void on_numbered_answer(struct core *core, struct core_session *session,
        const struct answer_section *head, const struct answer *answer)
{
    struct core_request *request = request_by_number(core, session, answer->number);
    if (answer->status == STATUS_LOST) {
        on_session_lost(core, session, answer->detail);
        return;
    }
    bool awaited = request != NULL && request->place == PLACE_SENT &&
                   request->sent_on == core->link.serial &&
                   request->wire_kind == answer->kind;
    if (!awaited) {
        MARK(client_answer_unawaited);
        return;
    }
    if (head->applied != 0)
        anchor_take(&core->anchor, request->sent, head->applied, core->now);
    bool gives_up = request->wire_kind != REQUEST_ACQUIRE;
    bool refused =
            answer->status == STATUS_BUSY || (answer->status == STATUS_LIMIT && gives_up);
    if (answer->status == STATUS_NOT_LEADER) {
        request->sent_on = 0;
        link_on_not_leader(core);
    } else if (refused) {
        on_busy(core, session, request);
    } else {
        on_definite_answer(core, session, request, answer);
    }
}

void answer_take(struct core *core, const struct answer_section *head,
        struct core_session *session, const struct answer *answer)
{
    link_answered(core); /* Whatever waits for it: this node no longer owes it. */
    if (answer->kind == REQUEST_OPEN)
        on_open_answer(core, head, answer);
    else if (session == NULL)
        MARK(client_session_forgotten);
    else if (answer->kind == REQUEST_KEEPALIVE)
        on_keepalive_answer(core, session, head, answer);
    else
        on_numbered_answer(core, session, head, answer);
}
