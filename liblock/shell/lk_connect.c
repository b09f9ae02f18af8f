/* The socket to a node: resolves its name, tries its addresses in turn, never blocks. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lk_connect.h"

/*
 * close() alone is not enough: a child after fork may have a copy, and then it would stay
 * watched.
 */
static void unwatch(struct connection *connection)
{
    if (connection->watched)
        epoll_ctl(connection->poll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    connection->watched = false;
}

void connection_watch(struct connection *connection, bool watch)
{
    if (!watch || connection->fd < 0) {
        unwatch(connection);
        return;
    }
    uint32_t events = EPOLLIN;
    if (connection->connecting)
        events = EPOLLOUT;
    else if (connection->want_write)
        events = EPOLLIN | EPOLLOUT;
    if (connection->watched && connection->watched_events == events)
        return;
    struct epoll_event event = {.events = events, .data = {.fd = connection->fd}};
    int how = connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    epoll_ctl(connection->poll_fd, how, connection->fd, &event);
    connection->watched = true;
    connection->watched_events = events;
}

static void close_socket(struct connection *connection)
{
    if (connection->fd >= 0) {
        unwatch(connection);
        close(connection->fd);
        connection->serial++;
    }
    connection->fd = -1;
    connection->connecting = false;
    connection->want_write = false;
}

void connection_close(struct connection *connection)
{
    close_socket(connection);
    if (connection->resolving != NULL)
        resolve_drop(connection->resolving);
    connection->resolving = NULL;
}

static enum connect_result start_one(struct connection *connection, uint32_t which)
{
    const struct sockaddr *address =
            (const struct sockaddr *)&connection->addresses.all[which].address;
    int fd = socket(
            address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) {
        connection->error = errno;
        return CONNECT_FAILED;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    connection->fd = fd;
    connection->serial++;
    if (connect(fd, address, connection->addresses.all[which].bytes) == 0)
        return CONNECT_DONE;
    if (errno == EINPROGRESS || errno == EINTR) {
        connection->connecting = true;
        return CONNECT_PENDING;
    }
    connection->error = errno;
    close_socket(connection);
    return CONNECT_FAILED;
}

static enum connect_result try_addresses(struct connection *connection)
{
    while (connection->next < connection->addresses.count) {
        enum connect_result result = start_one(connection, connection->next++);
        if (result != CONNECT_FAILED)
            return result;
    }
    return CONNECT_FAILED;
}

enum connect_result connection_begin(
        struct connection *connection, const char *address, int wake_fd)
{
    connection_close(connection);
    connection->next = 0;
    connection->error = 0;
    if (resolve_number(address, &connection->addresses))
        return try_addresses(connection);
    connection->resolving = resolve_begin(address, wake_fd);
    connection->error = errno;
    return connection->resolving != NULL ? CONNECT_PENDING : CONNECT_FAILED;
}

/* EAI_ codes are negative, so they differ from those of errno. */
static enum connect_result take_resolved(struct connection *connection)
{
    if (!__atomic_load_n(&connection->resolving->done, __ATOMIC_ACQUIRE))
        return CONNECT_PENDING;
    connection->addresses = connection->resolving->found;
    resolve_drop(connection->resolving);
    connection->resolving = NULL;
    connection->error = connection->addresses.error;
    return try_addresses(connection);
}

enum connect_result connection_continue(struct connection *connection)
{
    if (connection->resolving != NULL)
        return take_resolved(connection);
    int error = 0;
    socklen_t bytes = sizeof(error);
    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
        error = errno;
    if (error == 0) {
        connection->connecting = false;
        return CONNECT_DONE;
    }
    connection->error = error;
    close_socket(connection);
    return try_addresses(connection);
}
