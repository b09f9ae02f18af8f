/*
 * lockctl members: the members of the cluster, and changes of them. lockctl transfer: who is to
 * lead. A request says what is to be; it is repeated until it is so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "lockctl/administer.h"
#include "tool/duration.h"
#include "tool/fail.h"
#include "tool/json_writer.h"
#include "tool/table.h"

enum {
    ASK_AGAIN_MS = 200,
    NODE_ID_LAST = 63,
    FLAG_LEARNER = 1, /* Of LK_ADMIN_MEMBERS_ADD */
};

struct change {
    struct common common;
    bool learner;
    bool no_wait;
    uint64_t wait_ns;
};

static const char *role_name(const struct lk_member *member)
{
    static const char *const names[] = {"voter", "learner", "learner (stays)"};
    return member->role < sizeof(names) / sizeof(names[0]) ? names[member->role] : "other";
}

static const struct lk_member *find_member(
        const struct lk_admin_answer *answer, uint8_t node)
{
    for (uint32_t i = 0; i < answer->member_count; i++) {
        if (answer->members[i].node == node)
            return &answer->members[i];
    }
    return NULL;
}

/* ---- The list ---- */

/* How many entries the member lacks; only a leader knows. */
static uint64_t lag_of(const struct lk_admin_answer *answer, const struct lk_member *member)
{
    const struct lk_member *leader = find_member(answer, answer->node);
    return leader && leader->match > member->match ? leader->match - member->match : 0;
}

static void add_row(struct table *table, const struct lk_admin_answer *answer,
        const struct lk_member *member)
{
    char heard[DURATION_TEXT_BYTES];
    bool leads = member->node == answer->leader;
    table_cell(table, "%u", member->node);
    table_cell(table, "%s", leads ? "leader" : role_name(member));
    table_cell(table, "%s", member->address);
    if (member->incarnation == 0)
        table_cell(table, "not started");
    else
        table_cell(table, "%08" PRIx32, (uint32_t)(member->incarnation >> 32));
    if (answer->result == LK_ADMIN_NOT_LEADER)
        table_cell(table, "-");
    else
        table_cell(table, "%" PRIu64, lag_of(answer, member));
    if (member->node == answer->node)
        table_cell(table, "-");
    else if (member->heard_ns == UINT64_MAX)
        table_cell(table, "never");
    else {
        duration_text(member->heard_ns, heard);
        table_cell(table, "%s ago", heard);
    }
}

static void print_members(const struct lk_admin_answer *answer)
{
    static const char *const header[] = {
            "node", "role", "address", "directory", "lag", "heard"};
    struct table table;
    table_init(&table, "rlllrl");
    for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        table_cell(&table, "%s", header[i]);
    for (uint32_t i = 0; i < answer->member_count; i++)
        add_row(&table, answer, &answer->members[i]);
    table_print(&table, stdout, "");
    table_drop(&table);
}

static void write_member(struct json *json, const struct lk_admin_answer *answer,
        const struct lk_member *member)
{
    char incarnation[17];
    (void)snprintf(incarnation, sizeof incarnation, "%016" PRIx64, member->incarnation);
    json_begin_object(json, NULL);
    json_u64(json, "node", member->node);
    json_text(json, "role", role_name(member));
    json_bool(json, "leader", member->node == answer->leader);
    json_text(json, "address", member->address);
    json_text(json, "incarnation", incarnation);
    json_bool(json, "connected", member->connected);
    json_u64(json, "match", member->match);
    json_u64(json, "lag", lag_of(answer, member));
    if (member->heard_ns != UINT64_MAX)
        json_u64(json, "heard_ns", member->heard_ns);
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
    json_begin_array(&json, "members");
    for (uint32_t i = 0; i < answer->member_count; i++)
        write_member(&json, answer, &answer->members[i]);
    json_end(&json);
    json_end(&json);
}

static int list_members(const struct common *common)
{
    const struct lk_admin_request request = {
            .size = sizeof(request), .kind = LK_ADMIN_MEMBERS};
    struct lk_admin_answer answer;
    int code = administer(common, &request, &answer);
    if (answer.node == 0)
        return code;
    if (common->json)
        write_answer(&answer);
    else
        print_members(&answer);
    return code;
}

/* ---- Changes ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = ASK_AGAIN_MS * 1000000L};
    (void)nanosleep(&moment, NULL);
}

/* A line whenever there is something new to say. */
static void show_progress(const struct change *change, const char *sentence, char *shown)
{
    if (change->common.json || strcmp(sentence, shown) == 0)
        return;
    (void)snprintf(shown, sizeof((struct lk_admin_answer *)0)->sentence, "%s", sentence);
    (void)fprintf(stderr, "lockctl: %s\n", sentence);
}

/* While a leader hands over, there is none for a moment. */
static bool asks_again(const struct change *change, int code, uint64_t begun_ns, bool begun)
{
    bool passing = code == EXIT_UNDER_WAY || (begun && code == EXIT_NO_CLUSTER);
    return passing && now_ns() - begun_ns < change->wait_ns;
}

static int perform(const struct change *change, const struct lk_admin_request *request)
{
    struct lk_admin_answer answer;
    char shown[sizeof answer.sentence] = "";
    uint64_t begun_ns = now_ns();
    bool begun = false;
    int code;
    for (;;) {
        code = administer(&change->common, request, &answer);
        begun = begun || code == EXIT_UNDER_WAY;
        bool accepted = code == EXIT_UNDER_WAY && change->no_wait;
        if (accepted || !asks_again(change, code, begun_ns, begun))
            break;
        show_progress(change, answer.sentence, shown);
        pause_a_moment();
    }
    if (answer.node == 0)
        return code;
    if (change->common.json)
        write_answer(&answer);
    else if (code == EXIT_DONE || (code == EXIT_UNDER_WAY && change->no_wait))
        (void)puts(answer.sentence);
    else if (code == EXIT_UNDER_WAY)
        complain("not done in time: %s", answer.sentence);
    return code == EXIT_UNDER_WAY && change->no_wait ? EXIT_DONE : code;
}

static bool read_node(const char *text, uint8_t *node)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != 0 || number < 1 ||
            number > NODE_ID_LAST)
        return false;
    *node = (uint8_t)number;
    return true;
}

/* Which directory is to go, and who is to lead no more: so that a repeated request is safe. */
static int note_present(const struct change *change, struct lk_admin_request *request)
{
    const struct lk_admin_request ask = {.size = sizeof(ask), .kind = LK_ADMIN_MEMBERS};
    struct lk_admin_answer answer;
    int code = administer(&change->common, &ask, &answer);
    if (code != EXIT_DONE)
        return code;
    const struct lk_member *member = find_member(&answer, request->node);
    if (request->kind == LK_ADMIN_MEMBERS_REPLACE && member)
        request->number = member->incarnation;
    if (request->kind == LK_ADMIN_TRANSFER)
        request->number = answer.leader;
    return EXIT_DONE;
}

struct verb {
    const char *name;
    enum lk_admin_kind kind;
    const char *usage;
    const char *about;
    bool needs_address;
    bool may_have_address; /* As a second operand */
    bool notes_present;
};

static const struct verb verbs[] = {
        {"add", LK_ADMIN_MEMBERS_ADD,
                "lockctl members add ID ADDRESS [--learner] [options]",
                "Add a member: a new machine on which lockd is, or will be, started as node ID with an\n"
                "empty data directory. It is a learner until it has caught up; then it votes.",
                true, true, false},
        {"remove", LK_ADMIN_MEMBERS_REMOVE, "lockctl members remove ID [options]",
                "Remove a member. Its node says so in its log and ends.", false, false,
                false},
        {"replace", LK_ADMIN_MEMBERS_REPLACE,
                "lockctl members replace ID [ADDRESS] [options]",
                "Replace a member by a new machine, on which lockd runs as the same node ID with an\n"
                "empty data directory. The old one is no member from then on.",
                false, true, true},
        {"move", LK_ADMIN_MEMBERS_MOVE, "lockctl members move ID ADDRESS [options]",
                "Tell the cluster the new address of a member that keeps its data directory.",
                true, true, false},
        {"promote", LK_ADMIN_MEMBERS_PROMOTE, "lockctl members promote ID [options]",
                "Let a learner that was added with --learner vote, once it has caught up.",
                false, false, false},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

#define CHANGE_INIT                                      \
    {                                                    \
        .common = COMMON_INIT, .wait_ns = 600 * NS_PER_S \
    }

static const char exit_text[] =
        "exit: 0 done (with --no-wait: begun), 64 wrong usage, 69 no leader, 70 refused,\n"
        "      79 begun, but not done in time";

static bool is_operand(const char *argument)
{
    return argument && argument[0] != '-';
}

static int change_members(const struct verb *verb, char **arguments)
{
    struct change change = CHANGE_INIT;
    const struct option_row rows[] = {
            COMMON_ROWS(&change.common),
            JSON_ROW(&change.common),
            {"wait", OPTION_DURATION, &change.wait_ns, 0, UINT64_MAX, "DUR",
                    "wait so long until it is done, default 10m"},
            {"no-wait", OPTION_FLAG, &change.no_wait, 0, 0, NULL,
                    "do not wait until it is done"},
            {"learner", OPTION_FLAG, &change.learner, 0, 0, NULL,
                    "add: it gets the log and does not vote, until it is promoted"},
    };
    bool address =
            verb->needs_address || (verb->may_have_address && is_operand(arguments[0]) &&
                                           is_operand(arguments[1]));
    const struct options table = {
            verb->usage,
            verb->about,
            rows,
            sizeof(rows) / sizeof(rows[0]) - (verb->kind == LK_ADMIN_MEMBERS_ADD ? 0 : 1),
            {"ID", address ? "ADDRESS" : NULL},
            false,
            exit_text,
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    struct lk_admin_request request = {.size = sizeof(request), .kind = verb->kind};
    if (!read_node(operands.values[0], &request.node)) {
        complain("ID %s: must be a node id from 1 to 63", operands.values[0]);
        return EXIT_WRONG_USAGE;
    }
    request.text = address ? operands.values[1] : NULL;
    request.flags = change.learner ? FLAG_LEARNER : 0;
    code = verb->notes_present ? note_present(&change, &request) : EXIT_DONE;
    return code == EXIT_DONE ? perform(&change, &request) : code;
}

int members_command(char **arguments)
{
    const struct verb *verb = find_verb(arguments[0]);
    if (verb)
        return change_members(verb, arguments + 1);
    struct common common = COMMON_INIT;
    const struct option_row rows[] = {
            COMMON_ROWS(&common),
            JSON_ROW(&common),
    };
    const struct options table = {
            "lockctl members [list] [options]\n"
            "       lockctl members add ID ADDRESS | remove ID | replace ID [ADDRESS]\n"
            "       lockctl members move ID ADDRESS | promote ID",
            "List the members of the cluster, or change them: see `lockctl members add --help`.\n"
            "`lag` is how many entries a member lacks; `directory` is the begin of the random\n"
            "number of its data directory.",
            ROWS_OF(rows),
            {NULL},
            false,
            "exit: 0 listed, 64 wrong usage, 69 no leader (what one node knows is listed)",
    };
    if (arguments[0] && strcmp(arguments[0], "list") == 0)
        arguments++;
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    return list_members(&common);
}

int transfer_command(char **arguments)
{
    struct change change = CHANGE_INIT;
    change.wait_ns = 30 * NS_PER_S;
    const struct option_row rows[] = {
            COMMON_ROWS(&change.common),
            JSON_ROW(&change.common),
            {"wait", OPTION_DURATION, &change.wait_ns, 0, UINT64_MAX, "DUR",
                    "wait so long until it is done, default 30s"},
            {"no-wait", OPTION_FLAG, &change.no_wait, 0, 0, NULL,
                    "do not wait until it is done"},
    };
    bool named = is_operand(arguments[0]);
    const struct options table = {
            "lockctl transfer [ID] [options]",
            "Let node ID lead, or any other member than the one that leads now. No request fails.",
            ROWS_OF(rows),
            {named ? "ID" : NULL},
            false,
            exit_text,
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    struct lk_admin_request request = {.size = sizeof(request), .kind = LK_ADMIN_TRANSFER};
    if (named && !read_node(operands.values[0], &request.node)) {
        complain("ID %s: must be a node id from 1 to 63", operands.values[0]);
        return EXIT_WRONG_USAGE;
    }
    code = note_present(&change, &request);
    return code == EXIT_DONE ? perform(&change, &request) : code;
}
