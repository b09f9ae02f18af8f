/*
 * The same calls for a program with a loop of its own: no thread, no mutex, one descriptor.
 *
 * A call only submits; the next lk_process() sends all that was submitted in as few pieces
 * as possible. The descriptor is an epoll over the socket, a timer and an eventfd. The
 * eventfd is written at the first call after an lk_process(), so that a program that only
 * polls calls it again. The timer is set again only when it would come too late.
 */
#include <stdlib.h>

#include "lk_internal.h"

void loop_stop(struct lk_client *client)
{
    free(client->loop.pendings);
}

static void note_asked(struct lk_client *client)
{
    if (client->loop.asked)
        return;
    client->loop.asked = true;
    if (!client->processing)
        descriptor_wake(client->wake_fd);
}

/* ---- Calls that are owed an answer ---- */

static struct pending *take_pending(struct lk_client *client, struct lk_done done)
{
    struct pending *pending = client->loop.free_pending;
    if (pending != NULL)
        client->loop.free_pending = pending->next_free;
    else if (client->loop.pending_used < client->loop.pending_count)
        pending = &client->loop.pendings[client->loop.pending_used++];
    else
        return NULL;
    *pending = (struct pending){.done = done};
    list_push_back(&client->loop.owed, &pending->link);
    return pending;
}

static void give_pending(struct lk_client *client, struct pending *pending)
{
    free(pending->room);
    pending->room = NULL;
    list_remove(&pending->link);
    pending->next_free = client->loop.free_pending;
    client->loop.free_pending = pending;
}

static enum lk_status take_views(
        const struct core_completion *completion, const struct pending *pending)
{
    bool read = true;
    if (completion->kind == CORE_QUERY)
        read = views_lock(completion, pending->room, pending->lock);
    else if (completion->kind == CORE_LIST)
        read = views_list(completion, pending->room, pending->list);
    return read ? LK_OK
                : fail(LK_STATUS_VERSION,
                          "a node sent an answer this library cannot parse");
}

static void complete(struct lk_client *client, const struct core_completion *completion)
{
    struct pending *pending = completion->user;
    if (pending == NULL)
        return;
    enum lk_status status = (enum lk_status)completion->status;
    if (status == LK_OK)
        status = take_views(completion, pending);
    else
        fail_core(client, completion->session, completion->status, completion->detail);
    struct lk_result result = {
            .status = status, .session = pending->session, .tag = completion->tag};
    if (status == LK_OK && completion->kind == CORE_ACQUIRE)
        result.grant = (struct lk_grant){.token = completion->token,
                .deadline_ns = completion->until_ns,
                .hold = completion->hold};
    struct lk_done done = pending->done;
    give_pending(client, pending);
    if (done.call != NULL)
        done.call(done.user, &result);
}

static void tell_event(struct lk_client *client, const struct core_session_event *event)
{
    struct lk_event told = event_of(client, event);
    if (client->options.on_event != NULL && told.session != NULL)
        client->options.on_event(client->options.user, &told);
}

/* The next lk_process() watches the connection as it is then. */
static void ignore_change(struct lk_client *client)
{
    (void)client;
}

static bool start(struct lk_client *client)
{
    uint32_t count = client->settings.requests_max + client->settings.sessions_max;
    client->loop.pendings = calloc(count, sizeof(struct pending));
    if (client->loop.pendings == NULL)
        return false;
    client->loop.pending_count = count;
    note_asked(client);
    return true;
}

const struct shell loop_shell = {
        .start = start,
        .complete = complete,
        .event = tell_event,
        .changed = ignore_change,
        .asked = note_asked,
};

/* What was not answered before the close. */
void loop_close(struct lk_client *client)
{
    struct list_node *node;
    while ((node = list_first(&client->loop.owed)) != NULL) {
        struct pending *pending = LIST_OWNER(node, struct pending, link);
        struct lk_result result = {.status = LK_STATUS_LOST, .session = pending->session};
        struct lk_done done = pending->done;
        give_pending(client, pending);
        fail(LK_STATUS_LOST, "the client is being closed");
        if (done.call != NULL)
            done.call(done.user, &result);
    }
}

/* ---- The loop's side ---- */

int lk_fd(const struct lk_client *client)
{
    return client != NULL && has_loop(client) ? client->poll_fd : -1;
}

static void drain_wake(struct lk_client *client)
{
    struct connection *connection = &client->connection;
    if (!client->loop.asked && !connection->stirred)
        return;
    descriptor_drain(client->wake_fd);
    /* Only a lookup that is still under way may write once more. */
    connection->stirred = connection_is_dialing(connection);
}

enum lk_status lk_process(struct lk_client *client)
{
    if (client == NULL || !client_is_ours(client))
        return refuse_handle(client);
    if (!has_loop(client) || client->processing)
        return fail(LK_STATUS_INVALID,
                "lk_process() needs LK_FLAG_EXTERNAL_LOOP and must not be called from a callback");
    client->processing = true;
    drain_wake(client);
    client->loop.asked = false; /* The first step sends what was submitted until now. */
    bool stepped = drive_socket(client);
    if (!stepped || client->lose_after_ns != 0)
        drive_time(client);
    while (client->loop.asked) {
        client->loop.asked = false;
        drive_asked(client);
    }
    connection_watch(&client->connection, true);
    timer_set(client);
    client->processing = false;
    return LK_OK;
}

/* ---- The calls ---- */

static enum lk_status may_ask(const struct lk_client *client)
{
    if (client == NULL || !client_is_ours(client))
        return refuse_handle(client);
    if (!has_loop(client))
        return fail(LK_STATUS_INVALID,
                "asynchronous calls need a client with LK_FLAG_EXTERNAL_LOOP");
    return client_is_open(client) ? LK_OK : refuse_handle(client);
}

static enum lk_status ask(
        struct lk_client *client, struct core_call *call, struct pending *pending)
{
    if (pending == NULL)
        return fail(LK_STATUS_BUSY, "too many requests without an answer (requests_max)");
    call->user = pending;
    struct clocks now = call->kind == CORE_OPEN || call->kind == CORE_CLOSE
                                ? clocks_read()
                                : clocks_for_request(client);
    set_answer_limit(client, call, now);
    enum status status = core_submit(client->core, call, now, NULL);
    if (status != STATUS_OK) {
        uint8_t detail = 0;
        give_pending(client, pending);
        core_session_verdict(client->core, call->session, &detail);
        return fail_core(client, call->session, status, detail);
    }
    note_asked(client);
    return LK_OK;
}

/* With the status of loop_open_first()'s caller: nothing can refuse the first request. */
enum lk_status loop_open_first(struct lk_client *client)
{
    struct lk_session_options options = LK_SESSION_OPTIONS_INIT;
    options.label = client->options.label;
    options.user = client->options.session_user;
    struct core_call call;
    enum lk_status status = make_open_call(client, &options, &call);
    if (status != LK_OK)
        return status;
    call.limit_ns = UINT64_MAX; /* It waits for as long as it takes. */
    struct pending *pending = take_pending(client, client->options.opened);
    status = ask(client, &call, pending);
    if (status != LK_OK)
        return status;
    client->first = session_adopt(client, core_opened(client->core), options.user);
    pending->session = client->first;
    return LK_OK;
}

enum lk_status lk_session_open_async(struct lk_client *client,
        const struct lk_session_options *options, struct lk_session **session,
        struct lk_done done)
{
    *session = NULL;
    enum lk_status status = may_ask(client);
    struct core_call call;
    if (status == LK_OK)
        status = make_open_call(client, options, &call);
    if (status != LK_OK)
        return status;
    struct pending *pending = take_pending(client, done);
    status = ask(client, &call, pending);
    if (status != LK_OK)
        return status;
    *session = session_adopt(client, core_opened(client->core), call.session_user);
    pending->session = *session;
    return LK_OK;
}

enum lk_status lk_session_close_async(struct lk_session *session, struct lk_done done)
{
    struct lk_client *client = client_of(session);
    enum lk_status status = may_ask(client);
    if (status != LK_OK)
        return status;
    struct core_call call = {.kind = CORE_CLOSE, .session = session->handle};
    struct pending *pending = take_pending(client, done);
    if (pending != NULL)
        pending->session = session;
    status = ask(client, &call, pending);
    if (status == LK_OK) {
        session->handle = 0;
        if (client->first == session)
            __atomic_store_n(&client->first, NULL, __ATOMIC_RELAXED);
    }
    return status;
}

enum lk_status lk_acquire_async(struct lk_session *session, const char *name,
        size_t name_len, const struct lk_acquire_options *options, struct lk_done done)
{
    struct lk_client *client = client_of(session);
    enum lk_status status = may_ask(client);
    struct core_call call;
    if (status == LK_OK)
        status = make_acquire_call(session, span_of(name, name_len), options, &call);
    if (status != LK_OK)
        return status;
    struct pending *pending = take_pending(client, done);
    if (pending != NULL)
        pending->session = session;
    return ask(client, &call, pending);
}

static enum lk_status release(
        struct lk_session *session, struct core_call *call, struct lk_done done)
{
    struct pending *pending = take_pending(session->client, done);
    if (pending != NULL)
        pending->session = session;
    return ask(session->client, call, pending);
}

enum lk_status lk_release_async(struct lk_session *session, const char *name,
        size_t name_len, uint64_t token, struct lk_done done)
{
    enum lk_status status = may_ask(client_of(session));
    struct core_call call;
    if (status == LK_OK)
        status = make_release_call(session, span_of(name, name_len), token, &call);
    return status == LK_OK ? release(session, &call, done) : status;
}

enum lk_status lk_release_all_async(struct lk_session *session, const char *name,
        size_t name_len, uint64_t token, struct lk_done done)
{
    enum lk_status status = may_ask(client_of(session));
    struct core_call call;
    if (status == LK_OK)
        status = make_release_call(session, span_of(name, name_len), token, &call);
    call.all = true;
    return status == LK_OK ? release(session, &call, done) : status;
}

static enum lk_status ask_read(
        struct lk_client *client, struct core_call *call, struct pending *pending)
{
    if (pending != NULL) {
        pending->room = malloc(CORE_READ_BYTES_MAX);
        call->room = pending->room;
        call->room_bytes = pending->room == NULL ? 0 : CORE_READ_BYTES_MAX;
    }
    return ask(client, call, pending);
}

enum lk_status lk_query_async(struct lk_client *client, const char *name, size_t name_len,
        struct lk_lock *lock, struct lk_done done)
{
    struct core_call call;
    enum lk_status status = may_ask(client);
    if (status == LK_OK)
        status = make_query_call(span_of(name, name_len), NULL, &call);
    if (status != LK_OK)
        return status;
    call.asker = client->first == NULL ? 0 : lk_session_id(client->first);
    struct pending *pending = take_pending(client, done);
    if (pending != NULL)
        pending->lock = lock;
    return ask_read(client, &call, pending);
}

enum lk_status lk_list_page_async(
        struct lk_client *client, struct lk_list *list, struct lk_done done)
{
    enum lk_status status = may_ask(client);
    struct core_call call;
    if (status == LK_OK)
        status = make_list_call(list, &call);
    if (status != LK_OK)
        return status;
    struct pending *pending = take_pending(client, done);
    if (pending != NULL)
        pending->list = list;
    return ask_read(client, &call, pending);
}
