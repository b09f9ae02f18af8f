/*
 * Puts what raft wants written into the log, at once and in order.
 *
 * Each of raft's writes has a number and ends at a position of the log. The write is
 * durable when the log is durable up to there. Raft gets the number of the last durable
 * write.
 */
#ifndef NODE_JOURNAL_H
#define NODE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ring.h"
#include "node/notices.h"
#include "node/stages.h"
#include "protocol/entry.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RAFT_WRITES_MAX = 4096 /* Writes of raft not yet durable; power of two */
};

/* The entries of an append as they arrived: peers.c fills it, the log copies from it. */
struct received {
    struct peer_message message;
    uint32_t count;
    struct raft_entry *entries; /* RAFT_ENTRIES_MAX of each */
    const unsigned char **bytes;
    struct entry_head *heads;
};

void received_carve(struct received *received, struct arena *arena);

struct raft_write {
    uint64_t number;
    uint64_t position; /* Durable when the log is durable up to here */
    uint64_t handed_ns;
};

struct journal {
    const struct raft *raft;
    struct wal *wal;
    struct notices *notices;
    struct stages *stages;
    struct ring ring;
    struct raft_write *writes;
    bool frozen;      /* Nothing may be added: the log is about to begin anew. */
    uint64_t written; /* The last number that is durable */
    uint64_t handed;  /* Position in the ring: all before it was handed on */
};

void journal_carve(struct journal *journal, struct arena *arena);

/* The caller fills in the pointers. */
void journal_init(struct journal *journal);
void journal_check(const struct journal *journal);

/* Room for `entries` more, and always for a vote and a truncation besides? */
bool journal_has_room(const struct journal *journal, uint32_t entries, uint64_t bytes);

/* The same for the segments of the log alone, whatever waits for the disk. */
bool journal_segments_have_room(
        const struct journal *journal, uint32_t entries, uint64_t bytes);

/* Could all that a step with this event writes be written? */
bool journal_takes(const struct journal *journal, const struct raft_event *event);

/* Write what the step's effects want written; `received`: with RAFT_RECEIVE, else NULL. */
void journal_write(struct journal *journal, const struct raft_effects *effects,
        const struct received *received);

/* All that was written in the turn before was handed on then. */
void journal_handed(struct journal *journal, uint64_t handed_ns);

/* The log is durable further than before. True: so is a write of raft, see `written`. */
bool journal_advance(struct journal *journal, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
