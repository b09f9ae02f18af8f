/* lockctl query and lockctl list: which session holds which lock. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lockctl/lockctl.h"
#include "tool/duration.h"
#include "tool/fail.h"
#include "tool/json_writer.h"
#include "tool/table.h"

struct look {
    struct common common;
    struct lk_client *client;
    struct lk_read read;
    const char *prefix;
    uint64_t limit;
    bool exit_code; /* query: EXIT_NO for a free lock */
};

/* A place for the locks of a list as they come: JSON, or a table. */
struct list_output {
    struct json *json;
    struct table *table;
};

static const char list_header[] = "name|token|session|label|held for|expires in|waiting";

static void write_lock(struct json *json, const struct lk_lock *lock)
{
    json_begin_object(json, NULL);
    json_bytes(json, "name", lock->name, lock->name_len);
    json_bool(json, "held", lock->session != 0);
    if (lock->session != 0) {
        json_u64(json, "token", lock->token);
        json_u64(json, "session", lock->session);
        json_u64(json, "owner", lock->owner);
        json_u64(json, "count", lock->count);
        json_bytes(json, "label", lock->label, strlen(lock->label));
        json_u64(json, "held_ns", lock->held_ns);
        json_u64(json, "expires_in_ns", lock->remain_ns);
    }
    json_u64(json, "waiting", lock->waits);
    json_end(json);
}

static void add_header(struct table *table)
{
    for (const char *at = list_header; *at != '\0';) {
        size_t length = strcspn(at, "|");
        table_bytes(table, at, length);
        at += length + (at[length] == '|');
    }
}

static void add_lock(struct table *table, const struct lk_lock *lock)
{
    char text[DURATION_TEXT_BYTES];
    table_bytes(table, lock->name, lock->name_len);
    if (lock->session == 0) {
        for (int i = 0; i < 5; i++)
            table_cell(table, "%s", i == 1 ? "free" : "");
    } else {
        table_cell(table, "%" PRIu64, lock->token);
        table_cell(table, "%" PRIu64, lock->session);
        table_bytes(table, lock->label, strlen(lock->label));
        table_cell(table, "%s", duration_text(lock->held_ns, text));
        table_cell(table, "%s", duration_text(lock->remain_ns, text));
    }
    table_cell(table, "%" PRIu32, lock->waits);
}

static int open_client(struct look *look)
{
    struct lk_options options = LK_OPTIONS_INIT;
    common_fill(&look->common, &options);
    options.flags = LK_FLAG_NO_SESSION;
    enum lk_status status = lk_open(&options, &look->client);
    return status == LK_OK ? EXIT_DONE : open_failed(&look->common, status);
}

static int query(struct look *look, const char *name)
{
    struct lk_lock lock = LK_LOCK_INIT;
    enum lk_status status = lk_query(look->client, name, strlen(name), &lock, &look->read);
    if (status != LK_OK) {
        complain("%s", lk_last_error());
        return tell_causes(&look->common, status_exit(status));
    }
    int code = look->exit_code && lock.session == 0 ? EXIT_NO : EXIT_DONE;
    if (look->common.json) {
        struct json json;
        json_init(&json, stdout);
        write_lock(&json, &lock);
        return code;
    }
    struct table table;
    table_init(&table, "lrrlrrr");
    add_header(&table);
    add_lock(&table, &lock);
    table_print(&table, stdout, "");
    table_drop(&table);
    return code;
}

static int list_pages(struct look *look, const struct list_output *output)
{
    static struct lk_lock locks[LK_PAGE_MAX];
    struct lk_list page = LK_LIST_INIT;
    page.prefix = look->prefix;
    page.prefix_len = look->prefix ? strlen(look->prefix) : 0;
    page.locks = locks;
    page.read = look->read;
    uint64_t left = look->limit;
    do {
        page.room = left < LK_PAGE_MAX ? (uint32_t)left : LK_PAGE_MAX;
        enum lk_status status = lk_list_page(look->client, &page);
        if (status != LK_OK) {
            complain("%s", lk_last_error());
            return tell_causes(&look->common, status_exit(status));
        }
        for (uint32_t i = 0; i < page.count; i++) {
            if (output->json)
                write_lock(output->json, &locks[i]);
            else
                add_lock(output->table, &locks[i]);
        }
        left -= page.count;
        /* Nobody reads on: `lockctl list --json | head`. */
    } while (page.cursor != 0 && left > 0 && !ferror(stdout));
    return EXIT_DONE;
}

/* One table for all pages, because its columns are as wide as its widest cells. */
static int list_table(struct look *look)
{
    struct table table;
    table_init(&table, "lrrlrrr");
    add_header(&table);
    size_t empty = table.cell_count;
    int code = list_pages(look, &(struct list_output){.table = &table});
    if (table.cell_count > empty)
        table_print(&table, stdout, "");
    table_drop(&table);
    return code;
}

static int list(struct look *look)
{
    if (!look->common.json)
        return list_table(look);
    struct json json;
    json_init(&json, stdout);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "locks");
    int code = list_pages(look, &(struct list_output){.json = &json});
    json_end(&json);
    /* The reader of an incomplete list must be able to see that. */
    json_bool(&json, "complete", code == EXIT_DONE);
    json_end(&json);
    return code;
}

#define STALE_ROW(look)                                                 \
    {                                                                   \
        "stale", OPTION_FLAG, &(look)->read.stale, 0, 0, NULL,          \
                "read from any node; may lag, works without a majority" \
    }

static const char query_exits[] =
        "exit: 0 answered, 64 wrong usage, 69 no cluster, 70 refused, 71 cannot write;\n"
        "with --exit-code 0 held, 1 free";
static const char list_exits[] =
        "exit: 0 answered, 64 wrong usage, 69 no cluster, 70 refused, 71 cannot write";

int query_command(char **arguments)
{
    struct look look = {.common = COMMON_INIT};
    const struct option_row rows[] = {
            {"exit-code", OPTION_FLAG, &look.exit_code, 0, 0, NULL,
                    "exit 0 if the lock is held, 1 if it is free"},
            STALE_ROW(&look),
            COMMON_ROWS(&look.common),
            JSON_ROW(&look.common),
    };
    const struct options table = {
            "lockctl query NAME [options]",
            "Show who holds the lock NAME and how many requests wait for it.",
            ROWS_OF(rows),
            {"NAME"},
            false,
            query_exits,
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    if (!name_is_valid(operands.values[0]))
        return EXIT_WRONG_USAGE;
    code = open_client(&look);
    if (code == EXIT_DONE)
        code = query(&look, operands.values[0]);
    lk_close(look.client);
    return code;
}

int list_command(char **arguments)
{
    struct look look = {.common = COMMON_INIT, .limit = UINT64_MAX};
    const struct option_row rows[] = {
            {"prefix", OPTION_TEXT, &look.prefix, 0, 0, "TEXT",
                    "only names with this prefix"},
            {"limit", OPTION_NUMBER, &look.limit, 1, UINT64_MAX, "N", "show at most N"},
            STALE_ROW(&look),
            COMMON_ROWS(&look.common),
            JSON_ROW(&look.common),
    };
    const struct options table = {
            "lockctl list [options]",
            "List the locks that are held or waited for, in no particular order.",
            ROWS_OF(rows),
            {NULL},
            false,
            list_exits,
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    code = open_client(&look);
    if (code == EXIT_DONE)
        code = list(&look);
    lk_close(look.client);
    return code;
}
