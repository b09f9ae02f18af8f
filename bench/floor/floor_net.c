#include "floor_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "floor_shared.h"

static int open_socket(void)
{
    static const char reno[] = "reno";
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        floor_fatal("socket", errno);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof(reno) - 1);
    return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
            .sin_port = htons(port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

struct floor_listener floor_listen(void)
{
    struct floor_listener listener = {.fd = open_socket()};
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof(address);
    if (bind(listener.fd, (struct sockaddr *)&address, bytes) != 0 ||
            listen(listener.fd, SOMAXCONN) != 0 ||
            getsockname(listener.fd, (struct sockaddr *)&address, &bytes) != 0)
        floor_fatal("listening on loopback", errno);
    listener.port = ntohs(address.sin_port);
    return listener;
}

int floor_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = open_socket();
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        floor_fatal("connecting on loopback", errno);
    return fd;
}

int floor_accept_one(const struct floor_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        floor_fatal("accept", errno);
    return fd;
}
