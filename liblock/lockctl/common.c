#include "lockctl/lockctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/fail.h"

/* Threads of `status` call this too, but one at a time. */
static void tell(void *user, enum lk_log_level level, const char *line)
{
    struct common *common = user;
    if (level <= LK_LOG_LEVEL_INFO)
        (void)snprintf(common->notice, sizeof(common->notice), "%s", line);
    if (common->verbose)
        complain("%s", line);
}

void common_fill(struct common *common, struct lk_options *options)
{
    options->nodes = common->cluster;
    options->answer_wait_ns = common->connect_ns;
    options->on_log = tell;
    options->user = common;
    options->log_level = common->verbose ? LK_LOG_LEVEL_DEBUG : LK_LOG_LEVEL_INFO;
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
    complain(
            "NAME \"%s\": must have 1 to %d bytes, but has %zu", name, LK_NAME_MAX, length);
    return false;
}

int status_exit(enum lk_status status)
{
    switch (status) {
    case LK_OK:
        return EXIT_DONE;
    case LK_STATUS_TIMEOUT:
    case LK_STATUS_CANCELLED:
    case LK_STATUS_DEADLOCK:
        return EXIT_NOT_ACQUIRED;
    case LK_STATUS_UNKNOWN:
    case LK_STATUS_LOST:
    case LK_STATUS_INTERRUPTED:
        return EXIT_NO_CLUSTER;
    case LK_STATUS_BUSY:
        return EXIT_BUSY;
    case LK_STATUS_LIMIT:
        return EXIT_LIMIT;
    case LK_STATUS_INVALID:
        return EXIT_WRONG_USAGE;
    case LK_STATUS_NOT_FOUND:
        return EXIT_NO;
    case LK_STATUS_OLD:
    case LK_STATUS_DENIED:
    case LK_STATUS_WRONG_CLUSTER:
    case LK_STATUS_VERSION:
        break;
    }
    return EXIT_REFUSED;
}

int open_failed(const struct common *common, enum lk_status status)
{
    const char *list = common->cluster ? common->cluster : getenv("LOCKD_CLUSTER");
    if (status != LK_STATUS_INVALID)
        complain("%s", lk_last_error());
    else if (!list)
        complain("no nodes are given: use --cluster or LOCKD_CLUSTER=host:port,host:port");
    else
        complain("%s %s: %s", common->cluster ? "--cluster" : "LOCKD_CLUSTER", list,
                lk_last_error());
    return status_exit(status);
}
