/*
 * Frames in. A frame is walked twice: first to see that it can be read to its end, then to
 * do what it says; so one that is nonsense changes nothing.
 *
 * Answers may come twice, late, or for what is long forgotten: what is not waited for is
 * passed over. Changes carry numbers and are taken in order, each once. A deadline is
 * believed only when every change up to its section's number is in: "hear before you extend".
 */
#include "core/core_internal.h"

#include "base/mark.h"

/* ---- Answers ---- */

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

/* The cluster has it no more. */
static void on_session_lost(struct core *core, struct core_session *session, uint8_t lost)
{
    if (session->phase != PHASE_ENDED) {
        session_end(core, session, reason_of(lost), false);
        return;
    }
    if (lost == LOST_CLOSED) /* And by nobody else */
        session->doubted = false;
    session->close_wanted = false;
    session_settle(core, session);
}

static void on_open_answer(
        struct core *core, const struct answer_section *head, const struct answer *answer)
{
    struct core_request *request = request_at(core, (uint32_t)answer->number);
    if (request == NULL || request->kind != CORE_OPEN ||
            request->number != answer->number || request->place != PLACE_SENT)
        return;
    struct core_session *session = session_at(core, request->session);
    if (answer->status == STATUS_NOT_LEADER) {
        request_move(request, &core->opens, PLACE_WAITING);
        link_on_not_leader(core);
    } else if (answer->status == STATUS_BUSY) {
        request_move(request, &core->opens_resting, PLACE_WAITING);
        core_rest(core);
    } else if (answer->status == STATUS_OK && head->session != 0) {
        if (head->applied != 0)
            core_anchor(core, request->sent, head->applied);
        request_move(request, NULL, PLACE_SENT);
        session->deadline = head->deadline;
        session->seen = head->change;
        session_opened(core, session, head->session);
        if (session->phase == PHASE_ENDED)
            request_finish(core, request, STATUS_LOST);
        else
            session->renewed_ns = request->sent.boot_ns;
    } else {
        request->detail = answer->detail;
        request_tell(core, request, (enum status)answer->status);
        if (session->phase == PHASE_ENDED)
            session_forget_opening(core, request);
        else
            session_end(core, session, CORE_REASON_NONE, false);
    }
}

static void on_keepalive_answer(struct core *core, struct core_session *session,
        const struct answer_section *head, const struct answer *answer)
{
    const struct sending *sending = &core->sendings[answer->number % SENDINGS_MAX];
    switch (answer->status) {
    case STATUS_OK:
        if (head->applied != 0 && sending->batch == answer->number)
            core_anchor(core, sending->sent, head->applied);
        break;
    case STATUS_LOST:
        on_session_lost(core, session, answer->detail);
        break;
    case STATUS_DENIED:
        on_session_lost(core, session, LOST_UNKNOWN);
        break;
    case STATUS_NOT_LEADER:
        session_want_renewal(core, session);
        link_on_not_leader(core);
        break;
    default:
        MARK(client_renewal_refused);
        session_rest(core, session);
        break;
    }
}

/* A definite word on a CANCEL: the acquire it is about is over. */
static void on_cancel_done(struct core *core, struct core_request *cancel)
{
    struct core_request *acquire = request_at(core, cancel->partner);
    if (acquire != NULL) {
        MARK(client_cancel_done);
        request_finish(core, acquire, acquire->final);
    }
    request_finish(core, cancel, STATUS_OK);
}

/*
 * Refused before it was logged. What gives something up must go out: the same number again,
 * a little later. An acquire is told BUSY, unless an earlier sending of it may have been
 * taken: then that is undone first.
 */
static void on_busy(
        struct core *core, struct core_session *session, struct core_request *request)
{
    session->renewed_ns = 0; /* It did not renew. */
    request->sent_on = 0;
    if (request->wire_kind == REQUEST_ACQUIRE)
        requests_hush(core, request->sent.boot_ns);
    if (request->wire_kind == REQUEST_ACQUIRE && !request->doubtful) {
        request_finish(core, request, request->partner != 0 ? request->final : STATUS_BUSY);
        return;
    }
    MARK(client_busy_again);
    if (request->wire_kind == REQUEST_ACQUIRE && request->partner == 0) {
        request->final = STATUS_BUSY;
        request->expired = true;
        request_withdraw(core, request);
    }
    session_rest(core, session);
}

static void on_acquire_answer(struct core *core, struct core_session *session,
        struct core_request *request, const struct answer *answer)
{
    if (answer->status == STATUS_OK) {
        if (request->partner != 0) {
            /* The CANCEL takes it back: until then its number is not given up. */
            MARK(client_grant_behind_cancel);
            return;
        }
        request_granted(core, session, request, answer->token);
    } else if (answer->status == STATUS_QUEUED) {
        request_queue(core, session, request, false);
        request->list_mark = session->list_mark; /* A list begun before cannot name it. */
        if (request->expired && request->partner == 0)
            request_withdraw(core, request);
    } else {
        if (answer->status == STATUS_CANCELLED || answer->status == STATUS_TIMEOUT)
            request_finish(core, request, request->final);
        else
            request_finish(core, request, (enum status)answer->status);
    }
}

static void on_definite_answer(struct core *core, struct core_session *session,
        struct core_request *request, const struct answer *answer)
{
    request->detail = answer->detail;
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
    default: /* A release; one of ours for a grant that came too late says what that became. */
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
        core_anchor(core, request->sent, head->applied);
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

static void on_answer(struct core *core, const struct answer_section *head,
        struct core_session *session, const struct answer *answer)
{
    link_answered(core); /* Whoever waits for it: this node owes it no more. */
    if (answer->kind == REQUEST_OPEN)
        on_open_answer(core, head, answer);
    else if (session == NULL)
        MARK(client_session_forgotten);
    else if (answer->kind == REQUEST_KEEPALIVE)
        on_keepalive_answer(core, session, head, answer);
    else
        on_numbered_answer(core, session, head, answer);
}

/* ---- Changes ---- */

static void on_granted(
        struct core *core, struct core_session *session, const struct change *change)
{
    struct core_request *request = request_by_number(core, session, change->number);
    if (request == NULL || request->wire_kind != REQUEST_ACQUIRE)
        return;
    if (request->partner != 0) {
        /* To be taken back by its number: so the grant stays unconfirmed until then. */
        MARK(client_grant_behind_cancel);
        request->granted_change = change->change;
        request_queue(core, session, request, true);
        return;
    }
    request_granted(core, session, request, change->token);
}

static void on_failed(
        struct core *core, struct core_session *session, const struct change *change)
{
    struct core_request *request = request_by_number(core, session, change->number);
    if (request == NULL || request->wire_kind != REQUEST_ACQUIRE)
        return;
    bool over = change->status == STATUS_TIMEOUT || change->status == STATUS_CANCELLED;
    request_finish(core, request, over ? request->final : (enum status)change->status);
}

/* A grant that was not yet given to anybody, or a hold that the program knows. */
static void on_ended(struct core *core, struct core_session *session, uint64_t token)
{
    struct core_hold *hold = hold_by_token(core, token);
    if (hold == NULL || hold->session != session->handle)
        return;
    requests_lose_granted(core, session, token);
    if (hold->count > 0)
        hold_ended(core, hold);
    else
        hold_drop(core, hold);
}

/* ---- Lists: what there is, when the changes are not kept any more ---- */

static void on_listed(struct core *core, struct core_session *session, uint64_t at,
        const struct change *change)
{
    struct change granted = *change;
    granted.change = at;
    if (change->kind == CHANGE_HOLDS)
        on_granted(core, session, &granted);
    struct core_hold *hold = hold_by_token(core, change->token);
    if (change->kind == CHANGE_HOLDS && hold != NULL)
        hold->list_mark = session->list_mark;
    struct core_request *request = request_by_number(core, session, change->number);
    if (change->kind == CHANGE_WAITS && request != NULL)
        request->list_mark = session->list_mark;
}

/* What a whole list does not name is gone. */
static void sweep(struct core *core, struct core_session *session)
{
    MARK(client_list_swept);
    struct list_node *node = list_first(&session->holds);
    while (node != NULL) {
        struct core_hold *hold = LIST_OWNER(node, struct core_hold, link);
        node = list_next(&session->holds, node);
        if (hold->list_mark != session->list_mark)
            on_ended(core, session, hold->token);
    }
    node = list_first(&session->queued);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(&session->queued, node);
        if (request->list_mark != session->list_mark && request->granted_change == 0)
            request_finish(core, request, request->final);
    }
}

static void on_change(
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
        on_ended(core, session, change->token);
        break;
    }
}

/* ---- Sections ---- */

/*
 * The session of a section, if it is one of ours and lives; an answer may have opened it or
 * ended it. `handle` is what it was found by before.
 */
static struct core_session *living(
        const struct core *core, const struct answer_section *head, uint32_t *handle)
{
    struct core_session *session = session_at(core, *handle);
    if (session == NULL || session->id != head->session)
        session = session_by_id(core, head->session);
    *handle = session != NULL ? session->handle : 0;
    return session;
}

static void do_section(struct core *core, struct wire *wire)
{
    struct answer_section head;
    wire_answer_section(wire, &head);
    uint32_t handle = 0;
    for (uint32_t i = 0; i < head.answer_count; i++) {
        struct answer answer;
        wire_answer(wire, &answer);
        on_answer(core, &head, living(core, &head, &handle), &answer);
    }
    struct core_session *session = living(core, &head, &handle);
    if (session != NULL && head.listed && !session->listing)
        session->list_mark = ++core->lists_seen;
    for (uint32_t i = 0; i < head.change_count; i++) {
        struct change change;
        wire_change(wire, &change);
        if (session != NULL && head.listed)
            on_listed(core, session, head.change, &change);
        else if (session != NULL && session->phase == PHASE_OPEN)
            on_change(core, session, &change);
    }
    if (session == NULL)
        return;
    if (head.listed)
        session->listing = head.more;
    if (head.listed && !head.more && session->seen < head.change) {
        sweep(core, session);
        session->seen = head.change;
    }
    if (session->seen >= head.change && head.deadline > session->deadline)
        session->deadline = head.deadline;
    session_extend(core, session);
    session_touch(core, session);
}

static bool answers_readable(const struct frame *frame)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    while (!wire.failed && wire_left(&wire) > 0) {
        struct answer_section head;
        wire_answer_section(&wire, &head);
        for (uint32_t i = 0; i < head.answer_count && !wire.failed; i++) {
            struct answer answer;
            wire_answer(&wire, &answer);
        }
        for (uint32_t i = 0; i < head.change_count && !wire.failed; i++) {
            struct change change;
            wire_change(&wire, &change);
            wire_require(&wire, (change.change == 0) == head.listed);
        }
    }
    return !wire.failed;
}

static bool on_answers(struct core *core, const struct frame *frame)
{
    if (!answers_readable(frame))
        return false;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    while (wire_left(&wire) > 0)
        do_section(core, &wire);
    return true;
}

/* ---- Reads ---- */

static bool on_read_answer(struct core *core, const struct frame *frame)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    struct read_answer answer;
    wire_read_answer(&wire, &answer);
    if (wire.failed)
        return false;
    link_answered(core);
    struct core_request *request = request_at(core, (uint32_t)answer.stamp);
    bool awaited = request != NULL && request->number == answer.stamp &&
                   request->place == PLACE_SENT &&
                   (request->kind == CORE_QUERY || request->kind == CORE_LIST);
    if (!awaited)
        return true;
    if (answer.status == STATUS_NOT_LEADER && !request->stale) {
        request_move(request, &core->reads, PLACE_WAITING);
        link_on_not_leader(core);
        return true;
    }
    request->read = answer;
    request->read_bytes = wire_left(&wire);
    assert(request->read_bytes <= request->room_bytes);
    memcpy(request->room, frame->body + wire.at, request->read_bytes);
    bool done = answer.status != STATUS_NOT_LEADER;
    request_finish(core, request, done ? (enum status)answer.status : STATUS_UNKNOWN);
    return true;
}

/* ---- Frames ---- */

static bool on_welcome(struct core *core, const struct frame *frame)
{
    struct welcome welcome;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_welcome(&wire, &welcome);
    if (wire_complete(&wire))
        link_on_welcome(core, &welcome);
    return wire_complete(&wire);
}

static bool on_refused(struct core *core, const struct frame *frame)
{
    struct refused refused;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_refused(&wire, &refused);
    if (wire_complete(&wire))
        link_on_refused(core, &refused);
    return wire_complete(&wire);
}

static bool on_leader(struct core *core, const struct frame *frame)
{
    struct leader leader;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_leader(&wire, &leader);
    if (wire_complete(&wire))
        link_on_leader(core, &leader);
    return wire_complete(&wire);
}

static bool on_frame(struct core *core, const struct frame *frame)
{
    bool welcomed = core->link.state == LINK_READY || core->link.state == LINK_FOLLOWING;
    if (frame->kind == FRAME_WELCOME)
        return on_welcome(core, frame);
    if (frame->kind == FRAME_REFUSED)
        return on_refused(core, frame);
    if (frame->kind == FRAME_LEADER)
        return on_leader(core, frame);
    if (frame->kind == FRAME_ANSWERS && welcomed)
        return on_answers(core, frame);
    if (frame->kind == FRAME_READ_ANSWER && welcomed)
        return on_read_answer(core, frame);
    return false;
}

/* A node of another version says so in a frame that we cannot read otherwise. */
static void on_fault(struct core *core, enum frame_fault fault)
{
    if (fault == FRAME_FAULT_VERSION)
        link_on_failed(core, CORE_NOTICE_REFUSED, REFUSED_VERSION);
    else
        link_on_failed(core, CORE_NOTICE_NONSENSE, fault);
}

void receive_bytes(struct core *core, const void *bytes, size_t count)
{
    uint64_t serial = core->link.serial;
    link_heard(core);
    frame_reader_feed(&core->reader, bytes, count);
    struct frame frame;
    while (frame_reader_next(&core->reader, &frame)) {
        bool readable = on_frame(core, &frame);
        if (core->link.state == LINK_IDLE || core->link.serial != serial)
            return; /* That connection was left: what else came on it is nobody's. */
        if (!readable) {
            MARK(client_nonsense);
            link_on_failed(core, CORE_NOTICE_NONSENSE, 0);
            return;
        }
    }
    if (core->reader.fault != FRAME_FAULT_NONE)
        on_fault(core, core->reader.fault);
}
