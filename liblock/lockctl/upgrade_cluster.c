/*
 * lockctl upgrade: which versions the members know, which the cluster uses, and the step after
 * which it uses what a new version can do.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lockctl/administer.h"
#include "tool/duration.h"
#include "tool/fail.h"
#include "tool/json_writer.h"
#include "tool/table.h"

static void add_row(struct table *table, const struct lk_member *member)
{
    table_cell(table, "%u", member->node);
    table_cell(table, "%s", member->address);
    table_cell(table, "%s", member->connected ? "yes" : "no");
    table_cell(table, "%s", member->program[0] != '\0' ? member->program : "-");
    if (member->version_most == 0)
        table_cell(table, "-");
    else if (member->version_least == member->version_most)
        table_cell(table, "%" PRIu32, member->version_most);
    else
        table_cell(table, "%" PRIu32 " to %" PRIu32, member->version_least,
                member->version_most);
}

static void print_answer(const struct lk_admin_answer *answer)
{
    static const char *const header[] = {
            "node", "address", "connected", "program", "versions"};
    struct table table;
    table_init(&table, "rllll");
    for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        table_cell(&table, "%s", header[i]);
    for (uint32_t i = 0; i < answer->member_count; i++)
        add_row(&table, &answer->members[i]);
    table_print(&table, stdout, "");
    table_drop(&table);
    if (answer->result != LK_ADMIN_NOT_LEADER)
        (void)puts(answer->sentence);
}

static void write_member(struct json *json, const struct lk_member *member)
{
    json_begin_object(json, NULL);
    json_u64(json, "node", member->node);
    json_text(json, "address", member->address);
    json_bool(json, "connected", member->connected);
    json_text(json, "program", member->program);
    json_u64(json, "version_least", member->version_least);
    json_u64(json, "version_most", member->version_most);
    json_end(json);
}

static void write_answer(const struct lk_admin_answer *answer)
{
    struct json json;
    json_init(&json, stdout);
    json_begin_object(&json, NULL);
    json_u64(&json, "answered_by", answer->node);
    json_u64(&json, "leader", answer->leader);
    json_bool(&json, "done", answer->result == LK_ADMIN_DONE);
    json_text(&json, "sentence", answer->sentence);
    json_u64(&json, "version", answer->version);
    json_u64(&json, "version_next", answer->version_next);
    json_u64(&json, "upgrade_after_ns", answer->upgrade_after_ns);
    json_u64(&json, "upgrade_waited_ns", answer->upgrade_waited_ns);
    json_begin_array(&json, "members");
    for (uint32_t i = 0; i < answer->member_count; i++)
        write_member(&json, &answer->members[i]);
    json_end(&json);
    json_end(&json);
}

static int upgrade(const struct common *common, const struct lk_admin_request *request)
{
    struct lk_admin_answer answer;
    int code = administer(common, request, &answer);
    if (answer.node == 0)
        return code;
    if (common->json)
        write_answer(&answer);
    else if (request->kind == LK_ADMIN_UPGRADE_STATUS)
        print_answer(&answer);
    else if (code == EXIT_DONE)
        (void)puts(answer.sentence);
    return code;
}

/* The word behind `upgrade`, if it is not an option; status if there is none. */
static bool take_word(char ***arguments, struct lk_admin_request *request, bool *after)
{
    const char *word = **arguments;
    request->kind = LK_ADMIN_UPGRADE_STATUS;
    if (!word || word[0] == '-')
        return true;
    ++*arguments;
    *after = strcmp(word, "after") == 0;
    if (*after)
        request->kind = LK_ADMIN_UPGRADE_AFTER;
    else if (strcmp(word, "finish") == 0)
        request->kind = LK_ADMIN_UPGRADE_FINISH;
    else if (strcmp(word, "status") != 0)
        complain("\"%s\" is none of status, finish and after", word);
    return *after || request->kind == LK_ADMIN_UPGRADE_FINISH ||
           strcmp(word, "status") == 0;
}

static bool take_time(const char *word, uint64_t *ns)
{
    if (strcmp(word, "off") == 0) {
        *ns = 0;
        return true;
    }
    if (duration_parse(word, ns) && *ns > 0)
        return true;
    complain("\"%s\": must be a time like 24h, or off", word);
    return false;
}

int upgrade_command(char **arguments)
{
    struct common common = COMMON_INIT;
    struct lk_admin_request request = {.size = sizeof(request)};
    bool after = false;
    const struct option_row rows[] = {
            COMMON_ROWS(&common),
            JSON_ROW(&common),
    };
    if (!take_word(&arguments, &request, &after))
        return EXIT_WRONG_USAGE;
    const struct options table = {
            "lockctl upgrade [status|finish|after DUR|after off] [options]",
            "Show which versions the members of the cluster know and which one the cluster uses.\n"
            "`finish`: use the newest that all members know. From then on no member can go back\n"
            "to an older lockd. `after`: do that without a request when all members have known\n"
            "it for this time, or never.",
            ROWS_OF(rows),
            {after ? "DUR" : NULL},
            false,
            "exit: 0 answered or done, 64 wrong usage, 69 no leader, 70 refused",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    if (after && !take_time(operands.values[0], &request.number))
        return EXIT_WRONG_USAGE;
    return upgrade(&common, &request);
}
