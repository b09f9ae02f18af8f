/*
 * The program takes back an acquire before its wait is over, or loses a session on purpose.
 */
#include "core/core_internal.h"

static bool is_pending_acquire(const struct core_request *request)
{
    return request->kind == CORE_ACQUIRE && !request->own && !request->told &&
           request->place != PLACE_DONE;
}

static void cancel(struct core *core, struct core_request *request)
{
    request->final = STATUS_CANCELLED;
    if (request->expired && request->partner != 0)
        return; /* Under way already. */
    request->expired = true;
    if (request->limit_ns > core->now.boot_ns) {
        request->limit_ns = core->now.boot_ns;
        timers_set(&core->timers, request, core->now.boot_ns + UNKNOWN_AFTER_NS);
    }
    grant_withdraw(core, request);
}

bool core_cancel(struct core *core, uint32_t request, struct clocks now)
{
    core->now = now;
    struct core_request *found = request_at(core, request);
    if (found == NULL || !is_pending_acquire(found))
        return false;
    cancel(core, found);
    return true;
}

static uint32_t cancel_in(struct core *core, struct list *list, uint64_t tag)
{
    uint32_t count = 0;
    struct list_node *node = list_first(list);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(list, node);
        if (request->tag != tag || !is_pending_acquire(request))
            continue;
        cancel(core, request);
        count++;
    }
    return count;
}

uint32_t core_cancel_tag(
        struct core *core, uint32_t session, uint64_t tag, struct clocks now)
{
    core->now = now;
    struct core_session *found = session_at(core, session);
    if (found == NULL || tag == 0)
        return 0;
    return cancel_in(core, &found->acquires, tag) + cancel_in(core, &found->sent, tag) +
           cancel_in(core, &found->queued, tag) + cancel_in(core, &found->granted, tag);
}

void core_lose(struct core *core, uint32_t session, struct clocks now)
{
    core->now = now;
    struct core_session *found = session_at(core, session);
    if (found == NULL || found->phase == PHASE_ENDED)
        return;
    session_lose_on_purpose(core, found);
}
