/* What the shell fetches after a step, and what it may read at any time. */
#include "core/core_internal.h"

#include "base/numbers.h"

/* ---- What came out ---- */

bool core_next_completion(struct core *core, struct core_completion *completion)
{
    struct list_node *node = list_first(&core->completed);
    if (node == NULL)
        return false;
    struct core_request *request = LIST_OWNER(node, struct core_request, out);
    bool granted = request->kind == CORE_ACQUIRE && request->status == STATUS_OK;
    *completion = (struct core_completion){
            .request = request->handle,
            .kind = request->kind,
            .user = request->user,
            .status = request->status,
            .detail = request->detail,
            .session = request->session,
            .tag = request->tag,
            .token = granted ? request->token : 0,
            .hold = granted ? pool_index(request->hold) : 0,
            .read = request->read,
            .read_bytes = request->read_bytes,
    };
    const struct core_session *session = session_at(core, request->session);
    if (granted && session != NULL) {
        struct belief belief = {.state = session->state, .until = session->until};
        completion->until_ns =
                u64_sum(core->now.boot_ns, belief_left_ns(&belief, core->now));
    }
    request_fetched(core, request);
    return true;
}

static void next_ended_hold(struct core *core, struct core_session_event *event)
{
    struct core_hold *hold =
            LIST_OWNER(list_first(&core->holds.ended), struct core_hold, link);
    *event = (struct core_session_event){.session = hold->session,
            .session_user = hold->session_user,
            .state = BELIEF_LOST,
            .reason = CORE_REASON_ENDED,
            .token = hold->token};
    list_remove(&hold->link);
    pool_give(&core->holds.pool, hold->handle);
}

static bool next_session_event(struct core *core, struct core_session_event *event)
{
    struct list_node *node = list_first(&core->eventful);
    if (node == NULL)
        return false;
    struct core_session *session = LIST_OWNER(node, struct core_session, event_link);
    assert(session->event_count > 0);
    *event = (struct core_session_event){.session = session->handle,
            .session_user = session->user,
            .state = session->events[0].state,
            .reason = session->events[0].reason};
    session->event_count--;
    memmove(&session->events[0], &session->events[1],
            session->event_count * sizeof(session->events[0]));
    if (session->event_count == 0)
        list_remove(node);
    return true;
}

bool core_next_event(struct core *core, struct core_session_event *event)
{
    while (!list_is_empty(&core->holds.ended)) {
        next_ended_hold(core, event);
        const struct core_session *session = session_at(core, event->session);
        if (session != NULL && !session->dismissed)
            return true;
    }
    return next_session_event(core, event);
}

bool core_next_notice(struct core *core, struct core_notice *notice)
{
    return nodes_next_notice(&core->nodes, notice);
}

/* ---- Looking ---- */

enum status core_session_verdict(const struct core *core, uint32_t session, uint8_t *detail)
{
    const struct core_session *found = session_at(core, session);
    *detail = 0;
    if (found == NULL)
        return core->foreign != 0 ? STATUS_WRONG_CLUSTER : STATUS_LOST;
    if (found->phase != PHASE_ENDED)
        return STATUS_OK;
    *detail = found->verdict_detail;
    return found->verdict;
}

uint64_t core_session_ttl(const struct core *core, uint32_t session)
{
    const struct core_session *found = session_at(core, session);
    return found == NULL ? 0 : found->ttl_ns;
}

bool core_ttl_range(const struct core *core, uint64_t *min_ns, uint64_t *max_ns)
{
    *min_ns = core->ttl_min_ns;
    *max_ns = core->ttl_max_ns;
    return core->ttl_max_ns != 0;
}

bool core_is_foreign(const struct core *core, uint64_t *ours, uint64_t *theirs)
{
    *ours = core->cluster;
    *theirs = core->foreign;
    return core->foreign != 0;
}

bool core_node_trouble(
        const struct core *core, uint32_t number, struct core_notice *trouble)
{
    if (number >= core->nodes.count || !core->nodes.all[number].troubled)
        return false;
    *trouble = core->nodes.all[number].trouble;
    return true;
}

const struct core_node *core_node_at(const struct core *core, uint32_t number)
{
    assert(number < core->nodes.count);
    return &core->nodes.all[number].node;
}

uint32_t core_node_count(const struct core *core)
{
    return core->nodes.count;
}

bool core_leader(const struct core *core, uint32_t *number)
{
    *number = core->link.node;
    return core->link.state == LINK_READY;
}

uint32_t core_opened(const struct core *core)
{
    return core->opened;
}

uint64_t core_cluster(const struct core *core)
{
    return core->cluster;
}

uint32_t core_session_count(const struct core *core)
{
    uint32_t count = 0;
    for (uint32_t at = pool_next(&core->sessions, 0); at != 0;
            at = pool_next(&core->sessions, at)) {
        const struct core_session *session = session_at(core, at);
        if (session->phase != PHASE_ENDED || session->close_wanted)
            count++;
    }
    return count;
}

uint64_t core_session_id(const struct core *core, uint32_t session)
{
    const struct core_session *found = session_at(core, session);
    return found != NULL ? found->id : 0;
}

bool core_has_session(const struct core *core, uint32_t session)
{
    return session_at(core, session) != NULL;
}

const struct session_belief *core_session_belief(const struct core *core, uint32_t session)
{
    assert(pool_has(&core->sessions, session));
    return &core->session_beliefs[pool_index(session)];
}

const struct hold_belief *core_hold_beliefs(const struct core *core, uint32_t *count)
{
    *count = pool_capacity(&core->holds.pool);
    return core->holds.beliefs;
}
