/*
 * When requests have waited long enough.
 *
 * A program gives most of its requests the same time for an answer, so what is set last rings
 * last: those stand in a list in their order. Acquires wait as long as each is asked to, and
 * are in a heap, with what else would be out of order.
 */
#include "core/core_internal.h"

#include "base/mark.h"

static const struct core_request *of_limit_link(const struct list_node *node)
{
    const char *at = (const char *)node - offsetof(struct core_request, limit_link);
    return (const struct core_request *)(const void *)at;
}

/* Whether nothing in the list ends later. */
static bool ends_last(const struct core *core, uint64_t at_ns)
{
    return list_is_empty(&core->limits) ||
           of_limit_link(list_last(&core->limits))->timer.key <= at_ns;
}

void request_set_timer(struct core *core, struct core_request *request, uint64_t at_ns)
{
    if (list_is_linked(&request->limit_link))
        list_remove(&request->limit_link);
    else if (heap_has(&request->timer))
        heap_remove(&core->request_timers, &request->timer);
    if (at_ns == UINT64_MAX)
        return;
    request->timer.key = at_ns;
    request->timer.tie_high = request->handle;
    if (request->kind != CORE_ACQUIRE && ends_last(core, at_ns))
        list_push_back(&core->limits, &request->limit_link);
    else
        heap_add(&core->request_timers, &request->timer);
}

static void on_acquire_limit(struct core *core, struct core_request *request)
{
    uint64_t last_ns = request->limit_ns + UNKNOWN_AFTER_NS;
    if (core->now.boot_ns < last_ns) {
        /* The cluster has not said that the wait is over. */
        request->expired = true;
        request_set_timer(core, request, last_ns);
        if (request->place == PLACE_QUEUED || request->place == PLACE_GRANTED)
            request_withdraw(core, request);
        return;
    }
    MARK(client_says_unknown);
    request->expired = true;
    request->final = STATUS_UNKNOWN;
    request_tell(core, request, STATUS_UNKNOWN);
    request_withdraw(core, request);
}

static void on_limit(struct core *core, struct core_request *request)
{
    request_set_timer(core, request, UINT64_MAX);
    struct core_session *session = session_at(core, request->session);
    switch (request->kind) {
    case CORE_ACQUIRE:
        on_acquire_limit(core, request);
        break;
    case CORE_OPEN:
        request_tell(core, request, STATUS_UNKNOWN);
        if (session->phase != PHASE_ENDED) /* It may have been closed meanwhile. */
            session_end(core, session, CORE_REASON_SILENT, true);
        break;
    case CORE_CLOSE:
        session->closing = 0;
        request_finish(core, request, STATUS_UNKNOWN);
        break;
    case CORE_RELEASE:
        request_tell(core, request, STATUS_UNKNOWN);
        break;
    case CORE_QUERY:
    case CORE_LIST:
        request_finish(core, request, STATUS_UNKNOWN);
        break;
    }
}

/* The request whose limit is next; NULL: there is none. */
static struct core_request *first_limit(const struct core *core)
{
    struct list_node *node = list_first(&core->limits);
    const struct heap_node *timer = heap_first(&core->request_timers);
    if (node == NULL && timer == NULL)
        return NULL;
    if (timer == NULL || (node != NULL && of_limit_link(node)->timer.key <= timer->key))
        return LIST_OWNER(node, struct core_request, limit_link);
    return LIST_OWNER(heap_first(&core->request_timers), struct core_request, timer);
}

uint64_t requests_deadline(const struct core *core)
{
    const struct core_request *first = first_limit(core);
    return first == NULL ? UINT64_MAX : first->timer.key;
}

void requests_on_time(struct core *core)
{
    struct core_request *request;
    while ((request = first_limit(core)) != NULL && request->timer.key <= core->now.boot_ns)
        on_limit(core, request);
}
