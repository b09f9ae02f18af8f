/*
 * Between core and system: makes events of what happened, does what core wants, and hands
 * the results to the shell. The mutex is held all the time, and nothing here blocks.
 */
#include <poll.h>
#include <string.h>
#include <sys/random.h>

#include "base/numbers.h"
#include "lk_internal.h"

/* ---- What came out ---- */

static void fetch(struct lk_client *client)
{
    struct core_notice notice;
    while (core_next_notice(client->core, &notice))
        client_log(client, &notice);
    struct core_session_event event;
    while (core_next_event(client->core, &event))
        client->shell->event(client, &event);
    struct core_completion completion;
    while (core_next_completion(client->core, &completion))
        client->shell->complete(client, &completion);
}

/* ---- What is to be done ---- */

static struct core_event on_connected(void)
{
    struct core_event event = {.kind = CORE_CONNECTED};
    if (getrandom(event.random, sizeof(event.random), 0) != (ssize_t)sizeof(event.random))
        /* Then the secrets stay as before. */
        memset(event.random, 0, sizeof(event.random));
    return event;
}

static struct core_event on_result(struct lk_client *client, enum connect_result result)
{
    if (result == CONNECT_DONE)
        return on_connected();
    return (struct core_event){
            .kind = CORE_CONNECT_FAILED, .number = client->connection.error};
}

/* Send what there is to send; true if that makes an event. */
static bool send_some(struct lk_client *client, const struct core_effects *effects,
        struct core_event *event)
{
    struct connection *connection = &client->connection;
    if (effects->send_bytes == 0 || connection->fd < 0 || connection->want_write)
        return false;
    ssize_t sent = connection_send(connection, effects->send, effects->send_bytes);
    bool all = sent >= 0 && (size_t)sent == effects->send_bytes;
    if (all && !effects->full) {
        core_sent(client->core, (size_t)sent);
        return false;
    }
    if (sent > 0) {
        *event = (struct core_event){.kind = CORE_SENT, .count = (size_t)sent};
        return true;
    }
    if (sent == 0) {
        connection->want_write = true;
        return false;
    }
    *event = (struct core_event){.kind = CORE_CLOSED, .number = connection->error};
    connection_close(connection);
    return true;
}

/* Do what a step said; true if that made another event. */
static bool apply(struct lk_client *client, const struct core_effects *effects,
        struct core_event *event)
{
    client->deadline_ns = effects->deadline_ns;
    if (effects->close)
        connection_close(&client->connection);
    if (effects->connect) {
        enum connect_result result = connection_begin(&client->connection,
                effects->node->address, client->wake_fd, client->now.boot_ns);
        if (result == CONNECT_PENDING)
            return false;
        *event = on_result(client, result);
        return true;
    }
    return send_some(client, effects, event);
}

static void bring_deadline_forward(struct lk_client *client)
{
    client->deadline_ns =
            u64_min(client->deadline_ns, connection_deadline(&client->connection));
    for (uint32_t i = 0; client->lose_after_ns != 0 && i < client->settings.sessions_max;
            i++) {
        const struct lk_session *session = &client->sessions[i];
        if (session->handle != 0 && session->lose_ns < client->deadline_ns)
            client->deadline_ns = session->lose_ns;
    }
}

/* One event and what follows from it, all with the same clocks. */
static void drive_by_clocks(struct lk_client *client, struct core_event event)
{
    struct core_effects effects;
    uint64_t serial = client->connection.serial;
    bool want_write = client->connection.want_write;
    do {
        event.now = client->now;
        core_step(client->core, &event, &effects);
        fetch(client);
    } while (apply(client, &effects, &event));
    bring_deadline_forward(client);
    bool changed = client->connection.serial != serial ||
                   client->connection.want_write != want_write;
    if (changed)
        client->shell->changed(client);
    if (!has_loop(client)) /* lk_process() sets it once, at its end. */
        timer_set(client);
}

static void drive(struct lk_client *client, struct core_event event)
{
    clocks_take(client);
    drive_by_clocks(client, event);
}

/* LOCKD_TEST_LOSE: lose the sessions whose time has come. */
static void lose_on_time(struct lk_client *client)
{
    if (client->lose_after_ns == 0)
        return;
    struct clocks now = clocks_read();
    for (uint32_t i = 0; i < client->settings.sessions_max; i++) {
        struct lk_session *session = &client->sessions[i];
        if (session->handle == 0 || session->lose_ns > now.boot_ns)
            continue;
        session->lose_ns = UINT64_MAX;
        core_lose(client->core, session->handle, now);
    }
}

/* Sockets, names and times of an attempt to connect; true if it has ended. */
static bool continue_dialing(struct lk_client *client)
{
    clocks_take(client);
    enum connect_result result =
            connection_continue(&client->connection, client->now.boot_ns);
    if (result != CONNECT_PENDING)
        drive(client, on_result(client, result));
    client->shell->changed(client);
    return result != CONNECT_PENDING;
}

void drive_time(struct lk_client *client)
{
    lose_on_time(client);
    if (connection_deadline(&client->connection) <= clocks_read().boot_ns)
        continue_dialing(client);
    drive(client, (struct core_event){.kind = CORE_TIME});
}

void drive_asked(struct lk_client *client)
{
    drive_by_clocks(client, (struct core_event){.kind = CORE_TIME});
}

/* ---- The socket ---- */

static bool is_writable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    return poll(&poll_fd, 1, 0) > 0;
}

enum received {
    RECEIVED_NOTHING,
    RECEIVED_ALL, /* There is no more for now. */
    RECEIVED_SOME
};

static enum received receive_once(struct lk_client *client)
{
    struct connection *connection = &client->connection;
    ssize_t count = connection_receive(connection, client->input, INPUT_BYTES);
    if (count > 0) {
        drive(client, (struct core_event){.kind = CORE_RECEIVED,
                              .bytes = client->input,
                              .count = (size_t)count});
        return count == INPUT_BYTES ? RECEIVED_SOME : RECEIVED_ALL;
    }
    if (count == 0)
        return RECEIVED_NOTHING;
    connection_close(connection);
    drive(client, (struct core_event){.kind = CORE_CLOSED, .number = connection->error});
    return RECEIVED_ALL;
}

bool drive_socket(struct lk_client *client)
{
    struct connection *connection = &client->connection;
    if (connection_is_dialing(connection))
        return continue_dialing(client);
    bool stepped = false;
    if (connection->want_write && is_writable(connection->fd)) {
        connection->want_write = false;
        drive_time(client);
        stepped = true;
    }
    enum received received = RECEIVED_SOME;
    while (received == RECEIVED_SOME && connection->fd >= 0) {
        received = receive_once(client);
        stepped = stepped || received != RECEIVED_NOTHING;
    }
    return stepped;
}
