/*
 * A session: what is believed about it, when it is due, and what it has to send.
 *
 * HELD becomes SUSPENDED when the window ends, HELD again when an answer moves its end past
 * now, and LOST when `grace` has passed or the cluster says so (core_life.c). When belief
 * ends, the records that lk_check() reads are written before anything else is done.
 */
#include "core/core_internal.h"

#include "base/numbers.h"

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

void session_publish(struct core *core, const struct core_session *session)
{
    struct belief belief = {.state = session->state, .until = session->until};
    belief_write(&core->session_beliefs[pool_index(session->handle)], &belief);
}

uint64_t session_left_ns(const struct core *core, const struct core_session *session)
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
    session->verdict = STATUS_LOST;
    session->next_number = 1;
    session->user = call->session_user;
    memcpy(session->secret, call->secret, SECRET_BYTES);
    list_init(&session->urgent);
    list_init(&session->acquires);
    list_init(&session->sent);
    list_init(&session->queued);
    list_init(&session->granted);
    list_init(&session->holds);
    session_publish(core, session);
    core->opened = handle;
    return session;
}

/* The program is not told changes of a session that was never held. */
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

void session_want_keepalive(struct core *core, struct core_session *session)
{
    if (session->phase == PHASE_OPEN && !list_is_linked(&session->keepalive_link))
        list_push_back(&core->keepalives, &session->keepalive_link);
}

/*
 * When the next keepalive is due. It is moved back to a grid, so that the keepalives of
 * many sessions are due together and leave in one frame.
 */
uint64_t session_keepalive_due(const struct core_session *session)
{
    uint64_t interval = session->ttl_ns / 3;
    uint64_t grid = interval > NS_PER_S / 2 ? 50 * NS_PER_MS : 10 * NS_PER_MS;
    uint64_t due = u64_sum(session->renewed_ns, interval);
    return due - due % grid;
}

/* Without a word to the cluster it has expired there by now, whatever the cluster did. */
static uint64_t session_forgotten_ns(const struct core_session *session)
{
    uint64_t ttls_ns =
            session->ttl_ns > UINT64_MAX / 10 ? UINT64_MAX : 10 * session->ttl_ns;
    return u64_sum(session->ended_ns, ttls_ns);
}

uint64_t session_next_due(const struct core *core, const struct core_session *session)
{
    if (session->phase == PHASE_ENDED)
        return session->close_wanted ? session_forgotten_ns(session) : UINT64_MAX;
    if (session->phase == PHASE_OPENING)
        return UINT64_MAX;
    uint64_t due = UINT64_MAX;
    if (!list_is_linked(&session->keepalive_link))
        due = session_keepalive_due(session);
    uint64_t turn = session->state == BELIEF_HELD
                            ? u64_sum(core->now.boot_ns, session_left_ns(core, session))
                            : u64_sum(session->suspended_ns, core->settings.grace_ns);
    return turn < due ? turn : due;
}

void session_reschedule(struct core *core, struct core_session *session)
{
    uint64_t due = session_next_due(core, session);
    if (!heap_has(&session->timer)) {
        if (due == UINT64_MAX)
            return;
        session->timer.key = due;
        session->timer.tie_high = session->handle;
        heap_add(&core->session_timers, &session->timer);
    } else if (due < session->timer.key) {
        heap_move(&core->session_timers, &session->timer, due);
    } /* Else it comes up too early, and is corrected then. */
}

void session_suspend(
        struct core *core, struct core_session *session, enum core_reason reason)
{
    session->state = BELIEF_SUSPENDED;
    session_publish(core, session);
    uint64_t ended_ns = session->until.boot_ns;
    session->suspended_ns = ended_ns < core->now.boot_ns ? ended_ns : core->now.boot_ns;
    session_event(core, session, reason);
    session_want_keepalive(core, session);
}

/* The macro takes no const; nothing is changed through these. */
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
 * A grant that a cancel under way may undo is not confirmed: once confirmed, it could not
 * be taken back by its number.
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
