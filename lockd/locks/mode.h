/*
 * Modes of a hold, and which of them exclude each other. All code calls mode_excludes();
 * there is one mode now, the strongest. A further mode is a further bit in the table.
 */
#ifndef LOCKS_MODE_H
#define LOCKS_MODE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lock_mode {
    MODE_EX = 0, /* Excludes every mode. */
    MODE_COUNT
};

/* True when two owners must not hold one lock in these modes at once. */
static inline bool mode_excludes(enum lock_mode a, enum lock_mode b)
{
    static const unsigned excluded_by[MODE_COUNT] = {
            1U << MODE_EX, /* MODE_EX */
    };
    return (excluded_by[a] >> b & 1U) != 0;
}

#ifdef __cplusplus
}
#endif

#endif
