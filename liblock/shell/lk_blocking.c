/* The calls that wait: each submits one request and gets the answer on its own thread. */
#include <stdlib.h>

#include "lk_internal.h"

/* With the mutex locked on LK_OK. */
static enum lk_status enter(struct lk_client *client)
{
    if (!client_is_ours(client))
        return fail(LK_STATUS_LOST,
                "this handle belongs to the parent process; open a client after fork()");
    if (in_callback())
        return fail(LK_STATUS_INVALID, "a callback must not make calls that wait");
    if (has_loop(client))
        return fail(LK_STATUS_INVALID,
                "a client with LK_FLAG_EXTERNAL_LOOP has no calls that wait; use the _async call");
    pthread_mutex_lock(&client->mutex);
    if (!client->closing)
        return LK_OK;
    pthread_mutex_unlock(&client->mutex);
    return fail(LK_STATUS_LOST, "the client is being closed");
}

/* Call, unlock, and return the outcome. */
static enum lk_status finish(struct lk_client *client, struct core_call *call,
        struct core_completion *completion)
{
    enum status status = keeper_call(client, call, completion);
    if (status != STATUS_OK)
        fail_core(client, status, completion->detail);
    pthread_mutex_unlock(&client->mutex);
    return (enum lk_status)status;
}

/* ---- Sessions ---- */

enum lk_status lk_session_open(struct lk_client *client,
        const struct lk_session_options *options, struct lk_session **session)
{
    *session = NULL;
    enum lk_status status = enter(client);
    if (status != LK_OK)
        return status;
    struct core_call call;
    status = make_open_call(client, options, &call);
    if (status != LK_OK) {
        pthread_mutex_unlock(&client->mutex);
        return status;
    }
    struct core_completion completion = {0};
    enum status said = keeper_call(client, &call, &completion);
    if (said == STATUS_OK) {
        *session = session_of(client, completion.session);
    } else {
        fail_core(client, said, completion.detail);
        struct lk_session *failed = session_of(client, completion.session);
        struct core_call close = {.kind = CORE_CLOSE, .session = completion.session};
        if (failed != NULL) {
            failed->handle = 0;
            core_submit(client->core, &close, clocks_read(), NULL);
            drive_time(client);
        }
    }
    pthread_mutex_unlock(&client->mutex);
    return (enum lk_status)said;
}

enum lk_status lk_session_close(struct lk_session *session)
{
    struct lk_client *client = session->client;
    enum lk_status status = enter(client);
    if (status != LK_OK)
        return status;
    struct core_completion completion = {0};
    struct core_call call = {.kind = CORE_CLOSE, .session = session->handle};
    session->handle = 0;
    if (client->first == session)
        client->first = NULL;
    return finish(client, &call, &completion);
}

uint64_t lk_cluster_id(struct lk_client *client)
{
    if (!client_is_ours(client))
        return 0;
    bool lock = !has_loop(client);
    if (lock)
        pthread_mutex_lock(&client->mutex);
    uint64_t id = core_cluster(client->core);
    if (lock)
        pthread_mutex_unlock(&client->mutex);
    return id;
}

uint64_t lk_session_id(const struct lk_session *session)
{
    struct lk_client *client = session->client;
    if (!client_is_ours(client))
        return 0;
    bool lock = !has_loop(client);
    if (lock)
        pthread_mutex_lock(&client->mutex);
    uint64_t id = session->handle == 0 ? 0 : core_session_id(client->core, session->handle);
    if (lock)
        pthread_mutex_unlock(&client->mutex);
    return id;
}

/* ---- Locks ---- */

enum lk_status lk_acquire_with(struct lk_session *session, const char *name,
        size_t name_len, const struct lk_acquire_options *options, struct lk_grant *grant)
{
    *grant = (struct lk_grant){0};
    struct lk_client *client = session->client;
    enum lk_status status = enter(client);
    if (status != LK_OK)
        return status;
    struct core_call call;
    struct core_completion completion = {0};
    status = make_acquire_call(session, span_of(name, name_len), options, &call);
    if (status != LK_OK) {
        pthread_mutex_unlock(&client->mutex);
        return status;
    }
    status = finish(client, &call, &completion);
    if (status == LK_OK)
        *grant = (struct lk_grant){.token = completion.token,
                .deadline_ns = completion.until_ns,
                .hold = completion.hold};
    return status;
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
    struct lk_client *client = session->client;
    enum lk_status status = enter(client);
    if (status != LK_OK)
        return status;
    struct core_completion completion = {0};
    struct core_call call = {.kind = CORE_RELEASE,
            .session = session->handle,
            .name = name,
            .token = token,
            .all = all};
    return finish(client, &call, &completion);
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

/* ---- From any thread, without waiting ---- */

/* Like enter(), but callbacks may and loops may. */
static enum lk_status enter_shortly(struct lk_client *client)
{
    if (!client_is_ours(client))
        return fail(LK_STATUS_LOST,
                "this handle belongs to the parent process; open a client after fork()");
    pthread_mutex_lock(&client->mutex);
    if (!client->closing)
        return LK_OK;
    pthread_mutex_unlock(&client->mutex);
    return fail(LK_STATUS_LOST, "the client is being closed");
}

/* What was changed in the core must be sent. */
static void leave_shortly(struct lk_client *client)
{
    client->shell->asked(client);
    pthread_mutex_unlock(&client->mutex);
}

enum lk_status lk_cancel(struct lk_session *session, uint64_t tag)
{
    struct lk_client *client = session->client;
    if (tag == 0)
        return fail(LK_STATUS_INVALID, "the tag must not be 0");
    enum lk_status status = enter_shortly(client);
    if (status != LK_OK)
        return status;
    uint32_t count = core_cancel_tag(client->core, session->handle, tag, clocks_read());
    leave_shortly(client);
    return count > 0 ? LK_OK
                     : fail(LK_STATUS_NOT_FOUND, "no acquire with that tag is under way");
}

enum lk_status lk_test_lose(struct lk_session *session)
{
    struct lk_client *client = session->client;
    enum lk_status status = enter_shortly(client);
    if (status != LK_OK)
        return status;
    core_lose(client->core, session->handle, clocks_read());
    leave_shortly(client);
    return LK_OK;
}

/* ---- Looking ---- */

/* A read with room for its answer, which the caller frees. */
static enum lk_status read_into(struct lk_client *client, struct core_call *call,
        struct core_completion *completion, unsigned char **room)
{
    *room = malloc(CORE_READ_BYTES_MAX);
    if (*room == NULL) {
        pthread_mutex_unlock(&client->mutex);
        return fail(LK_STATUS_BUSY, "out of memory");
    }
    call->room = *room;
    call->room_bytes = CORE_READ_BYTES_MAX;
    return finish(client, call, completion);
}

static enum lk_status nonsense(void)
{
    return fail(LK_STATUS_VERSION, "a node sent an answer this library cannot parse");
}

enum lk_status lk_query(struct lk_client *client, const char *name, size_t name_len,
        struct lk_lock *lock, struct lk_read *read)
{
    enum lk_status status = enter(client);
    if (status != LK_OK)
        return status;
    struct core_completion completion = {0};
    struct core_call call = {.kind = CORE_QUERY,
            .name = span_of(name, name_len),
            .stale = read != NULL && read->stale};
    unsigned char *room = NULL;
    status = read_into(client, &call, &completion, &room);
    if (status == LK_OK && !views_lock(&completion, room, lock))
        status = nonsense();
    if (status == LK_OK && read != NULL) {
        read->index = completion.read.index;
        read->time_ns = completion.read.time;
    }
    free(room);
    return status;
}

enum lk_status lk_list_page(struct lk_client *client, struct lk_list *list)
{
    enum lk_status status = enter(client);
    if (status != LK_OK)
        return status;
    struct core_call call;
    status = make_list_call(list, &call);
    if (status != LK_OK) {
        pthread_mutex_unlock(&client->mutex);
        return status;
    }
    struct core_completion completion = {0};
    unsigned char *room = NULL;
    status = read_into(client, &call, &completion, &room);
    if (status == LK_OK && !views_list(&completion, room, list))
        status = nonsense();
    free(room);
    return status;
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
