#include "io/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/names.h"

enum {
    BACKLOG = 4096, /* The system lowers it to net.core.somaxconn. */
    KEEPALIVE_IDLE_S = 10,
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_COUNT = 3,
    BIND_RETRIES = 50,
};

static const struct timespec bind_pause = {.tv_nsec = 20000000};

static void set_option(int socket, int level, int name, int value)
{
    /* All of these are optional: lockd works if the kernel refuses one. */
    (void)setsockopt(socket, level, name, &value, sizeof value);
}

void listen_tune(int socket)
{
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, LISTEN_USER_TIMEOUT_MS);
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    const void *any = address;
    const struct sockaddr_in *v4 = any;
    const struct sockaddr_in6 *v6 = any;
    if (address->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (address->ss_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
}

bool listen_tune_peer(int socket, const char *wanted, const struct sockaddr_storage *other)
{
    const char *name = wanted;
    if (strcmp(wanted, "auto") == 0) {
        if (!is_loopback(other))
            return true;
        name = "reno";
    }
    int set =
            setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
    return set == 0 || name != wanted;
}

int listen_new_socket(const char *congestion, const struct sockaddr_storage *address)
{
    int new_socket = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (new_socket < 0)
        return -1;
    listen_tune(new_socket);
    (void)listen_tune_peer(new_socket, congestion, address);
    return new_socket;
}

/* SO_REUSEADDR: connections of an earlier run in TIME_WAIT do not block the port. */
static int bind_one(const struct addrinfo *found)
{
    int socket_made = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_made < 0)
        return -1;
    set_option(socket_made, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(socket_made, found->ai_addr, found->ai_addrlen) == 0)
        return socket_made;
    int error = errno;
    (void)close(socket_made);
    errno = error;
    return -1;
}

static int bind_any(const struct addrinfo *list)
{
    int bound = -1;
    for (const struct addrinfo *at = list; at != NULL && bound < 0; at = at->ai_next)
        bound = bind_one(at);
    return bound;
}

static void explain(const struct address *address, int error, char *reason)
{
    char text[ADDRESS_TEXT_BYTES];
    (void)address_text(address, text);
    const char *advice = "";
    if (error == EADDRINUSE)
        advice = "; another process listens there (find it with ss -ltnp)";
    else if (error == EADDRNOTAVAIL)
        advice = "; this machine does not have this address (choose one with --listen)";
    else if (error == EACCES)
        advice = "; ports below 1024 need CAP_NET_BIND_SERVICE";
    (void)snprintf(reason, LISTEN_REASON_BYTES, "cannot listen on %s: %s%s", text,
            strerror(error), advice);
}

/*
 * The ring of a killed process holds its listening socket for some milliseconds after the
 * process is gone. An immediate restart should not fail because of that.
 */
int listen_bind(const struct address *address, char *reason, bool *later)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)address->port);
    int failed = getaddrinfo(address->host, port, &hints, &list);
    *later = failed == EAI_AGAIN || failed == EAI_NONAME || failed == EAI_FAIL ||
             failed == EAI_NODATA;
    if (failed != 0) {
        (void)snprintf(reason, LISTEN_REASON_BYTES,
                "cannot listen on %s: the name has no address (%s); correct it, or give the address to listen at with --listen",
                address->host, gai_strerror(failed));
        return -1;
    }
    int bound = bind_any(list);
    for (int i = 0; i < BIND_RETRIES && bound < 0 && errno == EADDRINUSE; i++) {
        (void)nanosleep(&bind_pause, NULL);
        bound = bind_any(list);
    }
    if (bound < 0)
        explain(address, errno, reason);
    freeaddrinfo(list);
    return bound;
}

/*
 * Accepted sockets inherit these options from the listening socket, which saves six system
 * calls per connection.
 */
bool listen_begin(int socket, const struct address *address, char *reason)
{
    listen_tune(socket);
    if (listen(socket, BACKLOG) == 0)
        return true;
    explain(address, errno, reason);
    return false;
}

bool listen_is_loopback(int socket)
{
    struct sockaddr_storage own = {0};
    socklen_t length = sizeof own;
    return getsockname(socket, (struct sockaddr *)&own, &length) == 0 && is_loopback(&own);
}

void listen_text(const struct sockaddr_storage *address, char *text)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, address, sizeof v4);
    memcpy(&v6, address, sizeof v6);
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        (void)snprintf(
                text, LISTEN_TEXT_BYTES, "[%s]:%u", host, (unsigned)ntohs(v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        (void)snprintf(
                text, LISTEN_TEXT_BYTES, "%s:%u", host, (unsigned)ntohs(v4.sin_port));
    }
}

void listen_bytes(const struct sockaddr_storage *address, unsigned char *bytes)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memset(bytes, 0, CLIENT_ADDRESS_BYTES);
    memcpy(&v4, address, sizeof v4);
    memcpy(&v6, address, sizeof v6);
    if (address->ss_family == AF_INET6) {
        memcpy(bytes, &v6.sin6_addr, CLIENT_ADDRESS_BYTES);
    } else if (address->ss_family == AF_INET) {
        memset(bytes + 10, 0xff, 2);
        memcpy(bytes + 12, &v4.sin_addr, sizeof v4.sin_addr);
    }
}

void listen_peer_text(int socket, char *text)
{
    struct sockaddr_storage other = {0};
    socklen_t length = sizeof other;
    (void)getpeername(socket, (struct sockaddr *)&other, &length);
    listen_text(&other, text);
}
