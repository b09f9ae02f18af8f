/*
 * What the calls of both shells need: the clocks, the sessions by their handles, and the
 * caller's arguments, checked and prepared for the core.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
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

/* ---- Sessions ---- */

struct lk_session *session_adopt(struct lk_client *client, uint32_t handle, void *user)
{
    struct lk_session *session = &client->sessions[pool_index(handle)];
    session->client = client;
    session->belief = core_session_belief(client->core, handle);
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
    struct lk_session_options taken = LK_SESSION_OPTIONS_INIT;
    if (options != NULL) {
        if (options->size < sizeof(options->size) || options->size > sizeof(taken))
            return fail(LK_STATUS_INVALID,
                    "session options: unknown struct size %zu (built against another version?)",
                    options->size);
        memcpy(&taken, options, options->size);
    }
    if (taken.label != NULL && strlen(taken.label) > LK_LABEL_MAX)
        return fail(LK_STATUS_INVALID, "session options: label must have at most %d bytes",
                LK_LABEL_MAX);
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
    if (options != NULL) {
        if (options->size < sizeof(options->size) || options->size > sizeof(taken))
            return fail(LK_STATUS_INVALID,
                    "acquire options: unknown struct size %zu (built against another version?)",
                    options->size);
        memcpy(&taken, options, options->size);
    }
    if (name.count < 1 || name.count > LK_NAME_MAX)
        return fail(LK_STATUS_INVALID,
                "the name of the lock has %u bytes; it must have 1 to %d", name.count,
                LK_NAME_MAX);
    if (taken.owner == LK_OWNER_DEFAULT)
        taken.owner = has_loop(session->client) ? 0 : thread_owner();
    else if (taken.owner >> 63 != 0)
        return fail(LK_STATUS_INVALID, "acquire options: owner must be below 2^63");
    *call = (struct core_call){.kind = CORE_ACQUIRE,
            .session = session->handle,
            .name = name,
            .wait_ns = taken.wait_ns,
            .owner = taken.owner,
            .reentrant = taken.reentrant,
            .patient = taken.patient || !has_loop(session->client),
            .tag = taken.tag};
    return LK_OK;
}

enum lk_status make_list_call(const struct lk_list *list, struct core_call *call)
{
    if (list->size != sizeof(*list))
        return fail(LK_STATUS_INVALID, "list: initialize it with LK_LIST_INIT");
    if (list->room < 1 || list->room > LK_PAGE_MAX || list->locks == NULL)
        return fail(LK_STATUS_INVALID, "list: room %u must be from 1 to %d", list->room,
                LK_PAGE_MAX);
    if (list->prefix_len > LK_NAME_MAX)
        return fail(LK_STATUS_INVALID, "list: the prefix is longer than a name may be");
    *call = (struct core_call){.kind = CORE_LIST,
            .name = span_of(list->prefix, list->prefix == NULL ? 0 : list->prefix_len),
            .cursor = list->cursor,
            .limit = (uint16_t)list->room,
            .stale = list->read.stale};
    return LK_OK;
}
