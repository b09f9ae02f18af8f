/* The socket to a node: while it is being connected, there may be several. */
#include <sys/epoll.h>
#include <unistd.h>

#include "lk_connect.h"

/* The sockets there are now, and what each is watched for. */
uint32_t connection_poll(const struct connection *connection, struct pollfd *fds)
{
    const struct dial *dial = &connection->dial;
    if (connection->fd >= 0) {
        short events = connection->want_write ? POLLIN | POLLOUT : POLLIN;
        fds[0] = (struct pollfd){.fd = connection->fd, .events = events};
        return 1;
    }
    for (uint32_t i = 0; i < dial->count; i++)
        fds[i] = (struct pollfd){.fd = dial->tries[i].fd, .events = POLLOUT};
    return dial->count;
}

/*
 * close() alone is not enough: a child after fork may have a copy, and then it would stay
 * watched.
 */
static void unwatch(struct connection *connection)
{
    struct pollfd fds[ADDRESSES_MAX];
    uint32_t count = connection->watched ? connection_poll(connection, fds) : 0;
    for (uint32_t i = 0; i < count; i++)
        epoll_ctl(connection->poll_fd, EPOLL_CTL_DEL, fds[i].fd, NULL);
    connection->watched = false;
}

static void watch_one(const struct connection *connection, const struct pollfd *fd)
{
    uint32_t events = (fd->events & POLLIN) != 0 ? EPOLLIN : 0;
    if ((fd->events & POLLOUT) != 0)
        events |= EPOLLOUT;
    struct epoll_event event = {.events = events, .data = {.fd = fd->fd}};
    if (epoll_ctl(connection->poll_fd, EPOLL_CTL_ADD, fd->fd, &event) != 0)
        epoll_ctl(connection->poll_fd, EPOLL_CTL_MOD, fd->fd, &event);
}

void connection_watch(struct connection *connection, bool watch)
{
    struct pollfd fds[ADDRESSES_MAX];
    uint32_t count = connection_poll(connection, fds);
    if (!watch || count == 0) {
        unwatch(connection);
        return;
    }
    bool one = connection->fd >= 0;
    uint32_t events = one && connection->want_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (one && connection->watched && connection->watched_events == events)
        return;
    for (uint32_t i = 0; i < count; i++)
        watch_one(connection, &fds[i]);
    connection->watched = true;
    connection->watched_events = one ? events : 0;
}

void connection_close(struct connection *connection)
{
    unwatch(connection);
    if (connection->fd >= 0 || connection_is_dialing(connection))
        connection->serial++;
    if (connection->fd >= 0)
        close(connection->fd);
    dial_end(&connection->dial);
    connection->fd = -1;
    connection->want_write = false;
}

static enum connect_result take(struct connection *connection, enum connect_result result)
{
    connection->serial++;
    connection->error = connection->dial.error;
    return result;
}

enum connect_result connection_begin(
        struct connection *connection, const char *address, int wake_fd, uint64_t now_ns)
{
    connection_close(connection);
    connection->stirred = true;
    connection->dial.wait_ns = connection->wait_ns;
    return take(connection,
            dial_begin(&connection->dial, address, wake_fd, now_ns, &connection->fd));
}

enum connect_result connection_continue(struct connection *connection, uint64_t now_ns)
{
    unwatch(connection); /* Which sockets there are may change. */
    return take(connection, dial_continue(&connection->dial, now_ns, &connection->fd));
}

uint64_t connection_deadline(const struct connection *connection)
{
    return dial_deadline(&connection->dial);
}
