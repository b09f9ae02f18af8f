/*
 * Takes the program's calls: first everything that can be refused is refused, then the call
 * is begun.
 */
#include "core/core_internal.h"

#include "base/numbers.h"

static bool name_fits(const struct core_call *call)
{
    switch (call->kind) {
    case CORE_OPEN:
        return call->name.count <= LABEL_BYTES_MAX && call->ttl_ns > 0;
    case CORE_CLOSE:
        return true;
    case CORE_ACQUIRE:
    case CORE_RELEASE:
        return call->name.count >= 1 && call->name.count <= NAME_BYTES_MAX;
    case CORE_QUERY:
        return call->name.count >= 1 && call->name.count <= NAME_BYTES_MAX &&
               call->room_bytes >= CORE_READ_BYTES_MAX;
    case CORE_LIST:
        return call->name.count <= NAME_BYTES_MAX && call->limit >= 1 &&
               call->limit <= LIST_LOCKS_MAX && call->room_bytes >= CORE_READ_BYTES_MAX;
    }
    return false;
}

static bool is_of_session(enum core_call_kind kind)
{
    return kind == CORE_CLOSE || kind == CORE_ACQUIRE || kind == CORE_RELEASE;
}

static bool may_acquire(const struct core *core, const struct core_call *call)
{
    uint32_t holds = pool_count(&core->holds.pool) + core->holds.promised;
    bool asked = !busy_hushed(core) || call->patient;
    return asked && holds < core->settings.holds_max;
}

/* Closing is never refused: its requests have room of their own. */
static bool has_room(const struct core *core, const struct core_call *call)
{
    if (core->asked_count + core->stray_count >= core->settings.requests_max &&
            call->kind != CORE_CLOSE)
        return false;
    if (call->kind == CORE_OPEN)
        return pool_count(&core->sessions) < core->settings.sessions_max;
    return call->kind != CORE_ACQUIRE || may_acquire(core, call);
}

/* All reasons to refuse; afterwards nothing can fail. */
static enum status admit(const struct core *core, const struct core_call *call)
{
    if (!name_fits(call))
        return STATUS_INVALID;
    if (core->foreign != 0 && call->kind != CORE_CLOSE)
        return STATUS_WRONG_CLUSTER;
    if (is_of_session(call->kind)) {
        const struct core_session *session = session_at(core, call->session);
        if (session == NULL || session->dismissed)
            return STATUS_LOST;
        if (session->phase == PHASE_ENDED && call->kind != CORE_CLOSE)
            return session->verdict;
    }
    return has_room(core, call) ? STATUS_OK : STATUS_BUSY;
}

static struct core_request *make(struct core *core, const struct core_call *call)
{
    struct core_request *request = request_take(core);
    core->asked_count++;
    request->kind = call->kind;
    request->session = is_of_session(call->kind) ? call->session : 0;
    request->user = call->user;
    request->owner = call->owner;
    request->tag = call->tag;
    request->wait_ns = call->wait_ns;
    request->limit_ns = call->limit_ns;
    request->all = call->all;
    request->reentrant = call->reentrant;
    request->patient = call->patient;
    request->stale = call->stale;
    request->target = call->token;
    request->asker = call->asker;
    request->cursor = call->cursor;
    request->limit = call->limit;
    request->room = call->room;
    request->room_bytes = call->room_bytes;
    request->name_bytes = (uint8_t)call->name.count;
    if (call->name.count > 0)
        memcpy(request->name, call->name.bytes, call->name.count);
    return request;
}

static void start_close(struct core *core, struct core_request *request)
{
    struct core_session *session = session_at(core, request->session);
    request->wire_kind = REQUEST_CLOSE;
    session_dismiss(session);
    if (session->phase == PHASE_ENDED) {
        request->detail = session->verdict_detail;
        request_finish(core, request, session->verdict);
        session_settle(core, session);
        return;
    }
    session->closing = request->handle;
    timers_set(&core->timers, request, request->limit_ns);
    session_end(core, session, CORE_REASON_CLOSED, true);
}

static void start_acquire(struct core *core, struct core_request *request)
{
    struct core_session *session = session_at(core, request->session);
    request->wire_kind = REQUEST_ACQUIRE;
    request->final = STATUS_TIMEOUT;
    holds_promise(&core->holds, request);
    request->limit_ns = u64_sum(core->now.boot_ns, request->wait_ns);
    if (request->limit_ns >= UINT64_MAX - UNKNOWN_AFTER_NS)
        request->limit_ns = UINT64_MAX;
    request->refused = busy_hushed(core);
    request_set_limit(core, request);
    request_move(core, request, &session->acquires, PLACE_WAITING);
    session_touch(core, session);
}

/*
 * Acquires of this lock that are under way may have entered the hold that ends now. Their
 * answers then come later with its token. That entry is released with the others: only a
 * hold with a newer token belongs to them.
 */
static void release_under_way(
        struct core_session *session, const struct core_request *release)
{
    struct list_node *node = list_first(&session->sent);
    for (; node != NULL; node = list_next(&session->sent, node)) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        bool same_lock = request->name_bytes == release->name_bytes &&
                         memcmp(request->name, release->name, release->name_bytes) == 0;
        if (request->wire_kind == REQUEST_ACQUIRE && request->reentrant && same_lock &&
                request->released < release->target)
            request->released = release->target;
    }
}

/* Belief ends here, before anything leaves. */
static void start_release(struct core *core, struct core_request *request)
{
    struct core_session *session = session_at(core, request->session);
    request->wire_kind = REQUEST_RELEASE;
    struct core_hold *hold = hold_by_token(&core->holds, request->target);
    bool known = hold != NULL && hold->session == session->handle;
    /* All entries, or one more than the program was given. */
    if (request->all || !known || hold->count == 0)
        release_under_way(session, request);
    if (known) {
        if (request->all) {
            grants_lose(core, session, hold->token);
            hold->waiting = 0;
            hold->count = 0;
        } else if (hold->count > 0) {
            hold->count--;
        }
        hold_left(&core->holds, hold);
    }
    timers_set(&core->timers, request, request->limit_ns);
    request_move(core, request, &session->urgent, PLACE_WAITING);
    session_touch(core, session);
}

static void start(
        struct core *core, const struct core_call *call, struct core_request *request)
{
    struct core_session *session;
    switch (request->kind) {
    case CORE_OPEN:
        session = session_make(core, call);
        request->session = session->handle;
        request->wire_kind = REQUEST_OPEN;
        session->opening = request->handle;
        timers_set(&core->timers, request, request->limit_ns);
        request_move(core, request, &core->opens, PLACE_WAITING);
        break;
    case CORE_CLOSE:
        start_close(core, request);
        break;
    case CORE_ACQUIRE:
        start_acquire(core, request);
        break;
    case CORE_RELEASE:
        start_release(core, request);
        break;
    case CORE_QUERY:
    case CORE_LIST:
        timers_set(&core->timers, request, request->limit_ns);
        request_move(core, request, &core->reads, PLACE_WAITING);
        break;
    }
}

enum status core_submit(struct core *core, const struct core_call *call, struct clocks now,
        uint32_t *request)
{
    core->now = now;
    enum status status = admit(core, call);
    if (status != STATUS_OK)
        return status;
    struct core_request *made = make(core, call);
    if (request != NULL)
        *request = made->handle;
    start(core, call, made);
    return STATUS_OK;
}
