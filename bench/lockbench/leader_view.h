/*
 * The nodes' own view of the same span: commit latency, commands per entry, stages and
 * costs, as the difference of two readings of the nodes' histograms. All nodes are read, so
 * a change of leader within the span leaves no gap. A thread reads them, so the load does
 * not wait.
 */
#ifndef BENCH_LEADER_VIEW_H
#define BENCH_LEADER_VIEW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LEADER_NODES_MAX = 16
};

struct leader_node {
    bool reached;
    struct histogram commit;   /* Entry built to durable on a majority, ns */
    struct histogram commands; /* In an entry */
    struct histogram stages[LK_STAGE_COUNT];
    uint64_t sums[LK_SUM_COUNT];
};

/* One reading of all nodes. */
struct leader_reading {
    struct lk_client *client;
    pthread_t thread;
    bool begun;
    uint32_t count;
    struct leader_node nodes[LEADER_NODES_MAX];
};

struct lk_client *leader_open(const char *cluster);

/* Start to read, and wait for the result. */
void leader_read(struct leader_reading *reading, struct lk_client *client);
void leader_await(struct leader_reading *reading);

/* The difference of two readings, over all nodes that answered both. */
void leader_between(const struct leader_reading *before, struct leader_reading *after,
        struct leader_node *span);

#ifdef __cplusplus
}
#endif

#endif
