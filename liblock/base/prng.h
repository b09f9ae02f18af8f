/*
 * A seeded generator of pseudo-random integers: xoshiro256** [Blackman, Vigna 2018], seeded
 * by splitmix64. The same seed always gives the same numbers, on every machine; simulator
 * seeds depend on it. Not for secrets.
 */
#ifndef LOCKD_BASE_PRNG_H
#define LOCKD_BASE_PRNG_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *prng, uint64_t seed);

/* 64 random bits. */
uint64_t prng_next(struct prng *prng);

/* A number in [0, n), each equally likely; n > 0. */
uint64_t prng_below(struct prng *prng, uint64_t n);

/* A number in [low, high], both included, each equally likely. */
uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high);

#ifdef __cplusplus
}
#endif

#endif
