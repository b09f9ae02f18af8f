/*
 * Sends snapshots to members whose log ends before this leader's begins.
 *
 * Each member has a sending of its own. One piece is on its way at a time; the member says
 * which it wants next. So a member that comes back after its connection broke continues where
 * it was, and a heartbeat never waits behind more than one piece. Pieces are read from disk,
 * paced, and sent beside the entries of others.
 *
 * While a snapshot is sent it stays in the directory, and the log behind it too, up to a
 * bound (compactor.h). All sendings at a time are of one snapshot, so that the newest and
 * the one before it lie beside one other at most. A sending ends without success when it
 * makes no progress for a while, or when the log behind it is gone: the member could not
 * continue from there. A member that takes too little must not fill the disk.
 */
#ifndef NODE_SENDER_H
#define NODE_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "node/conn.h"
#include "node/files.h"
#include "node/notices.h"
#include "node/roster.h"
#include "node/snapshots.h"
#include "node/times.h"
#include "raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A snapshot on its way to a member. */
struct sending {
    uint64_t index;  /* 0: none */
    uint8_t peer;    /* Another node may have its place in the roster meanwhile. */
    uint64_t offset; /* Of the piece that the member wants, */
    uint64_t most;   /* ... and the furthest that it has ever wanted */
    bool awaited;    /* It was sent; the answer is not here ... */
    uint32_t conn;   /* ... on this connection. */
    uint32_t serial;
    uint64_t next_ns;     /* Not before */
    uint64_t progress_ns; /* When the member last wanted a new piece */
    uint64_t retry_ns;    /* After one that ended without success: not before */
    bool stuck;           /* ... because it made no progress */
};

struct sender {
    const struct snapshot_settings *settings;
    const struct raft *raft;
    struct files *files;
    struct snapshots *snapshots;
    struct roster *roster;
    struct conns *conns;
    struct notices *notices;
    const struct times *times;
    struct sending sendings[NODE_PEERS_MAX]; /* By place in the roster */
    uint8_t active;                          /* So many are under way. */
    uint8_t reading; /* Whose piece is being read: place + 1; 0: none */
    uint64_t reading_offset;
    uint8_t turn;
};

/* The caller fills in the pointers. */

/* Turn end: begin, go on, or end. */
void sender_turn(struct sender *sender);

/* A piece was read. */
void sender_done(struct sender *sender, const struct file_done *done);

/* FRAME_PEER_SNAPSHOT_ANSWER */
void sender_frame(struct sender *sender, struct conn *conn, const struct frame *frame);

/* The first entry that those need who are sent a snapshot; UINT64_MAX: nobody is. */
uint64_t sender_needs(const struct sender *sender);

/* A member takes no more of a snapshot that it needs. */
bool sender_is_stuck(const struct sender *sender);

uint64_t sender_deadline(const struct sender *sender);
void sender_check(const struct sender *sender);

#ifdef __cplusplus
}
#endif

#endif
