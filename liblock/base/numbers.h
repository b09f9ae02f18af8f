/* Small sums that many files need. */
#ifndef LOCKD_BASE_NUMBERS_H
#define LOCKD_BASE_NUMBERS_H

#include <stdint.h>

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* a + b; UINT64_MAX if that does not fit. */
static inline uint64_t u64_sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* a - b; 0 if b is more. */
static inline uint64_t u64_rest(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* The smallest power of two that is not below `count`; `count` is at most 2^31. */
static inline uint32_t power_of_two_at_least(uint64_t count)
{
    uint32_t power = 1;
    while (power < count)
        power *= 2;
    return power;
}

#endif
