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
        complain("--%s %s: must be a duration from %s to %s, like 500ms, 10s or 1h30m",
                row->name, value, duration_exact(row->least, least),
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

/* Takes one option at *at and moves past it. */
static bool take_option(const struct options *options, char ***at)
{
    const char *text = **at;
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const struct option_row *row = NULL;
    if (length > 3 && text[1] == '-')
        row = find_row(options, text + 2, length - 2);
    else if (length == 2)
        row = find_row(options, text + 1, 1);
    (*at)++;
    if (!row) {
        complain("%.*s: no such option; see --help%s", (int)length, text,
                options->takes_command ? " (the command goes after --)" : "");
        return false;
    }
    if (row->kind == OPTION_FLAG && equals) {
        complain("--%s takes no value, but got \"%s\"", row->name, equals + 1);
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
                options->takes_command ? " (the command goes after --)" : "");
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
        complain("the command is missing; give it after --");
        return false;
    }
    if (!options->takes_command && operands->command) {
        complain("\"--\": this command takes nothing after it; see --help");
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

bool options_parse(
        const struct options *options, char **arguments, struct operands *operands)
{
    *operands = (struct operands){.help = asks_for_help(arguments)};
    if (operands->help)
        return true;
    for (char **at = arguments; *at;) {
        if (strcmp(*at, "--") == 0) {
            operands->command = at + 1;
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
