/*
 * A connection to a node. Its name is resolved to addresses, they are tried in turn, and
 * then bytes go out and come in. This code knows nothing of the client, and nothing in it
 * blocks.
 */
#ifndef LIBLOCK_LK_CONNECT_H
#define LIBLOCK_LK_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/address.h"

enum {
    ADDRESSES_MAX = 8, /* Of one name */
};

/* ---- lk_address.c ---- */

/* Host and port apart, as getaddrinfo() wants them; the port is text from `port_at` on. */
struct host_port {
    struct address address;
    char port[6];
    size_t port_at;
};
bool address_cut(const char *text, struct host_port *cut);

/* ---- lk_resolve.c ---- */

struct addresses {
    uint32_t count;
    int error; /* Of getaddrinfo() */
    struct {
        struct sockaddr_storage address;
        socklen_t bytes;
    } all[ADDRESSES_MAX];
};

/*
 * A name that is being resolved by its own thread, which may outlive the client. `done` is
 * set and `wake` written when `found` may be read.
 */
struct resolving {
    int users; /* These two by __atomic only */
    bool done;
    int wake; /* Its own copy of an eventfd */
    struct host_port cut;
    struct addresses found;
};

/* True if it is done at once, because the host is a number: `found` is filled. */
bool resolve_number(const char *address, struct addresses *found);
struct resolving *resolve_begin(const char *address, int wake_fd); /* NULL: errno */
void resolve_drop(struct resolving *resolving);

/* ---- lk_connect.c ---- */

struct connection {
    int fd;          /* -1: none */
    uint64_t serial; /* Of sockets */
    int poll_fd;     /* The epoll that may watch it */
    bool watched;
    uint32_t watched_events;
    bool connecting; /* Until writable */
    bool want_write; /* The socket took less than there was */
    struct resolving *resolving;
    struct addresses addresses;
    uint32_t next; /* Address to try after this one */
    int error;
};

enum connect_result {
    CONNECT_PENDING,
    CONNECT_DONE,
    CONNECT_FAILED
};

void connection_close(struct connection *connection);
enum connect_result connection_begin(
        struct connection *connection, const char *address, int wake_fd);
/* The socket is writable, or a name may be resolved. */
enum connect_result connection_continue(struct connection *connection);
/* Have the epoll watch the socket for what is needed now, or not at all. */
void connection_watch(struct connection *connection, bool watch);

/* ---- lk_connection.c ---- */

/*
 * Send and receive, never blocking: how many bytes went; 0: none now; -1: the connection is
 * over, and `error` is why: an errno, or 0 if the other end closed it.
 */
ssize_t connection_send(struct connection *connection, const void *bytes, size_t count);
ssize_t connection_receive(struct connection *connection, void *room, size_t bytes);

#endif
