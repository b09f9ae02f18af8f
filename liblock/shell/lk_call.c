/*
 * What the calls of both shells need: the clocks, the sessions by their handles, and the
 * caller's arguments, checked and prepared for the core.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/numbers.h"
#include "base/pool.h"
#include "lk_internal.h"

/* ---- Clocks ---- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct clocks clocks_read(void)
{
    return (struct clocks){.boot_ns = read_clock(CLOCK_BOOTTIME),
            .raw_ns = read_clock(CLOCK_MONOTONIC_RAW)};
}

static void read_clocks(struct lk_client *client, uint64_t tick_ns)
{
    client->tick_ns = tick_ns; /* Read before the clocks, so they are not older. */
    client->now = clocks_read();
}

/*
 * Reading a clock is a large part of the cost of a request. So a request from a callback
 * uses the clocks of the step that called back: if a sending counts as earlier than it was,
 * it is believed for a shorter time [G3]. But limits must not be early when callbacks are
 * slow. The coarse clock costs almost nothing, and advances once every few milliseconds.
 */
struct clocks clocks_for_request(struct lk_client *client)
{
    uint64_t tick_ns = read_clock(CLOCK_MONOTONIC_COARSE);
    if (tick_ns != client->tick_ns)
        read_clocks(client, tick_ns);
    return client->now;
}

void clocks_take(struct lk_client *client)
{
    read_clocks(client, read_clock(CLOCK_MONOTONIC_COARSE));
}

void set_answer_limit(
        const struct lk_client *client, struct core_call *call, struct clocks now)
{
    if (call->limit_ns == 0)
        call->limit_ns = u64_sum(now.boot_ns, client->options.answer_wait_ns);
}

/*
 * A timerfd, because only that can wait by CLOCK_BOOTTIME: after a suspend of the machine,
 * poll() would sleep for as long as before, and the deadline would be over.
 *
 * It is readable once it has expired, so an expiry after client->now will be seen. It is set
 * only when it would ring too late; ringing early does no harm.
 */
void timer_set(struct lk_client *client)
{
    bool rings_in_time = client->timer_ns > client->now.boot_ns &&
                         client->timer_ns <= client->deadline_ns;
    if (rings_in_time)
        return;
    client->timer_ns = client->deadline_ns;
    uint64_t at_ns = u64_max(u64_min(client->deadline_ns, INT64_MAX), 1);
    struct itimerspec timer = {.it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                                       .tv_nsec = (long)(at_ns % NS_PER_S)}};
    timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* ---- Sessions ---- */

struct lk_session *session_adopt(struct lk_client *client, uint32_t handle, void *user)
{
    struct lk_session *session = &client->sessions[pool_index(handle)];
    __atomic_store_n(&session->client, client, __ATOMIC_RELAXED);
    __atomic_store_n(
            &session->belief, core_session_belief(client->core, handle), __ATOMIC_RELAXED);
    session->user = user;
    session->lose_ns = UINT64_MAX;
    if (client->lose_after_ns != 0)
        session->lose_ns = clocks_read().boot_ns + client->lose_after_ns;
    session->handle = handle;
    return session;
}

struct lk_session *session_of(struct lk_client *client, uint32_t handle)
{
    struct lk_session *session = &client->sessions[pool_index(handle)];
    return handle != 0 && session->handle == handle ? session : NULL;
}

struct lk_event event_of(struct lk_client *client, const struct core_session_event *event)
{
    struct lk_session *session = session_of(client, event->session);
    return (struct lk_event){.session = session,
            .session_user = session == NULL ? NULL : session->user,
            .state = (enum lk_state)event->state,
            .reason = (enum lk_reason)event->reason,
            .token = event->token};
}

/* ---- Arguments ---- */

struct span span_of(const char *bytes, size_t count)
{
    uint32_t fits = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    return (struct span){(const unsigned char *)bytes, fits};
}

enum lk_status make_open_call(const struct lk_client *client,
        const struct lk_session_options *options, struct core_call *call)
{
    struct lk_session_options taken;
    enum lk_status status = take_session_options(options, &taken);
    if (status != LK_OK)
        return status;
    *call = (struct core_call){.kind = CORE_OPEN,
            .ttl_ns = taken.ttl_ns != 0 ? taken.ttl_ns : client->options.ttl_ns,
            .session_user = taken.user};
    if (taken.label != NULL)
        call->name = span_of(taken.label, strlen(taken.label));
    if (getrandom(call->secret, SECRET_BYTES, 0) != SECRET_BYTES)
        return fail(LK_STATUS_BUSY, "no random bytes for the secret of a session: %s",
                strerror(errno));
    return LK_OK;
}

static enum lk_status check_name(struct span name)
{
    if (name.bytes == NULL)
        return fail(LK_STATUS_INVALID, "the name of the lock is NULL");
    if (name.count < 1 || name.count > LK_NAME_MAX)
        return fail(LK_STATUS_INVALID,
                "the name of the lock has %u bytes; it must have 1 to %d", name.count,
                LK_NAME_MAX);
    return LK_OK;
}

/*
 * Ids of threads are in the upper half, so that they never equal a program's own ids by
 * chance.
 */
static uint64_t thread_owner(void)
{
    static uint64_t last = UINT64_C(1) << 63;
    static _Thread_local uint64_t owner;
    if (owner == 0)
        owner = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return owner;
}

enum lk_status make_acquire_call(struct lk_session *session, struct span name,
        const struct lk_acquire_options *options, struct core_call *call)
{
    struct lk_acquire_options taken = LK_ACQUIRE_OPTIONS_INIT;
    if (options != NULL && !take_struct(&taken, sizeof(taken), options))
        return fail(LK_STATUS_INVALID,
                "acquire options: initialize them with LK_ACQUIRE_OPTIONS_INIT; size is %zu, "
                "or a member that this version does not know is set",
                options->size);
    enum lk_status status = check_name(name);
    if (status != LK_OK)
        return status;
    if (taken.owner == LK_OWNER_DEFAULT)
        taken.owner = has_loop(session->client) ? 0 : thread_owner();
    else if (taken.owner >> 63 != 0)
        return fail(LK_STATUS_INVALID,
                "acquire options: owner is %llu; it must be below 2^63, or LK_OWNER_DEFAULT",
                (unsigned long long)taken.owner);
    *call = (struct core_call){.kind = CORE_ACQUIRE,
            .session = session->handle,
            .name = name,
            .wait_ns = taken.wait_ns,
            .owner = taken.owner,
            .reentrant = taken.reentrant,
            .patient = options == NULL || taken.patient || !has_loop(session->client),
            .tag = taken.tag};
    return LK_OK;
}

enum lk_status make_release_call(const struct lk_session *session, struct span name,
        uint64_t token, struct core_call *call)
{
    *call = (struct core_call){
            .kind = CORE_RELEASE, .session = session->handle, .name = name, .token = token};
    return check_name(name);
}

enum lk_status make_query_call(
        struct span name, const struct lk_read *read, struct core_call *call)
{
    *call = (struct core_call){
            .kind = CORE_QUERY, .name = name, .stale = read != NULL && read->stale};
    return check_name(name);
}

enum lk_status make_list_call(const struct lk_list *list, struct core_call *call)
{
    struct lk_list taken = LK_LIST_INIT;
    if (!take_struct(&taken, sizeof(taken), list))
        return fail(LK_STATUS_INVALID,
                "list: initialize it with LK_LIST_INIT; size is %zu, or a member that this "
                "version does not know is set",
                list->size);
    if (taken.room < 1 || taken.room > LK_PAGE_MAX || taken.locks == NULL)
        return fail(LK_STATUS_INVALID,
                "list: room is %u; it must be from 1 to %d, and locks must not be NULL",
                taken.room, LK_PAGE_MAX);
    size_t prefix_len = taken.prefix == NULL ? 0 : taken.prefix_len;
    if (prefix_len > LK_NAME_MAX)
        return fail(LK_STATUS_INVALID, "list: prefix_len is %zu; it must be at most %d",
                prefix_len, LK_NAME_MAX);
    *call = (struct core_call){.kind = CORE_LIST,
            .name = span_of(taken.prefix, prefix_len),
            .cursor = taken.cursor,
            .limit = (uint16_t)taken.room,
            .stale = taken.read.stale};
    return LK_OK;
}
