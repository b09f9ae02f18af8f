/*
 * A connection to a node: its name is looked up, its addresses are tried, and then bytes go
 * out and come in. This code knows nothing of the client, and nothing in it blocks.
 *
 * Times are CLOCK_BOOTTIME, as the caller read it.
 */
#ifndef LIBLOCK_LK_CONNECT_H
#define LIBLOCK_LK_CONNECT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/list.h"

enum {
    ADDRESSES_MAX = 16, /* Of one name; also the connections that are tried at once */
};

/* ---- lk_address.c ---- */

/* Host and port apart, as getaddrinfo() wants them; the port is text from `port_at` on. */
struct host_port {
    struct address address;
    char port[6];
    size_t port_at;
};
bool address_cut(const char *text, struct host_port *cut);

/* ---- lk_descriptor.c ---- */

/*
 * The same descriptor, but none of 0, 1 and 2: a program may have been started with these
 * closed, and what it reads or prints must not go to a node. -1 stays -1, with its errno.
 */
int descriptor_above_stdio(int fd);
void descriptor_wake(int eventfd);
void descriptor_drain(int eventfd_or_timerfd);

/* ---- lk_resolve.c ---- */

struct addresses {
    uint32_t count;
    struct {
        struct sockaddr_storage address;
        socklen_t bytes;
    } all[ADDRESSES_MAX];
};

/* Find the addresses of a host; 0, an errno, or the negative code of getaddrinfo(). */
int resolve(const struct host_port *cut, struct addresses *found);
/* True if the host is a number: `found` is filled. Never blocks. */
bool resolve_number(const char *address, struct addresses *found);

/* ---- lk_lookup.c ---- */

struct lookup;

/* Somebody waits for the addresses of a name; zero: nobody does. */
struct lookup_ticket {
    struct list_node link;
    struct lookup *lookup;
    int wake_fd;    /* An eventfd, written when the lookup ends */
    uint64_t begun; /* Lookups of the name that had ended before */
};

enum looked_up {
    LOOKUP_PENDING, /* A thread asks the name servers. */
    LOOKUP_FOUND,
    LOOKUP_FAILED
};

/*
 * Look up the name of `address`. A result that is new enough is used at once, also that of
 * a lookup whose caller gave up. The ticket is valid until lookup_end() unless the answer is
 * LOOKUP_FAILED: then `*error` is an errno, or the negative code of getaddrinfo().
 */
enum looked_up lookup_begin(
        struct lookup_ticket *ticket, const char *address, int wake_fd, int *error);
/* What has come of it: the addresses, the best first. */
enum looked_up lookup_take(
        const struct lookup_ticket *ticket, struct addresses *found, int *error);
/* The addresses of an earlier lookup; false: there are none. */
bool lookup_old(const struct lookup_ticket *ticket, struct addresses *found);
void lookup_end(struct lookup_ticket *ticket);
/* A connection to this address came about: it is tried first from now on. */
void lookup_prefer(const char *address, const struct sockaddr_storage *worked);
/* No address worked: the next attempt looks up the name again, and tries others first. */
void lookup_distrust(const char *address);
/* Whether a thread is asking for this name now. */
bool lookup_is_pending(const char *address);

/* ---- lk_dial.c ---- */

enum connect_result {
    CONNECT_PENDING,
    CONNECT_DONE,
    CONNECT_FAILED
};

/*
 * Trying the addresses of a node, as RFC 8305 says: in turn, families alternating, the next
 * one a moment after the last one even if that may still succeed. The first success wins.
 */
struct dial {
    bool is_active; /* Something is under way */
    bool is_name;
    char address[ADDRESS_TEXT_BYTES]; /* Of the node */
    bool tried_old; /* Addresses of an earlier lookup, while the new one is under way */
    uint64_t begun_ns;
    uint64_t wait_ns; /* The time that all addresses share */
    struct lookup_ticket ticket;
    struct addresses addresses;
    uint32_t next; /* Address to try after those under way */
    uint64_t next_ns;
    uint32_t count; /* Of sockets under way */
    struct {
        int fd;
        uint32_t which;
    } tries[ADDRESSES_MAX];
    int error; /* The last one */
};

/* On CONNECT_DONE, `*fd` is a connected socket, and the dial is over. */
enum connect_result dial_begin(
        struct dial *dial, const char *address, int wake_fd, uint64_t now_ns, int *fd);
/* A socket may be writable, the name looked up, or dial_deadline() passed. */
enum connect_result dial_continue(struct dial *dial, uint64_t now_ns, int *fd);
uint64_t dial_deadline(const struct dial *dial); /* UINT64_MAX: none */
void dial_end(struct dial *dial);

/* ---- lk_connect.c ---- */

struct connection {
    int fd;           /* -1: none */
    uint64_t serial;  /* Grows when the sockets are others */
    int poll_fd;      /* The epoll that may watch it */
    uint64_t wait_ns; /* For connecting */
    bool watched;
    uint32_t watched_events;
    bool want_write; /* The socket took less than there was */
    bool stirred;    /* A lookup may have written to the eventfd */
    struct dial dial;
    int error;
};

void connection_close(struct connection *connection);
enum connect_result connection_begin(
        struct connection *connection, const char *address, int wake_fd, uint64_t now_ns);
enum connect_result connection_continue(struct connection *connection, uint64_t now_ns);
static inline bool connection_is_dialing(const struct connection *connection)
{
    return connection->dial.is_active;
}
/* When connection_continue() is due without any event; UINT64_MAX: never. */
uint64_t connection_deadline(const struct connection *connection);
/* Have the epoll watch the sockets for what is needed now, or not at all. */
void connection_watch(struct connection *connection, bool watch);
/* The same for poll(): how many of the 1 + ADDRESSES_MAX places were filled. */
uint32_t connection_poll(const struct connection *connection, struct pollfd *fds);

/* ---- lk_connection.c ---- */

/*
 * Send and receive, never blocking: how many bytes went; 0: none now; -1: the connection is
 * over, and `error` is why: an errno, or 0 if the other end closed it.
 */
ssize_t connection_send(struct connection *connection, const void *bytes, size_t count);
ssize_t connection_receive(struct connection *connection, void *room, size_t bytes);

#endif
