/* Sockets before they carry data: the listening socket, and the options of all sockets. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/address.h"
#include "protocol/request.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LISTEN_REASON_BYTES = 512,
    LISTEN_TEXT_BYTES = 64,
    /*
     * A connection with bytes unacknowledged for this long is closed: a new one gets
     * through sooner than the retransmissions of TCP, because TCP doubles its pauses.
     */
    LISTEN_USER_TIMEOUT_MS = 3000,
};

/*
 * Bind a socket to the address, which may be a name: the first of its addresses that can be
 * bound; retries for a second while it is in use. No client can connect before
 * listen_begin(). -1 with a sentence in `reason`; `later`: the name has no address, and may
 * have one later.
 */
int listen_bind(const struct address *address, char *reason, bool *later);
bool listen_begin(int socket, const struct address *address, char *reason);

/* Whether only this machine reaches the socket. */
bool listen_is_loopback(int socket);

/* Small messages are sent at once, and a peer whose machine is gone is noticed. */
void listen_tune(int socket);

/*
 * The congestion control for a connection between nodes. `wanted` is a name the kernel
 * knows; "auto" means reno between loopback addresses (pacing only slows those down), and
 * the system's default elsewhere. False: the kernel refused the name.
 */
bool listen_tune_peer(int socket, const char *wanted, const struct sockaddr_storage *other);

/* "192.0.2.1:5625" or "[2001:db8::1]:5625", for people; LISTEN_TEXT_BYTES. */
void listen_text(const struct sockaddr_storage *address, char *text);

/* The IPv6 address, or the IPv4 address mapped into one; CLIENT_ADDRESS_BYTES. */
void listen_bytes(const struct sockaddr_storage *address, unsigned char *bytes);

/* The text of the other end. */
void listen_peer_text(int socket, char *text);

/* A new socket with all these options, to connect to `address`; -1 with errno. */
int listen_new_socket(const char *congestion, const struct sockaddr_storage *address);

#ifdef __cplusplus
}
#endif

#endif
