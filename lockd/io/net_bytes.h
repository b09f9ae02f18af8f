/*
 * The bytes of connections, between kernel and node: what the kernel received is handed to the
 * node, and what the node wants sent to the kernel. Today they pass as they are, a peer's even
 * without a copy: the kernel writes them into the node's own input, and reads what is sent from
 * the node's own output. If bytes of a connection are to be transformed on the way, here is where:
 * nothing else in io reads, writes or counts them. (The one exception is the refusal of a
 * connection for which there is no slot.)
 *
 * For net.c alone.
 */
#ifndef IO_NET_BYTES_H
#define IO_NET_BYTES_H

#include "io/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arm a receive. Connections being closed are read too, to find their end. */
void bytes_arm_receive(struct net *net, struct conn *conn);

/* A receive brought something: the node gets it, if the connection is open. */
void bytes_take(struct net *net, struct conn *conn, const struct uring_done *done);

/* Send all of this; it stays where it is until it was sent. */
void bytes_send(
        struct net *net, struct conn *conn, const unsigned char *bytes, size_t count);

/* The same once more: nothing of it was sent. */
void bytes_send_again(struct net *net, struct conn *conn);

/* Some of it was sent: the node hears so, and says what is to be sent next. */
void bytes_tell_sent(struct net *net, struct conn *conn, size_t sent);

/* Some of it was sent, and the node does not want to hear: send the rest. False: there is none. */
bool bytes_send_rest(struct net *net, struct conn *conn, size_t sent);

#ifdef __cplusplus
}
#endif

#endif
