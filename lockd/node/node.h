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
#include "protocol/member_list.h"
#include "protocol/settings.h"
#include "protocol/snapshot_format.h"
#include "raft/raft.h"
#include "store/begin_format.h"
#include "store/recovery.h"
#include "store/repair_format.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* Other nodes at a time: the most members there may be, and one that was one */
    NODE_PEERS_MAX = CONFIGURATION_MAX,
    NODE_READ_BYTES_MAX = 2 * 1024 * 1024, /* One read from the log */
    NODE_READ_BUFFERS = 2,                 /* That io has for reads, each of that size */
    NODE_WRITES_MAX = WAL_WRITES_MAX,
    NODE_NOTICES_MAX = 64, /* Per turn; more are counted, not told */
    NODE_SNAPSHOTS_MAX =
            4, /* In the directory: two, and one that takes a place of theirs */
    NODE_DISK_SNAPSHOTS = 3, /* Two that are kept, and one that is written or received */
    NODE_DISK_SEGMENTS = 3,  /* Of which only a part is used, and one that is made ahead */
    NODE_FROM_BYTES = 64,    /* The text of a socket's address; a longer one is cut */

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
    uint32_t connection_percent;  /* Of those for clients, what one address may have */
    uint32_t client_output_bytes; /* Unsent bytes of a client before it is cut off */
    uint32_t peer_output_bytes;
    uint32_t client_frame_bytes; /* The longest frame taken from a client, head included */
    uint32_t peer_frame_bytes;   /* ... and from a peer: an append */
    uint32_t owed_max;       /* Answers owed for commands not yet applied; power of two */
    uint32_t reads_max;      /* Reads waiting for their index */
    uint32_t keepalives_max; /* Keepalives in one entry */
    uint32_t entry_body_max; /* Of a batch */
    uint32_t read_bytes;     /* One read from the log; at most NODE_READ_BYTES_MAX */
    /*
     * Entries applied in one turn, so that a node that applies its log answers meanwhile:
     * the last one begins before that many bytes
     */
    uint32_t apply_bytes;
    /* Entries sealed and not committed, before the next may be sealed */
    uint32_t entries_under_way;
    /* ... and how many there may be, at a distance, where commits take long */
    uint32_t entries_far_max;
};

struct node_member {
    uint8_t id;
    char address[ADDRESS_BYTES_MAX]; /* host:port, as clients are told; NUL-terminated */
};

/* When snapshots are taken, and how much of the log is kept behind them. */
struct snapshot_settings {
    uint64_t log_bytes; /* So much log makes a new one due; twice the last one, if more */
    uint64_t every_ns;  /* ... and so much time, if anything has changed */
    uint64_t
            keep_bytes; /* Log that is kept, at least; more for slow members: compactor.h */
    uint64_t write_bytes_per_s; /* To this node's disk, while that can wait */
    uint64_t send_bytes_per_s;  /* To one member */
    uint64_t send_patience_ns;  /* Without progress; then the sending ends. */
    uint32_t items;             /* Of the state, in one turn */
    uint32_t chunk_bytes;       /* Of a file; a multiple of the block */
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
    struct snapshot_settings snapshot;
    uint64_t
            scrub_bytes_per_s; /* Of log and snapshots, to look for damage; 0: not at all */
    uint64_t scrub_every_ns;   /* ... and how often, at most */
    uint64_t tick_ns;          /* 100 ms */
    uint32_t priority;         /* 0: leads only if no other member can; else 1 */
    uint64_t auto_replace_ns;  /* Silence after which a lost member is replaced; 0: never */
    uint64_t entry_spacing_ns; /* Between entries of which many are under way; 1 ms */
    const char *version;       /* Of the program, for reports */
    struct versions versions;  /* Which this node knows */
};

/* Defaults for everything except self, members and version. */
void node_settings_default(struct node_settings *settings);

/* The most that a data directory holds, when every limit is reached. */
struct node_disk {
    uint64_t log_bytes; /* That is kept (compactor.h) */
    uint64_t snapshot_bytes;
    uint64_t segment_bytes;
    uint64_t bytes; /* Of the log, of NODE_DISK_SNAPSHOTS and of NODE_DISK_SEGMENTS */
};

void node_plan_disk(const struct node_settings *settings, struct node_disk *disk);

/* Readings made together by io. */
struct node_clocks {
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC */
    uint64_t raw_ns;       /* CLOCK_MONOTONIC_RAW */
    uint64_t boot_ns;      /* CLOCK_BOOTTIME */
    uint64_t wall_ns;      /* CLOCK_REALTIME, for people */
};

enum node_event_kind {
    /* conn: a client or peer connected; address; bytes, count: the same for people */
    NODE_ACCEPTED,
    /* conn: the connection to `peer` is made; bytes, count: to this address */
    NODE_CONNECTED,
    NODE_CONNECT_FAILED, /* peer */
    NODE_RECEIVED,       /* conn, bytes, count */
    NODE_SENT,           /* conn, count: the first `count` bytes of its output have left */
    NODE_CLOSED,  /* conn; `by_other`: the other end closed it (end of file or reset) */
    NODE_WRITTEN, /* id: a node_effects write is durable */
    /*
     * id, bytes, count: what was read; shorter at the end of the segment, or after an error.
     * The bytes stay where they are until the next read into that buffer is wanted.
     */
    NODE_READ,
    NODE_SEGMENT_READY, /* id: the segment exists, zero-filled and durable, its folder too */
    NODE_SEGMENT_FAILED, /* id: no space for it; wanted again later */
    /* id, failed: a node_file is done or not; bytes, count: what was read */
    NODE_FILE_DONE,
    NODE_STOP,     /* Hand over if leading, finish answers, then `stopped` */
    NODE_TURN_END, /* clocks: read after everything else of the turn was stepped */
};

struct node_event {
    enum node_event_kind kind;
    uint64_t now_ns; /* CLOCK_MONOTONIC at the start of the turn; TURN_END: as clocks */
    /* CLOCK_MONOTONIC when the effects of the turn before were handed on; 0: not told */
    uint64_t handed_ns;
    uint32_t conn;
    uint8_t peer;
    bool by_other;
    bool failed;
    const void *bytes;
    size_t count;
    /* Where the other end is, CLIENT_ADDRESS_BYTES; NULL: not known */
    const unsigned char *address;
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
 * `buffer` is the one of NODE_READ_BUFFERS into which it goes; the others keep what was read.
 */
struct node_read {
    uint64_t id;
    struct wal_place place;
    size_t count;
    uint32_t buffer;
};

/* A file of the data directory that is not a segment being written. */
enum node_file_name {
    NODE_FILE_SNAPSHOT, /* `number`: the index that it has */
    NODE_FILE_RECEIVED, /* ... while it comes from another member; published, it is one */
    NODE_FILE_BEGIN,    /* Where the log begins (store/begin_format.h) */
    NODE_FILE_SEGMENT,  /* `number`: of a segment before the log's beginning */
};

/*
 * Files are written under a temporary name and appear whole, with NODE_FILE_PUBLISH: synced,
 * renamed to their name, the folder synced. Offsets and counts of reads and writes are
 * multiples of the block, and bytes to write lie at one.
 */
enum node_file_action {
    NODE_FILE_CREATE,  /* Begin the temporary file anew, and write to it */
    NODE_FILE_WRITE,   /* ... write more */
    NODE_FILE_PUBLISH, /* All of it was written. */
    NODE_FILE_DISCARD, /* Remove the temporary file, if there is one */
    NODE_FILE_READ,    /* From a file that was published */
    NODE_FILE_REMOVE,  /* Remove such a file, if it is there */
};

/* Something to do with a file. One is under way at a time; NODE_FILE_DONE ends it. */
struct node_file {
    uint64_t id;
    enum node_file_action action;
    enum node_file_name name;
    uint64_t number;
    uint64_t offset;
    const unsigned char *bytes;
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
    NOTICE_CALLER_FULL,  /* One address has its share of them. number: how many */
    NOTICE_NO_SPACE,     /* The next segment could not be reserved. */
    /* The cluster's settings need more memory than planned here: fatal */
    NOTICE_PLAN_TOO_SMALL,
    NOTICE_HANDED_OVER, /* peer leads now; stopping */
    NOTICE_CLOCK_SUSPECT,
    /* A durable part of the log cannot be read: number: segment, offset; or can again */
    NOTICE_LOG_UNREADABLE,
    NOTICE_LOG_READABLE,
    NOTICE_LOG_MENDED, /* ... or it has no longer that part, which a snapshot has. */
    /* A newer configuration: number: its index; it may be uncommitted. */
    NOTICE_MEMBERS,
    /* --cluster has ids that are no members. number: the ids as bits */
    NOTICE_LIST_DIFFERS,
    /* This node was removed from the cluster, or replaced, at index `number`. */
    NOTICE_REMOVED,
    NOTICE_SNAPSHOT_TAKEN,   /* number: index, offset: bytes */
    NOTICE_SNAPSHOT_FAILED,  /* It is taken again later. */
    NOTICE_SNAPSHOT_DAMAGED, /* number: index; one takes its place */
    /* peer: a snapshot is sent there; number: index, offset: bytes */
    NOTICE_SNAPSHOT_SENDING,
    NOTICE_SNAPSHOT_SENT,
    NOTICE_SNAPSHOT_STUCK,   /* ... it is no longer, as it made no progress. */
    NOTICE_SNAPSHOT_INSTALL, /* peer: it came from there; number: index, offset: bytes */
    NOTICE_SNAPSHOT_INSTALLED,
    /* What was received cannot be read back: fatal. number: index */
    NOTICE_SNAPSHOT_LOST,
    NOTICE_CONDITION,      /* number: enum condition, which began */
    NOTICE_CONDITION_OVER, /* ... and ended */
    /* It gave up a damaged log before, and now it is a voter again. */
    NOTICE_REPAIRED,
    /* peer is lost, and the blank node with its id takes its place, as a learner. */
    NOTICE_REPLACES,
    NOTICE_UPGRADED, /* number: the version that the cluster uses from now on */
};

struct node_notice {
    enum node_notice_kind kind;
    uint8_t peer;
    uint32_t conn;
    uint64_t term;
    uint64_t number;
    uint64_t offset;            /* Of notices that say so */
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
    uint8_t connects[NODE_PEERS_MAX]; /* Peers to connect to, ... */
    /* ... and where, as host:port; NULL: where it was before, at first as in settings */
    const char *connect_to[NODE_PEERS_MAX];
    uint32_t write_count;
    struct wal_write writes[NODE_WRITES_MAX];
    bool read_wanted;
    struct node_read read;
    uint64_t segment_wanted; /* 0: none. Stays until READY or FAILED. */
    bool file_wanted;
    struct node_file file;
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

/*
 * The same for a log that does not begin with its first entry: before anything is fed. What
 * `begin` says was read from NODE_FILE_BEGIN; every snapshot that was found is named, in
 * any order, at most NODE_SNAPSHOTS_MAX of them.
 */
void node_begin_log(struct node *node, const struct begin_block *begin);
void node_offer_snapshot(struct node *node, const struct snapshot_header *header);

/*
 * All segments were fed: the newest snapshot that belongs to this log and was not tried;
 * NULL: there is none. Then feed its pieces, in order; false: it is damaged or does not fit
 * into this node's memory, so ask for the next one.
 */
const struct snapshot_header *node_next_snapshot(struct node *node);
bool node_feed_snapshot(struct node *node, const unsigned char *bytes, size_t count);

/*
 * Before node_boot(): what the directory's repair file says. While the log beside it is empty,
 * this node is none of a new cluster, and tells the others which directory it was.
 */
void node_gave_up(struct node *node, const struct repair_block *repair);

enum node_boot {
    NODE_BOOT_OK,
    NODE_BOOT_FOREIGN_NODE,    /* The directory belongs to another node id. */
    NODE_BOOT_DAMAGED,         /* It does not start; recovery's decision says where. */
    NODE_BOOT_NEWER,           /* Written by a newer version. */
    NODE_BOOT_FOREIGN_SEGMENT, /* A segment of another node or cluster lies in it. */
    /* The log is of a version of the cluster that this node does not know. */
    NODE_BOOT_VERSION,
    NODE_BOOT_PLAN_TOO_SMALL, /* The cluster's settings need more than this node's plan. */
    NODE_BOOT_NO_SNAPSHOT, /* The log begins later, and no snapshot reaches back to it. */
};

/* The version of the cluster as far as the log has it; 0: not bootstrapped. For reports. */
uint16_t node_log_version(const struct node *node);

/* All segments were fed. `decision` gets what recovery decided. */
enum node_boot node_boot(
        struct node *node, uint64_t now_ns, struct recovery_decision *decision);

/*
 * It did not boot, with that reason: whether it is damage that other members can heal. Then
 * `repair` is what has to be kept, and the caller puts all files of the log and all snapshots
 * aside and boots a new node: see store/repair_format.h. A cluster of which one other voter is
 * known at most cannot replace this node, so then it is no help to give up.
 */
bool node_may_repair(
        const struct node *node, enum node_boot boot, struct repair_block *repair);

/* Booted: what node_gave_up() said still counts. It does not once this is a voter again. */
bool node_is_repairing(const struct node *node);

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

/* Booted: whether this snapshot in the directory is one that the node counts on. */
bool node_has_snapshot(const struct node *node, uint64_t index);

/* For tests and the simulator. Its state is being replaced: it must not be looked at. */
bool node_is_loading(const struct node *node);
const struct raft *node_raft(const struct node *node);
const struct locks *node_locks(const struct node *node);

/* All but raft and locks, which have checks of their own. */
void node_check(const struct node *node);

#ifdef __cplusplus
}
#endif

#endif
