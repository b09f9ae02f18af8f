/*
 * How many sessions have which ttl, so that the shortest is known. A ttl is rounded down by
 * less than an eighth of itself: each power of two is cut into eight.
 */
#ifndef LOCKS_TTLS_H
#define LOCKS_TTLS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TTL_CUT_BITS = 3,
    TTL_STEPS = 64 << TTL_CUT_BITS
};

struct ttls {
    uint32_t counts[TTL_STEPS];
    uint32_t shortest; /* The first step with a count; TTL_STEPS: none */
};

void ttls_init(struct ttls *ttls);
void ttls_add(struct ttls *ttls, uint64_t ttl_ns);
void ttls_remove(struct ttls *ttls, uint64_t ttl_ns);

/* UINT64_MAX: there is none. */
uint64_t ttls_shortest_ns(const struct ttls *ttls);

#ifdef __cplusplus
}
#endif

#endif
