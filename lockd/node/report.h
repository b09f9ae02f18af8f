/*
 * All that a node says about itself to its operator: its status, how far the members are
 * behind, and figures that only grow. `ops` turns it into the pages that monitoring reads.
 */
#ifndef NODE_REPORT_H
#define NODE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "locks/locks.h"
#include "node/node.h"
#include "node/notices.h"
#include "protocol/node_status.h"
#include "protocol/stage.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What only io knows: of the process and of the disk. 0: not known */
struct process_figures {
    uint64_t started_s; /* Wall time, seconds since 1970 */
    uint64_t cpu_ns;    /* User and system */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t descriptors;
    uint64_t descriptors_max;
    uint64_t disk_free_bytes;     /* Of the file system that the data directory is on */
    uint64_t connections_refused; /* For lack of a slot, since the start */
};

struct node_report {
    struct node_status status; /* As FRAME_STATUS_ANSWER says it */
    bool serves;               /* It leads and has applied its term's first entry. */
    bool clock_suspect;
    uint64_t lag_ns; /* Of this node's state behind what is committed */
    uint64_t peer_lag_ns[NODE_STATUS_PEERS_MAX]; /* Leader only: of status.peers[] */
    uint64_t log_bytes;                          /* Of the segments in use */
    uint64_t leader_changes;
    uint64_t bad_reads;
    uint64_t mends;
    uint64_t scrubs; /* How often all of the log and the snapshots was looked at */
    uint64_t repairs;
    uint64_t oldest_hold_ns;
    uint32_t longest_queue;

    /* Valid until the next step. */
    const struct histogram *stages[STAGE_COUNT];
    uint64_t sums[SUM_COUNT];
    const struct histogram *commit_latency;
    const struct counters *counters;
    const struct locks_figures *locks;
};

void report_fill(const struct node *node, struct node_report *report);

#ifdef __cplusplus
}
#endif

#endif
