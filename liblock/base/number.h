/* Small questions about numbers that several files ask. */
#ifndef LOCKD_BASE_NUMBER_H
#define LOCKD_BASE_NUMBER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline uint64_t smaller_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t larger_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The smallest power of two that is not below `count`. */
static inline uint32_t power_of_two(uint64_t count)
{
    uint32_t power = 1;
    while (power < count)
        power *= 2;
    return power;
}

#ifdef __cplusplus
}
#endif

#endif
