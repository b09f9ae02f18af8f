#include "base/prng.h"

#include <assert.h>

static uint64_t rotated(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

void prng_init(struct prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t word = seed;
        word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
        prng->state[i] = word ^ (word >> 31);
    }
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t answer = rotated(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 45);
    return answer;
}

uint64_t prng_below(struct prng *prng, uint64_t n)
{
    assert(n > 0);
    /* The first 2^64 mod n numbers would make low answers more likely: skip them. */
    uint64_t surplus = (UINT64_MAX - n + 1) % n;
    uint64_t word = prng_next(prng);
    while (word < surplus)
        word = prng_next(prng);
    return word % n;
}

uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high)
{
    assert(low <= high);
    if (high - low == UINT64_MAX)
        return prng_next(prng);
    return low + prng_below(prng, high - low + 1);
}
