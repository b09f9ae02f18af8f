/*
 * The settings of lockbench.
 */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum load {
    LOAD_UNCONTENDED, /* Each slot has its own lock. */
    LOAD_CONTENDED,   /* All slots wait for the same K locks. */
    LOAD_MIXED,       /* Mostly own locks; some waits and tries on shared locks. */
};

enum {
    SETTINGS_SWEEP_MAX = 16
};

struct settings {
    const char *cluster;
    const char *history;
    const char *plot;   /* Folder for pictures, or NULL */
    const char *prefix; /* Of all lock names */
    enum load load;
    uint64_t connections;
    uint64_t connections_wanted;
    uint64_t sessions; /* Extra idle sessions, over all connections */
    const char *inflight_text;
    uint64_t inflight; /* Slots: most acquires, holds and releases under way */
    uint64_t sweep[SETTINGS_SWEEP_MAX]; /* Numbers in flight, one run each */
    uint64_t sweep_count;
    uint64_t locks;   /* Shared ones */
    uint64_t rate;    /* Open loop: acquires per second; 0: closed loop */
    uint64_t late_ns; /* Acquires later than this are skipped; LK_FOREVER: none */
    uint64_t time_ns;
    uint64_t warmup_ns;
    uint64_t hold_ns;
    uint64_t ttl_ns;
    uint64_t connect_ns;
    uint64_t wait_ns;   /* Limit of acquires */
    uint64_t answer_ns; /* Limit of releases and of opening a session again */
    uint64_t look;      /* Percent of rounds that only query the lock */
    uint64_t seed;
    bool blocking; /* One thread per slot, with blocking calls */
    bool survive;  /* Lost sessions are not errors, and are replaced. */
    bool json;
};

enum settings_verdict {
    SETTINGS_GOOD,
    SETTINGS_WRONG, /* The error was printed. */
    SETTINGS_SHOWN, /* Help or version was printed. */
};

enum settings_verdict settings_parse(struct settings *settings, char **arguments);

/* Set the values of the sweep's run number `number`. */
void settings_at(struct settings *settings, uint64_t number);

const char *load_text(enum load load);

#ifdef __cplusplus
}
#endif

#endif
