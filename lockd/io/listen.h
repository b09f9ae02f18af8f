/* Sockets before they carry anything: the listening one, and the options of all. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/address.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LISTEN_REASON_BYTES = 512,
    /*
     * A connection with bytes unacknowledged for so long is given up: a new one gets through
     * sooner than what TCP, which doubles its pauses, would send again on this one.
     */
    LISTEN_USER_TIMEOUT_MS = 3000,
};

/*
 * Bind a socket to the address, which may be a name: the first of its addresses that can be
 * bound, tried for a second while it is in use. Nobody can connect before listen_begin().
 * -1 with a sentence in `reason`.
 */
int listen_bind(const struct address *address, char *reason);
bool listen_begin(int socket, const struct address *address, char *reason);

/* Whether only this machine reaches the socket. */
bool listen_is_loopback(int socket);

/* Small messages leave at once, and a peer whose machine is gone is noticed. */
void listen_tune(int socket);

/*
 * The congestion control for a connection between nodes. `wanted` is a name the kernel
 * knows; "auto" means reno between loopback addresses (pacing only slows those down), and
 * the system's own anywhere else. False: the kernel refused the name.
 */
bool listen_tune_peer(int socket, const char *wanted, const struct sockaddr_storage *other);

/* A fresh socket with all that, for a connection to `address`; -1 with errno. */
int listen_new_socket(const char *congestion, const struct sockaddr_storage *address);

#ifdef __cplusplus
}
#endif

#endif
