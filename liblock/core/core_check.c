/* Asserts what must be true between steps, over the whole state. For tests. */
#include "core/core_internal.h"

struct counts {
    uint32_t asked;
    uint32_t promised;
    uint32_t stray;
    uint32_t indexed;
};

static void check_request(const struct core *core, uint32_t handle, struct counts *counts)
{
    const struct core_request *request = request_at(core, handle);
    assert(request->handle == handle);
    counts->asked += !request->own;
    counts->promised += request->promised;
    counts->stray += request->stray;
    counts->indexed += request->indexed;
    assert(request->indexed == (request->place == PLACE_QUEUED));
    if (request->place == PLACE_DONE)
        assert(list_is_linked(&request->out) && !request->promised);
    if (request->place == PLACE_GRANTED)
        assert(hold_by_token(&core->holds, request->token) ==
                hold_at(&core->holds, request->hold));
    const struct core_request *partner = request_at(core, request->partner);
    if (partner != NULL)
        assert(partner->partner == handle && partner->session == request->session);
    if (request->own)
        assert(!request->told);
    if (request->kind != CORE_QUERY && request->kind != CORE_LIST &&
            request->place != PLACE_DONE)
        assert(session_at(core, request->session) != NULL);
}

static void check_requests(const struct core *core)
{
    struct counts counts = {0};
    for (uint32_t at = pool_next(&core->requests, 0); at != 0;
            at = pool_next(&core->requests, at))
        check_request(core, at, &counts);
    assert(counts.asked == core->asked_count);
    assert(counts.promised == core->holds.promised);
    assert(counts.stray == core->stray_count);
    assert(counts.indexed == map_count(&core->numbers));
    assert(pool_count(&core->holds.pool) + core->holds.promised <=
            core->settings.holds_max);
}

/*
 * Numbers ascend, all are below the next, and none is outside the window, with those that are
 * kept for CANCELs: one for each acquire that was sent and is not being cancelled yet, and one
 * for each CANCEL that has to wait.
 */
static void check_sent(const struct core *core, struct core_session *session)
{
    uint32_t kept = 0;
    uint64_t last = session_answered(session);
    const struct list_node *node = list_first(&session->sent);
    for (; node != NULL; node = list_next(&session->sent, node)) {
        const char *at = (const char *)node - offsetof(struct core_request, link);
        const struct core_request *request = (const struct core_request *)(const void *)at;
        assert(request->place == PLACE_SENT);
        assert(request->number > last);
        last = request->number;
        assert(request->wire_kind != REQUEST_ACQUIRE || request->partner != 0 ||
                request->keeps);
        kept += request->keeps;
    }
    for (node = list_first(&session->urgent); node != NULL;
            node = list_next(&session->urgent, node)) {
        const char *at = (const char *)node - offsetof(struct core_request, link);
        kept += ((const struct core_request *)(const void *)at)->keeps;
    }
    assert(kept == session->kept_numbers);
    assert(session->next_number - 1 + kept <=
            session_answered(session) + core->settings.window);
    assert(last < session->next_number);
    assert(last <= session_answered(session) + core->settings.window);
    assert(session_confirmed(session) <= session->seen);
}

static void check_session(const struct core *core, struct core_session *session)
{
    struct belief belief = belief_read(&core->session_beliefs[pool_index(session->handle)]);
    assert(belief.state == session->state);
    assert((session->phase == PHASE_ENDED) == (session->state == BELIEF_LOST));
    if (session->phase == PHASE_ENDED) {
        assert(list_is_empty(&session->holds) && list_is_empty(&session->acquires));
        assert(list_is_empty(&session->queued) && list_is_empty(&session->granted));
        assert(!session->dismissed || session->close_wanted);
    }
    if (session->phase == PHASE_OPEN)
        assert(session->id != 0 && (heap_has(&session->timer) ||
                                           session_next_due(core, session) == UINT64_MAX));
    if (session->phase == PHASE_OPENING)
        assert(session->id == 0 && session->opening != 0);
    check_sent(core, session);
}

void core_check(const struct core *core)
{
    check_requests(core);
    for (uint32_t at = pool_next(&core->sessions, 0); at != 0;
            at = pool_next(&core->sessions, at))
        check_session(core, session_at(core, at));
    heap_check(&core->session_timers);
    timers_check(&core->timers);
    assert(core->output.begin <= core->output.end);
    assert(core->output.end <= core->output.capacity);
    assert(!core->output.frame.open);
}
