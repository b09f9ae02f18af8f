/* The connection slots, for net.c and net_peer.c: nothing else includes this. */
#ifndef IO_NET_SLOT_H
#define IO_NET_SLOT_H

#include "io/net.h"

#ifdef __cplusplus
extern "C" {
#endif

struct conn *slot_at(struct net *net, uint32_t number);
uint32_t slot_number(const struct net *net, const struct conn *conn);

/* A free slot for the descriptor; there must be one. `peer` is 0 for accepted ones. */
struct conn *slot_take(struct net *net, int fd, uint8_t peer);
void slot_give(struct net *net, struct conn *conn);

/* Remove it from its list. */
void slot_unlink(struct conn *conn);

/* An operation starts, or has its last completion. */
void slot_begin(
        struct net *net, struct conn *conn, struct io_uring_sqe *sqe, enum uring_op op);
void slot_done(struct conn *conn);

/* ENDING: once nothing is under way, close it, tell the node, and free the slot. */
void slot_finish(struct net *net, struct conn *conn);

#ifdef __cplusplus
}
#endif

#endif
