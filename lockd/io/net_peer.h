/* Our connections to the other members, for net.c: nothing else includes this. */
#ifndef IO_NET_PEER_H
#define IO_NET_PEER_H

#include "io/net.h"

#ifdef __cplusplus
extern "C" {
#endif

void peers_init(struct net *net, const struct node_settings *settings);

/*
 * The node wants a connection to the member, at this host:port (NULL: where it was before):
 * NODE_CONNECTED or NODE_CONNECT_FAILED follows.
 */
void peer_connect(struct net *net, uint8_t id, const char *address);

/* NODE_CONNECT_FAILED for attempts that ended while effects were performed. */
void peers_tell_failed(struct net *net);

#ifdef __cplusplus
}
#endif

#endif
