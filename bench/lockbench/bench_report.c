#include "bench_report.h"

#include <inttypes.h>

#include "base/units.h"
#include "tool/duration.h"
#include "tool/json_writer.h"
#include "tool/ranks.h"
#include "tool/table.h"

/* Where nodes report their time, in the order of a commit. */
static const struct stage_row {
    enum lk_stage stage;
    const char *name;
    const char *key;
} stage_rows[] = {
        {LK_STAGE_QUEUE, "leader: queue of an entry", "queue_ns"},
        {LK_STAGE_WRITE, "all nodes: write", "write_ns"},
        {LK_STAGE_REPLICATE, "leader: replicate", "replicate_ns"},
        {LK_STAGE_APPLY, "all nodes: apply", "apply_ns"},
        {LK_STAGE_ANSWER, "leader: answer", "answer_ns"},
        {LK_STAGE_TURN, "all nodes: turn", "turn_ns"},
};

/* What an entry costs, all nodes together. */
static const struct cost {
    enum lk_sum sum;
    const char *name;
    const char *key;
} costs[] = {
        {LK_SUM_SYSTEM_CALLS, "system calls", "system_calls"},
        {LK_SUM_RECEIVED, "bytes received", "bytes_received"},
        {LK_SUM_SENT, "sent", "bytes_sent"},
        {LK_SUM_LOGGED, "logged", "bytes_logged"},
        {LK_SUM_WRITTEN, "written", "bytes_written"},
};

enum {
    STAGE_ROWS = sizeof(stage_rows) / sizeof(stage_rows[0]),
    COSTS = sizeof(costs) / sizeof(costs[0])
};

static uint64_t per_second(uint64_t count, uint64_t time_ns)
{
    uint64_t ms = time_ns / NS_PER_MS;
    return ms == 0 ? 0 : count * 1000 / ms;
}

/* ---- For people ---- */

static void print_head(const struct settings *settings, uint64_t span_ns, FILE *out)
{
    char text[DURATION_TEXT_BYTES];
    char done[DURATION_TEXT_BYTES];
    if (settings->rate == 0)
        (void)fprintf(out, "closed loop, %" PRIu64 " in flight", settings->inflight);
    else
        (void)fprintf(
                out, "open loop, %" PRIu64 " acquires started per second", settings->rate);
    (void)fprintf(out, " over %" PRIu64 " connections, %s", settings->connections,
            load_text(settings->load));
    if (settings->load != LOAD_UNCONTENDED)
        (void)fprintf(out, " (%" PRIu64 " shared locks)", settings->locks);
    if (settings->blocking)
        (void)fputs(", blocking calls", out);
    (void)fprintf(out, ", %s\n\n", duration_exact(settings->time_ns, text));
    if (span_ns < settings->time_ns)
        (void)fprintf(out, "PARTIAL: stopped by a signal after %s\n\n",
                duration_text(span_ns, done));
}

static void add_times(struct table *table, const struct histogram *histogram)
{
    char text[DURATION_TEXT_BYTES];
    for (size_t i = 0; i < RANKS; i++)
        table_cell(table, "%s",
                histogram->count == 0
                        ? "-"
                        : duration_text(histogram_at(histogram, ranks[i].rank), text));
}

static void add_counts(struct table *table, const struct histogram *histogram)
{
    for (size_t i = 0; i < RANKS; i++)
        table_cell(table, "%" PRIu64, histogram_at(histogram, ranks[i].rank));
}

static void add_stages(struct table *table, const struct leader_node *leader)
{
    for (size_t i = 0; i < STAGE_ROWS; i++) {
        table_cell(table, "%s", stage_rows[i].name);
        table_cell(table, "%s", "");
        add_times(table, &leader->stages[stage_rows[i].stage]);
    }
}

static void print_costs(const struct leader_node *leader, FILE *out)
{
    uint64_t entries = leader->commit.count;
    if (entries == 0)
        return;
    (void)fputs("cost of an entry, all nodes together:", out);
    for (size_t i = 0; i < COSTS; i++) {
        uint64_t tenths = (leader->sums[costs[i].sum] * 10 + entries / 2) / entries;
        (void)fprintf(out, "%s %" PRIu64 ".%" PRIu64 " %s", i == 0 ? "" : ",", tenths / 10,
                tenths % 10, costs[i].name);
    }
    (void)fputc('\n', out);
}

static void add_times_of(
        struct table *table, const char *name, const struct histogram *histogram)
{
    if (histogram->count == 0)
        return;
    table_cell(table, "%s", name);
    table_cell(table, "%s", "");
    add_times(table, histogram);
}

/*
 * Which part of the acquires' latency is the load's own lateness, and which part the
 * cluster's.
 */
static void add_open_loop(struct table *table, const struct report_input *input)
{
    if (input->settings->rate == 0)
        return;
    add_times_of(table, "acquire: started late by", &input->tally->lateness);
    add_times_of(table, "acquire: start to granted", &input->tally->granted);
    add_times_of(table, "acquire: start to busy", &input->tally->refused);
}

static void print_latencies(const struct report_input *input, FILE *out)
{
    const struct tally *tally = input->tally;
    uint64_t time = tally_span_ns(input->tally);
    struct table table;
    table_init(&table, "lrrrrrr");
    table_cell(&table, "%s", "");
    table_cell(&table, "per second");
    for (size_t i = 0; i < RANKS; i++)
        table_cell(&table, "%s", ranks[i].name);
    table_cell(&table, "acquire");
    table_cell(&table, "%" PRIu64, per_second(tally->acquires.in_span, time));
    add_times(&table, &tally->acquires.latency);
    add_open_loop(&table, input);
    table_cell(&table, "release");
    table_cell(&table, "%" PRIu64, per_second(tally->releases.in_span, time));
    add_times(&table, &tally->releases.latency);
    table_cell(&table, "together");
    table_cell(&table, "%" PRIu64,
            per_second(tally->acquires.in_span + tally->releases.in_span, time));
    add_times(&table, &tally->both);
    if (input->leader->reached) {
        table_cell(&table, "leader: commit of an entry");
        table_cell(&table, "%" PRIu64, per_second(input->leader->commit.count, time));
        add_times(&table, &input->leader->commit);
        table_cell(&table, "leader: commands per entry");
        table_cell(&table, "%s", "");
        add_counts(&table, &input->leader->commands);
        add_stages(&table, input->leader);
    }
    table_print(&table, out, "");
    table_drop(&table);
}

static void print_outcomes(const struct tally_side *side, const char *name, FILE *out)
{
    for (int i = 0; i < TALLY_STATUSES; i++) {
        if (i != LK_OK && side->by_status[i] > 0)
            (void)fprintf(out, "%s: %" PRIu64 " times: %s\n", name, side->by_status[i],
                    lk_status_text((enum lk_status)i));
    }
}

void report_table(const struct report_input *input, FILE *out)
{
    const struct tally *tally = input->tally;
    char text[DURATION_TEXT_BYTES];
    print_head(input->settings, tally_span_ns(input->tally), out);
    print_latencies(input, out);
    (void)fprintf(out, "\nlongest time without a grant: %s\n",
            duration_text(tally->longest_gap_ns, text));
    if (input->leader->reached)
        print_costs(input->leader, out);
    else
        (void)fputs("no figures of the leader: no node reported them\n", out);
    if (tally->left_out > 0)
        (void)fprintf(out,
                "acquire: %" PRIu64 " times: skipped, too late to start (--late)\n",
                tally->left_out);
    print_outcomes(&tally->acquires, "acquire", out);
    print_outcomes(&tally->releases, "release", out);
    if (tally->wrong > 0)
        (void)fprintf(out, "WRONG: %" PRIu64 " operations; the first: %s\n", tally->wrong,
                tally->first_wrong);
}

/* ---- As JSON ---- */

static void write_histogram(
        struct json *json, const char *key, const struct histogram *histogram)
{
    json_begin_object(json, key);
    json_u64(json, "count", histogram->count);
    json_u64(json, "mean", histogram_mean(histogram));
    json_u64(json, "mean_milli", histogram_mean_milli(histogram));
    for (size_t i = 0; i < RANKS; i++)
        json_u64(json, ranks[i].key, histogram_at(histogram, ranks[i].rank));
    json_end(json);
}

static void write_side(
        struct json *json, const char *key, const struct tally_side *side, uint64_t time_ns)
{
    static const char *const names[TALLY_STATUSES] = {"ok", "timeout", "unknown", "lost",
            "busy", "invalid", "cancelled", "deadlock", "stale", "limit", "old", "denied",
            "wrong_cluster", "version"};
    json_begin_object(json, key);
    json_u64(json, "per_second", per_second(side->in_span, time_ns));
    write_histogram(json, "latency_ns", &side->latency);
    json_begin_object(json, "outcomes");
    for (int i = 0; i < TALLY_STATUSES; i++)
        json_u64(json, names[i], side->by_status[i]);
    json_end(json);
    json_end(json);
}

static void write_settings(struct json *json, const struct settings *settings)
{
    json_begin_object(json, "settings");
    json_text(json, "workload", load_text(settings->load));
    json_text(json, "loop", settings->rate == 0 ? "closed" : "open");
    json_text(json, "calls", settings->blocking ? "blocking" : "async");
    json_u64(json, "rate", settings->rate);
    json_u64(json, "inflight", settings->inflight);
    json_u64(json, "connections", settings->connections);
    json_u64(json, "locks", settings->locks);
    json_u64(json, "hold_ns", settings->hold_ns);
    json_u64(json, "time_ns", settings->time_ns);
    json_u64(json, "warmup_ns", settings->warmup_ns);
    json_u64(json, "ttl_ns", settings->ttl_ns);
    json_u64(json, "seed", settings->seed);
    json_end(json);
}

/* The sums are of all nodes; divided by commit_ns.count they are what an entry costs. */
static void write_leader(struct json *json, const struct leader_node *leader, uint64_t time)
{
    json_begin_object(json, "leader");
    json_u64(json, "entries_per_second", per_second(leader->commit.count, time));
    write_histogram(json, "commit_ns", &leader->commit);
    write_histogram(json, "commands_per_entry", &leader->commands);
    for (size_t i = 0; i < STAGE_ROWS; i++)
        write_histogram(json, stage_rows[i].key, &leader->stages[stage_rows[i].stage]);
    for (size_t i = 0; i < COSTS; i++)
        json_u64(json, costs[i].key, leader->sums[costs[i].sum]);
    json_end(json);
}

void report_json(const struct report_input *input, FILE *out)
{
    const struct tally *tally = input->tally;
    uint64_t time = tally_span_ns(input->tally);
    struct json json;
    json_init(&json, out);
    json_begin_object(&json, NULL);
    write_settings(&json, input->settings);
    json_bool(&json, "partial", time < input->settings->time_ns);
    json_u64(&json, "measured_ns", time);
    write_side(&json, "acquire", &tally->acquires, time);
    write_side(&json, "release", &tally->releases, time);
    write_histogram(&json, "lateness_ns", &tally->lateness);
    write_histogram(&json, "granted_ns", &tally->granted);
    write_histogram(&json, "refused_ns", &tally->refused);
    json_begin_object(&json, "together");
    json_u64(&json, "per_second",
            per_second(tally->acquires.in_span + tally->releases.in_span, time));
    write_histogram(&json, "latency_ns", &tally->both);
    json_end(&json);
    if (input->leader->reached)
        write_leader(&json, input->leader, time);
    json_u64(&json, "left_out", tally->left_out);
    json_u64(&json, "longest_gap_ns", tally->longest_gap_ns);
    json_u64(&json, "wrong", tally->wrong);
    json_text(&json, "first_wrong", tally->wrong > 0 ? tally->first_wrong : NULL);
    json_end(&json);
}

/* ---- While it runs ---- */

void report_progress(const struct settings *settings, const struct tally *tally,
        uint64_t elapsed_ns, FILE *out)
{
    char now[DURATION_TEXT_BYTES];
    char all[DURATION_TEXT_BYTES];
    char p50[DURATION_TEXT_BYTES];
    char p99[DURATION_TEXT_BYTES];
    const struct histogram *latency = &tally->acquires.latency;
    (void)fprintf(out, "\r%s of %s, %" PRIu64 " grants, p50 %s, p99 %s   ",
            duration_text(elapsed_ns, now),
            duration_exact(settings->warmup_ns + settings->time_ns, all),
            tally->acquires.by_status[LK_OK],
            duration_text(histogram_at(latency, 50000), p50),
            duration_text(histogram_at(latency, 99000), p99));
    (void)fflush(out);
}

void report_progress_end(FILE *out)
{
    (void)fputs("\r\033[K", out);
    (void)fflush(out);
}
