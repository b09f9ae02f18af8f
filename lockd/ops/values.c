#include "ops/values.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

struct scale {
    const char *name;
    uint64_t worth;
};

/* From large to small, for writing. */
static const struct scale sizes[] = {
        {"GiB", 1024 * MIB},
        {"MiB", MIB},
        {"KiB", KIB},
        {"", 1},
};

static const struct scale times[] = {
        {"h", 3600 * NS_PER_S},
        {"m", 60 * NS_PER_S},
        {"s", NS_PER_S},
        {"ms", NS_PER_MS},
        {"us", NS_PER_US},
        {"ns", 1},
};

enum {
    SIZE_COUNT = sizeof sizes / sizeof sizes[0],
    TIME_COUNT = sizeof times / sizeof times[0],
};

/* Reads the digits at the start. Returns what follows them, NULL if there are none. */
static const char *take_digits(const char *text, uint64_t *number)
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

static bool take_scaled(
        const char *text, const struct scale *scales, size_t count, uint64_t *value)
{
    uint64_t number = 0;
    const char *unit = take_digits(text, &number);
    for (size_t i = 0; unit != NULL && i < count; i++) {
        if (strcmp(unit, scales[i].name) == 0)
            return !__builtin_mul_overflow(number, scales[i].worth, value);
    }
    return false;
}

bool value_number(const char *text, uint64_t *number)
{
    const char *end = take_digits(text, number);
    return end != NULL && *end == 0;
}

bool value_bytes(const char *text, uint64_t *bytes)
{
    return take_scaled(text, sizes, SIZE_COUNT, bytes);
}

bool value_duration(const char *text, uint64_t *ns)
{
    return take_scaled(text, times, TIME_COUNT, ns);
}

static const char *write_scaled(
        uint64_t value, const struct scale *scales, size_t count, char text[])
{
    size_t i = 0;
    while (i + 1 < count && (value == 0 || value % scales[i].worth != 0))
        i++;
    (void)snprintf(text, VALUE_TEXT_BYTES, "%llu%s",
            (unsigned long long)(value / scales[i].worth), scales[i].name);
    return text;
}

const char *value_bytes_text(uint64_t bytes, char text[])
{
    return write_scaled(bytes, sizes, SIZE_COUNT, text);
}

const char *value_duration_text(uint64_t ns, char text[])
{
    return write_scaled(ns, times, TIME_COUNT, text);
}
