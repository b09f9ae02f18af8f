/* The step, the memory behind it, and what the shell fetches afterwards. */
#include "core/core_internal.h"

void core_settings_default(struct core_settings *settings)
{
    *settings = (struct core_settings){
            .sessions_max = 1024,
            .requests_max = 4096,
            .holds_max = 65536,
            .owed_max = 3500, /* Of 64 bytes: a node keeps 256 KiB for each client. */
            .output_bytes = 4 * (FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX),
            .grace_ns = 45 * NS_PER_S,
            .connect_wait_ns = NS_PER_S / 2,
            .silence_min_ns = NS_PER_S,
            .silence_max_ns = 8 * NS_PER_S,
            .retry_min_ns = 5 * NS_PER_MS,
            .retry_max_ns = NS_PER_S / 2,
    };
}

static void carve_requests(
        struct core *core, struct arena *arena, const struct core_settings *settings)
{
    /* Each acquire may want a CANCEL; each session a CLOSE asked for, and one of its own. */
    uint32_t count = 2 * settings->requests_max + 2 * settings->sessions_max;
    pool_carve(&core->requests, arena, "requests", count, sizeof(struct core_request));
    map_carve(&core->numbers, arena, "request numbers", count);
    heap_carve(&core->request_timers, arena, "request timers", count);
}

struct core *core_carve(struct arena *arena, const struct core_settings *settings)
{
    assert(settings->node_count >= 1 && settings->node_count <= CORE_NODES_MAX);
    assert(settings->sessions_max >= 1 && settings->requests_max >= 1);
    assert(settings->holds_max >= 1 && settings->owed_max >= 4);
    assert(settings->output_bytes >= 2 * (FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX));
    struct core scratch;
    struct core *core = arena_take(arena, "core", 1, sizeof(*core), alignof(struct core));
    struct core *real = core;
    if (core == NULL)
        core = &scratch; /* Measuring. */
    uint32_t sessions = settings->sessions_max;
    uint32_t holds = settings->holds_max;
    pool_carve(&core->sessions, arena, "sessions", sessions, sizeof(struct core_session));
    map_carve(&core->session_ids, arena, "session ids", sessions);
    heap_carve(&core->session_timers, arena, "session timers", sessions);
    core->session_beliefs = arena_take(arena, "session beliefs", sessions,
            sizeof(struct session_belief), alignof(struct session_belief));
    pool_carve(&core->holds, arena, "holds", holds, sizeof(struct core_hold));
    map_carve(&core->hold_tokens, arena, "hold tokens", holds);
    core->hold_beliefs = arena_take(arena, "hold beliefs", holds,
            sizeof(struct hold_belief), alignof(struct hold_belief));
    carve_requests(core, arena, settings);
    core->output.bytes = arena_take(arena, "output", settings->output_bytes, 1, 64);
    core->input =
            arena_take(arena, "input", FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX, 1, 64);
    return real;
}

void core_init(struct core *core, const struct core_settings *settings, uint64_t seed)
{
    core->settings = *settings;
    prng_init(&core->prng, seed);
    core->node_count = settings->node_count;
    for (uint32_t i = 0; i < core->node_count; i++)
        core->nodes[i].node = settings->nodes[i];
    struct list *lists[] = {&core->opens, &core->opens_sent, &core->opens_resting,
            &core->reads, &core->reads_sent, &core->dirty, &core->renewals, &core->resting,
            &core->completed, &core->eventful, &core->ended_holds, &core->limits};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_init(lists[i]);
    core->rest_until_ns = UINT64_MAX;
    core->output.capacity = settings->output_bytes;
    core->link.state = LINK_IDLE; /* And due at once. */
    core->link.node = (uint32_t)prng_below(&core->prng, core->node_count);
    frame_reader_init(&core->reader, core->input, FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
}

void core_notice(struct core *core, enum core_notice_kind kind, uint64_t number)
{
    if (core->notice_count == CORE_NOTICES_MAX)
        return; /* The shell fetches them after each step; so many are noise. */
    uint32_t at = (core->notice_begin + core->notice_count) % CORE_NOTICES_MAX;
    core->notices[at] = (struct core_notice){kind, core->link.node, number};
    core->notice_count++;
}

void core_rest(struct core *core)
{
    if (core->rest_until_ns == UINT64_MAX)
        core->rest_until_ns = core->now.boot_ns + REST_NS;
}

static void end_rest(struct core *core)
{
    core->rest_until_ns = UINT64_MAX;
    struct list_node *node;
    while ((node = list_first(&core->opens_resting)) != NULL)
        request_move(
                LIST_OWNER(node, struct core_request, link), &core->opens, PLACE_WAITING);
    while ((node = list_first(&core->resting)) != NULL) {
        struct core_session *session = LIST_OWNER(node, struct core_session, rest_link);
        list_remove(node);
        session->resend = !list_is_empty(&session->sent);
        session_touch(core, session);
        session_want_renewal(core, session);
    }
}

/* Everything that is due, before the event is looked at: belief ends by the clock first. */
static void on_time(struct core *core)
{
    struct heap_node *node;
    while ((node = heap_first(&core->session_timers)) != NULL &&
            node->key <= core->now.boot_ns) {
        struct core_session *session = LIST_OWNER(node, struct core_session, timer);
        heap_remove(&core->session_timers, node);
        session_on_time(core, session);
    }
    requests_on_time(core);
    if (core->now.boot_ns >= core->rest_until_ns)
        end_rest(core);
    link_on_time(core);
}

void core_sent(struct core *core, size_t count)
{
    if (core->link.state == LINK_IDLE)
        return;
    assert(count <= core->output.end - core->output.begin);
    core->output.begin += count;
}

static void on_event(struct core *core, const struct core_event *event)
{
    switch (event->kind) {
    case CORE_TIME:
        break;
    case CORE_CONNECTED:
        link_on_connected(core, event->random);
        break;
    case CORE_CONNECT_FAILED:
        if (core->link.state == LINK_CONNECTING)
            link_on_failed(core, CORE_NOTICE_CONNECT_FAILED, (uint64_t)event->number);
        break;
    case CORE_CLOSED:
        if (core->link.state != LINK_IDLE)
            link_on_failed(core, CORE_NOTICE_CLOSED, (uint64_t)event->number);
        break;
    case CORE_RECEIVED:
        if (core->link.state != LINK_IDLE && core->link.state != LINK_CONNECTING)
            receive_bytes(core, event->bytes, event->count);
        break;
    case CORE_SENT:
        core_sent(core, event->count);
        break;
    }
}

static uint64_t find_deadline(const struct core *core)
{
    uint64_t deadline = link_deadline(core);
    if (core->rest_until_ns < deadline)
        deadline = core->rest_until_ns;
    const struct heap_node *session = heap_first(&core->session_timers);
    if (session != NULL && session->key < deadline)
        deadline = session->key;
    uint64_t limit = requests_deadline(core);
    return limit < deadline ? limit : deadline;
}

static void fill(struct core *core, struct core_effects *effects)
{
    *effects = (struct core_effects){
            .close = core->close_wanted,
            .connect = core->connect_wanted,
            .node = &core->nodes[core->link.node].node,
            .node_number = core->link.node,
            .send = core->output.bytes + core->output.begin,
            .send_bytes = core->output.end - core->output.begin,
            .full = core->output.full,
            .deadline_ns = find_deadline(core),
    };
    core->close_wanted = false;
    core->connect_wanted = false;
}

void core_step(
        struct core *core, const struct core_event *event, struct core_effects *effects)
{
    core->now = event->now;
    bool closed = event->kind == CORE_CLOSED || event->kind == CORE_CONNECT_FAILED;
    uint64_t serial = core->link.serial;
    on_time(core);
    if (core->link.serial == serial && !core->close_wanted) {
        on_event(core, event);
        if (closed)
            core->close_wanted = false; /* There is nothing left to close. */
    }
    link_on_time(core);
    requests_shed(core);
    send_all(core);
    fill(core, effects);
}

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
        completion->until_ns = core->now.boot_ns + belief_left_ns(&belief, core->now);
    }
    request_fetched(core, request);
    return true;
}

static void next_ended_hold(struct core *core, struct core_session_event *event)
{
    struct core_hold *hold =
            LIST_OWNER(list_first(&core->ended_holds), struct core_hold, link);
    *event = (struct core_session_event){.session = hold->session,
            .session_user = hold->session_user,
            .state = BELIEF_LOST,
            .reason = CORE_REASON_ENDED,
            .token = hold->token};
    list_remove(&hold->link);
    pool_give(&core->holds, hold->handle);
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
    while (!list_is_empty(&core->ended_holds)) {
        next_ended_hold(core, event);
        const struct core_session *session = session_at(core, event->session);
        if (session != NULL && !session->dismissed)
            return true;
    }
    return next_session_event(core, event);
}

bool core_next_notice(struct core *core, struct core_notice *notice)
{
    if (core->notice_count == 0)
        return false;
    *notice = core->notices[core->notice_begin];
    core->notice_begin = (core->notice_begin + 1) % CORE_NOTICES_MAX;
    core->notice_count--;
    return true;
}

/* ---- Looking ---- */

bool core_node_trouble(
        const struct core *core, uint32_t number, struct core_notice *trouble)
{
    if (number >= core->node_count || !core->nodes[number].troubled)
        return false;
    *trouble = core->nodes[number].trouble;
    return true;
}

const struct core_node *core_node_at(const struct core *core, uint32_t number)
{
    assert(number < core->node_count);
    return &core->nodes[number].node;
}

uint32_t core_node_count(const struct core *core)
{
    return core->node_count;
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
    *count = pool_capacity(&core->holds);
    return core->hold_beliefs;
}

void core_lose(struct core *core, uint32_t session, struct clocks now)
{
    core->now = now;
    struct core_session *found = session_at(core, session);
    if (found == NULL || found->phase == PHASE_ENDED)
        return;
    session_lose_on_purpose(core, found);
}
