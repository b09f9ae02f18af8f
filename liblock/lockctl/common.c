#include "lockctl/lockctl.h"

#include <stdio.h>
#include <string.h>

#include "tool/fail.h"

static void tell(void *user, enum lk_log_level level, const char *line)
{
    (void)user;
    (void)level;
    complain("%s", line);
}

void common_fill(const struct common *common, struct lk_options *options)
{
    options->nodes = common->cluster;
    options->answer_wait_ns = common->connect_ns;
    if (common->verbose) {
        options->on_log = tell;
        options->log_level = LK_LOG_DEBUG;
    }
}

bool begin_command(
        const struct options *table, char **arguments, struct operands *operands, int *code)
{
    *code = EXIT_WRONG_USAGE;
    if (!options_parse(table, arguments, operands))
        return false;
    if (!operands->help)
        return true;
    options_help(table, stdout);
    *code = EXIT_DONE;
    return false;
}

bool name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (0 < length && length <= LK_NAME_MAX)
        return true;
    complain("NAME \"%s\": allowed are 1 to %d bytes, and this has %zu", name, LK_NAME_MAX,
            length);
    return false;
}

int status_exit(enum lk_status status)
{
    switch (status) {
    case LK_OK:
        return EXIT_DONE;
    case LK_TIMEOUT:
    case LK_CANCELLED:
    case LK_DEADLOCK:
        return EXIT_NOT_ACQUIRED;
    case LK_UNKNOWN:
    case LK_LOST:
    case LK_BUSY:
        return EXIT_NO_CLUSTER;
    case LK_INVALID:
        return EXIT_WRONG_USAGE;
    case LK_STALE:
        return EXIT_NO;
    case LK_LIMIT:
    case LK_OLD:
    case LK_DENIED:
    case LK_WRONG_CLUSTER:
    case LK_VERSION:
        break;
    }
    return EXIT_REFUSED;
}
