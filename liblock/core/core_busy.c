/*
 * What follows from BUSY: requests that must get through rest for a moment and are sent
 * again, and acquires are refused here while the leader has too much to do.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

/* After BUSY, before a request that must get through is sent again. */
#define REST_NS     (50 * NS_PER_MS)
/*
 * After BUSY for an acquire, others are refused here for twice as long as it took to come.
 */
#define HUSH_MIN_NS (5 * NS_PER_MS)
#define HUSH_MAX_NS (100 * NS_PER_MS)

/* ---- Rest ---- */

void busy_rest(struct core *core)
{
    if (core->rest_until_ns == UINT64_MAX)
        core->rest_until_ns = core->now.boot_ns + REST_NS;
}

void busy_rest_session(struct core *core, struct core_session *session)
{
    if (!list_is_linked(&session->rest_link))
        list_push_back(&core->resting, &session->rest_link);
    busy_rest(core);
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
        session_want_keepalive(core, session);
    }
}

void busy_on_time(struct core *core)
{
    if (core->now.boot_ns >= core->rest_until_ns)
        end_rest(core);
}

/* ---- Hush ---- */

/*
 * A refusal costs the leader as much as a command. So while the leader refuses, acquires
 * are not sent to it: they get BUSY here, at no cost. That lasts twice as long as the
 * refusal took to come, because the next one will take as long to come. So at most a third
 * of the time is spent on useless requests, and a leader that refuses quickly soon gets
 * acquires again. Meanwhile it has work, so it does not run dry. Jitter keeps its clients
 * from coming back all together. Releases and cancels make room, and are sent as always.
 */
bool busy_hushed(const struct core *core)
{
    return core->now.boot_ns < core->hush_until_ns;
}

void busy_hush(struct core *core, uint64_t sent_ns)
{
    if (sent_ns < core->hush_until_ns)
        return; /* It was sent before the last hush: the refusal says nothing new. */
    uint64_t ns = 2 * (core->now.boot_ns - sent_ns);
    ns = u64_min(u64_max(ns, HUSH_MIN_NS), HUSH_MAX_NS);
    core->hush_until_ns = core->now.boot_ns + ns - prng_below(&core->prng, ns / 4);
}

static void shed_session(struct core *core, struct core_session *session)
{
    struct list_node *node;
    while ((node = list_first(&session->acquires)) != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
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
