/*
 * lockbench's closed loop for other systems: slots in flight go round
 *
 *     acquiring -> holding -> releasing -> acquiring
 *
 * and what is counted, checked and said is what lockbench counts, checks and says. A driver
 * brings the four calls of struct peer_system, and tells of outcomes with peer_acquired and
 * peer_released. One thread. What cannot go on ends the program: a failed run is no figure.
 */
#ifndef BENCH_PEERS_PEER_LOAD_H
#define BENCH_PEERS_PEER_LOAD_H

#include <stdint.h>

#include "lockbench/bench_settings.h"
#include "lockbench/tally.h"
#include "lockbench/workload.h"

#ifdef __cplusplus
extern "C" {
#endif

struct peer_load;

struct peer_system {
    const char *name;
    /* Connect to settings->cluster, or end the program. */
    void (*open)(struct peer_load *load);
    /* Ask for the slot's lock, or give it back. The outcome is told from `turn` only. */
    void (*acquire)(struct peer_load *load, uint32_t slot);
    void (*release)(struct peer_load *load, uint32_t slot);
    /* Send what was asked for, wait some ms at most for answers, and tell of them. */
    void (*turn)(struct peer_load *load);
};

struct peer_slot {
    uint32_t lock;
    uint64_t from_ns; /* When this step began */
    uint64_t token;   /* Of what it holds */
};

struct peer_load {
    const struct peer_system *system;
    struct settings settings;
    struct tally tally;
    struct workload workload;
    struct peer_slot *slots; /* settings.inflight of them */
    uint64_t end_ns;         /* No slot begins again after it. */
    uint64_t running;        /* Slots that do */
    uint64_t last_token;
};

/*
 * The slot's acquire came out. LK_OK: it holds the lock, with a token that grows from grant
 * to grant of a lock; 0 if the system has none. LK_STATUS_UNKNOWN: it may hold it, and not
 * durably; it counts as that, and is given back.
 */
void peer_acquired(
        struct peer_load *load, uint32_t slot, enum lk_status status, uint64_t token);

void peer_released(struct peer_load *load, uint32_t slot, enum lk_status status);

/* The connection that a slot's requests go over, of settings.connections. */
uint32_t peer_link_of(const struct peer_load *load, uint32_t slot);

/* Say why, and end the program. */
void peer_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * Of "host:port" at *cluster, up to a comma or the end: the port; the host goes to `host`.
 */
int peer_address(const char *cluster, char *host, size_t size);

int peer_main(const struct peer_system *system, char **arguments);

#ifdef __cplusplus
}
#endif

#endif
