/* The calls that wait: each submits one request and gets the answer on its own thread. */
#include <stdlib.h>

#include "lk_internal.h"

/* With the mutex locked on LK_OK. */
static enum lk_status enter(struct visit *visit, struct lk_client *client)
{
    if (in_callback()) {
        (void)fail(LK_STATUS_INVALID, "a callback must not make calls that wait");
        return LK_STATUS_INVALID;
    }
    enum lk_status status = visit_begin(visit, client);
    if (status != LK_OK)
        return status;
    if (has_loop(client)) {
        visit_end(visit);
        return fail(LK_STATUS_INVALID,
                "a client with LK_FLAG_EXTERNAL_LOOP has no calls that wait; use the _async call");
    }
    pthread_mutex_lock(&client->mutex);
    return LK_OK;
}

static enum lk_status leave(struct visit *visit, enum lk_status status)
{
    pthread_mutex_unlock(&visit->client->mutex);
    visit_end(visit);
    return status;
}

/* ---- Sessions ---- */

/* A session that could not be opened: its handle was never given to the program. */
static void drop_session(struct lk_client *client, uint32_t handle)
{
    struct lk_session *failed = session_of(client, handle);
    struct core_call close = {.kind = CORE_CLOSE, .session = handle};
    if (failed == NULL)
        return;
    failed->handle = 0;
    core_submit(client->core, &close, clocks_read(), NULL);
    drive_time(client);
}

enum lk_status lk_session_open(struct lk_client *client,
        const struct lk_session_options *options, struct lk_session **session)
{
    struct visit visit;
    struct core_call call;
    struct core_completion completion = {0};
    *session = NULL;
    enum lk_status status = enter(&visit, client);
    if (status != LK_OK)
        return status;
    status = make_open_call(client, options, &call);
    if (status == LK_OK)
        status = keeper_call(&visit, &call, &completion);
    if (status == LK_OK)
        *session = session_of(client, completion.session);
    else
        drop_session(client, completion.session);
    return leave(&visit, status);
}

enum lk_status lk_session_close(struct lk_session *session)
{
    struct visit visit;
    struct core_completion completion = {0};
    enum lk_status status = enter(&visit, client_of(session));
    if (status != LK_OK)
        return status;
    struct lk_client *client = visit.client;
    struct core_call call = {.kind = CORE_CLOSE, .session = session->handle};
    session->handle = 0;
    if (client->first == session)
        __atomic_store_n(&client->first, NULL, __ATOMIC_RELAXED);
    status = keeper_call(&visit, &call, &completion);
    return leave(&visit, status);
}

uint64_t lk_cluster_id(struct lk_client *client)
{
    if (!client_enter(client))
        return 0;
    bool lock = !has_loop(client);
    if (lock)
        pthread_mutex_lock(&client->mutex);
    uint64_t id = core_cluster(client->core);
    if (lock)
        pthread_mutex_unlock(&client->mutex);
    client_leave(client);
    return id;
}

uint64_t lk_session_id(const struct lk_session *session)
{
    struct lk_client *client = client_of(session);
    if (!client_enter(client))
        return 0;
    bool lock = !has_loop(client);
    if (lock)
        pthread_mutex_lock(&client->mutex);
    uint64_t id = session->handle == 0 ? 0 : core_session_id(client->core, session->handle);
    if (lock)
        pthread_mutex_unlock(&client->mutex);
    client_leave(client);
    return id;
}

/* ---- Locks ---- */

enum lk_status lk_acquire_with(struct lk_session *session, const char *name,
        size_t name_len, const struct lk_acquire_options *options, struct lk_grant *grant)
{
    struct visit visit;
    struct core_call call;
    struct core_completion completion = {0};
    *grant = (struct lk_grant){0};
    enum lk_status status = enter(&visit, client_of(session));
    if (status != LK_OK)
        return status;
    status = make_acquire_call(session, span_of(name, name_len), options, &call);
    if (status == LK_OK)
        status = keeper_call(&visit, &call, &completion);
    if (status == LK_OK)
        *grant = (struct lk_grant){.token = completion.token,
                .deadline_ns = completion.until_ns,
                .hold = completion.hold};
    return leave(&visit, status);
}

enum lk_status lk_acquire(struct lk_session *session, const char *name, size_t name_len,
        uint64_t wait_ns, struct lk_grant *grant)
{
    struct lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.wait_ns = wait_ns;
    return lk_acquire_with(session, name, name_len, &options, grant);
}

static enum lk_status release(
        struct lk_session *session, struct span name, uint64_t token, bool all)
{
    struct visit visit;
    struct core_call call;
    struct core_completion completion = {0};
    enum lk_status status = enter(&visit, client_of(session));
    if (status != LK_OK)
        return status;
    status = make_release_call(session, name, token, &call);
    call.all = all;
    if (status == LK_OK)
        status = keeper_call(&visit, &call, &completion);
    return leave(&visit, status);
}

enum lk_status lk_release(
        struct lk_session *session, const char *name, size_t name_len, uint64_t token)
{
    return release(session, span_of(name, name_len), token, false);
}

enum lk_status lk_release_all(
        struct lk_session *session, const char *name, size_t name_len, uint64_t token)
{
    return release(session, span_of(name, name_len), token, true);
}

/* ---- Calls that do not wait for an answer, in both kinds of clients ---- */

static enum lk_status enter_shortly(struct visit *visit, struct lk_client *client)
{
    enum lk_status status = visit_begin(visit, client);
    if (status == LK_OK)
        pthread_mutex_lock(&client->mutex);
    return status;
}

/* What was changed in the core must be sent. */
static void leave_shortly(struct visit *visit)
{
    visit->client->shell->asked(visit->client);
    pthread_mutex_unlock(&visit->client->mutex);
    visit_end(visit);
}

enum lk_status lk_cancel(struct lk_session *session, uint64_t tag)
{
    struct visit visit;
    if (tag == 0)
        return fail(LK_STATUS_INVALID, "the tag is 0; it must be that of an acquire");
    enum lk_status status = enter_shortly(&visit, client_of(session));
    if (status != LK_OK)
        return status;
    uint32_t count =
            core_cancel_tag(visit.client->core, session->handle, tag, clocks_read());
    leave_shortly(&visit);
    return count > 0 ? LK_OK
                     : fail(LK_STATUS_NOT_FOUND, "no acquire with that tag is under way");
}

enum lk_status lk_test_lose(struct lk_session *session)
{
    struct visit visit;
    enum lk_status status = enter_shortly(&visit, client_of(session));
    if (status != LK_OK)
        return status;
    core_lose(visit.client->core, session->handle, clocks_read());
    leave_shortly(&visit);
    return LK_OK;
}

/* ---- Looking ---- */

/* A read with room for its answer, which the caller frees. */
static enum lk_status read_into(
        struct visit *visit, struct core_call *call, struct core_completion *completion)
{
    call->room = malloc(CORE_READ_BYTES_MAX);
    if (call->room == NULL)
        return fail(LK_STATUS_BUSY, "out of memory");
    call->room_bytes = CORE_READ_BYTES_MAX;
    return keeper_call(visit, call, completion);
}

static enum lk_status nonsense(void)
{
    return fail(LK_STATUS_VERSION, "a node sent an answer this library cannot parse");
}

enum lk_status lk_query(struct lk_client *client, const char *name, size_t name_len,
        struct lk_lock *lock, struct lk_read *read)
{
    struct visit visit;
    struct core_call call = {0};
    struct core_completion completion = {0};
    enum lk_status status = enter(&visit, client);
    if (status != LK_OK)
        return status;
    status = make_query_call(span_of(name, name_len), read, &call);
    if (status == LK_OK)
        status = read_into(&visit, &call, &completion);
    if (status == LK_OK && !views_lock(&completion, call.room, lock))
        status = nonsense();
    if (status == LK_OK && read != NULL)
        views_read(&completion, read);
    free(call.room);
    return leave(&visit, status);
}

enum lk_status lk_list_page(struct lk_client *client, struct lk_list *list)
{
    struct visit visit;
    struct core_call call = {0};
    struct core_completion completion = {0};
    enum lk_status status = enter(&visit, client);
    if (status != LK_OK)
        return status;
    status = make_list_call(list, &call);
    if (status == LK_OK)
        status = read_into(&visit, &call, &completion);
    if (status == LK_OK && !views_list(&completion, call.room, list))
        status = nonsense();
    free(call.room);
    return leave(&visit, status);
}

/* ---- Guard ---- */

struct lk_guard lk_guard_acquire(
        struct lk_session *session, const char *name, size_t name_len, uint64_t wait_ns)
{
    struct lk_guard guard = {.session = session, .name = name, .name_len = name_len};
    guard.status = lk_acquire(session, name, name_len, wait_ns, &guard.grant);
    return guard;
}

void lk_guard_release(struct lk_guard *guard)
{
    if (guard->status != LK_OK)
        return;
    lk_release(guard->session, guard->name, guard->name_len, guard->grant.token);
    guard->status = LK_STATUS_LOST;
    guard->grant = (struct lk_grant){0};
}
