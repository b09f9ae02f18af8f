/*
 * Messages to other nodes.
 *
 * A message that names a write of raft is held until that write is durable. A held message
 * that finds no room is dropped: to raft it is a lost message, and the next heartbeat
 * replaces it. The entries of an append are copied after the message's head, from the log's
 * buffer or from the chunk that was just read from disk for it.
 */
#ifndef NODE_OUTBOX_H
#define NODE_OUTBOX_H

#include <stdint.h>

#include "base/arena.h"
#include "base/ring.h"
#include "node/conn.h"
#include "node/guard.h"
#include "node/roster.h"
#include "node/served.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HELD_MAX = 256 /* Messages that wait for a write; power of two */
};

/* Entries that were just read from disk, one after another. */
struct chunk {
    uint64_t begin; /* Index of the first */
    uint32_t count;
    const unsigned char *entries[RAFT_ENTRIES_MAX];
};

struct held_message {
    uint64_t after_write;
    struct peer_message message;
};

struct outbox {
    const struct wal *wal;
    struct roster *roster;
    struct conns *conns;
    struct guard *guard;
    const struct served *served;
    struct ring ring;
    struct held_message *held;
};

void outbox_carve(struct outbox *outbox, struct arena *arena);

/* The caller fills in the pointers. */
void outbox_init(struct outbox *outbox);
void outbox_check(const struct outbox *outbox, uint64_t written);

/*
 * Send or hold the messages of a step; raft's writes up to `written` are durable. `chunk`:
 * of a step with RAFT_FETCHED, else NULL.
 */
void outbox_send(struct outbox *outbox, const struct raft_effects *effects,
        uint64_t written, const struct chunk *chunk);

/* Send the held messages whose write is durable now. */
void outbox_release(struct outbox *outbox, uint64_t written);

#ifdef __cplusplus
}
#endif

#endif
