/*
 * The status of a node: what it says about itself, without a message to any other node.
 * FRAME_STATUS has an empty body. FRAME_STATUS_ANSWER is a node_status, its peers, and the
 * non-zero buckets of two histograms (base/histogram.h): the leader's commit latency in ns,
 * and commands per entry.
 */
#ifndef PROTOCOL_NODE_STATUS_H
#define PROTOCOL_NODE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/condition.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NODE_STATUS_PEERS_MAX = 7,
    NODE_STATUS_VERSION_BYTES_MAX = 200
};

enum node_role {
    ROLE_FOLLOWER = 0,
    ROLE_CANDIDATE = 1,
    ROLE_LEADER = 2
};

struct node_status_peer {
    uint8_t node;
    bool connected;
    uint64_t match;    /* Leader only: durable there up to */
    uint64_t heard_ns; /* Since its last message; UINT64_MAX: never */
};

/* Of what one client address, or one label, may take a part only. */
enum share_of {
    SHARE_NONE = 0, /* Nobody has any. */
    SHARE_SESSIONS = 1,
    SHARE_HOLDS = 2, /* Holds, and waits, which become holds */
    SHARE_WAITS = 3,
    SHARE_ANSWERS = 4, /* Remembered, and room that is kept for some */
    SHARE_NAME_BLOCKS = 5,
    SHARE_CONNECTIONS = 6, /* To that node */
};

/* The largest part that one of them has, of all and of everything. */
struct node_status_share {
    uint8_t of; /* enum share_of */
    uint32_t used;
    uint32_t most;
    struct span who; /* The address, CLIENT_ADDRESS_BYTES, or the label */
};

struct node_status {
    uint8_t node;
    uint8_t role;      /* enum node_role */
    uint8_t leader;    /* 0: none known */
    uint8_t condition; /* enum condition, protocol/condition.h */
    /*
     * Bit set of the members that the condition is about. NOT_BOOTSTRAPPED: it has no
     * connection with them; NO_COMMIT: they have not written what it sent.
     */
    uint64_t missing;
    uint64_t cluster;
    uint64_t term;
    uint64_t commit;
    uint64_t applied;
    uint64_t last;
    uint64_t durable;
    uint64_t commit_heard; /* What the cluster has committed, as far as it knows */
    uint64_t write_age_ns; /* How long its oldest write is under way; 0: none is */
    uint32_t segments;     /* Of its log, in use */
    uint32_t segments_max;
    uint64_t log_first;       /* The first entry that its log still has; 0: it has none */
    uint64_t snapshot;        /* Index of its newest snapshot; 0: there is none */
    uint64_t snapshot_bytes;  /* Of that one's file */
    uint64_t snapshot_age_ns; /* Since it was made, or since the node's start */
    uint64_t
            snapshot_taken_ns; /* How long the last one that it took itself took; 0: none */
    uint64_t time;             /* T, ns */
    uint64_t digest;           /* of the lock state at `applied` */
    uint64_t uptime_ns;
    uint32_t sessions;
    uint32_t locks;
    uint32_t holds;
    uint32_t waits;
    uint32_t connections;
    uint64_t requests;     /* Accepted since start */
    uint64_t refused_busy; /* Of these, refused with BUSY */
    uint64_t bad_frames;   /* Connections closed for nonsense */
    uint64_t bad_reads; /* Of its log: an error, or bytes that are not what was written */
    uint64_t elections; /* Times this node became leader */
    /* Lines of its log that were lost: nobody read its standard error. */
    uint64_t lines_dropped;
    /* How full it is: beside the counts above, and the most that there may be of each. */
    uint32_t answers; /* Remembered, and room that is kept for some */
    uint32_t name_blocks;
    uint32_t sessions_max;
    uint32_t locks_max;
    uint32_t holds_max;
    uint32_t waits_max;
    uint32_t answers_max;
    uint32_t name_blocks_max;
    uint32_t connections_max;
    struct node_status_share address_share;
    struct node_status_share label_share;
    struct node_status_share connection_share; /* Of an address */
    uint8_t peer_count;
    struct node_status_peer peers[NODE_STATUS_PEERS_MAX];
    struct span version; /* of the program, as text */
};

/* One bucket of a histogram: its number and how many. */
struct node_status_bucket {
    uint16_t bucket;
    uint64_t count;
};

void wire_node_status(struct wire *wire, struct node_status *status);

/* A row of buckets after the status: the count first. */
void wire_bucket_count(struct wire *wire, uint16_t *count);
void wire_bucket(struct wire *wire, struct node_status_bucket *bucket);

#ifdef __cplusplus
}
#endif

#endif
