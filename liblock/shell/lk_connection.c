/*
 * The bytes of a connection, out and in. Nothing else in liblock sends or receives on its
 * socket: code that transforms bytes on the way belongs here.
 */
#include <errno.h>
#include <sys/types.h>

#include "lk_connect.h"

/* The outcome of a call on the socket: a count, 0 for nothing now, -1 with the error. */
static ssize_t take_result(struct connection *connection, ssize_t count)
{
    if (count >= 0)
        return count;
    connection->error = errno;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

ssize_t connection_send(struct connection *connection, const void *bytes, size_t count)
{
    ssize_t sent;
    do {
        sent = send(connection->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return take_result(connection, sent);
}

ssize_t connection_receive(struct connection *connection, void *room, size_t bytes)
{
    ssize_t count;
    do {
        count = recv(connection->fd, room, bytes, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count == 0) {
        connection->error = 0;
        return -1;
    }
    return take_result(connection, count);
}
