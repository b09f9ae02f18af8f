/* Opens and closes a client. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/numbers.h"
#include "lk_internal.h"

/* ---- Make and free ---- */

static enum lk_status take_rehearsal(struct lk_client *client)
{
    const char *text = getenv("LOCKD_TEST_LOSE");
    if (text == NULL || text[0] == '\0')
        return LK_OK;
    char *end;
    errno = 0;
    unsigned long long seconds = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0 || seconds > 1000000)
        return fail(LK_STATUS_INVALID,
                "LOCKD_TEST_LOSE: \"%s\" must be a number of seconds", text);
    client->lose_after_ns = seconds == 0 ? 1 : seconds * LK_SECOND;
    return LK_OK;
}

static bool make_core(struct lk_client *client)
{
    uint64_t seed = 0;
    client->input = malloc(INPUT_BYTES);
    if (client->input == NULL || getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return false;
    core_init(client->core, &client->settings, seed);
    client->holds = core_hold_beliefs(client->core, &client->hold_count);
    return true;
}

static bool watch(struct lk_client *client, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    return epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool make_descriptors(struct lk_client *client)
{
    client->poll_fd = descriptor_above_stdio(epoll_create1(EPOLL_CLOEXEC));
    client->wake_fd = descriptor_above_stdio(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    client->timer_fd = descriptor_above_stdio(
            timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    client->keeper.nudge_fd =
            descriptor_above_stdio(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (client->poll_fd < 0 || client->wake_fd < 0 || client->timer_fd < 0 ||
            client->keeper.nudge_fd < 0)
        return false;
    client->connection.poll_fd = client->poll_fd;
    return watch(client, client->wake_fd) && watch(client, client->timer_fd);
}

static void close_descriptors(struct lk_client *client)
{
    int *fds[] = {&client->poll_fd, &client->wake_fd, &client->timer_fd,
            &client->keeper.nudge_fd, &client->connection.fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1; /* A second lk_close() in a child must not close another's. */
    }
}

static void free_client(struct lk_client *client)
{
    connection_close(&client->connection);
    close_descriptors(client);
    keeper_drop_events(client);
    loop_stop(client);
    free(client->input);
    client_unmap(client);
}

static struct lk_client *make_client(
        const struct lk_options *options, const struct core_settings *settings)
{
    struct lk_client *client = client_map(settings);
    if (client == NULL)
        return NULL;
    client->options = *options;
    client->options.nodes = NULL; /* The caller's; it may be gone later. */
    client->shell = has_loop(client) ? &loop_shell : &keeper_shell;
    client->poll_fd = client->wake_fd = client->timer_fd = -1;
    client->keeper.nudge_fd = -1;
    client->connection.fd = -1;
    client->connection.wait_ns = settings->connect_wait_ns;
    pthread_mutex_init(&client->mutex, NULL);
    list_init(&client->keeper.waiters);
    list_init(&client->node_queries);
    list_init(&client->loop.owed);
    return client;
}

static enum lk_status set_up(struct lk_client *client)
{
    enum lk_status status = take_rehearsal(client);
    if (status != LK_OK)
        return status;
    bool made = make_descriptors(client) && make_core(client);
    if (made) {
        __atomic_store_n(&client->open, 1, __ATOMIC_SEQ_CST);
        made = client->shell->start(client);
    }
    return made ? LK_OK
                : fail(LK_STATUS_BUSY, "cannot create a client: %s", strerror(errno));
}

/* ---- Open ---- */

/* No node was reached, and the reason is the same for all. */
static enum lk_status refine(struct lk_client *client, enum lk_status status)
{
    for (uint32_t i = 0; status == LK_STATUS_UNKNOWN && i < core_node_count(client->core);
            i++) {
        struct core_notice trouble;
        if (!core_node_trouble(client->core, i, &trouble))
            continue;
        if (trouble.kind == CORE_NOTICE_WRONG_CLUSTER)
            return LK_STATUS_WRONG_CLUSTER;
        if (trouble.kind == CORE_NOTICE_VERSION)
            return LK_STATUS_VERSION;
    }
    return status;
}

static enum lk_status open_first(struct lk_client *client)
{
    if ((client->options.flags & LK_FLAG_NO_SESSION) != 0)
        return LK_OK;
    if (has_loop(client))
        return loop_open_first(client);
    struct lk_session_options options = LK_SESSION_OPTIONS_INIT;
    options.label = client->options.label;
    options.user = client->options.session_user;
    enum lk_status status = lk_session_open(client, &options, &client->first);
    pthread_mutex_lock(&client->mutex);
    status = refine(client, status);
    pthread_mutex_unlock(&client->mutex);
    return status;
}

enum lk_status lk_open(const struct lk_options *options, struct lk_client **client)
{
    struct lk_options taken;
    struct core_settings settings;
    *client = NULL;
    enum lk_status status = take_options(options, &taken);
    if (status == LK_OK)
        status = settings_of(&taken, &settings);
    if (status != LK_OK)
        return status;
    struct lk_client *made = make_client(&taken, &settings);
    if (made == NULL)
        return fail(LK_STATUS_BUSY, "cannot create a client: %s", strerror(errno));
    status = set_up(made);
    if (status == LK_OK)
        status = open_first(made);
    made->options.label = NULL;
    if (status == LK_OK) {
        *client = made;
        return LK_OK;
    }
    char why[EVENT_BYTES];
    put_text(why, sizeof(why), "%s", lk_last_error());
    if (client_is_open(made))
        lk_close(made);
    else
        free_client(made);
    return fail(status, "%s", why);
}

struct lk_session *lk_client_session(struct lk_client *client)
{
    return client == NULL ? NULL : __atomic_load_n(&client->first, __ATOMIC_RELAXED);
}

/* ---- Close ---- */

static void close_sessions(struct lk_client *client, uint64_t limit_ns)
{
    for (uint32_t i = 0; i < client->settings.sessions_max; i++) {
        struct lk_session *session = &client->sessions[i];
        if (session->handle == 0)
            continue;
        struct core_call call = {
                .kind = CORE_CLOSE, .session = session->handle, .limit_ns = limit_ns};
        core_submit(client->core, &call, clocks_read(), NULL);
        session->handle = 0;
    }
}

/*
 * Until the cluster has closed all sessions, or until the limit. Not by lk_fd(): in a loop it
 * is readable as long as nobody calls lk_process().
 */
static void wait_for_closes(struct lk_client *client, uint64_t limit_ns)
{
    while (core_session_count(client->core) > 0) {
        uint64_t now_ns = clocks_read().boot_ns;
        if (now_ns >= limit_ns)
            return;
        uint64_t left_ns = u64_rest(u64_min(client->deadline_ns, limit_ns), now_ns);
        struct pollfd fds[1 + ADDRESSES_MAX] = {{.fd = client->wake_fd, .events = POLLIN}};
        uint32_t count = 1 + connection_poll(&client->connection, fds + 1);
        poll(fds, count, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
        descriptor_drain(client->wake_fd);
        drive_socket(client);
        drive_time(client);
    }
}

/* With nobody left inside. */
static void finish_closing(struct lk_client *client, uint64_t limit_ns)
{
    keeper_stop(client);
    wait_for_closes(client, limit_ns);
    loop_close(client);
    free_client(client);
}

void lk_close(struct lk_client *client)
{
    if (client == NULL)
        return;
    if (!client_is_ours(client)) {
        /* The child's copies; everything else is the parent's. */
        if (client->mapped_bytes != 0)
            close_descriptors(client);
        return;
    }
    if (in_callback() || client->processing) {
        fail(LK_STATUS_INVALID, "a callback must not call lk_close()");
        return;
    }
    int cancel_state;
    if (!client_shut(client))
        return; /* Another thread closes it. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    uint64_t limit_ns = clocks_read().boot_ns + LK_SECOND;
    pthread_mutex_lock(&client->mutex);
    client->processing = has_loop(client);
    close_sessions(client, limit_ns);
    keeper_dismiss_waiters(client);
    pthread_mutex_unlock(&client->mutex);
    client_wait_for_leaving(client);
    finish_closing(client, limit_ns);
    pthread_setcancelstate(cancel_state, NULL);
}
