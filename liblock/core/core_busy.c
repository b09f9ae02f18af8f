/*
 * What follows from BUSY: requests that must get through rest for a moment and are sent
 * again, and acquires are refused here while the leader has too much to do.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

/* After BUSY, before a request that must get through is sent again; then longer. */
#define REST_MIN_NS  (50 * NS_PER_MS)
/*
 * After BUSY for an acquire, others are refused here for twice as long as it took to come.
 */
#define HUSH_MIN_NS  (5 * NS_PER_MS)
#define HUSH_MAX_NS  NS_PER_S
/* The longest pause of what is sent again and again */
#define PAUSE_MAX_NS (500 * NS_PER_MS)

/* Doubled for each refusal since something was accepted. */
static uint64_t longer(const struct core *core, uint64_t ns)
{
    for (uint32_t i = 0; i < core->refusals && ns < PAUSE_MAX_NS; i++)
        ns *= 2;
    return u64_min(ns, PAUSE_MAX_NS);
}

static uint64_t with_jitter(struct core *core, uint64_t ns)
{
    return ns - prng_below(&core->prng, ns / 4);
}

void busy_accepted(struct core *core)
{
    core->refusals = 0;
}

/* ---- Rest ---- */

void busy_rest(struct core *core)
{
    if (core->rest_until_ns != UINT64_MAX)
        return;
    core->rest_until_ns = core->now.boot_ns + with_jitter(core, longer(core, REST_MIN_NS));
    core->refusals++;
}

void busy_rest_session(struct core *core, struct core_session *session)
{
    if (!list_is_linked(&session->rest_link))
        list_push_back(&core->resting, &session->rest_link);
    busy_rest(core);
}

static void move_all(struct core *core, struct list *from, struct list *to)
{
    struct list_node *node;
    while ((node = list_first(from)) != NULL)
        request_move(core, LIST_OWNER(node, struct core_request, link), to, PLACE_WAITING);
}

static void end_rest(struct core *core)
{
    core->rest_until_ns = UINT64_MAX;
    move_all(core, &core->opens_resting, &core->opens);
    move_all(core, &core->reads_resting, &core->reads);
    struct list_node *node;
    while ((node = list_first(&core->resting)) != NULL) {
        struct core_session *session = LIST_OWNER(node, struct core_session, rest_link);
        list_remove(node);
        session->resend = !list_is_empty(&session->sent);
        session_touch(core, session);
        session_want_keepalive(core, session);
    }
}

static void end_hush(struct core *core)
{
    core->held_back = false;
    for (uint32_t at = pool_next(&core->sessions, 0); at != 0;
            at = pool_next(&core->sessions, at))
        session_touch(core, session_at(core, at));
}

void busy_on_time(struct core *core)
{
    if (core->now.boot_ns >= core->rest_until_ns)
        end_rest(core);
    if (core->held_back && !busy_hushed(core))
        end_hush(core);
}

uint64_t busy_deadline(const struct core *core)
{
    uint64_t hush_ns = core->held_back ? core->hush_until_ns : UINT64_MAX;
    return u64_min(core->rest_until_ns, hush_ns);
}

/* ---- Hush ---- */

/*
 * A refusal costs the leader as much as a command. So while the leader refuses, acquires
 * are not sent to it: they get BUSY here, at no cost. That lasts twice as long as the
 * refusal took to come, because the next one will take as long to come. So at most a third
 * of the time is spent on useless requests, and a leader that refuses quickly soon gets
 * acquires again. Meanwhile it has work, so it does not run dry. Jitter keeps its clients
 * from coming back all together. Releases and cancels make room, and are sent as always.
 *
 * An acquire that is patient gets no BUSY before its limit: it is held back here until the hush
 * is over, and then sent again. What is sent again and again pauses longer each time.
 */
bool busy_hushed(const struct core *core)
{
    return core->now.boot_ns < core->hush_until_ns;
}

void busy_hush(struct core *core, const struct core_request *refused)
{
    if (refused->sent.boot_ns < core->hush_until_ns)
        return; /* It was sent before the last hush: the refusal says nothing new. */
    uint64_t ns = 2 * (core->now.boot_ns - refused->sent.boot_ns);
    ns = u64_min(u64_max(ns, HUSH_MIN_NS), HUSH_MAX_NS);
    if (refused->patient) {
        ns = u64_max(ns, longer(core, HUSH_MIN_NS));
        core->refusals++;
    }
    core->hush_until_ns = core->now.boot_ns + with_jitter(core, ns);
}

bool busy_waits_out(const struct core *core, const struct core_request *request)
{
    return request->patient && !request->told && request->limit_ns > core->now.boot_ns;
}

static void shed_session(struct core *core, struct core_session *session)
{
    struct list_node *node = list_first(&session->acquires);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(&session->acquires, node);
        if (!request->expired && busy_waits_out(core, request)) {
            request->refused = true;
            request_set_limit(core, request);
            continue;
        }
        MARK(client_sheds_acquire);
        request_finish(core, request, request->expired ? request->final : STATUS_BUSY);
    }
}

void busy_shed(struct core *core)
{
    if (!busy_hushed(core))
        return;
    struct list_node *node = list_first(&core->dirty);
    for (; node != NULL; node = list_next(&core->dirty, node))
        shed_session(core, LIST_OWNER(node, struct core_session, dirty_link));
}
