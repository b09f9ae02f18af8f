/*
 * Messages between nodes: Raft's, with the names of the dissertation. One struct serves all
 * kinds; a kind's layout function says which fields it carries. Fields it does not carry
 * are zero.
 */
#ifndef PROTOCOL_PEER_H
#define PROTOCOL_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/entry.h"
#include "protocol/frame.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum peer_kind {
    PEER_VOTE = 1, /* RequestVote, and PreVote [Raft 3.4, 9.6] */
    PEER_VOTE_ANSWER = 2,
    /* AppendEntries, with heartbeats and ReadIndex rounds [Raft 3.5, 6.4] */
    PEER_APPEND = 3,
    PEER_APPEND_ANSWER = 4,
    PEER_TIMEOUT_NOW = 5, /* Campaign at once: leadership transfer [Raft 3.10] */
    PEER_READ = 6,        /* A follower queries the index to read at [Raft 6.4] */
    PEER_READ_ANSWER = 7,
};

/* Why a node refuses a vote or an append. */
enum peer_state {
    PEER_STATE_ORDINARY = 0,
    /* Knows nothing: neither votes nor takes entries of a bootstrapped cluster. */
    PEER_STATE_BLANK = 1,
    PEER_STATE_DAMAGED = 2, /* Does not trust its own log. */
};

/* What a node says of its own log: how much of a member's work it can do. */
enum peer_fitness {
    PEER_FIT = 0,
    PEER_CANNOT_LEAD = 1, /* A part of its log cannot be read. */
    PEER_NO_ROOM = 2,     /* Its log takes no entries; it can vote. */
    /* Nothing that it writes becomes durable, so it cannot vote either. */
    PEER_CANNOT_WRITE = 3,
};

struct peer_message {
    enum peer_kind kind;
    uint8_t from;
    uint8_t to;
    uint64_t term;

    /* VOTE */
    bool pre; /* PreVote: nothing is stored for it, the term is the one it would start. */
    /* The leader asked for this election: that it is alive is no reason to refuse. */
    bool transfer;
    /* The candidate's log is empty: it needs the votes of all members. */
    bool bootstrap;
    struct entry_id last; /* VOTE: the candidate's last entry. */

    /* VOTE_ANSWER: also `pre` */
    bool granted;
    uint8_t state; /* enum peer_state; APPEND_ANSWER too */

    /* APPEND */
    struct entry_id previous; /* The entry before those sent */
    uint64_t commit;
    /* Heartbeat round, for ReadIndex and CheckQuorum; the answer repeats the newest */
    uint64_t round;
    uint64_t served_ns; /* Time served in this term, U, for the clock guard */
    uint64_t echo_ns;   /* The stamp of the newest answer received from this peer */
    uint64_t begin;     /* Entries [begin, end) follow; equal: a heartbeat */
    uint64_t end;

    /* APPEND_ANSWER: also `round`, `state` */
    bool accepted; /* `previous` was there: all up to `match` is durable and the leader's. */
    uint64_t match;
    /* Refused: where to try next (the follower's view of the conflict) */
    struct entry_id hint;
    uint64_t stamp_ns;  /* The sender's clock, repeated in `echo_ns` */
    bool clock_suspect; /* The clock guard fired here */
    uint8_t fitness;    /* enum peer_fitness */
    uint64_t applied;   /* Index up to which it has applied the log */
    bool yields; /* It is to lead only if no other member can: raft_settings.yields */

    /* READ, READ_ANSWER */
    uint64_t context; /* The follower's, repeated */
    uint64_t index;   /* READ_ANSWER with `granted`: read at or after this index */
};

/* The frame that a kind goes in. */
enum frame_kind peer_frame_kind(enum peer_kind kind);

/*
 * The layout of each kind. The kind comes first, and a reader checks that it is the frame's
 * (peer_frame_kind). An append's is PEER_APPEND_HEAD_BYTES long, padded with zeros; the
 * entries' bytes follow it in the same frame. What a later version has in place of the zeros,
 * or behind the fields of another kind, is passed over.
 */
void wire_peer_message(struct wire *wire, struct peer_message *message);

#ifdef __cplusplus
}
#endif

#endif
