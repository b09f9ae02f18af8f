/*
 * The life of a request: what is refused at once, what becomes of it at its limit, how an
 * acquire is taken back.
 *
 * An acquire has three moments after it was asked: its limit; a little later, when the
 * cluster has not said that the wait is over, it is cancelled; a second after the limit the
 * program is told UNKNOWN. What was cancelled stays here until the cluster has answered the
 * CANCEL or the session is over, whatever the program was told [G11].
 */
#include "core/core_internal.h"

#include "base/mark.h"

struct core_request *request_at(const struct core *core, uint32_t handle)
{
    return pool_has(&core->requests, handle) ? pool_at(&core->requests, handle) : NULL;
}

/* Numbers of one session that follow one another are neighbours in the map. */
static uint64_t number_key(const struct core_session *session, uint64_t number)
{
    return ((uint64_t)session->handle << 32) + number;
}

/*
 * Answers come in the order of numbers, nearly always: then it is the first of those sent.
 * Only those that wait in the cluster stay for long, and are looked up.
 */
struct core_request *request_by_number(
        const struct core *core, const struct core_session *session, uint64_t number)
{
    struct list_node *node = list_first(&session->sent);
    for (; node != NULL; node = list_next(&session->sent, node)) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        if (request->number == number)
            return request;
        if (request->number > number)
            break;
    }
    struct map_cursor at;
    uint64_t key = number_key(session, number);
    for (bool ok = map_find(&core->numbers, key, &at); ok;
            ok = map_find_next(&core->numbers, &at)) {
        struct core_request *request = request_at(core, at.value);
        if (request->session == session->handle && request->number == number)
            return request;
    }
    return NULL;
}

static struct core_request *take(struct core *core)
{
    uint32_t handle = pool_take(&core->requests);
    assert(handle != 0); /* The pool has room for all that may be asked, and for our own. */
    struct core_request *request = request_at(core, handle);
    request->handle = handle;
    request->limit_ns = UINT64_MAX;
    return request;
}

struct core_request *request_make_own(
        struct core *core, struct core_session *session, uint8_t wire_kind)
{
    struct core_request *request = take(core);
    request->own = true;
    request->session = session->handle;
    request->wire_kind = wire_kind;
    return request;
}

/* It is answered for good: nothing will refer to its number again. */
static void forget_number(struct core *core, struct core_request *request)
{
    if (!request->indexed)
        return;
    struct core_session *session = session_at(core, request->session);
    map_remove(&core->numbers, number_key(session, request->number), request->handle);
    request->indexed = false;
}

void request_move(struct core_request *request, struct list *list, enum place place)
{
    if (list_is_linked(&request->link))
        list_remove(&request->link);
    if (list != NULL)
        list_push_back(list, &request->link);
    request->place = place;
}

void request_queue(struct core *core, struct core_session *session,
        struct core_request *request, bool front)
{
    request_move(request, front ? NULL : &session->queued, PLACE_QUEUED);
    if (front)
        list_push_front(&session->queued, &request->link);
    if (request->indexed)
        return;
    request->indexed = true;
    map_add(&core->numbers, number_key(session, request->number), request->handle);
}

static void give_back(struct core *core, struct core_request *request)
{
    if (!request->own) {
        assert(core->asked_count > 0);
        core->asked_count--;
    }
    pool_give(&core->requests, request->handle);
}

void request_tell(struct core *core, struct core_request *request, enum status status)
{
    if (request->own || request->told)
        return;
    request->told = true;
    request->status = status;
    list_push_back(&core->completed, &request->out);
}

static void break_promise(struct core *core, struct core_request *request)
{
    if (!request->promised)
        return;
    request->promised = false;
    assert(core->promised_count > 0);
    core->promised_count--;
}

/*
 * Acquire and CANCEL know each other no more. A CANCEL that has left is then counted, so that
 * there is always room for one for every acquire.
 */
static void part(struct core *core, struct core_request *request)
{
    if (request->stray) {
        request->stray = false;
        core->stray_count--;
    }
    struct core_request *partner = request_at(core, request->partner);
    request->partner = 0;
    if (partner == NULL)
        return;
    partner->partner = 0;
    if (partner->wire_kind == REQUEST_CANCEL && request->wire_kind != REQUEST_CANCEL) {
        partner->stray = true;
        core->stray_count++;
    }
}

void request_finish(struct core *core, struct core_request *request, enum status status)
{
    assert(request->place != PLACE_DONE);
    part(core, request);
    request_move(request, NULL, PLACE_DONE);
    request_set_timer(core, request, UINT64_MAX);
    forget_number(core, request);
    break_promise(core, request);
    request_tell(core, request, status);
    if (!list_is_linked(&request->out))
        give_back(core, request);
}

void request_fetched(struct core *core, struct core_request *request)
{
    list_remove(&request->out);
    if (request->place == PLACE_DONE)
        give_back(core, request);
}

/* ---- Grants and their taking back ---- */

void request_give(struct core *core, struct core_request *request)
{
    struct core_hold *hold = pool_at(&core->holds, request->hold);
    hold->waiting--;
    hold->count++;
    hold_write(&core->hold_beliefs[pool_index(hold->handle)], hold->token);
    request_finish(core, request, STATUS_OK);
}

/* What it won goes back by token; the answer to that then is its end. */
static void turn_into_release(struct core *core, struct core_request *request)
{
    MARK(client_returns_grant);
    struct core_session *session = session_at(core, request->session);
    struct core_hold *hold = pool_at(&core->holds, request->hold);
    hold->waiting--;
    hold_left(core, hold);
    forget_number(core, request);
    request->wire_kind = REQUEST_RELEASE;
    request->target = request->token;
    request->all = false;
    request->sent_on = 0;
    request->doubtful = false;
    request_move(request, &session->urgent, PLACE_WAITING);
    session_touch(core, session);
}

void request_granted(struct core *core, struct core_session *session,
        struct core_request *request, uint64_t token)
{
    struct core_hold *hold = hold_by_token(core, token);
    if (hold != NULL && hold->session != session->handle) {
        MARK(client_token_of_another);
        return; /* No token is given twice: this is no word of a cluster. */
    }
    if (token <= request->released) {
        MARK(client_entry_released_under_way);
        request_finish(core, request, request->told ? request->final : STATUS_LOST);
        return;
    }
    request->token = token;
    forget_number(core, request);
    if (hold == NULL)
        hold = hold_make(core, session, token);
    hold->waiting++;
    request->hold = hold->handle;
    break_promise(core, request);
    request_move(request, &session->granted, PLACE_GRANTED);
    if (request->told)
        turn_into_release(core, request);
}

void requests_lose_granted(struct core *core, struct core_session *session, uint64_t token)
{
    struct list_node *node = list_first(&session->granted);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(&session->granted, node);
        if (request->token == token)
            request_finish(core, request, STATUS_LOST);
    }
}

/* Ask the cluster to take back whatever this acquire did, or will do. */
static void send_cancel(struct core *core, struct core_request *request)
{
    if (request->partner != 0)
        return;
    struct core_session *session = session_at(core, request->session);
    struct core_request *cancel = request_make_own(core, session, REQUEST_CANCEL);
    cancel->target = request->number;
    cancel->partner = request->handle;
    request->partner = cancel->handle;
    request_move(cancel, &session->urgent, PLACE_WAITING);
    session_touch(core, session);
}

void request_withdraw(struct core *core, struct core_request *request)
{
    switch (request->place) {
    case PLACE_WAITING:
        if (request->wire_kind == REQUEST_ACQUIRE)
            request_finish(core, request, request->final);
        break;
    case PLACE_SENT:
    case PLACE_QUEUED:
        if (request->wire_kind == REQUEST_ACQUIRE)
            send_cancel(core, request);
        break;
    case PLACE_GRANTED:
        turn_into_release(core, request);
        break;
    case PLACE_DONE:
        break;
    }
}

/* ---- Cancels ---- */

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
        request_set_timer(core, request, core->now.boot_ns + UNKNOWN_AFTER_NS);
    }
    request_withdraw(core, request);
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

/* ---- A leader with too much to do ---- */

/*
 * A refusal costs the leader as much as a command does, so while it refuses it is not asked:
 * acquires are told BUSY here, at no cost. That lasts twice as long as the refusal took to
 * come, for the next will take as long to tell that it should end; so a third of the time at
 * most is spent on asking in vain, and a leader that is quick to refuse is soon asked again. It
 * has work for meanwhile, so it does not run dry; jitter keeps its clients from coming back
 * at once. Releases and cancels make room, and go as ever.
 */
bool requests_hushed(const struct core *core)
{
    return core->now.boot_ns < core->hush_until_ns;
}

void requests_hush(struct core *core, uint64_t sent_ns)
{
    if (sent_ns < core->hush_until_ns)
        return; /* It left before the last hush: it says nothing new. */
    uint64_t ns = 2 * (core->now.boot_ns - sent_ns);
    if (ns < HUSH_MIN_NS)
        ns = HUSH_MIN_NS;
    else if (ns > HUSH_MAX_NS)
        ns = HUSH_MAX_NS;
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

void requests_shed(struct core *core)
{
    if (!requests_hushed(core))
        return;
    struct list_node *node = list_first(&core->dirty);
    for (; node != NULL; node = list_next(&core->dirty, node))
        shed_session(core, LIST_OWNER(node, struct core_session, dirty_link));
}

/* ---- Submit ---- */

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

static bool may_acquire(const struct core *core)
{
    uint32_t holds = pool_count(&core->holds) + core->promised_count;
    return !requests_hushed(core) && holds < core->settings.holds_max;
}

/* All reasons to refuse; afterwards nothing can fail. */
static enum status admit(const struct core *core, const struct core_call *call)
{
    if (!name_fits(call))
        return STATUS_INVALID;
    if (is_of_session(call->kind)) {
        const struct core_session *session = session_at(core, call->session);
        if (session == NULL || session->dismissed)
            return STATUS_LOST;
        if (session->phase == PHASE_ENDED && call->kind != CORE_CLOSE)
            return STATUS_LOST;
    }
    /* Closing is never refused: its requests have room of their own. */
    if (core->asked_count + core->stray_count >= core->settings.requests_max &&
            call->kind != CORE_CLOSE)
        return STATUS_BUSY;
    if (call->kind == CORE_OPEN &&
            pool_count(&core->sessions) == core->settings.sessions_max)
        return STATUS_BUSY;
    if (call->kind == CORE_ACQUIRE && !may_acquire(core))
        return STATUS_BUSY;
    return STATUS_OK;
}

static struct core_request *make(struct core *core, const struct core_call *call)
{
    struct core_request *request = take(core);
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
    request->stale = call->stale;
    request->target = call->token;
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
        request_finish(core, request, STATUS_LOST);
        session_settle(core, session);
        return;
    }
    session->closing = request->handle;
    request_set_timer(core, request, request->limit_ns);
    session_end(core, session, CORE_REASON_CLOSED, true);
}

static uint64_t sum_of_times(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void start_acquire(struct core *core, struct core_request *request)
{
    struct core_session *session = session_at(core, request->session);
    request->wire_kind = REQUEST_ACQUIRE;
    request->final = STATUS_TIMEOUT;
    request->promised = true;
    core->promised_count++;
    request->limit_ns = sum_of_times(core->now.boot_ns, request->wait_ns);
    if (request->limit_ns < UINT64_MAX - UNKNOWN_AFTER_NS)
        request_set_timer(core, request, request->limit_ns + CANCEL_SLACK_NS);
    else
        request->limit_ns = UINT64_MAX;
    request_move(request, &session->acquires, PLACE_WAITING);
    session_touch(core, session);
}

/*
 * Acquires of this lock that are under way may have entered the hold that ends now, and be
 * answered with its token later. That entry is released with the others: only a hold with a
 * newer token is theirs.
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
    struct core_hold *hold = hold_by_token(core, request->target);
    bool known = hold != NULL && hold->session == session->handle;
    /* All entries, or one more than the program was given. */
    if (request->all || !known || hold->count == 0)
        release_under_way(session, request);
    if (known) {
        if (request->all) {
            requests_lose_granted(core, session, hold->token);
            hold->waiting = 0;
            hold->count = 0;
        } else if (hold->count > 0) {
            hold->count--;
        }
        hold_left(core, hold);
    }
    request_set_timer(core, request, request->limit_ns);
    request_move(request, &session->urgent, PLACE_WAITING);
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
        request_set_timer(core, request, request->limit_ns);
        request_move(request, &core->opens, PLACE_WAITING);
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
        request_set_timer(core, request, request->limit_ns);
        request_move(request, &core->reads, PLACE_WAITING);
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
