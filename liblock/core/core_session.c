/*
 * Belief.
 *
 * An anchor is a sending (when, on our clocks) and the cluster time T of the entry in which
 * it was applied. Cluster time runs at most a little faster than real time, so any deadline D
 * is at least (D - T)·(1 - 2ρ) after the sending; with ρ = 0.5 % that is 99 parts of 100,
 * and a guard is taken off besides. An anchor says nothing of a session in particular: the
 * client keeps the one that places cluster time latest, and each session has its D.
 *
 * HELD becomes SUSPENDED when the window ends, HELD again when an answer moves it past now,
 * LOST when `grace` passed or the cluster says so. Whatever ends belief is written to the
 * records that lk_check() reads before anything else is done.
 */
#include "core/core_internal.h"

#include "base/mark.h"

enum {
    RATE_PARTS = 100
}; /* 1 - 2ρ is one part less than this, of this */

struct core_session *session_at(const struct core *core, uint32_t handle)
{
    return pool_has(&core->sessions, handle) ? pool_at(&core->sessions, handle) : NULL;
}

struct core_session *session_by_id(const struct core *core, uint64_t id)
{
    struct map_cursor at;
    return id != 0 && map_find(&core->session_ids, id, &at) ? session_at(core, at.value)
                                                            : NULL;
}

static void publish(struct core *core, const struct core_session *session)
{
    struct belief belief = {.state = session->state, .until = session->until};
    belief_write(&core->session_beliefs[pool_index(session->handle)], &belief);
}

static uint64_t left_ns(const struct core *core, const struct core_session *session)
{
    struct belief belief = {.state = BELIEF_HELD, .until = session->until};
    return belief_left_ns(&belief, core->now);
}

struct core_session *session_make(struct core *core, const struct core_call *call)
{
    uint32_t handle = pool_take(&core->sessions);
    if (handle == 0)
        return NULL;
    struct core_session *session = session_at(core, handle);
    session->handle = handle;
    session->phase = PHASE_OPENING;
    session->state = BELIEF_SUSPENDED;
    session->ttl_ns = call->ttl_ns;
    session->min_usable_ns = core->settings.min_usable_ns;
    if (session->min_usable_ns == 0)
        session->min_usable_ns = call->ttl_ns / 4;
    if (session->min_usable_ns > call->ttl_ns / 2)
        session->min_usable_ns = call->ttl_ns / 2; /* More would never come. */
    session->next_number = 1;
    session->user = call->session_user;
    memcpy(session->secret, call->secret, SECRET_BYTES);
    list_init(&session->urgent);
    list_init(&session->acquires);
    list_init(&session->sent);
    list_init(&session->queued);
    list_init(&session->granted);
    list_init(&session->holds);
    publish(core, session);
    core->opened = handle;
    return session;
}

/* Changes of a session that was never held are not the program's to hear. */
void session_event(struct core *core, struct core_session *session, enum core_reason reason)
{
    if (!session->announced || session->dismissed)
        return;
    assert(session->event_count < EVENTS_PER_STEP_MAX);
    session->events[session->event_count].state = session->state;
    session->events[session->event_count].reason = reason;
    session->event_count++;
    if (!list_is_linked(&session->event_link))
        list_push_back(&core->eventful, &session->event_link);
}

bool session_can_acquire(const struct core_session *session)
{
    return session->phase == PHASE_OPEN && session->state == BELIEF_HELD;
}

void session_touch(struct core *core, struct core_session *session)
{
    bool unsent = !list_is_empty(&session->urgent) || session->resend ||
                  (session_can_acquire(session) && !list_is_empty(&session->acquires));
    if (session->id != 0 && unsent && !list_is_linked(&session->dirty_link))
        list_push_back(&core->dirty, &session->dirty_link);
}

void session_want_renewal(struct core *core, struct core_session *session)
{
    if (session->phase == PHASE_OPEN && !list_is_linked(&session->renewal_link))
        list_push_back(&core->renewals, &session->renewal_link);
}

void session_rest(struct core *core, struct core_session *session)
{
    if (!list_is_linked(&session->rest_link))
        list_push_back(&core->resting, &session->rest_link);
    core_rest(core);
}

/*
 * When the next keepalive is due, set back to a grid, so that those of many sessions are due
 * together and leave in one frame.
 */
static uint64_t renewal_due(const struct core_session *session)
{
    uint64_t interval = session->ttl_ns / 3;
    uint64_t grid = interval > NS_PER_S / 2 ? 50 * NS_PER_MS : 10 * NS_PER_MS;
    uint64_t due = session->renewed_ns + interval;
    return due - due % grid;
}

static uint64_t next_due(const struct core *core, const struct core_session *session)
{
    if (session->phase == PHASE_ENDED)
        return session->close_wanted ? session->ended_ns + 10 * session->ttl_ns
                                     : UINT64_MAX;
    if (session->phase == PHASE_OPENING)
        return UINT64_MAX;
    uint64_t due = UINT64_MAX;
    if (!list_is_linked(&session->renewal_link))
        due = renewal_due(session);
    uint64_t turn = session->state == BELIEF_HELD
                            ? core->now.boot_ns + left_ns(core, session)
                            : session->suspended_ns + core->settings.grace_ns;
    return turn < due ? turn : due;
}

void session_reschedule(struct core *core, struct core_session *session)
{
    uint64_t due = next_due(core, session);
    if (!heap_has(&session->timer)) {
        if (due == UINT64_MAX)
            return;
        session->timer.key = due;
        session->timer.tie_high = session->handle;
        heap_add(&core->session_timers, &session->timer);
    } else if (due < session->timer.key) {
        heap_move(&core->session_timers, &session->timer, due);
    } /* Else it comes up too early, and is put right then. */
}

static void suspend(
        struct core *core, struct core_session *session, enum core_reason reason)
{
    session->state = BELIEF_SUSPENDED;
    publish(core, session);
    uint64_t ended_ns = session->until.boot_ns;
    session->suspended_ns = ended_ns < core->now.boot_ns ? ended_ns : core->now.boot_ns;
    session_event(core, session, reason);
    session_want_renewal(core, session);
}

void session_on_time(struct core *core, struct core_session *session)
{
    if (session->phase == PHASE_ENDED && core->now.boot_ns >= next_due(core, session)) {
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
    if (session->state == BELIEF_HELD && left_ns(core, session) == 0)
        suspend(core, session, CORE_REASON_SILENT);
    uint64_t lost_ns = session->suspended_ns + core->settings.grace_ns;
    if (session->state == BELIEF_SUSPENDED && core->now.boot_ns >= lost_ns) {
        session_end(core, session, CORE_REASON_SILENT, true);
        return;
    }
    if (core->now.boot_ns >= renewal_due(session))
        session_want_renewal(core, session);
    session_reschedule(core, session);
}

/* The macro takes no const: what is read through these stays as it is. */
static uint64_t number_of(const struct list_node *node)
{
    const char *at = (const char *)node - offsetof(struct core_request, link);
    return ((const struct core_request *)(const void *)at)->number;
}

static uint64_t granted_change_of(const struct list_node *node)
{
    const char *at = (const char *)node - offsetof(struct core_request, link);
    return ((const struct core_request *)(const void *)at)->granted_change;
}

uint64_t session_answered(const struct core_session *session)
{
    const struct list_node *first = list_first(&session->sent);
    if (first == NULL)
        return session->next_number - 1;
    return number_of(first) - 1;
}

/*
 * A grant that a cancel under way may undo is not confirmed: once confirmed, it could not be
 * taken back by its number.
 */
uint64_t session_confirmed(const struct core_session *session)
{
    uint64_t confirmed = session->seen;
    const struct list_node *node = list_first(&session->queued);
    for (; node != NULL; node = list_next(&session->queued, node)) {
        uint64_t change = granted_change_of(node);
        if (change == 0)
            break; /* Those are kept in front. */
        if (change <= confirmed)
            confirmed = change - 1;
    }
    return confirmed;
}

/* How far an anchor is from now, on the clock that ran more. */
static uint64_t elapsed_ns(struct clocks sent, struct clocks now)
{
    uint64_t boot_ns = now.boot_ns - sent.boot_ns;
    uint64_t raw_ns = now.raw_ns - sent.raw_ns;
    return boot_ns > raw_ns ? boot_ns : raw_ns;
}

/* The part of a span of cluster time that may be relied upon: (1 - 2ρ) of it, rounded down. */
static uint64_t reliable_ns(uint64_t span_ns)
{
    return span_ns - (span_ns + RATE_PARTS - 1) / RATE_PARTS;
}

/* Which of two places cluster time later: largest s - T·(1 - 2ρ). */
static bool is_better(const struct anchor *a, const struct anchor *b, struct clocks now)
{
    uint64_t a_ns = elapsed_ns(a->sent, now);
    uint64_t b_ns = elapsed_ns(b->sent, now);
    if (a->applied >= b->applied)
        return a_ns + reliable_ns(a->applied - b->applied) < b_ns;
    return a_ns < b_ns + reliable_ns(b->applied - a->applied);
}

void core_anchor(struct core *core, struct clocks sent, uint64_t applied)
{
    const struct anchor *known = &core->anchor;
    if (known->applied == applied && known->sent.boot_ns == sent.boot_ns &&
            known->sent.raw_ns == sent.raw_ns)
        return; /* As most answers of a frame. */
    struct anchor anchor = {.set = true, .sent = sent, .applied = applied};
    if (!core->anchor.set || is_better(&anchor, &core->anchor, core->now))
        core->anchor = anchor;
}

/*
 * s + (D - T)·(1 - 2ρ) - guard, on both clocks; s at the least. D is at most a ttl past cluster
 * time, so a node that says more of it is broken, and is believed for a ttl from now.
 */
static struct clocks work_out_window(
        const struct core *core, const struct core_session *session)
{
    const struct anchor *anchor = &core->anchor;
    struct clocks until = anchor->sent;
    if (session->deadline <= anchor->applied)
        return until;
    uint64_t guard = session->ttl_ns / 50;
    if (guard < 50 * NS_PER_MS)
        guard = 50 * NS_PER_MS;
    uint64_t window = reliable_ns(session->deadline - anchor->applied);
    window = window > guard ? window - guard : 0;
    uint64_t most = elapsed_ns(anchor->sent, core->now) + session->ttl_ns;
    if (window > most) {
        MARK(client_deadline_too_far);
        window = most;
    }
    until.boot_ns += window;
    until.raw_ns += window;
    return until;
}

static void give_what_fits(struct core *core, struct core_session *session)
{
    if (session->state != BELIEF_HELD)
        return;
    struct core_request *opening = request_at(core, session->opening);
    if (opening != NULL) {
        session->opening = 0;
        request_finish(core, opening, STATUS_OK);
    }
    struct list_node *node;
    while ((node = list_first(&session->granted)) != NULL &&
            left_ns(core, session) >= session->min_usable_ns)
        request_give(core, LIST_OWNER(node, struct core_request, link));
}

void session_extend(struct core *core, struct core_session *session)
{
    if (session->phase != PHASE_OPEN)
        return;
    if (core->anchor.set && session->deadline != 0) {
        struct belief now = {.state = BELIEF_HELD, .until = session->until};
        struct belief then = {
                .state = BELIEF_HELD, .until = work_out_window(core, session)};
        if (belief_left_ns(&then, core->now) > belief_left_ns(&now, core->now)) {
            session->until = then.until;
            bool again = session->state == BELIEF_SUSPENDED;
            session->state = BELIEF_HELD;
            publish(core, session);
            if (again)
                session_event(core, session, CORE_REASON_NONE);
            session->announced = true;
            session_touch(core, session);
        }
    }
    give_what_fits(core, session);
    session_reschedule(core, session);
}

/* ---- Holds ---- */

struct core_hold *hold_by_token(const struct core *core, uint64_t token)
{
    struct map_cursor at;
    return map_find(&core->hold_tokens, token, &at) ? pool_at(&core->holds, at.value)
                                                    : NULL;
}

struct core_hold *hold_make(struct core *core, struct core_session *session, uint64_t token)
{
    uint32_t handle = pool_take(&core->holds);
    assert(handle != 0); /* It was promised. */
    struct core_hold *hold = pool_at(&core->holds, handle);
    hold->handle = handle;
    hold->session = session->handle;
    hold->token = token;
    hold->session_user = session->user;
    hold->list_mark = session->list_mark; /* A list begun before it cannot name it. */
    list_push_back(&session->holds, &hold->link);
    map_add(&core->hold_tokens, token, handle);
    return hold;
}

/* From here on nobody believes in it. */
static void disbelieve(struct core *core, struct core_hold *hold)
{
    hold_write(&core->hold_beliefs[pool_index(hold->handle)], 0);
    map_remove(&core->hold_tokens, hold->token, hold->handle);
    list_remove(&hold->link);
}

void hold_drop(struct core *core, struct core_hold *hold)
{
    disbelieve(core, hold);
    pool_give(&core->holds, hold->handle);
}

void hold_left(struct core *core, struct core_hold *hold)
{
    if (hold->count == 0)
        hold_write(&core->hold_beliefs[pool_index(hold->handle)], 0);
    if (hold->count == 0 && hold->waiting == 0)
        hold_drop(core, hold);
}

void hold_ended(struct core *core, struct core_hold *hold)
{
    MARK(client_hold_ended);
    disbelieve(core, hold);
    list_push_back(&core->ended_holds, &hold->link);
}

/* ---- The end ---- */

static void finish_all(struct core *core, struct list *list, enum status status)
{
    struct list_node *node;
    while ((node = list_first(list)) != NULL)
        request_finish(core, LIST_OWNER(node, struct core_request, link), status);
}

/* Nothing that was asked of it will be done, or its end does it. */
static void finish_requests(struct core *core, struct core_session *session)
{
    struct core_request *opening = request_at(core, session->opening);
    session->opening = 0;
    if (opening != NULL)
        request_finish(core, opening, STATUS_LOST);
    finish_all(core, &session->urgent, STATUS_LOST);
    finish_all(core, &session->acquires, STATUS_LOST);
    finish_all(core, &session->sent, STATUS_LOST);
    finish_all(core, &session->queued, STATUS_LOST);
    finish_all(core, &session->granted, STATUS_LOST);
}

static void unlink_if(struct list_node *node)
{
    if (list_is_linked(node))
        list_remove(node);
}

/* The cluster has it no more, or is left to find out by itself. */
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
    session->closing = 0;
    if (closing != NULL)
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

/* Nobody knows the answer to its OPEN any more: what it opened expires by itself. */
void session_forget_opening(struct core *core, struct core_request *opening)
{
    struct core_session *session = session_at(core, opening->session);
    assert(session->phase == PHASE_ENDED);
    request_finish(core, opening, STATUS_LOST);
    session->close_wanted = false;
    session_settle(core, session);
}

static void ask_to_close(struct core *core, struct core_session *session)
{
    struct core_request *request = request_make_own(core, session, REQUEST_CLOSE);
    request_move(request, &session->urgent, PLACE_WAITING);
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
    session->doubted =
            !opening && (session->state != BELIEF_HELD || left_ns(core, session) == 0);
    session->state = BELIEF_LOST;
    publish(core, session);
    session->phase = PHASE_ENDED;
    session->ended_ns = core->now.boot_ns;
    session_event(core, session, reason);
    while (!list_is_empty(&session->holds))
        hold_drop(core, LIST_OWNER(list_first(&session->holds), struct core_hold, link));
    struct core_request *opened = request_at(core, session->opening);
    bool open_sent = opening && opened != NULL && opened->place == PLACE_SENT;
    if (open_sent)
        session->opening = 0; /* Its answer is awaited: what it opened is to be closed. */
    finish_requests(core, session);
    if (open_sent) {
        request_tell(core, opened, STATUS_LOST);
        session->opening = opened->handle; /* Given up with the session, if nothing comes */
    }
    session->resend = false;
    unlink_if(&session->renewal_link);
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
        suspend(core, session, CORE_REASON_REHEARSED);
    }
    session_end(core, session, CORE_REASON_REHEARSED, true);
}

/* A new connection to the leader: what is unanswered goes again, who holds is heard of. */
void session_link_ready(struct core *core, struct core_session *session)
{
    session->resend = !list_is_empty(&session->sent);
    session->listing = false;
    session_touch(core, session);
    bool has_something = !list_is_empty(&session->holds) ||
                         !list_is_empty(&session->queued) ||
                         !list_is_empty(&session->granted);
    if (has_something || session->state == BELIEF_SUSPENDED)
        session_want_renewal(core, session);
}
