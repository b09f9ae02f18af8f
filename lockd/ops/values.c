#include "ops/values.h"

#include <stdio.h>
#include <string.h>

#include "base/quantity.h"
#include "base/units.h"

/* From large to small, for writing. */
static const struct unit sizes[] = {
        {"GiB", 1024 * MIB},
        {"MiB", MIB},
        {"KiB", KIB},
        {"", 1},
};

enum {
    SIZE_COUNT = sizeof sizes / sizeof sizes[0],
    TIME_COUNT = TIME_UNITS - UNIT_HOUR,
};

/* Days are not written. */
static const struct unit *const times = &time_units[UNIT_HOUR];

static bool take_scaled(
        const char *text, const struct unit *scales, size_t count, uint64_t *value)
{
    uint64_t number = 0;
    const char *unit = digits_read(text, &number);
    for (size_t i = 0; unit != NULL && i < count; i++) {
        if (strcmp(unit, scales[i].name) == 0)
            return !__builtin_mul_overflow(number, scales[i].worth, value);
    }
    return false;
}

bool value_number(const char *text, uint64_t *number)
{
    const char *end = digits_read(text, number);
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
        uint64_t value, const struct unit *scales, size_t count, char text[])
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
