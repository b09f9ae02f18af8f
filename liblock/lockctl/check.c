/* lockctl check NAME --token N: does this token still hold the lock? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockctl/lockctl.h"
#include "tool/duration.h"
#include "tool/fail.h"
#include "tool/json_writer.h"

struct check {
    struct common common;
    const char *name;
    uint64_t token;
};

/* Under `lockctl run` the token of its lock is in the environment. */
static bool find_token(struct check *check)
{
    const char *name = getenv("LOCKD_LOCK");
    const char *token = getenv("LOCKD_TOKEN");
    if (check->token == 0 && name && token && strcmp(name, check->name) == 0)
        check->token = strtoull(token, NULL, 10);
    if (check->token == 0)
        complain("--token is missing, and LOCKD_LOCK of the environment is not \"%s\"",
                check->name);
    return check->token != 0;
}

static void print_json(const struct check *check, const struct lk_lock *lock, bool held)
{
    struct json json;
    json_init(&json, stdout);
    json_begin_object(&json, NULL);
    json_bytes(&json, "name", check->name, strlen(check->name));
    json_u64(&json, "token", check->token);
    json_bool(&json, "held", held);
    if (held)
        json_u64(&json, "expires_in_ns", lock->remain_ns);
    json_end(&json);
}

static int tell(const struct check *check, const struct lk_lock *lock)
{
    bool held = lock->session != 0 && lock->token == check->token;
    char text[DURATION_TEXT_BYTES];
    if (check->common.json)
        print_json(check, lock, held);
    else if (held)
        (void)printf("token %" PRIu64 " holds it; without a keepalive for %s more\n",
                check->token, duration_text(lock->remain_ns, text));
    else if (lock->session != 0)
        (void)printf("token %" PRIu64 " does not hold it; token %" PRIu64 " does\n",
                check->token, lock->token);
    else
        (void)printf("token %" PRIu64 " does not hold it; it is free\n", check->token);
    return held ? EXIT_DONE : EXIT_LOST;
}

static int check_lock(struct check *check)
{
    struct lk_options options = LK_OPTIONS_INIT;
    struct lk_client *client;
    struct lk_lock lock = LK_LOCK_INIT;
    common_fill(&check->common, &options);
    options.flags = LK_FLAG_NO_SESSION;
    enum lk_status status = lk_open(&options, &client);
    if (status != LK_OK)
        return open_failed(&check->common, status);
    status = lk_query(client, check->name, strlen(check->name), &lock, NULL);
    if (status != LK_OK)
        complain("%s", lk_last_error());
    int code = status == LK_OK ? tell(check, &lock)
                               : tell_causes(&check->common, status_exit(status));
    lk_close(client);
    return code;
}

int check_command(char **arguments)
{
    struct check check = {.common = COMMON_INIT};
    const struct option_row rows[] = {
            {"token", OPTION_NUMBER, &check.token, 1, UINT64_MAX, "N",
                    "the token that came with the lock (under `lockctl run`: $LOCKD_TOKEN)"},
            COMMON_ROWS(&check.common),
            JSON_ROW(&check.common),
    };
    const struct options table = {
            "lockctl check NAME --token N [options]",
            "Ask the cluster whether the token N still holds the lock NAME.",
            ROWS_OF(rows),
            {"NAME"},
            false,
            "exit: 0 it does, 74 it does not (any more), 64 wrong usage, 69 no cluster,\n"
            "70 refused, 76 overloaded",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    check.name = operands.values[0];
    if (!name_is_valid(check.name) || !find_token(&check))
        return EXIT_WRONG_USAGE;
    return check_lock(&check);
}
