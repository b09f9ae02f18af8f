/*
 * Decides what the slots do next, and whether a result can be correct. Pure.
 *
 * Locks are numbered: first each slot's own, then the shared ones.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "bench_settings.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WORKLOAD_NAME_BYTES = 256
};

/* One round of a slot: acquire that lock, hold it, release it. */
struct errand {
    uint32_t lock;
    bool try_only; /* Else wait without limit */
    bool look;     /* Only query who holds it */
};

/* What is known of a lock from the grants and releases seen here. */
struct workload_lock {
    uint64_t token;      /* Of the last grant */
    uint64_t held_until; /* As its holder believes; 0 after a release */
};

struct workload {
    enum load load;
    uint32_t slot_count;
    uint32_t shared_count;
    uint32_t look; /* Percent */
    char prefix[WORKLOAD_NAME_BYTES - 16];
    size_t prefix_length;
    struct prng prng;
    struct workload_lock *locks; /* workload_lock_count(); caller's memory, zeroed */
};

enum grant_verdict {
    GRANT_GOOD,
    GRANT_TOKEN_OLD,   /* Not larger than the lock's last token: G2. */
    GRANT_HELD_BEFORE, /* Another slot may still act on it: G1, G4. */
};

void workload_init(struct workload *workload, const struct settings *settings,
        const char *prefix, struct workload_lock *locks);

uint32_t workload_lock_count(const struct settings *settings);

struct errand workload_next(struct workload *workload, uint32_t slot);

/* The name of a lock; returns its length. */
size_t workload_name(const struct workload *workload, uint32_t lock, char name[]);

/*
 * A grant arrived at `now`, with that token, valid until `until`. Grants of one lock arrive
 * in the order in which they were made, because each ends with a release by us.
 */
enum grant_verdict workload_granted(struct workload *workload, uint32_t lock,
        uint64_t token, uint64_t now, uint64_t until);

/* Call this just before the release is sent. */
void workload_releasing(struct workload *workload, uint32_t lock, uint64_t token);

#ifdef __cplusplus
}
#endif

#endif
