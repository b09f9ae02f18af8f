#include "ops/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ops/config_table.h"
#include "ops/logger.h"

enum {
    LINE_BYTES_MAX = 4096, /* With its end and the NUL */
    VALUE_SHOWN_MAX = 120, /* Of a wrong value, in the error line */
};

/* A byte order mark, which some editors write: U+FEFF in UTF-8. */
static const char utf8_mark[] = "\xef\xbb\xbf";

static void set_defaults(struct config *config)
{
    memset(config, 0, sizeof *config);
    node_settings_default(&config->node);
    config->log_level = LOGGER_INFO;
    (void)snprintf(config->congestion, sizeof config->congestion, "auto");
}

static bool fail(char *error, const char *prefix, const char *key, const char *what)
{
    (void)snprintf(error, CONFIG_ERROR_BYTES, "%s%.100s: %.300s", prefix, key, what);
    return false;
}

static bool fail_value(char *error, const char *key, const char *value, const char *allowed)
{
    (void)snprintf(error, CONFIG_ERROR_BYTES, "%s %.*s: %.300s", key, VALUE_SHOWN_MAX,
            value, allowed);
    return false;
}

/* ---- The command line ---- */

/* The value in `--key value` or `--key=value`; *at moves past it. NULL: none. */
static const char *take_value(char ***at, const char *equals)
{
    if (equals != NULL)
        return equals + 1;
    return **at == NULL ? NULL : *(*at)++;
}

static bool take_setting(struct config *config, size_t row, const char *value, char *error)
{
    size_t count;
    const struct setting *setting = &config_table(&count)[row];
    char key[64];
    char allowed[CONFIG_ERROR_BYTES];
    if (config->given[row])
        return fail(error, "--", setting->key, "given twice");
    config->given[row] = true;
    if (config_set(config, setting, value, allowed))
        return true;
    (void)snprintf(key, sizeof key, "--%s", setting->key);
    return fail_value(error, key, value, allowed);
}

static bool take_flag(struct config *config, char ***at, char *error)
{
    size_t count;
    const struct setting *table = config_table(&count);
    char key[CONFIG_PATH_BYTES];
    const char *flag = *(*at)++;
    if (strcmp(flag, "-h") == 0)
        flag = "--help";
    if (strcmp(flag, "--") == 0)
        return **at == NULL || fail(error, "", **at, "lockd takes only flags; see --help");
    if (strncmp(flag, "--", 2) != 0)
        return fail(error, "", flag, "lockd takes only flags; see --help");
    (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(flag + 2, "="), flag + 2);
    size_t row = config_find(key);
    if (row == count)
        return fail(error, "--", key, "no such flag; see --help");
    const char *equals = strchr(flag, '=');
    if (table[row].kind != SETTING_SWITCH) {
        const char *value = take_value(at, equals);
        if (value != NULL)
            return take_setting(config, row, value, error);
        return fail(error, "--", key, "needs a value; see --help");
    }
    if (equals == NULL)
        return take_setting(config, row, "", error);
    return fail(error, "--", key, "takes no value");
}

/* ---- The file ---- */

/* The text without blanks around it; changed in place. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    text[length] = 0;
    return text;
}

/* A flag overrides the file; the line is validated anyway, into a copy. */
static bool take_pair(
        struct config *config, bool *in_file, const char *key, const char *value, char *why)
{
    size_t count;
    const struct setting *table = config_table(&count);
    size_t row = config_find(key);
    char allowed[CONFIG_ERROR_BYTES];
    if (row == count || !config_in_file(&table[row]))
        return fail(why, "", key, "no such key");
    if (in_file[row])
        return fail(why, "", key, "given twice");
    in_file[row] = true;
    struct config copy = *config;
    if (!config_set(&copy, &table[row], value, allowed))
        return fail_value(why, key, value, allowed);
    if (config->given[row])
        return true;
    *config = copy;
    config->given[row] = true;
    return true;
}

/* Without the quotes around it, if there are any. NULL: they are not closed at its end. */
static char *unquote(char *value)
{
    char quote = value[0];
    size_t length = strlen(value);
    if (quote != '"' && quote != '\'')
        return value;
    if (length < 2 || strchr(value + 1, quote) != value + length - 1)
        return NULL;
    value[length - 1] = 0;
    return value + 1;
}

/* Where a comment begins, or the end: # within the quotes of a value begins none. */
static char *find_comment(char *line)
{
    char *value = line + strcspn(line, "=#");
    if (*value == '=')
        value += 1 + strspn(value + 1, " \t");
    char *closing = *value == '"' || *value == '\'' ? strchr(value + 1, *value) : NULL;
    char *from = closing != NULL ? closing : value;
    return from + strcspn(from, "#");
}

static bool take_line(struct config *config, bool *in_file, char *line, char *why)
{
    *find_comment(line) = 0;
    char *key = trim(line);
    if (key[0] == 0)
        return true;
    char *equals = strchr(key, '=');
    if (equals == NULL)
        return fail(why, "", key, "must be KEY = VALUE");
    *equals = 0;
    char *value = unquote(trim(equals + 1));
    if (value == NULL)
        return fail(why, "", trim(key), "quotes must be closed at the end of the value");
    return take_pair(config, in_file, trim(key), value, why);
}

/* Read one line as text. False at the end, and with *why not empty if it is no text. */
static bool next_line(FILE *file, char *line, unsigned number, const char **why)
{
    size_t length = 0;
    int byte = EOF;
    while (*why == NULL && (byte = getc(file)) != EOF && byte != '\n') {
        if (byte == 0)
            *why = "is not text: it contains a NUL byte; save the file as UTF-8";
        else if (length == LINE_BYTES_MAX - 1)
            *why = "is longer than 4095 bytes";
        else if (length > 0 && line[length - 1] == '\r')
            *why = "contains a carriage return (CR); end lines with LF or CR LF";
        else
            line[length++] = (char)byte;
    }
    line[length] = 0;
    bool wide = strncmp(line, "\xff\xfe", 2) == 0 || strncmp(line, "\xfe\xff", 2) == 0;
    if (number == 1 && wide)
        *why = "is not UTF-8: the file begins with a byte order mark of UTF-16";
    return *why == NULL && (length > 0 || byte != EOF);
}

static bool read_file(struct config *config, char *error)
{
    char line[LINE_BYTES_MAX];
    char why[CONFIG_ERROR_BYTES];
    bool in_file[CONFIG_SETTINGS_MAX] = {false};
    unsigned number = 0;
    bool good = true;
    FILE *file = fopen(config->file, "re");
    if (file == NULL)
        return fail(error, "--config ", config->file, strerror(errno));
    const char *odd = NULL;
    while (good && next_line(file, line, number + 1, &odd)) {
        number++;
        bool marked = number == 1 && strncmp(line, utf8_mark, strlen(utf8_mark)) == 0;
        good = take_line(config, in_file, line + (marked ? strlen(utf8_mark) : 0), why);
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (odd != NULL)
        (void)snprintf(error, CONFIG_ERROR_BYTES, "%.100s line %u %s", config->file,
                number + 1, odd);
    else if (!good)
        (void)snprintf(error, CONFIG_ERROR_BYTES, "%.100s line %u: %.380s", config->file,
                number, why);
    else if (failed)
        return fail(error, "--config ", config->file, "cannot be read");
    return good && odd == NULL;
}

bool config_read(struct config *config, char **argv, char *error)
{
    set_defaults(config);
    for (char **at = argv + 1; *at != NULL;) {
        if (!take_flag(config, &at, error))
            return false;
    }
    if (config->help || config->version || config->inspect[0] != 0)
        return true;
    if (config->file[0] != 0 && !read_file(config, error))
        return false;
    return config_judge(config, error);
}

bool config_describe(size_t number, struct config_row *row)
{
    size_t count;
    struct config config;
    const struct setting *table = config_table(&count);
    if (number >= count)
        return false;
    set_defaults(&config);
    *row = (struct config_row){
            .key = table[number].key,
            .argument = table[number].argument,
            .help = table[number].help,
    };
    config_show(&config, &table[number], row->standard);
    return true;
}
