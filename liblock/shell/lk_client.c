/* Opens and closes a client. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/numbers.h"
#include "lk_internal.h"

enum {
    PAGE_BYTES = 4096
};

/* ---- Options ---- */

/*
 * A caller of another version has a struct of another size: what it does not know keeps its
 * default, and what we do not know must be unused.
 */
static bool take_options(struct lk_options *options, const struct lk_options *given)
{
    *options = (struct lk_options)LK_OPTIONS_INIT;
    size_t bytes = given->size;
    if (bytes < sizeof(given->size))
        return false;
    for (size_t i = sizeof(*options); i < bytes; i++) {
        if (((const unsigned char *)given)[i] != 0)
            return false;
    }
    memcpy(options, given, bytes < sizeof(*options) ? bytes : sizeof(*options));
    return true;
}

static enum lk_status check_options(const struct lk_options *options)
{
    if ((options->flags & ~(uint32_t)(LK_FLAG_EXTERNAL_LOOP | LK_FLAG_NO_SESSION)) != 0)
        return fail(
                LK_STATUS_INVALID, "options: flags %#x has unknown bits", options->flags);
    if (options->sessions_max < 1 || options->sessions_max > 4000000)
        return fail(LK_STATUS_INVALID, "options: sessions_max %u must be from 1 to 4000000",
                options->sessions_max);
    if (options->requests_max < 1 || options->requests_max > 2000000)
        return fail(LK_STATUS_INVALID, "options: requests_max %u must be from 1 to 2000000",
                options->requests_max);
    if (options->holds_max < 1 || options->holds_max > 16000000)
        return fail(LK_STATUS_INVALID, "options: holds_max %u must be from 1 to 16000000",
                options->holds_max);
    if (options->ttl_ns < LK_SECOND / 10 || options->ttl_ns > 86400 * LK_SECOND)
        return fail(LK_STATUS_INVALID, "options: ttl_ns must be from 100 ms to 24 h");
    if (options->label != NULL && strlen(options->label) > LK_LABEL_MAX)
        return fail(LK_STATUS_INVALID, "options: label must have at most %d bytes",
                LK_LABEL_MAX);
    return LK_OK;
}

static enum lk_status take_nodes(struct lk_client *client)
{
    const char *nodes = client->options.nodes;
    const char *from = "options: nodes";
    if (nodes == NULL) {
        nodes = getenv("LOCKD_CLUSTER");
        from = "LOCKD_CLUSTER";
    }
    if (nodes == NULL || nodes[0] == '\0')
        return fail(LK_STATUS_INVALID,
                "no nodes given; set them in the options or in LOCKD_CLUSTER");
    struct span bad;
    if (!nodes_parse(nodes, &client->settings, &bad))
        return fail(LK_STATUS_INVALID,
                "%s: \"%.*s\" is not [ID=]HOST[:PORT], or there are more than %d nodes",
                from, (int)bad.count, (const char *)bad.bytes, CORE_NODES_MAX);
    client->options.nodes = NULL; /* The caller's; it may be gone later. */
    return LK_OK;
}

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

/* ---- Memory and descriptors ---- */

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool map_alive(struct lk_client *client)
{
    client->alive = map(PAGE_BYTES);
    if (client->alive == NULL || madvise(client->alive, PAGE_BYTES, MADV_WIPEONFORK) != 0)
        return false;
    __atomic_store_n(client->alive, 1, __ATOMIC_RELAXED);
    return true;
}

static bool make_core(struct lk_client *client)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    core_carve(&arena, &client->settings);
    client->memory_bytes = arena_used_bytes(&arena);
    client->memory = map(client->memory_bytes);
    client->input = malloc(INPUT_BYTES);
    client->sessions = calloc(client->settings.sessions_max, sizeof(struct lk_session));
    uint64_t seed = 0;
    bool random = getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed);
    if (client->memory == NULL || client->input == NULL || client->sessions == NULL ||
            !random)
        return false;
    arena_init(&arena, client->memory, client->memory_bytes);
    client->core = core_carve(&arena, &client->settings);
    arena_seal(&arena);
    core_init(client->core, &client->settings, seed);
    client->holds = core_hold_beliefs(client->core, &client->hold_count);
    return true;
}

static bool make_descriptors(struct lk_client *client)
{
    client->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    client->keeper.nudge_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (client->poll_fd < 0 || client->wake_fd < 0 || client->keeper.nudge_fd < 0)
        return false;
    client->connection.poll_fd = client->poll_fd;
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = client->wake_fd}};
    return epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->wake_fd, &event) == 0;
}

static void close_descriptors(const struct lk_client *client)
{
    int fds[] = {client->poll_fd, client->wake_fd, client->keeper.nudge_fd,
            client->loop.timer_fd, client->connection.fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static void free_client(struct lk_client *client)
{
    connection_close(&client->connection);
    close_descriptors(client);
    keeper_drop_events(client);
    loop_stop(client);
    if (client->memory != NULL)
        munmap(client->memory, client->memory_bytes);
    if (client->alive != NULL)
        munmap(client->alive, PAGE_BYTES);
    pthread_mutex_destroy(&client->mutex);
    pthread_cond_destroy(&client->keeper.left);
    free(client->sessions);
    free(client->input);
    free(client);
}

static struct lk_client *make_client(const struct lk_options *options)
{
    struct lk_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return NULL;
    client->options = *options;
    client->shell = has_loop(client) ? &loop_shell : &keeper_shell;
    client->poll_fd = client->wake_fd = -1;
    client->keeper.nudge_fd = client->loop.timer_fd = -1;
    client->connection.fd = -1;
    pthread_mutex_init(&client->mutex, NULL);
    pthread_cond_init(&client->keeper.left, NULL);
    list_init(&client->keeper.waiters);
    list_init(&client->loop.owed);
    core_settings_default(&client->settings);
    client->settings.sessions_max = options->sessions_max;
    client->settings.requests_max = options->requests_max;
    client->settings.holds_max = options->holds_max;
    client->settings.grace_ns = options->grace_ns;
    client->settings.min_usable_ns = options->min_usable_ns;
    client->settings.connect_wait_ns = options->connect_wait_ns;
    return client;
}

static enum lk_status set_up(struct lk_client *client)
{
    enum lk_status status = take_nodes(client);
    if (status == LK_OK)
        status = take_rehearsal(client);
    if (status != LK_OK)
        return status;
    bool made = map_alive(client) && make_core(client) && make_descriptors(client) &&
                client->shell->start(client);
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
        if (trouble.kind == CORE_NOTICE_REFUSED && trouble.number == REFUSED_VERSION)
            return LK_STATUS_VERSION;
    }
    return status;
}

/* The loop's first session waits for as long as it takes. */
static enum lk_status open_first(struct lk_client *client)
{
    struct lk_session_options options = LK_SESSION_OPTIONS_INIT;
    options.label = client->options.label;
    options.user = client->options.session_user;
    if (!has_loop(client)) {
        enum lk_status status = lk_session_open(client, &options, &client->first);
        pthread_mutex_lock(&client->mutex);
        status = refine(client, status);
        pthread_mutex_unlock(&client->mutex);
        return status;
    }
    struct core_call call;
    enum lk_status status = make_open_call(client, &options, &call);
    if (status != LK_OK)
        return status;
    call.limit_ns = UINT64_MAX;
    core_submit(client->core, &call, clocks_read(), NULL);
    client->first = session_adopt(client, core_opened(client->core), options.user);
    return LK_OK;
}

enum lk_status lk_open(const struct lk_options *options, struct lk_client **client)
{
    struct lk_options taken;
    *client = NULL;
    if (options == NULL || !take_options(&taken, options))
        return fail(LK_STATUS_INVALID, "options: initialize them with LK_OPTIONS_INIT");
    enum lk_status status = check_options(&taken);
    if (status != LK_OK)
        return status;
    struct lk_client *made = make_client(&taken);
    if (made == NULL)
        return fail(LK_STATUS_BUSY, "cannot create a client: %s", strerror(errno));
    status = set_up(made);
    if (status == LK_OK && (taken.flags & LK_FLAG_NO_SESSION) == 0)
        status = open_first(made);
    made->options.label = NULL;
    if (status == LK_OK) {
        *client = made;
        return LK_OK;
    }
    char why[EVENT_BYTES];
    put_text(why, sizeof(why), "%s", lk_last_error());
    if (made->core != NULL)
        lk_close(made);
    else
        free_client(made);
    return fail(status, "%s", why);
}

struct lk_session *lk_client_session(struct lk_client *client)
{
    return client->first;
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

/* Until the cluster has closed all sessions, or until the limit. */
static void wait_for_closes(struct lk_client *client, uint64_t limit_ns)
{
    while (core_session_count(client->core) > 0) {
        uint64_t now_ns = clocks_read().boot_ns;
        if (now_ns >= limit_ns)
            return;
        uint64_t left_ns = u64_rest(u64_min(client->deadline_ns, limit_ns), now_ns);
        connection_watch(&client->connection, true);
        struct pollfd ready = {.fd = client->poll_fd, .events = POLLIN};
        poll(&ready, 1, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
        drive_socket(client);
        drive_time(client);
    }
}

void lk_close(struct lk_client *client)
{
    if (client == NULL)
        return;
    if (!client_is_ours(client)) {
        /* The child's copies; everything else is the parent's. */
        close_descriptors(client);
        return;
    }
    if (in_callback() || client->processing) {
        fail(LK_STATUS_INVALID, "a callback must not call lk_close()");
        return;
    }
    uint64_t limit_ns = clocks_read().boot_ns + LK_SECOND;
    pthread_mutex_lock(&client->mutex);
    client->closing = true;
    client->processing = has_loop(client);
    close_sessions(client, limit_ns);
    drive_time(client);
    keeper_dismiss_waiters(client);
    pthread_mutex_unlock(&client->mutex);
    keeper_stop(client);
    wait_for_closes(client, limit_ns);
    loop_close(client);
    free_client(client);
}
