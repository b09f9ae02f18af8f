/*
 * One replica. It joins raft, locks and store, and talks to clients and peers.
 *
 * node is pure. `io` (or the simulator in its place) tells it what happened and does what
 * it says. The events of a loop turn are stepped one by one; the last is NODE_TURN_END,
 * which brings the clock reading that ends `dt`, seals the batch and completes the effects.
 * So one turn is: reap completions, step each, step the end, submit, wait.
 *
 *     io                          node
 *      |  NODE_RECEIVED, ...       |   frames are cut, requests admitted into the open batch
 *      |  NODE_TURN_END            |   served time read, batch sealed, entries applied,
 *      |  <- effects               |   answers encoded into the connections' buffers
 *
 * Connections are slots that io numbers from 0 to connections_max - 1, for accepted
 * connections and for those that the node makes. A slot is used again only after its
 * NODE_CLOSED was stepped. Each has an output buffer in node, which io sends from and
 * reports with NODE_SENT; bytes in it stay where they are until then.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/histogram.h"
#include "protocol/hello.h"
#include "protocol/settings.h"
#include "raft/raft.h"
#include "store/recovery.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NODE_READ_BYTES_MAX = 2 * 1024 * 1024, /* One read from the log */
    NODE_WRITES_MAX = WAL_WRITES_MAX,
    NODE_NOTICES_MAX = 64, /* Per turn; more are counted, not told */
    NODE_FROM_BYTES = 64,  /* The text of a socket's address; a longer one is cut */

    /*
     * The smallest log buffer, in blocks: the longest append, with an entry's head, each of
     * its entries on a block of its own, and what is skipped at the ends. A follower with
     * less could never take that append, and it would be sent forever.
     */
    NODE_LOG_BUFFER_MIN = (int)WAL_BLOCK_BYTES + (int)ENTRY_BODY_MAX +
                          ((int)RAFT_ENTRIES_MAX + 4) * (int)WAL_BLOCK_BYTES +
                          2 * ((int)ENTRY_BODY_MAX + 2 * (int)WAL_BLOCK_BYTES),
};

/* The page of named limits. node_carve() asserts the relations between them. */
struct node_limits {
    uint32_t connections_max;     /* Slots: clients and peers */
    uint32_t client_output_bytes; /* Unsent bytes of a client before it is cut off */
    uint32_t peer_output_bytes;
    uint32_t client_frame_bytes; /* The longest frame taken from a client, head included */
    uint32_t peer_frame_bytes;   /* ... and from a peer: an append */
    uint32_t owed_max;       /* Answers owed for commands not yet applied; power of two */
    uint32_t reads_max;      /* Reads waiting for their index */
    uint32_t keepalives_max; /* Keepalives in one entry */
    uint32_t entry_body_max; /* Of a batch */
    /* Entries sealed and not committed, before the next may be sealed */
    uint32_t entries_under_way;
    /* ... and how many there may be, at a distance, where commits take long */
    uint32_t entries_far_max;
};

struct node_member {
    uint8_t id;
    char address[ADDRESS_BYTES_MAX]; /* host:port, as clients are told; NUL-terminated */
};

struct node_settings {
    uint8_t self;
    struct node_member members[MEMBERS_MAX];
    uint8_t member_count;
    struct raft_settings raft; /* self and members are filled in from the above */
    struct wal_settings wal;
    /* What this node bootstraps a cluster with, and its memory plan */
    struct cluster_settings cluster;
    struct node_limits limits;
    uint64_t tick_ns;          /* 100 ms */
    uint64_t entry_spacing_ns; /* Between entries of which many are under way; 1 ms */
    const char *version;       /* Of the program, for reports */
    struct versions versions;  /* Which this node knows */
};

/* Defaults for everything except self, members and version. */
void node_settings_default(struct node_settings *settings);

/* Readings made together by io. */
struct node_clocks {
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC */
    uint64_t raw_ns;       /* CLOCK_MONOTONIC_RAW */
    uint64_t boot_ns;      /* CLOCK_BOOTTIME */
    uint64_t wall_ns;      /* CLOCK_REALTIME, for people */
};

enum node_event_kind {
    /* conn: a client or peer connected; bytes, count: its address as text, for people */
    NODE_ACCEPTED,
    /* conn: the connection to `peer` is made; bytes, count: to this address */
    NODE_CONNECTED,
    NODE_CONNECT_FAILED, /* peer */
    NODE_RECEIVED,       /* conn, bytes, count */
    NODE_SENT,           /* conn, count: the first `count` bytes of its output have left */
    NODE_CLOSED,  /* conn; `by_other`: the other end closed it (end of file or reset) */
    NODE_WRITTEN, /* id: a node_effects write is durable */
    /* id, bytes, count: what was read; shorter at the end of the segment, or after an error */
    NODE_READ,
    NODE_SEGMENT_READY, /* id: the segment exists, zero-filled and durable, its folder too */
    NODE_SEGMENT_FAILED, /* id: no space for it; wanted again later */
    NODE_STOP,           /* Hand over if leading, finish answers, then `stopped` */
    NODE_TURN_END,       /* clocks: read after everything else of the turn was stepped */
};

struct node_event {
    enum node_event_kind kind;
    uint64_t now_ns; /* CLOCK_MONOTONIC at the start of the turn; TURN_END: as clocks */
    /* CLOCK_MONOTONIC when the effects of the turn before were handed on; 0: not told */
    uint64_t handed_ns;
    uint32_t conn;
    uint8_t peer;
    bool by_other;
    const void *bytes;
    size_t count;
    uint64_t id;
    struct node_clocks clocks;
};

/* Send the first bytes of the slot's output; nothing else of it is under way. */
struct node_send {
    uint32_t conn;
    const unsigned char *bytes;
    size_t count;
};

/*
 * Read `count` bytes; both multiples of WAL_BLOCK_BYTES. One read is under way at a time.
 */
struct node_read {
    uint64_t id;
    struct wal_place place;
    size_t count;
};

enum node_notice_kind {
    NOTICE_RAFT,         /* `number` is the enum raft_notice, `peer` whom it is about */
    NOTICE_BOOTSTRAPPED, /* number: the cluster id */
    NOTICE_PEER_UP,      /* peer */
    NOTICE_PEER_DOWN,    /* peer */
    /* peer, from; number: enum refusal. This node refuses what says that it is the peer, */
    NOTICE_REFUSED_PEER,
    /* ... or is refused by it. */
    NOTICE_REFUSED_BY_PEER,
    /* conn was closed for nonsense; number: enum frame_fault or 100 + frame kind */
    NOTICE_BAD_FRAME,
    NOTICE_SLOW_CLIENT, /* conn was closed: it does not read its answers */
    /* conn was closed: it sent no whole hello, or no whole frame, in time */
    NOTICE_UNFINISHED,
    NOTICE_CLIENTS_FULL, /* All connections for clients are in use. number: how many */
    NOTICE_NO_SPACE,     /* The next segment could not be reserved. */
    /* The cluster's settings need more memory than planned here: fatal */
    NOTICE_PLAN_TOO_SMALL,
    NOTICE_HANDED_OVER, /* peer leads now; stopping */
    NOTICE_CLOCK_SUSPECT,
    /* A durable part of the log cannot be read: number: segment, offset; or can again */
    NOTICE_LOG_UNREADABLE,
    NOTICE_LOG_READABLE,
    NOTICE_CONDITION,      /* number: enum condition, which began */
    NOTICE_CONDITION_OVER, /* ... and ended */
    NOTICE_UPGRADED,       /* number: the version that the cluster uses from now on */
};

struct node_notice {
    enum node_notice_kind kind;
    uint8_t peer;
    uint32_t conn;
    uint64_t term;
    uint64_t number;
    uint64_t offset;            /* Of NOTICE_LOG_UNREADABLE and NOTICE_LOG_READABLE */
    char from[NODE_FROM_BYTES]; /* The other end's address; "" if there is none to name */
    /* REFUSED_VERSION: what this node and the other know, and the cluster's version */
    struct versions own;
    struct versions others;
    uint16_t cluster_version;
};

/* Valid until the first step after NODE_TURN_END. */
struct node_effects {
    uint32_t send_count;
    struct node_send *sends; /* At most connections_max */
    uint32_t close_count;
    /* Slots to close once what is under way is sent; NODE_CLOSED follows */
    uint32_t *closes;
    uint32_t connect_count;
    uint8_t connects[MEMBERS_MAX]; /* Peers to connect to */
    uint32_t write_count;
    struct wal_write writes[NODE_WRITES_MAX];
    bool read_wanted;
    struct node_read read;
    uint64_t segment_wanted; /* 0: none. Stays until READY or FAILED. */
    uint32_t notice_count;
    struct node_notice notices[NODE_NOTICES_MAX];
    uint64_t deadline_ns; /* CLOCK_MONOTONIC: step a turn at the latest then */
    bool stopped;         /* After NODE_STOP: nothing is left to do, exit 0 */
    bool failed;          /* It cannot continue; the last notice says why. Exit 1. */
};

struct node;

/*
 * Carve everything. The arena is sealed by the caller afterwards. With an arena that only
 * measures, returns NULL; its worksheet then is the memory plan.
 */
struct node *node_carve(struct arena *arena, const struct node_settings *settings);

/*
 * Start-up, before the first step: init, then what recovery found in log order, then boot.
 */
void node_init(struct node *node, const struct node_settings *settings, uint64_t seed);
struct recovery *node_recovery(struct node *node); /* To feed; see recovery.h */

/* Take the items that the last feed completed. Call after each recovery_feed. */
void node_recover(struct node *node);

enum node_boot {
    NODE_BOOT_OK,
    NODE_BOOT_FOREIGN_NODE, /* The directory belongs to another node id. */
    /* It was bootstrapped with other members than --cluster says. */
    NODE_BOOT_FOREIGN_MEMBERS,
    NODE_BOOT_DAMAGED,         /* It does not start; recovery's decision says where. */
    NODE_BOOT_NEWER,           /* Written by a newer version. */
    NODE_BOOT_FOREIGN_SEGMENT, /* A segment of another node or cluster lies in it. */
    /* The log is of a version of the cluster that this node does not know. */
    NODE_BOOT_VERSION,
    NODE_BOOT_PLAN_TOO_SMALL, /* The cluster's settings need more than this node's plan. */
};

/* The version of the cluster as far as the log has it; 0: not bootstrapped. For reports. */
uint16_t node_log_version(const struct node *node);

/* All segments were fed. `decision` gets what recovery decided. */
enum node_boot node_boot(
        struct node *node, uint64_t now_ns, struct recovery_decision *decision);

void node_step(
        struct node *node, const struct node_event *event, struct node_effects *effects);

/* The effects' arrays lie in the arena; fill the pointers once. */
void node_effects_init(struct node *node, struct node_effects *effects);

/*
 * Where the next bytes of a peer's connection may be received straight into; see frame.h.
 */
unsigned char *node_input_space(struct node *node, uint32_t conn, size_t *room);
bool node_conn_is_peer(const struct node *node, uint32_t conn);
bool node_conn_is_client(const struct node *node, uint32_t conn);

/* Buffers for io to register: the log's. */
const unsigned char *node_log_buffer(const struct node *node, uint64_t *bytes);

/*
 * What only io can measure. It lies in node to be sent with the rest; node only reads it.
 */
struct loop_figures {
    uint64_t system_calls;  /* Of io_uring_enter, so far */
    uint64_t lines_dropped; /* Of the program's log: nobody read them */
    struct histogram turns; /* From a turn's start until its effects are handed on, ns */
};

struct loop_figures *node_loop_figures(struct node *node);

/* For tests and the simulator. */
const struct raft *node_raft(const struct node *node);
const struct locks *node_locks(const struct node *node);

/* All but raft and locks, which have checks of their own. */
void node_check(const struct node *node);

#ifdef __cplusplus
}
#endif

#endif
