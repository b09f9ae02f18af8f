/* How people write quantities: digits, and then the name of a unit. */
#ifndef LOCKD_BASE_QUANTITY_H
#define LOCKD_BASE_QUANTITY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct unit {
    char name[4];
    uint64_t worth;
};

/* From large to small. */
enum {
    UNIT_DAY,
    UNIT_HOUR,
    UNIT_MINUTE,
    UNIT_SECOND,
    UNIT_MS,
    UNIT_US,
    UNIT_NS,
    TIME_UNITS
};

/* Of times, in that order: "d", "h", "m", "s", "ms", "us", "ns". */
extern const struct unit time_units[TIME_UNITS];

/*
 * Reads the digits at the start of a text. Returns what follows them, or NULL if there are
 * none or the number needs more than 64 bits.
 */
const char *digits_read(const char *text, uint64_t *number);

#ifdef __cplusplus
}
#endif

#endif
