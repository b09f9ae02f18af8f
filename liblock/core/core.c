/* The step, and the memory behind it. */
#include "core/core_internal.h"

#include "base/numbers.h"

void core_settings_default(struct core_settings *settings)
{
    *settings = (struct core_settings){
            .sessions_max = 1024,
            .requests_max = 4096,
            .holds_max = 65536,
            .window = REQUEST_WINDOW,
            /* An answer has 64 bytes: a node keeps 256 KiB for each client. */
            .owed_max = 3500,
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
    /*
     * Each acquire may need a CANCEL; each session the program's CLOSE, and one of the
     * library's own.
     */
    uint32_t count = 2 * settings->requests_max + 2 * settings->sessions_max;
    pool_carve(&core->requests, arena, "requests", count, sizeof(struct core_request));
    map_carve(&core->numbers, arena, "request numbers", count);
    heap_carve(&core->timers.heap, arena, "request timers", count);
}

struct core *core_carve(struct arena *arena, const struct core_settings *settings)
{
    assert(settings->node_count >= 1 && settings->node_count <= CORE_NODES_MAX);
    assert(settings->sessions_max >= 1 && settings->requests_max >= 1);
    assert(settings->holds_max >= 1 && settings->owed_max >= 4);
    assert(settings->window >= 8 && settings->window <= REQUEST_WINDOW);
    assert(settings->output_bytes >= 2 * (FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX));
    struct core scratch;
    struct core *core = arena_take(arena, "core", 1, sizeof(*core), alignof(struct core));
    struct core *real = core;
    if (core == NULL)
        core = &scratch; /* Measuring. */
    uint32_t sessions = settings->sessions_max;
    pool_carve(&core->sessions, arena, "sessions", sessions, sizeof(struct core_session));
    map_carve(&core->session_ids, arena, "session ids", sessions);
    heap_carve(&core->session_timers, arena, "session timers", sessions);
    core->session_beliefs = arena_take(arena, "session beliefs", sessions,
            sizeof(struct session_belief), alignof(struct session_belief));
    holds_carve(&core->holds, arena, settings->holds_max);
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
    nodes_init(&core->nodes, settings);
    struct list *lists[] = {&core->opens, &core->opens_sent, &core->opens_resting,
            &core->reads, &core->reads_sent, &core->reads_resting, &core->dirty,
            &core->keepalives, &core->resting, &core->completed, &core->eventful,
            &core->holds.ended, &core->timers.in_order};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_init(lists[i]);
    core->rest_until_ns = UINT64_MAX;
    core->output.capacity = settings->output_bytes;
    core->link.state = LINK_IDLE; /* And due at once. */
    core->link.node = (uint32_t)prng_below(&core->prng, core->nodes.count);
    frame_reader_init(&core->reader, core->input, FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
}

/* Do everything that is due before the event: belief ends by the clock first. */
static void on_time(struct core *core)
{
    struct heap_node *node;
    while ((node = heap_first(&core->session_timers)) != NULL &&
            node->key <= core->now.boot_ns) {
        struct core_session *session = LIST_OWNER(node, struct core_session, timer);
        heap_remove(&core->session_timers, node);
        session_on_time(core, session);
    }
    limit_on_time(core);
    busy_on_time(core);
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
    uint64_t deadline = u64_min(link_deadline(core), busy_deadline(core));
    const struct heap_node *session = heap_first(&core->session_timers);
    if (session != NULL)
        deadline = u64_min(deadline, session->key);
    return u64_min(deadline, timers_deadline(&core->timers));
}

static void fill(struct core *core, struct core_effects *effects)
{
    *effects = (struct core_effects){
            .close = core->close_wanted,
            .connect = core->connect_wanted,
            .node = &core->nodes.all[core->link.node].node,
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
    busy_shed(core);
    send_all(core);
    fill(core, effects);
}
