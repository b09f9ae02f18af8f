/*
 * The bytes of connections, between kernel and node: what the kernel received goes to the
 * node, and what the node wants to send goes to the kernel. Today the bytes pass unchanged,
 * a peer's even without a copy: the kernel writes them into the node's own input, and reads
 * what is sent from the node's own output. Code that transforms bytes of a connection
 * belongs here: nothing else in io reads, writes or counts them. (The one exception is the
 * refusal of a connection for which there is no slot.)
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

/* Send the same again: nothing of it was sent. */
void bytes_send_again(struct net *net, struct conn *conn);

/* Some of it was sent: the node is told, and says what to send next. */
void bytes_tell_sent(struct net *net, struct conn *conn, size_t sent);

/* Some of it was sent, and the node need not know: send the rest. False: there is none. */
bool bytes_send_rest(struct net *net, struct conn *conn, size_t sent);

#ifdef __cplusplus
}
#endif

#endif
