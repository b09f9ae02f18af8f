/*
 * The life of a session: it is opened, and answers that were applied extend its window
 * (core_anchor.h). It is suspended when that window ends, and lost when `grace` has passed
 * since, or before. Its end takes everything with it: holds, requests, and the session in
 * the cluster, which is closed there if it may still exist.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

static void finish_one(
        struct core *core, const struct core_session *session, struct core_request *request)
{
    if (!request->told)
        request->detail = session->verdict_detail;
    request_finish(core, request, session->verdict);
}

static void finish_all(
        struct core *core, const struct core_session *session, struct list *list)
{
    struct list_node *node;
    while ((node = list_first(list)) != NULL)
        finish_one(core, session, LIST_OWNER(node, struct core_request, link));
}

/* None of its open requests will be done, or its end does it. */
static void finish_requests(struct core *core, struct core_session *session)
{
    struct core_request *opening = request_at(core, session->opening);
    if (opening != NULL)
        finish_one(core, session, opening);
    finish_all(core, session, &session->urgent);
    finish_all(core, session, &session->acquires);
    finish_all(core, session, &session->sent);
    finish_all(core, session, &session->queued);
    finish_all(core, session, &session->granted);
}

static void unlink_if(struct list_node *node)
{
    if (list_is_linked(node))
        list_remove(node);
}

/* The cluster no longer has it, or will find out by itself. */
void session_settle(struct core *core, struct core_session *session)
{
    if (session->phase != PHASE_ENDED || session->close_wanted)
        return;
    if (heap_has(&session->timer))
        heap_remove(&core->session_timers, &session->timer);
    if (session->id != 0)
        map_remove(&core->session_ids, session->id, session->handle);
    session->id = 0;
    finish_requests(core, session);
    unlink_if(&session->dirty_link);
    unlink_if(&session->rest_link);
    struct core_request *closing = request_at(core, session->closing);
    if (closing != NULL && session->verdict == STATUS_WRONG_CLUSTER)
        request_finish(core, closing, STATUS_WRONG_CLUSTER);
    else if (closing != NULL)
        request_finish(core, closing, session->doubted ? STATUS_LOST : STATUS_OK);
    if (session->dismissed)
        pool_give(&core->sessions, session->handle);
}

void session_dismiss(struct core_session *session)
{
    session->dismissed = true;
    session->event_count = 0;
    unlink_if(&session->event_link);
}

/* The answer to its OPEN is lost, or refused it: what it opened expires by itself. */
void session_forget_opening(struct core *core, struct core_request *opening)
{
    struct core_session *session = session_at(core, opening->session);
    assert(session->phase == PHASE_ENDED);
    finish_one(core, session, opening);
    session->close_wanted = false;
    session_settle(core, session);
}

static void ask_to_close(struct core *core, struct core_session *session)
{
    struct core_request *request = request_make_own(core, session, REQUEST_CLOSE);
    request_move(core, request, &session->urgent, PLACE_WAITING);
    session_touch(core, session);
}

void session_opened(struct core *core, struct core_session *session, uint64_t id)
{
    assert(session->id == 0);
    session->id = id;
    map_add(&core->session_ids, id, session->handle);
    if (session->phase == PHASE_OPENING) {
        session->phase = PHASE_OPEN;
        session->suspended_ns = core->now.boot_ns;
        session->renewed_ns = core->now.boot_ns;
    } else if (session->close_wanted) {
        MARK(client_closes_late_open);
        ask_to_close(core, session);
    }
}

void session_end(struct core *core, struct core_session *session, enum core_reason reason,
        bool close)
{
    assert(session->phase != PHASE_ENDED);
    bool opening = session->phase == PHASE_OPENING;
    session->doubted = !opening && (session->state != BELIEF_HELD ||
                                           session_left_ns(core, session) == 0);
    session->state = BELIEF_LOST;
    session_publish(core, session);
    session->phase = PHASE_ENDED;
    session->ended_ns = core->now.boot_ns;
    session_event(core, session, reason);
    while (!list_is_empty(&session->holds))
        hold_drop(&core->holds,
                LIST_OWNER(list_first(&session->holds), struct core_hold, link));
    struct core_request *opened = request_at(core, session->opening);
    bool open_sent = opening && opened != NULL && opened->place == PLACE_SENT;
    if (open_sent)
        session->opening = 0; /* Wait for its answer: what it opened must be closed. */
    finish_requests(core, session);
    if (open_sent) {
        if (!opened->told)
            opened->detail = session->verdict_detail;
        request_tell(core, opened, session->verdict);
        session->opening = opened->handle; /* Given up with the session, if nothing comes */
    }
    session->resend = false;
    unlink_if(&session->keepalive_link);
    session->close_wanted = close && (!opening || open_sent);
    if (session->close_wanted && session->id != 0)
        ask_to_close(core, session);
    if (session->close_wanted)
        session_reschedule(core, session);
    else
        session_settle(core, session);
}

void session_lose_on_purpose(struct core *core, struct core_session *session)
{
    if (session->state == BELIEF_HELD) {
        session->until = core->now;
        session_suspend(core, session, CORE_REASON_REHEARSED);
    }
    session_end(core, session, CORE_REASON_REHEARSED, true);
}

void session_on_time(struct core *core, struct core_session *session)
{
    if (session->phase == PHASE_ENDED &&
            core->now.boot_ns >= session_next_due(core, session)) {
        /* It has long expired by itself. */
        MARK(client_gives_up_closing);
        session->close_wanted = false;
        session_settle(core, session);
        return;
    }
    if (session->phase == PHASE_ENDED) {
        session_reschedule(core, session);
        return;
    }
    if (session->state == BELIEF_HELD && session_left_ns(core, session) == 0)
        session_suspend(core, session, CORE_REASON_SILENT);
    uint64_t lost_ns = u64_sum(session->suspended_ns, core->settings.grace_ns);
    if (session->state == BELIEF_SUSPENDED && core->now.boot_ns >= lost_ns) {
        session_end(core, session, CORE_REASON_SILENT, true);
        return;
    }
    if (core->now.boot_ns >= session_keepalive_due(session))
        session_want_keepalive(core, session);
    session_reschedule(core, session);
}

static void give_what_fits(struct core *core, struct core_session *session)
{
    if (session->state != BELIEF_HELD)
        return;
    struct core_request *opening = request_at(core, session->opening);
    if (opening != NULL)
        request_finish(core, opening, STATUS_OK);
    struct list_node *node;
    while ((node = list_first(&session->granted)) != NULL &&
            session_left_ns(core, session) >= session->min_usable_ns)
        grant_give(core, LIST_OWNER(node, struct core_request, link));
}

void session_extend(struct core *core, struct core_session *session)
{
    if (session->phase != PHASE_OPEN)
        return;
    if (core->anchor.set && session->deadline != 0) {
        struct belief now = {.state = BELIEF_HELD, .until = session->until};
        struct clocks until =
                anchor_window(&core->anchor, session->deadline, session->ttl_ns, core->now);
        struct belief then = {.state = BELIEF_HELD, .until = until};
        if (belief_left_ns(&then, core->now) > belief_left_ns(&now, core->now)) {
            session->until = then.until;
            bool again = session->state == BELIEF_SUSPENDED;
            session->state = BELIEF_HELD;
            session_publish(core, session);
            if (again)
                session_event(core, session, CORE_REASON_NONE);
            session->announced = true;
            session_touch(core, session);
        }
    }
    give_what_fits(core, session);
    session_reschedule(core, session);
}

/*
 * A new connection to the leader: send again what is unanswered; the leader tells what is
 * held.
 */
void session_link_ready(struct core *core, struct core_session *session)
{
    session->resend = !list_is_empty(&session->sent);
    session->listing = false;
    session_touch(core, session);
    bool has_something = !list_is_empty(&session->holds) ||
                         !list_is_empty(&session->queued) ||
                         !list_is_empty(&session->granted);
    if (has_something || session->state == BELIEF_SUSPENDED)
        session_want_keepalive(core, session);
}
