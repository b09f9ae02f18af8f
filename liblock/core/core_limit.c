/*
 * What becomes of a request at its limit.
 *
 * An acquire has three times after its submission. The first is its limit. A little later
 * it is cancelled, if the cluster has not said that the wait is over. A second after the
 * limit the program gets UNKNOWN.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

/* The leader is there, and refused this with BUSY to the last: nothing is under way. */
static bool is_refused(const struct core *core, const struct core_request *request)
{
    return request->refused && request->place == PLACE_WAITING &&
           core->link.state == LINK_READY;
}

static enum status status_at_limit(
        const struct core *core, const struct core_request *request)
{
    return is_refused(core, request) ? STATUS_BUSY : STATUS_UNKNOWN;
}

static void give_up_acquire(struct core *core, struct core_request *request)
{
    request->expired = true;
    request->final = STATUS_UNKNOWN;
    request_tell(core, request, STATUS_UNKNOWN);
    grant_withdraw(core, request);
}

static void on_acquire_limit(struct core *core, struct core_request *request)
{
    uint64_t last_ns = u64_sum(request->limit_ns, UNKNOWN_AFTER_NS);
    if (request->wire_kind == REQUEST_ACQUIRE && is_refused(core, request)) {
        MARK(client_busy_until_limit);
        request_finish(core, request, STATUS_BUSY);
        return;
    }
    if (core->now.boot_ns < last_ns) {
        /* The cluster has not said that the wait is over. */
        request->expired = true;
        timers_set(&core->timers, request, last_ns);
        if (request->place == PLACE_QUEUED || request->place == PLACE_GRANTED)
            grant_withdraw(core, request);
        return;
    }
    MARK(client_says_unknown);
    give_up_acquire(core, request);
}

static void on_limit(struct core *core, struct core_request *request)
{
    timers_set(&core->timers, request, UINT64_MAX);
    struct core_session *session = session_at(core, request->session);
    switch (request->kind) {
    case CORE_ACQUIRE:
        on_acquire_limit(core, request);
        break;
    case CORE_OPEN:
        request_tell(core, request, status_at_limit(core, request));
        if (session->phase != PHASE_ENDED) /* It may have been closed meanwhile. */
            session_end(core, session, CORE_REASON_SILENT, true);
        break;
    case CORE_CLOSE:
        request_finish(core, request, STATUS_UNKNOWN);
        break;
    case CORE_RELEASE:
        request_tell(core, request, STATUS_UNKNOWN);
        break;
    case CORE_QUERY:
    case CORE_LIST:
        request_finish(core, request, status_at_limit(core, request));
        break;
    }
}

bool core_expire(struct core *core, uint32_t request, struct clocks now)
{
    core->now = now;
    struct core_request *found = request_at(core, request);
    if (found == NULL || found->own || found->told || found->place == PLACE_DONE)
        return false;
    if (found->kind == CORE_ACQUIRE) {
        timers_set(&core->timers, found, UINT64_MAX);
        give_up_acquire(core, found);
    } else {
        on_limit(core, found);
    }
    return true;
}

void limit_on_time(struct core *core)
{
    while (timers_deadline(&core->timers) <= core->now.boot_ns)
        on_limit(core, timers_first(&core->timers));
}
