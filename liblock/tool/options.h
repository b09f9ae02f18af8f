/*
 * Command lines: a table lists the options, options_parse fills in what it points to.
 *
 *     --wait 5s   --wait=5s   --try   -q   options may come before and after the operands
 *     NAME                                 operands
 *     NAME -- make -j2                     what follows -- is a command, ...
 *     -- NAME make -j2                     ... after the operands that are still missing
 *     -- -x                                so a NAME may begin with a dash
 *
 * An error is one line that names the option, the value and what is allowed.
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    OPERANDS_MAX = 4
};

enum option_kind {
    OPTION_FLAG,     /* value: bool */
    OPTION_TEXT,     /* value: const char * */
    OPTION_NUMBER,   /* value: uint64_t, from `least` to `most` */
    OPTION_DURATION, /* value: uint64_t in ns, from `least` to `most` */
};

struct option_row {
    const char *name; /* Without the dashes; one letter has one dash */
    enum option_kind kind;
    void *value;
    uint64_t least;
    uint64_t most;
    const char *argument; /* As shown by --help, "DUR"; NULL for flags */
    const char *help;
};

struct options {
    const char *usage; /* The text after "usage:"; lines end with '\n' */
    const char *about; /* A paragraph */
    const struct option_row *rows;
    size_t row_count;
    const char *operand_names[OPERANDS_MAX]; /* All required; NULL past the last */
    bool takes_command;                      /* A command is required behind -- */
    const char *more;                        /* The end of --help; may be NULL */
};

struct operands {
    const char *values[OPERANDS_MAX];
    size_t count;
    char **command; /* Behind --; ends with NULL. NULL if there is none */
    bool help;      /* --help or -h: nothing else was parsed */
};

/* Parse `arguments`, which end with NULL. False: the error was printed. */
bool options_parse(
        const struct options *options, char **arguments, struct operands *operands);

void options_help(const struct options *options, FILE *out);

#ifdef __cplusplus
}
#endif

#endif
