/*
 * Who may have a connection slot: no client can take what members and operators need.
 *
 *     clients      any number up to what is left of the slots
 *     members      two each: one that they make and one that this node makes
 *     spare        what says no hello yet, and guests
 *
 * A hello must be whole within a few seconds, and so must a client's frame. When the spare
 * slots are taken, the one that has been unfinished for longest is closed for a new
 * connection: whoever says hello at once gets in, however many connections are silent.
 *
 * A client beyond the clients' share is a guest: it may ask for the status of the node,
 * which is how an operator finds out, and is closed soon. What else it wants is refused as
 * full. So is a client whose address has its own share of the clients' connections already:
 * one machine leaves some to the others.
 */
#ifndef NODE_DOOR_H
#define NODE_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "node/conn.h"
#include "node/roster.h"
#include "node/times.h"

#ifdef __cplusplus
extern "C" {
#endif

struct door {
    struct conns *conns;
    const struct roster *roster;
    const struct times *times;
    struct notices *notices;
};

/* A connection was accepted. */
void door_accepted(const struct door *door, const struct node_event *event);

/* The connection is a client's: greets it, as a guest if all clients' slots are taken. */
void door_client(const struct door *door, struct conn *conn);

/* All frames of it that were whole are taken: is part of another one left? */
void door_heard(const struct door *door, struct conn *conn);

/* Turn end: close what is unfinished for too long. */
void door_time(const struct door *door);

/* When the next one will have been; UINT64_MAX: none. */
uint64_t door_deadline(const struct door *door);

/* How many clients may be connected. */
uint32_t door_clients_max(const struct door *door);

/* ... from one address. */
uint32_t door_callers_max(const struct door *door);
void door_check(const struct door *door);

#ifdef __cplusplus
}
#endif

#endif
