#include "tool/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/quantity.h"

static bool is_digit(char c)
{
    return '0' <= c && c <= '9';
}

/* The longest name that fits: "ms" is not "m". */
static const struct unit *take_unit(const char **at)
{
    const struct unit *best = NULL;
    for (size_t i = 0; i < TIME_UNITS; i++) {
        size_t length = strlen(time_units[i].name);
        if (strncmp(*at, time_units[i].name, length) == 0 &&
                (!best || length > strlen(best->name)))
            best = &time_units[i];
    }
    if (best)
        *at += strlen(best->name);
    return best;
}

/*
 * A digit after the point is worth a tenth of the one before it; less than 1 ns is dropped.
 */
static bool take_fraction(const char **at, const char **digits)
{
    *digits = *at;
    if (**at != '.')
        return true;
    *digits = ++*at;
    while (is_digit(**at))
        (*at)++;
    return *at > *digits;
}

static uint64_t fraction_ns(const char *digits, uint64_t unit_ns)
{
    uint64_t sum = 0;
    for (; is_digit(*digits) && unit_ns > 0; digits++) {
        unit_ns /= 10;
        sum += unit_ns * (uint64_t)(*digits - '0');
    }
    return sum;
}

static bool take_part(const char **at, bool alone, uint64_t *ns)
{
    uint64_t number = 0;
    const char *digits = NULL;
    const char *behind = digits_read(*at, &number);
    if (behind == NULL)
        return false;
    *at = behind;
    if (!take_fraction(at, &digits))
        return false;
    const struct unit *unit = take_unit(at);
    if (!unit && alone && **at == '\0')
        unit = &time_units[UNIT_SECOND];
    uint64_t part = 0;
    if (!unit || __builtin_mul_overflow(number, unit->worth, &part))
        return false;
    if (digits[-1] == '.' &&
            __builtin_add_overflow(part, fraction_ns(digits, unit->worth), &part))
        return false;
    return !__builtin_add_overflow(*ns, part, ns);
}

bool duration_parse(const char *text, uint64_t *ns)
{
    uint64_t sum = 0;
    const char *at = text;
    do {
        if (!take_part(&at, at == text, &sum))
            return false;
    } while (*at != '\0');
    *ns = sum;
    return true;
}

const char *duration_text(uint64_t ns, char text[])
{
    const struct unit *unit = &time_units[UNIT_NS];
    while (unit > time_units && ns >= unit[-1].worth)
        unit--;
    uint64_t whole = ns / unit->worth;
    uint64_t rest = ns % unit->worth;
    if (unit->worth == 1 || whole >= 100)
        (void)snprintf(text, DURATION_TEXT_BYTES, "%" PRIu64 "%s", whole, unit->name);
    else if (whole >= 10)
        (void)snprintf(text, DURATION_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 "%s", whole,
                rest / (unit->worth / 10), unit->name);
    else
        (void)snprintf(text, DURATION_TEXT_BYTES, "%" PRIu64 ".%02" PRIu64 "%s", whole,
                rest / (unit->worth / 100), unit->name);
    return text;
}

const char *duration_exact(uint64_t ns, char text[])
{
    const struct unit *unit = time_units;
    while (unit->worth > 1 && (ns % unit->worth != 0 || ns == 0))
        unit++;
    if (ns == 0)
        unit = &time_units[UNIT_SECOND];
    (void)snprintf(
            text, DURATION_TEXT_BYTES, "%" PRIu64 "%s", ns / unit->worth, unit->name);
    return text;
}
