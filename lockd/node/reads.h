/*
 * Queries and lists, on any node.
 *
 * A stale read is answered from the state at hand. Any other read waits until raft gives an
 * index that surely covers everything committed before the read, and until that index is
 * applied. All reads of a turn share one query. (G8)
 *
 * A page is cut at what its connection can take now; where not even one lock fits, the read
 * is held back until something was sent. So a client that lists more than its output holds
 * gets all of it, at its own pace.
 */
#ifndef NODE_READS_H
#define NODE_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "locks/locks.h"
#include "node/conn.h"
#include "protocol/read.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A read that waits for its index, and then for that index to be applied. */
struct waiting_read {
    bool taken;
    bool ready;
    uint32_t conn;
    uint32_t serial;
    uint64_t context;
    uint64_t index;
    struct read read;
    unsigned char name[NAME_BYTES_MAX];
    unsigned char prefix[NAME_BYTES_MAX];
};

struct reads {
    bool closed; /* The state is being replaced: nothing is read. */
    const struct locks *locks;
    struct conns *conns;
    struct waiting_read *waiting;
    uint32_t max;
    uint32_t count; /* Of those taken */
    uint64_t context;
    bool ask_due; /* The context of this turn's reads is not yet sent to raft. */
};

void reads_carve(
        struct reads *reads, struct arena *arena, const struct node_limits *limits);

/* The caller fills in the pointers. */
void reads_init(struct reads *reads, const struct node_limits *limits);
void reads_check(const struct reads *reads);
void reads_frame(struct reads *reads, struct conn *conn, const struct frame *frame);

/* Turn end. True: the event queries raft for an index, for all reads of the turn. */
bool reads_ask(struct reads *reads, struct raft_event *event);

/* Raft says what index a context waits for. */
void reads_ready(struct reads *reads, const struct raft_read_ready *ready);

/* Answer those whose index is applied. */
void reads_answer(struct reads *reads, uint64_t applied);

#ifdef __cplusplus
}
#endif

#endif
