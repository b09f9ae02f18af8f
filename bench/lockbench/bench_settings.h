/*
 * What lockbench is told to do.
 */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum load {
    LOAD_UNCONTENDED, /* Each slot in flight has a lock of its own. */
    LOAD_CONTENDED,   /* All slots wait for the same K locks. */
    LOAD_MIXED,       /* Mostly own locks, some waits for and tries of shared ones. */
};

enum {
    SETTINGS_SWEEP_MAX = 16
};

struct settings {
    const char *cluster;
    const char *history;
    const char *plot;   /* Folder for pictures, or NULL */
    const char *prefix; /* Names of locks begin so */
    enum load load;
    uint64_t connections;
    uint64_t connections_wanted;
    uint64_t sessions; /* That do nothing but live, over all connections */
    const char *inflight_text;
    uint64_t inflight; /* Slots: acquires, holds and releases under way at most */
    uint64_t sweep[SETTINGS_SWEEP_MAX]; /* Numbers in flight, one run each */
    uint64_t sweep_count;
    uint64_t locks; /* Shared ones */
    uint64_t rate;  /* Open loop: acquires a second; 0: closed loop */
    uint64_t
            late_ns; /* What could not begin within it is never begun; LK_FOREVER: no limit */
    uint64_t time_ns;
    uint64_t warmup_ns;
    uint64_t hold_ns;
    uint64_t ttl_ns;
    uint64_t connect_ns;
    uint64_t wait_ns;   /* Limit of acquires */
    uint64_t answer_ns; /* Limit of releases and of opening a session again */
    uint64_t look;      /* Of a hundred errands so many only ask who holds the lock */
    uint64_t seed;
    bool blocking; /* A thread for each slot, and blocking calls */
    bool survive;  /* Lost sessions are no fault of anybody, and are opened again. */
    bool json;
};

enum settings_verdict {
    SETTINGS_GOOD,
    SETTINGS_WRONG, /* It was complained about. */
    SETTINGS_SHOWN, /* Help or version was asked for and printed. */
};

enum settings_verdict settings_parse(struct settings *settings, char **arguments);

/* What the run with the sweep's `number`-th value is to do. */
void settings_at(struct settings *settings, uint64_t number);

const char *load_text(enum load load);

#ifdef __cplusplus
}
#endif

#endif
