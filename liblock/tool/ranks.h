/* The ranks of a histogram that reports show, from the median to the greatest. */
#ifndef TOOL_RANKS_H
#define TOOL_RANKS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RANKS = 5
};

struct rank {
    const char *name; /* In tables */
    const char *key;  /* In JSON */
    uint32_t rank;    /* For histogram_at() */
};

extern const struct rank ranks[RANKS];

#ifdef __cplusplus
}
#endif

#endif
