/*
 * What a node is made of, for the files of this folder.
 *
 *     node.c       the step: events in, effects out
 *     start.c      memory, start, recovery
 *     conn.c       connection slots and their output buffers
 *     greet.c      hello, welcome, refusal, who leads
 *     admit.c      clients' requests, into the open batch or refused
 *     batcher.c    the open batch, and when it is sealed
 *     backlog.c    how much may wait before acquires are refused
 *     gather.c     whom the open batch waits for
 *     served.c     served time: how far cluster time may move
 *     guard.c      is the leader's clock too fast?
 *     consensus.c  raft's events and effects
 *     peers.c      messages between nodes as bytes
 *     fetch.c      entries that are no longer in memory, from the log on disk
 *     apply.c      committed entries into the lock state
 *     reply.c      answers and changes, into the clients' output
 *     reads.c      queries and lists
 *     stages.c     how long entries take, stage by stage
 *     selfreport.c what the node says of itself
 */
#ifndef NODE_REPLICA_H
#define NODE_REPLICA_H

#include "base/hash.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/ring.h"
#include "locks/locks.h"
#include "node/node.h"
#include "protocol/answer.h"
#include "protocol/entry.h"
#include "protocol/frame.h"
#include "protocol/late_head.h"
#include "protocol/read.h"
#include "protocol/report.h"
#include "protocol/request.h"
#include "protocol/stage.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NO_CONN UINT32_MAX

enum {
    UNDER_WAY_MAX = 128,        /* Entries sealed and not applied; power of two */
    HELD_MAX = 256,             /* Messages that wait for a write; power of two */
    RAFT_WRITES_MAX = 4096,     /* Writes of raft not yet durable; power of two */
    ANSWERS_SECTION_MAX = 1024, /* Answers or changes in one section */
    APPLY_BYTES_PER_TURN = 4 * 1024 * 1024,
};

enum conn_role {
    CONN_FREE,
    CONN_NEW,
    CONN_CLIENT,
    CONN_PEER
};

/* Two buffers: one takes new bytes while the other is on its way. */
struct output {
    unsigned char *buffers[2];
    size_t capacity; /* Of each */
    size_t filled;
    size_t sending; /* Bytes of the other; 0: nothing is under way */
    size_t sent;
    uint8_t filling;
    bool on_way; /* io has a send of it. */
};

/* The answers frame that is being filled, at the end of the output. */
struct open_answers {
    struct late_head frame;
    struct late_head section;
    struct answer_section head; /* Of the section */
};

struct conn {
    enum conn_role role;
    bool dialed;  /* An own connection, to `peer` */
    bool greeted; /* Hello taken, or welcome heard */
    bool closing; /* Takes no more input; closed with the turn's effects */
    bool close_told;
    bool listed; /* Stands in node->busy: has output to send */
    bool told_leader;
    uint8_t peer;
    uint32_t serial; /* Counts the lives of the slot */
    struct frame_reader reader;
    struct output output;
    struct open_answers answers;
    struct list behind;  /* Routes of sessions whose changes wait for room */
    uint64_t watch_ns;   /* Since then the last answer of an entry is on its way, ... */
    uint8_t watch;       /* ... in this buffer. 0: none is watched */
    uint64_t awaited_in; /* The round of gathering in which it is awaited */
};

/* An answer owed for a command that is in the open batch or in an entry under way. */
struct owed {
    uint64_t session; /* 0: OPEN */
    uint64_t number;
    uint32_t conn;
    uint32_t serial;
};

/* A keepalive: not in any entry, or in one under way. One a session; the newest stamp counts. */
struct keepalive {
    uint64_t session;
    uint64_t confirmed;
    uint64_t stamp;
    uint32_t conn;
    uint32_t serial;
};

/* An entry that this node sealed as leader and has not applied yet. */
struct under_way {
    struct entry_id id;
    uint64_t owed_end;      /* Its answers are the owed ones before this, ... */
    uint64_t keepalive_end; /* ... its renewals the keepalives before this. */
    uint64_t sealed_ns;
    uint64_t dt_ns;
    uint32_t command_count;
    uint32_t body_bytes;
    uint64_t admitted_ns; /* Its first command came; */
    uint64_t handed_ns;   /* then it went to the disk and to the peers, ... */
    uint64_t
            committed_ns; /* ... and was known to be committed; 0: in the turn that applies it */
};

/* By session slot: where its client was last heard. Local to the node. */
struct route {
    uint64_t session;
    struct changes_from from; /* Changes up to `after` were sent on that connection. */
    uint64_t list_change; /* For which change the list stands that is being sent, or 0 */
    uint64_t keepalive;   /* Position + 1 in the keepalive ring, of its newest */
    uint32_t conn;
    uint32_t serial;
    struct list_node behind; /* In its connection's list, while changes wait for room */
};

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

struct held_message {
    uint64_t after_write;
    struct peer_message message;
};

struct raft_write {
    uint64_t number;
    uint64_t position; /* Durable when the log is durable up to here */
    uint64_t handed_ns;
};

/* Walks the log on disk from an index on. */
struct disk_cursor {
    bool valid;
    uint64_t index; /* The next entry wanted */
    struct wal_place place;
};

struct peer {
    uint8_t id;
    uint32_t conn; /* NO_CONN: none */
    bool dialing;
    uint64_t dial_ns;    /* Not before */
    uint64_t welcome_ns; /* A connection not welcomed by then is given up. */
    unsigned char *input;
    unsigned char *outputs[2];
    bool fetch_wanted;
    uint64_t fetch_begin;
    struct disk_cursor cursor;
    uint64_t heard_stamp_ns; /* The newest stamp heard from it */
    bool clock_suspect;      /* It says that this leader's clock is too fast. */
};

struct served {
    bool known; /* The readings below were made while leading this term. */
    uint64_t term;
    uint64_t monotonic_ns;
    uint64_t raw_ns;
    uint64_t sum_ns;   /* Served and not yet in an entry */
    uint64_t total_ns; /* Served in this term: U of the clock guard */
};

/* A follower's measurement of its leader's clock: guard.c. */
struct guard {
    uint64_t term;
    bool begun;        /* An ack was sent that no heartbeat has repeated yet, ... */
    bool bracketed;    /* ... or one has: `served_ns` was U then. */
    uint64_t stamp_ns; /* Of that ack */
    uint64_t boot_ns;  /* Own clocks no later than its sending */
    uint64_t raw_ns;
    uint64_t served_ns;
    uint64_t newest_ns;      /* The newest U heard */
    bool suspect;            /* Said in acks */
    uint64_t quiet_until_ns; /* Leader: it has handed over for this; do not again before */
};

/* The batch being filled, in the log's buffer. */
struct open_batch {
    bool open;
    unsigned char *body;
    struct wire wire; /* Commands, behind the batch's head */
    struct late_head head;
    struct section section; /* The last section, whose count is not final */
    uint32_t command_count;
    uint64_t opened_ns;
};

/* Where the time goes: stages.c. Bytes that are added up are counted since start. */
struct stages {
    struct loop_figures loop;
    struct histogram rows[STAGE_COUNT];
    uint64_t sums[SUM_COUNT];
    uint64_t begun_ns;      /* When this turn began */
    uint64_t writes_handed; /* Positions in rings: before them all is handed on */
    uint64_t under_way_handed;
    bool busy;    /* This turn wrote to the log, or applied: */
    bool applied; /* entries */
};

/* How many commands the leader takes in before it refuses acquires: backlog.c. */
struct backlog {
    uint32_t owed_limit;
    uint64_t least_ns; /* That an entry took, of those this leader sealed in its term */
};

/* Whom the open batch waits for: gather.c. */
struct gather {
    uint64_t round;    /* From 1; whoever is awaited in an earlier one no longer is. */
    uint32_t awaited;  /* Connections, in this round */
    uint64_t heard_ns; /* When one of them came back */
    uint64_t over_ns;  /* Who is not back by then is not awaited any more. */
    uint32_t told_count;
    uint32_t back_count; /* Of those told, in time */
};

struct counters {
    uint64_t requests;
    uint64_t refused_busy;
    uint64_t bad_frames;
    uint64_t elections;
};

struct node {
    struct node_settings settings;
    struct raft *raft;
    struct wal *wal;
    struct locks *locks;
    struct recovery *recovery;
    struct prng prng;

    uint64_t now_ns;
    uint64_t start_ns;
    uint64_t wall_ns;
    struct served served;
    struct node_clocks clocks; /* Of the last turn's end */
    struct guard guard;

    struct conn *conns;
    unsigned char *conns_memory; /* Input and two outputs of each slot */
    uint32_t conn_count;         /* Taken */
    uint32_t *busy;              /* Slots with output to look at in this turn */
    uint32_t busy_count;
    struct peer peers[MEMBERS_MAX];
    uint8_t peer_count;
    uint64_t members_hash;

    struct open_batch batch;
    struct ring owed_ring;
    struct owed *owed;
    struct ring keepalive_ring;
    struct keepalive *keepalives;
    uint64_t keepalives_sealed; /* Position up to which they are in entries */
    struct backlog backlog;
    struct gather gather;
    struct ring under_way_ring;
    struct under_way under_way[UNDER_WAY_MAX];
    struct route *routes;
    uint64_t appended_ns; /* When this leader last sealed an entry */
    bool term_start_due;

    uint64_t applied;
    struct ring held_ring;
    struct held_message *held;
    struct ring write_ring;
    struct raft_write *writes;
    uint64_t raft_written; /* Last number told to raft */

    struct waiting_read *reads;
    uint32_t reads_waiting;
    uint64_t read_context;
    bool read_asked; /* Reads of this turn wait for their context to be asked. */

    bool disk_busy; /* A read is under way. */
    uint64_t disk_id;
    uint8_t disk_for; /* 0: apply; else the peer's place in peers + 1 */
    uint8_t fetch_turn;
    struct disk_cursor apply_cursor;
    bool apply_wants_disk;
    /* During NODE_READ for a peer: the entries found. */
    const unsigned char *chunk_entries[RAFT_ENTRIES_MAX];
    uint64_t chunk_begin;
    uint32_t chunk_count;

    uint64_t segment_retry_ns;
    bool segment_asked;
    uint8_t leader_told; /* To clients */
    uint64_t leader_term_told;
    bool booted;
    bool in_turn;
    bool met_founded;
    bool recovered_founding;
    struct founding founding;
    bool stopping;
    bool handing_over;
    uint64_t stop_ns;
    bool failed;

    struct counters counters;
    struct histogram *commit_latency;
    struct histogram *entry_commands;
    struct stages *stages;

    struct raft_effects *raft_effects;
    struct raft_entry *entries; /* RAFT_ENTRIES_MAX, of the append being received */
    const unsigned char **entry_bytes;
    struct entry_head *entry_heads;
    struct node_effects *effects; /* Of the turn */
    struct node_send *sends;
    uint32_t *closes;
};

/* node.c */
void node_notice(
        struct node *node, enum node_notice_kind kind, uint8_t peer, uint64_t number);
struct peer *node_peer(struct node *node, uint8_t id); /* NULL: no member, or this node */

/* conn.c */
struct conn *conn_at(struct node *node, uint32_t slot);
struct conn *conn_if_alive(struct node *node, uint32_t slot, uint32_t serial);
uint32_t conn_slot(const struct node *node, const struct conn *conn);
void conn_open(struct node *node, uint32_t slot, uint8_t dialed_peer);
void conn_closed(struct node *node, uint32_t slot, bool by_other);
void conn_close(struct node *node, struct conn *conn); /* Once its output has left */
void conn_nonsense(struct node *node, struct conn *conn, uint64_t what);
bool conn_become_peer(struct node *node, struct conn *conn, struct peer *peer);
void conn_init_all(struct node *node);
void conn_touch(struct node *node, struct conn *conn);   /* It has output. */
void conn_cut_off(struct node *node, struct conn *conn); /* It has no room. */
size_t conn_room(const struct conn *conn);

/*
 * A frame of at most `body_max` bytes: write its body through the writer, then end it. The
 * writer has no room if the connection is too far behind; conn_end then cuts it off.
 */
struct wire conn_begin(struct node *node, struct conn *conn, size_t body_max);
void conn_end(
        struct node *node, struct conn *conn, enum frame_kind kind, struct wire *wire);
void conn_sent(struct node *node, uint32_t slot, size_t count);
void conn_sends(struct node *node); /* Turn end: what to send and whom to close */

/* greet.c */
void greet_dial(struct node *node); /* Turn end: connect to peers that this node dials */
void greet_connected(struct node *node, uint32_t slot, uint8_t id);
void greet_connect_failed(struct node *node, uint8_t id);
void greet_frame(struct node *node, struct conn *conn, const struct frame *frame);
void greet_leader(struct node *node, struct conn *conn); /* FRAME_LEADER to one */
void greet_leader_changed(struct node *node);            /* Turn end: to all clients */
void greet_refuse(struct node *node, struct conn *conn, enum refusal why);
uint64_t greet_deadline(const struct node *node);

/* admit.c */
void admit_requests(struct node *node, struct conn *conn, const struct frame *frame);

/* batcher.c */
bool batcher_add(struct node *node, const struct command *command);
void batcher_seal(struct node *node); /* Turn end */
void batcher_drop(struct node *node); /* Leadership is gone: forget what was not appended */
uint64_t batcher_deadline(const struct node *node);

/* backlog.c */
void backlog_init(struct node *node);
void backlog_finished(struct node *node, const struct under_way *own); /* Applied now */
bool backlog_takes(const struct node *node, uint8_t request_kind);

/* gather.c */
void gather_init(struct node *node);
void gather_told(struct node *node, struct conn *conn);  /* What it waited for */
void gather_heard(struct node *node, struct conn *conn); /* It asks again. */
void gather_gone(struct node *node, struct conn *conn);  /* It will not. */
uint64_t gather_until_ns(const struct node *node); /* The open batch waits; 0: no longer */

/* served.c */
void served_read(struct node *node, const struct node_clocks *clocks);

/* guard.c */
void guard_acknowledge(struct node *node, struct peer_message *answer);
void guard_heard_append(struct node *node, const struct peer_message *append);
void guard_heard_ack(
        struct node *node, struct peer *peer, const struct peer_message *answer);
void guard_judge(struct node *node); /* Turn end */

/* consensus.c */
void consensus_step(struct node *node, struct raft_event *event);
void consensus_written(struct node *node); /* The log is durable further than before. */
void consensus_release(struct node *node); /* Send held messages whose write is durable. */
bool consensus_has_room(const struct node *node, uint32_t entries, uint64_t bytes);

/* peers.c */
void peers_send(struct node *node, const struct peer_message *message);
void peers_frame(struct node *node, struct conn *conn, const struct frame *frame);

/* fetch.c */
void fetch_want(struct node *node, uint8_t id, uint64_t begin);
void fetch_read(struct node *node, const struct node_event *event);
void fetch_next(struct node *node); /* Turn end: ask io for the next read, if any */

/* apply.c */
void apply_committed(struct node *node);
void apply_entry(
        struct node *node, const unsigned char *entry, const struct entry_head *head);

/* reply.c */
void reply_answer(struct node *node, struct conn *conn, const struct locks_outcome *outcome,
        uint64_t applied);
void reply_refuse(
        struct node *node, struct conn *conn, uint64_t session, struct answer *answer);
void reply_changes(struct node *node, uint64_t session);
void reply_rest(struct node *node, uint32_t slot); /* Something was sent: go on */
void reply_forget(struct conn *conn);              /* It closes: nobody waits for room */
void reply_route(
        struct node *node, const struct session_view *view, const struct conn *conn);
void reply_seal(struct node *node, struct conn *conn); /* End the open answers frame */

/* reads.c */
void reads_frame(struct node *node, struct conn *conn, const struct frame *frame);
void reads_ask(struct node *node); /* Turn end: one ReadIndex for all of the turn */
void reads_ready(struct node *node, const struct raft_read_ready *ready);
void reads_answer(struct node *node); /* Those whose index is applied */

/* stages.c */
void stages_init(struct node *node);
void stages_begin_turn(struct node *node, const struct node_event *event);
void stages_durable(struct node *node, const struct raft_write *write);
void stages_applied_later(struct node *node); /* Some committed entries: not in this turn */
void stages_finish(struct node *node, const struct under_way *own);
void stages_sent(struct node *node, struct conn *conn); /* One of its buffers */
void stages_frame(struct node *node, struct conn *conn);

/* selfreport.c */
void selfreport_frame(struct node *node, struct conn *conn);
void selfreport_buckets(struct wire *wire, const struct histogram *histogram);

#ifdef __cplusplus
}
#endif

#endif
