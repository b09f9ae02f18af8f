/*
 * What the four processes share: settings, counters and the latencies, in memory mapped
 * before they are forked. Each counter has one writer; the observer only reads.
 */
#ifndef BENCH_FLOOR_SHARED_H
#define BENCH_FLOOR_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLOOR_FOLLOWERS = 2,
    FLOOR_NODES = FLOOR_FOLLOWERS + 1,
    FLOOR_MAJORITY = 2,
    FLOOR_PROCESSES = FLOOR_NODES + 1, /* Leader, followers, load */
    FLOOR_LOAD = FLOOR_NODES,          /* Its number among them; the leader's is 0 */
    /* The most requests that all clients together may have open fit into one batch. */
    FLOOR_INFLIGHT_MAX = 8192,
    FLOOR_CONNECTIONS_MAX = 4096,
    FLOOR_BATCHES_MAX = 4,
};

struct floor_settings {
    uint64_t inflight;    /* Requests under way at once */
    uint64_t connections; /* ... over this many connections */
    uint64_t time_ns;
    uint64_t warmup_ns;
    uint64_t linger_us; /* The most that a batch waits to become full; 0: it does not */
    uint64_t batches;   /* Sent and not yet committed, at most */
    uint64_t log_mib;   /* Of each node's log */
    const char *dir;
    bool verify; /* Compare the three logs at the end. */
    bool raw;
    bool json;
};

/* Of one process, since it began; in a cache line of its own. */
struct floor_counters {
    uint64_t enters;     /* System calls: all that its loop makes are io_uring_enter. */
    uint64_t sent_bytes; /* To sockets */
    uint64_t disk_bytes;
    uint64_t batches;  /* Leader: committed */
    uint64_t requests; /* Leader: committed; load: answered within the span */
    uint64_t unused[3];
};

/* Requests under way on a connection, at most: they are spread evenly. */
uint32_t floor_share(const struct floor_settings *settings);

struct floor_shared {
    struct floor_counters counters[FLOOR_PROCESSES];
    uint64_t begin_ns; /* The measured span; known once the load says that it runs. */
    uint64_t end_ns;
    struct histogram latency; /* Of requests that began within the span */
};

/* CLOCK_MONOTONIC. */
uint64_t floor_now(void);

/* This process cannot continue: report what failed and why (errno, 0: none), and end. */
void floor_fatal(const char *what, int error) __attribute__((noreturn));

/* Memory that forked processes share; zeroed and page-aligned. */
void *floor_map(uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
