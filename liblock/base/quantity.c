#include "base/quantity.h"

#include "base/units.h"

const struct unit time_units[TIME_UNITS] = {
        [UNIT_DAY] = {"d", 86400 * NS_PER_S},
        [UNIT_HOUR] = {"h", 3600 * NS_PER_S},
        [UNIT_MINUTE] = {"m", 60 * NS_PER_S},
        [UNIT_SECOND] = {"s", NS_PER_S},
        [UNIT_MS] = {"ms", NS_PER_MS},
        [UNIT_US] = {"us", NS_PER_US},
        [UNIT_NS] = {"ns", 1},
};

const char *digits_read(const char *text, uint64_t *number)
{
    const char *at = text;
    *number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
                __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return NULL;
    }
    return at == text ? NULL : at;
}
