#include "tool/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/duration.h"
#include "tool/fail.h"

static const struct option_row *find_row(
        const struct options *options, const char *name, size_t length)
{
    for (size_t i = 0; i < options->row_count; i++) {
        const char *row = options->rows[i].name;
        if (strlen(row) == length && memcmp(row, name, length) == 0)
            return &options->rows[i];
    }
    return NULL;
}

/* "--" or, before the name of one letter, "-". */
static const char *dashes(const struct option_row *row)
{
    return row->name[1] == '\0' ? "-" : "--";
}

static bool take_number(const struct option_row *row, const char *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    bool digits = value[0] != '\0' && strspn(value, "0123456789") == strlen(value);
    if (!digits || errno != 0 || number < row->least || number > row->most) {
        complain("%s%s %s: must be a whole number from %" PRIu64 " to %" PRIu64,
                dashes(row), row->name, value, row->least, row->most);
        return false;
    }
    *(uint64_t *)row->value = number;
    return true;
}

static bool take_duration(const struct option_row *row, const char *value)
{
    uint64_t ns = 0;
    if (!duration_parse(value, &ns) || ns < row->least || ns > row->most) {
        char least[DURATION_TEXT_BYTES];
        char most[DURATION_TEXT_BYTES];
        complain("%s%s %s: must be a duration from %s to %s, like 500ms, 10s or 1h30m",
                dashes(row), row->name, value, duration_exact(row->least, least),
                duration_exact(row->most, most));
        return false;
    }
    *(uint64_t *)row->value = ns;
    return true;
}

static bool take_value(const struct option_row *row, const char *value)
{
    switch (row->kind) {
    case OPTION_NUMBER:
        return take_number(row, value);
    case OPTION_DURATION:
        return take_duration(row, value);
    case OPTION_TEXT:
        *(const char **)row->value = value;
        return true;
    case OPTION_FLAG:
        break;
    }
    *(bool *)row->value = true;
    return true;
}

/* "-q" and "--quiet": the row of `length` characters at `text`. */
static const struct option_row *row_of(
        const struct options *options, const char *text, size_t length)
{
    if (length == 2 && text[1] != '-')
        return find_row(options, text + 1, 1);
    return length > 3 && text[1] == '-' ? find_row(options, text + 2, length - 2) : NULL;
}

static bool no_such_option(const struct options *options, const char *text, size_t length)
{
    const char *hint = "";
    if (options->takes_command)
        hint = " (the command goes behind --, as does a NAME that begins with a dash)";
    else if (options->operand_names[0])
        hint = " (a NAME that begins with a dash goes behind --)";
    complain("%.*s: no such option; see --help%s", (int)length, text, hint);
    return false;
}

/* Takes one option at *at and moves past it. */
static bool take_option(const struct options *options, char ***at)
{
    const char *text = **at;
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const struct option_row *row = row_of(options, text, length);
    (*at)++;
    if (!row)
        return no_such_option(options, text, length);
    if (row->kind == OPTION_FLAG && equals) {
        complain("%s%s takes no value, but got \"%s\"", dashes(row), row->name, equals + 1);
        return false;
    }
    if (row->kind == OPTION_FLAG)
        return take_value(row, NULL);
    if (!equals && !**at) {
        complain("%s%s needs a value: %s%s %s", dashes(row), row->name, dashes(row),
                row->name, row->argument);
        return false;
    }
    return take_value(row, equals ? equals + 1 : *(*at)++);
}

static size_t operands_wanted(const struct options *options)
{
    size_t count = 0;
    while (count < OPERANDS_MAX && options->operand_names[count])
        count++;
    return count;
}

static bool take_operand(
        const struct options *options, const char *value, struct operands *operands)
{
    if (operands->count == operands_wanted(options)) {
        complain("\"%s\": unexpected argument; see --help%s", value,
                options->takes_command ? " (the command goes behind --)" : "");
        return false;
    }
    operands->values[operands->count++] = value;
    return true;
}

static bool is_complete(const struct options *options, const struct operands *operands)
{
    if (operands->count < operands_wanted(options)) {
        complain("%s is missing; see --help", options->operand_names[operands->count]);
        return false;
    }
    if (options->takes_command && (!operands->command || !operands->command[0])) {
        complain("the command is missing; give it behind --");
        return false;
    }
    return true;
}

static bool asks_for_help(char **at)
{
    for (; *at && strcmp(*at, "--") != 0; at++) {
        if (strcmp(*at, "--help") == 0 || strcmp(*at, "-h") == 0)
            return true;
    }
    return false;
}

/*
 * What follows "--" is no option: the operands that are still missing, then the command,
 * with or without another "--" before it.
 */
static bool take_rest(const struct options *options, char **at, struct operands *operands)
{
    size_t missing = operands_wanted(options) - operands->count;
    if (!options->takes_command)
        missing = SIZE_MAX;
    bool between = false;
    for (; *at && missing > 0 && (!options->takes_command || strcmp(*at, "--") != 0);
            missing--) {
        if (!take_operand(options, *at++, operands))
            return false;
        between = true;
    }
    if (options->takes_command)
        operands->command = between && *at && strcmp(*at, "--") == 0 ? at + 1 : at;
    return true;
}

/*
 * `run NAME -- COMMAND` in a script has any NAME. With one word before "--" there is only
 * one way to read it, also if that word begins with a dash.
 */
static bool has_odd_name(const struct options *options, char **arguments)
{
    return options->takes_command && operands_wanted(options) == 1 && arguments[0] &&
           arguments[0][0] == '-' && arguments[0][1] != '\0' &&
           strcmp(arguments[0], "--") != 0 && arguments[1] &&
           strcmp(arguments[1], "--") == 0;
}

bool options_parse(
        const struct options *options, char **arguments, struct operands *operands)
{
    *operands = (struct operands){.help = asks_for_help(arguments)};
    if (operands->help)
        return true;
    if (has_odd_name(options, arguments)) {
        operands->values[operands->count++] = *arguments++;
        complain("\"%s\" is taken as the %s, since nothing else is before --",
                operands->values[0], options->operand_names[0]);
    }
    for (char **at = arguments; *at;) {
        if (strcmp(*at, "--") == 0) {
            if (!take_rest(options, at + 1, operands))
                return false;
            break;
        }
        bool taken = (*at)[0] == '-' && (*at)[1] != '\0'
                             ? take_option(options, &at)
                             : take_operand(options, *at++, operands);
        if (!taken)
            return false;
    }
    return is_complete(options, operands);
}

static void show_row(const struct option_row *row, FILE *out)
{
    char left[64];
    (void)snprintf(left, sizeof(left), "%s%s%s%s", dashes(row), row->name,
            row->argument ? " " : "", row->argument ? row->argument : "");
    (void)fprintf(out, "  %-22s %s\n", left, row->help);
}

void options_help(const struct options *options, FILE *out)
{
    (void)fprintf(out, "usage: %s\n\n%s\n", options->usage, options->about);
    if (options->row_count > 0)
        (void)fputs("\noptions:\n", out);
    for (size_t i = 0; i < options->row_count; i++)
        show_row(&options->rows[i], out);
    if (options->more)
        (void)fprintf(out, "\n%s\n", options->more);
}
