/*
 * What one node says of itself, without asking anybody: FRAME_STATUS has an empty body,
 * FRAME_STATUS_ANSWER is a report, its peers, and the non-zero buckets of two histograms
 * (base/histogram.h): the leader's commit latency in ns, and commands per entry.
 */
#ifndef PROTOCOL_REPORT_H
#define PROTOCOL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    REPORT_PEERS_MAX = 7,
    REPORT_TEXT_BYTES_MAX = 200
};

enum report_role {
    ROLE_FOLLOWER = 0,
    ROLE_CANDIDATE = 1,
    ROLE_LEADER = 2
};

/* Why a node is not in order, the worst first. 0: it is. */
enum report_trouble {
    TROUBLE_NONE = 0,
    TROUBLE_BLANK = 1,       /* Its directory was emptied: it may have forgotten a vote. */
    TROUBLE_DAMAGED = 2,     /* Its log is damaged before the durable end. */
    TROUBLE_UNFOUNDED = 3,   /* Waits for all members to found the cluster. */
    TROUBLE_NO_LEADER = 4,   /* Knows no leader. */
    TROUBLE_NO_MAJORITY = 5, /* Leads, but hears no majority. */
    TROUBLE_NO_SPACE = 6,    /* The next log segment could not be reserved. */
    TROUBLE_BEHIND = 7,      /* Applied far less than is committed. */
};

struct report_peer {
    uint8_t node;
    bool connected;
    uint64_t match;    /* Leader only: durable there up to */
    uint64_t heard_ns; /* Since its last message; UINT64_MAX: never */
};

struct report {
    uint8_t node;
    uint8_t role;    /* enum report_role */
    uint8_t leader;  /* 0: none known */
    uint8_t trouble; /* enum report_trouble */
    /* TROUBLE_UNFOUNDED: bit set of node ids not heard of (ids below 64) */
    uint64_t missing;
    uint64_t cluster;
    uint64_t term;
    uint64_t commit;
    uint64_t applied;
    uint64_t last;
    uint64_t durable;
    uint64_t time;   /* T, ns */
    uint64_t digest; /* of the lock state at `applied` */
    uint64_t uptime_ns;
    uint32_t sessions;
    uint32_t locks;
    uint32_t holds;
    uint32_t waits;
    uint32_t connections;
    uint64_t requests;     /* Taken in since start */
    uint64_t refused_busy; /* Of these, refused with BUSY */
    uint64_t bad_frames;   /* Connections closed for nonsense */
    uint64_t elections;    /* Times this node became leader */
    uint8_t peer_count;
    struct report_peer peers[REPORT_PEERS_MAX];
    struct span version; /* of the program, as text */
};

/* One bucket of a histogram: its number and how many. */
struct report_bucket {
    uint16_t bucket;
    uint64_t count;
};

void wire_report(struct wire *wire, struct report *report);

/* A row of buckets behind the report: the count first. */
void wire_bucket_count(struct wire *wire, uint16_t *count);
void wire_bucket(struct wire *wire, struct report_bucket *bucket);

#ifdef __cplusplus
}
#endif

#endif
