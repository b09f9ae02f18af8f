/*
 * lockctl status: what each node says about itself. Each node has its own query, and all
 * queries run at the same time. So it works without a majority, and a dead node costs no
 * more than --connect. --latency also shows where a node's time went: since its start, or
 * between two readings.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lockctl/latency.h"
#include "lockctl/lockctl.h"
#include "lockctl/reading.h"
#include "tool/duration.h"
#include "tool/fail.h"
#include "tool/json_writer.h"
#include "tool/table.h"

struct wish {
    struct common common;
    bool latency;
    uint64_t for_ns;   /* Within that time; 0: since the nodes' start */
    uint64_t watch_ns; /* Again and again */
};

/* A leader in one of these conditions grants nothing. */
static bool serves(const struct lk_node_status *node)
{
    static const enum lk_condition idle[] = {LK_CONDITION_NO_MAJORITY,
            LK_CONDITION_DISK_STALLED, LK_CONDITION_DISK_FULL, LK_CONDITION_LOG_FULL,
            LK_CONDITION_REPLAYING, LK_CONDITION_NO_COMMIT};
    bool serves = node->role == LK_ROLE_LEADER;
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
        serves = serves && node->condition != idle[i];
    return serves;
}

static int exit_of(const struct reading *readings, uint32_t count)
{
    bool led = false;
    bool well = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct lk_node_status *node = &readings[i].node;
        bool reached = readings[i].status == LK_OK;
        led = led || (reached && serves(node));
        well = well && reached && node->condition == LK_CONDITION_HEALTHY &&
               !reading_is_odd(readings, count, i);
    }
    if (!led)
        return EXIT_NO_CLUSTER;
    return well ? EXIT_DONE : EXIT_NO;
}

static void add_row(
        struct table *table, const struct lk_client *client, const struct reading *reading)
{
    const struct lk_node_status *node = &reading->node;
    char text[DURATION_TEXT_BYTES];
    const char *address = lk_node_address(client, reading->number);
    if (reading->status != LK_OK) {
        table_cell(table, "-");
        table_cell(table, "%s", address);
        table_cell(table, "unreachable");
        for (int i = 0; i < 7; i++)
            table_cell(table, "%s", "");
        return;
    }
    table_cell(table, "%u", node->node);
    table_cell(table, "%s", address);
    table_cell(table, "%s", lk_role_text(node->role));
    table_cell(table, "%" PRIu64, node->term);
    table_cell(table, "%" PRIu64, node->commit);
    table_cell(table, "%" PRIu64, node->applied);
    table_cell(table, "%" PRIu32, node->sessions);
    table_cell(table, "%" PRIu32, node->holds);
    table_cell(table, "%" PRIu32, node->waits);
    table_cell(table, "%s", duration_text(node->uptime_ns, text));
}

/* Where the log begins, and the snapshot that stands before it. */
static void print_snapshot(const struct reading *reading)
{
    char age[DURATION_TEXT_BYTES];
    char taken[DURATION_TEXT_BYTES];
    const struct lk_node_status *node = &reading->node;
    if (reading->status != LK_OK || node->snapshot == 0)
        return;
    (void)printf("node %u: snapshot at %" PRIu64 ", %" PRIu64 " bytes, %s ago", node->node,
            node->snapshot, node->snapshot_bytes,
            duration_text(node->snapshot_age_ns, age));
    if (node->snapshot_taken_ns != 0)
        (void)printf(", took %s", duration_text(node->snapshot_taken_ns, taken));
    (void)printf("; log from %" PRIu64 "\n", node->log_first);
}

static void print_status(
        const struct lk_client *client, const struct reading *readings, uint32_t count)
{
    static const char *const header[] = {"node", "address", "role", "term", "commit",
            "applied", "sessions", "held", "waiting", "up"};
    struct table table;
    table_init(&table, "rllrrrrrrr");
    for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
        table_cell(&table, "%s", header[i]);
    for (uint32_t i = 0; i < count; i++)
        add_row(&table, client, &readings[i]);
    table_print(&table, stdout, "");
    table_drop(&table);
    for (uint32_t i = 0; i < count; i++) {
        if (readings[i].status != LK_OK || readings[i].node.role != LK_ROLE_LEADER ||
                reading_is_foreign(readings, count, i))
            continue;
        (void)fputs("in use:", stdout);
        reading_put_capacities(stdout, &readings[i].node, false);
        (void)fputs("\nlargest shares:", stdout);
        reading_put_shares(stdout, &readings[i].node, false);
        (void)putchar('\n');
        break;
    }
    for (uint32_t i = 0; i < count; i++)
        print_snapshot(&readings[i]);
    for (uint32_t i = 0; i < count; i++)
        reading_put_troubles(stdout, readings, count, i);
}

static struct latency *measure(const struct reading *reading)
{
    struct latency *latency = need(malloc(sizeof(*latency)));
    latency_between(latency, reading->read > 1 ? &reading->before : NULL, &reading->after);
    return latency;
}

static void print_latency(const struct reading *reading)
{
    const char *address = lk_node_address(reading->client, reading->number);
    if (reading->status != LK_OK)
        return; /* The lines above say so. */
    if (reading->read_failed) {
        reading_put_why(stdout, reading);
        (void)puts(": its latency is unknown; an older version does not measure it");
        return;
    }
    (void)printf("\nnode %u, %s, %s, ", reading->node.node, address,
            lk_role_text(reading->node.role));
    struct latency *latency = measure(reading);
    latency_print(latency, stdout);
    free(latency);
}

static void write_latency(struct json *json, const struct reading *reading)
{
    if (reading->read_failed)
        json_null(json, "latency");
    if (reading->read == 0)
        return;
    struct latency *latency = measure(reading);
    latency_write(latency, json);
    free(latency);
}

static void write_capacities(struct json *json, const struct lk_node_status *node)
{
    struct capacity capacities[CAPACITY_COUNT];
    reading_capacities(node, capacities);
    json_begin_object(json, "capacities");
    for (int i = 0; i < CAPACITY_COUNT; i++) {
        json_begin_object(json, capacities[i].name);
        json_u64(json, "used", capacities[i].used);
        json_u64(json, "limit", capacities[i].limit);
        json_end(json);
    }
    json_end(json);
}

static void write_snapshot(struct json *json, const struct lk_node_status *node)
{
    if (node->snapshot == 0) {
        json_null(json, "snapshot");
        return;
    }
    json_begin_object(json, "snapshot");
    json_u64(json, "index", node->snapshot);
    json_u64(json, "bytes", node->snapshot_bytes);
    json_u64(json, "age_ns", node->snapshot_age_ns);
    json_u64(json, "taken_ns", node->snapshot_taken_ns);
    json_end(json);
}

static void write_share(struct json *json, const char *key, const struct lk_share *share)
{
    if (share->of == LK_SHARE_NONE)
        return;
    json_begin_object(json, key);
    json_text(json, "who", share->who);
    json_text(json, "of", lk_share_name(share->of));
    json_u64(json, "used", share->used);
    json_u64(json, "limit", share->limit);
    json_end(json);
}

static void write_shares(struct json *json, const struct lk_node_status *node)
{
    json_begin_object(json, "largest_shares");
    write_share(json, "address", &node->address_share);
    write_share(json, "label", &node->label_share);
    write_share(json, "connections", &node->connection_share);
    json_end(json);
}

static void write_counts(struct json *json, const struct lk_node_status *node)
{
    json_u64(json, "time_ns", node->time_ns);
    json_u64(json, "uptime_ns", node->uptime_ns);
    json_u64(json, "sessions", node->sessions);
    json_u64(json, "locks", node->locks);
    json_u64(json, "holds", node->holds);
    json_u64(json, "waits", node->waits);
    json_u64(json, "connections", node->connections);
    json_u64(json, "requests", node->requests);
    json_u64(json, "refused_busy", node->refused_busy);
    json_u64(json, "bad_frames", node->bad_frames);
    json_u64(json, "bad_reads", node->bad_reads);
    json_u64(json, "lines_dropped", node->lines_dropped);
    write_capacities(json, node);
    write_shares(json, node);
    json_u64(json, "elections", node->elections);
    json_text(json, "version", node->version);
}

static void write_peers(struct json *json, const struct lk_node_status *node)
{
    json_begin_array(json, "peers");
    for (uint32_t i = 0; i < node->peer_count; i++) {
        const struct lk_peer *peer = &node->peers[i];
        json_begin_object(json, NULL);
        json_u64(json, "node", peer->node);
        json_bool(json, "connected", peer->connected);
        json_u64(json, "match", peer->match);
        if (peer->heard_ns != UINT64_MAX)
            json_u64(json, "heard_ns", peer->heard_ns);
        json_end(json);
    }
    json_end(json);
}

static void write_missing(struct json *json, uint64_t missing)
{
    json_begin_array(json, "missing");
    for (unsigned id = 1; id < 64; id++) {
        if ((missing >> id & 1) != 0)
            json_u64(json, NULL, id);
    }
    json_end(json);
}

static void write_node(struct json *json, const struct lk_client *client,
        const struct reading *readings, uint32_t which)
{
    const struct reading *reading = &readings[which];
    const struct lk_node_status *node = &reading->node;
    uint32_t count = lk_node_count(client);
    json_begin_object(json, NULL);
    json_text(json, "address", lk_node_address(client, reading->number));
    json_bool(json, "reached", reading->status == LK_OK);
    if (reading->status != LK_OK) {
        json_text(json, "reason", reading->why);
        json_end(json);
        return;
    }
    json_u64(json, "node", node->node);
    json_text(json, "role", lk_role_text(node->role));
    json_u64(json, "leader", node->leader);
    bool odd = reading_is_odd(readings, count, which);
    json_bool(json, "healthy", node->condition == LK_CONDITION_HEALTHY && !odd);
    json_text(json, "condition", lk_condition_name(node->condition));
    bool is_healthy = node->condition == LK_CONDITION_HEALTHY;
    json_text(json, "reason", is_healthy ? NULL : lk_condition_text(node->condition));
    if (node->missing != 0)
        write_missing(json, node->missing);
    json_bool(json, "diverged", reading_diverges(readings, count, which));
    json_bool(json, "other_cluster", reading_is_foreign(readings, count, which));
    json_bool(json, "runs_twice", reading_twin(readings, count, which) < count);
    json_hex(json, "cluster", node->cluster);
    json_u64(json, "term", node->term);
    json_u64(json, "commit", node->commit);
    json_u64(json, "applied", node->applied);
    json_u64(json, "last", node->last);
    json_u64(json, "durable", node->durable);
    json_u64(json, "commit_heard", node->commit_heard);
    json_u64(json, "write_age_ns", node->write_age_ns);
    json_u64(json, "segments", node->segments);
    json_u64(json, "segments_max", node->segments_max);
    json_u64(json, "log_first", node->log_first);
    write_snapshot(json, node);
    json_hex(json, "digest", node->digest);
    write_counts(json, node);
    write_peers(json, node);
    write_latency(json, reading);
    json_end(json);
}

static void write_status(
        const struct lk_client *client, const struct reading *readings, uint32_t count)
{
    struct json json;
    json_init(&json, stdout);
    json_begin_object(&json, NULL);
    json_begin_array(&json, "nodes");
    for (uint32_t i = 0; i < count; i++)
        write_node(&json, client, readings, i);
    json_end(&json);
    json_end(&json);
}

static void show(const struct wish *wish, const struct lk_client *client,
        const struct reading *readings, uint32_t count)
{
    if (wish->common.json) {
        write_status(client, readings, count);
        return;
    }
    print_status(client, readings, count);
    for (uint32_t i = 0; i < count && wish->latency; i++)
        print_latency(&readings[i]);
}

static void pause_for(uint64_t ns)
{
    struct timespec left = {
            .tv_sec = (time_t)(ns / LK_SECOND), .tv_nsec = (long)(ns % LK_SECOND)};
    while (nanosleep(&left, &left) != 0)
        ;
}

/* One reading, or two with a span between; with --watch until lockctl is stopped. */
static int query_and_show(const struct wish *wish, const struct lk_client *client,
        struct reading *readings, uint32_t count)
{
    uint64_t span_ns = wish->watch_ns != 0 ? wish->watch_ns : wish->for_ns;
    if (span_ns != 0 && !reading_query_all(readings, count))
        return EXIT_SYSTEM;
    bool again = true;
    while (again) {
        if (span_ns != 0)
            pause_for(span_ns);
        if (!reading_query_all(readings, count))
            return EXIT_SYSTEM;
        show(wish, client, readings, count);
        again = wish->watch_ns != 0 && fflush(stdout) == 0;
    }
    return exit_of(readings, count);
}

static int show_status(struct wish *wish)
{
    struct common *common = &wish->common;
    struct lk_client *client = NULL;
    struct lk_options options = LK_OPTIONS_INIT;
    common_fill(common, &options);
    options.flags = LK_FLAG_NO_SESSION;
    enum lk_status status = lk_open(&options, &client);
    if (status != LK_OK)
        return open_failed(common, status);
    uint32_t count = lk_node_count(client);
    struct reading *readings = need(calloc(count, sizeof(readings[0])));
    for (uint32_t i = 0; i < count; i++)
        readings[i] = (struct reading){.client = client,
                .number = i,
                .wait_ns = common->connect_ns,
                .latency = wish->latency};
    int code = query_and_show(wish, client, readings, count);
    free(readings);
    lk_close(client);
    return code;
}

int status_command(char **arguments)
{
    struct wish wish = {.common = COMMON_INIT};
    wish.common.connect_ns = 2 * LK_SECOND;
    const struct option_row rows[] = {
            {"latency", OPTION_FLAG, &wish.latency, 0, 0, NULL,
                    "show where each node's time went since its start, stage by stage"},
            {"for", OPTION_DURATION, &wish.for_ns, LK_MILLISECOND, 3600 * LK_SECOND, "DUR",
                    "--latency of the next DUR only"},
            {"watch", OPTION_DURATION, &wish.watch_ns, LK_MILLISECOND, 3600 * LK_SECOND,
                    "DUR", "--latency of each DUR, until it is interrupted"},
            COMMON_ROWS(&wish.common),
            JSON_ROW(&wish.common),
    };
    const struct options table = {
            "lockctl status [options]",
            "Query the status of each node; works without a majority.",
            ROWS_OF(rows),
            {NULL},
            false,
            "exit: 0 all nodes are healthy, 1 a leader serves but a node is not healthy or not reached,\n"
            "64 wrong usage, 69 no leader that serves was reached",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    wish.latency = wish.latency || wish.for_ns != 0 || wish.watch_ns != 0;
    return show_status(&wish);
}
