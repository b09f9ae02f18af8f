#include "floor_report.h"

#include <inttypes.h>

#include "base/units.h"
#include "tool/duration.h"
#include "tool/json_writer.h"
#include "tool/ranks.h"
#include "tool/table.h"

static const char *const names[FLOOR_PROCESSES] = {
        "leader", "follower 1", "follower 2", "load"};
static const char *const keys[FLOOR_PROCESSES] = {
        "leader", "follower_1", "follower_2", "load"};

static uint64_t per_second(uint64_t count, uint64_t time_ns)
{
    uint64_t us = time_ns / NS_PER_US;
    return us == 0 ? 0 : count * 1000000 / us;
}

/* A quotient in thousandths. */
static uint64_t milli(uint64_t count, uint64_t of)
{
    return of == 0 ? 0 : count * 1000 / of;
}

/* In thousandths of a processor: what none of the four processes used. */
static uint64_t other_cpu(const struct floor_reading *span)
{
    uint64_t own_ns = 0;
    for (uint32_t i = 0; i < FLOOR_PROCESSES; i++)
        own_ns += span->cpu_ns[i];
    return own_ns < span->busy_ns ? milli(span->busy_ns - own_ns, span->at_ns) : 0;
}

/* ---- For people ---- */

static void milli_cell(struct table *table, uint64_t value)
{
    table_cell(table, "%" PRIu64 ".%02" PRIu64, value / 1000, value % 1000 / 10);
}

static void latency_row(struct table *table, const char *name, uint64_t rate,
        const struct histogram *latency)
{
    char text[DURATION_TEXT_BYTES];
    table_cell(table, "%s", name);
    table_cell(table, "%" PRIu64, rate);
    for (size_t i = 0; i < RANKS; i++)
        table_cell(table, "%s", duration_text(histogram_at(latency, ranks[i].rank), text));
}

static void latency_head(struct table *table)
{
    table_init(table, "lrrrrrr");
    table_cell(table, "%s", "");
    table_cell(table, "per second");
    for (size_t i = 0; i < RANKS; i++)
        table_cell(table, "%s", ranks[i].name);
}

static void print_costs(const struct floor_reading *span, FILE *out)
{
    uint64_t batches = span->counters[0].batches;
    struct table table;
    table_init(&table, "lrrrr");
    table_cell(&table, "for one commit");
    table_cell(&table, "system calls");
    table_cell(&table, "bytes sent");
    table_cell(&table, "bytes to disk");
    table_cell(&table, "us of processor");
    for (uint32_t i = 0; i < FLOOR_PROCESSES; i++) {
        const struct floor_counters *counters = &span->counters[i];
        table_cell(&table, "%s", names[i]);
        milli_cell(&table, milli(counters->enters, batches));
        table_cell(&table, "%" PRIu64, milli(counters->sent_bytes, batches) / 1000);
        table_cell(&table, "%" PRIu64, milli(counters->disk_bytes, batches) / 1000);
        milli_cell(&table, milli(span->cpu_ns[i], batches * NS_PER_US));
    }
    table_print(&table, out, "");
    table_drop(&table);
}

void floor_report_table(
        const struct floor_settings *settings, const struct floor_result *result, FILE *out)
{
    const struct floor_reading *span = &result->span;
    uint64_t batches = span->counters[0].batches;
    char text[DURATION_TEXT_BYTES];
    (void)fprintf(out,
            "closed loop, %" PRIu64 " in flight over %" PRIu64 " connections, %s, %" PRIu64
            " batches under way, linger %" PRIu64 " us\n\n",
            settings->inflight, settings->connections,
            duration_exact(settings->time_ns, text), settings->batches,
            settings->linger_us);
    struct table table;
    latency_head(&table);
    latency_row(&table, "request",
            per_second(span->counters[FLOOR_LOAD].requests, settings->time_ns),
            &result->latency);
    table_print(&table, out, "");
    table_drop(&table);
    uint64_t fill = milli(span->counters[0].requests, batches);
    (void)fprintf(out,
            "\n%" PRIu64 " commits a second of %" PRIu64 ".%01" PRIu64 " requests each\n\n",
            per_second(batches, span->at_ns), fill / 1000, fill % 1000 / 100);
    print_costs(span, out);
    uint64_t other = other_cpu(span);
    (void)fprintf(out,
            "\nothers and the kernel's workers used %" PRIu64 ".%02" PRIu64 " processors\n",
            other / 1000, other % 1000 / 10);
    if (result->verified)
        (void)fprintf(
                out, "the three logs are equal, %" PRIu64 " blocks\n", result->blocks);
}

void floor_raw_table(
        const struct floor_settings *settings, const struct floor_raw *raw, FILE *out)
{
    uint64_t time = settings->time_ns;
    struct table table;
    latency_head(&table);
    latency_row(&table, "durable write of 4 KiB, one file",
            per_second(raw->one_write.count, time), &raw->one_write);
    latency_row(&table, "durable write of 4 KiB, three files at once",
            per_second(raw->three_writes.count, time), &raw->three_writes);
    latency_row(&table, "round trip on loopback, both ends sleep",
            per_second(raw->round_trip.count, time), &raw->round_trip);
    table_print(&table, out, "");
    table_drop(&table);
}

/* ---- As JSON ---- */

static void write_latency(
        struct json *json, const char *key, const struct histogram *latency)
{
    json_begin_object(json, key);
    json_u64(json, "count", latency->count);
    json_u64(json, "mean", histogram_mean(latency));
    for (size_t i = 0; i < RANKS; i++)
        json_u64(json, ranks[i].key, histogram_at(latency, ranks[i].rank));
    json_end(json);
}

static void write_settings(struct json *json, const struct floor_settings *settings)
{
    json_begin_object(json, "settings");
    json_u64(json, "inflight", settings->inflight);
    json_u64(json, "connections", settings->connections);
    json_u64(json, "time_ns", settings->time_ns);
    json_u64(json, "linger_us", settings->linger_us);
    json_u64(json, "batches", settings->batches);
    json_end(json);
}

static void write_costs(struct json *json, const struct floor_reading *span)
{
    uint64_t batches = span->counters[0].batches;
    json_begin_object(json, "for_one_commit");
    for (uint32_t i = 0; i < FLOOR_PROCESSES; i++) {
        const struct floor_counters *counters = &span->counters[i];
        json_begin_object(json, keys[i]);
        json_u64(json, "system_calls_milli", milli(counters->enters, batches));
        json_u64(json, "sent_bytes", milli(counters->sent_bytes, batches) / 1000);
        json_u64(json, "disk_bytes", milli(counters->disk_bytes, batches) / 1000);
        json_u64(json, "processor_ns", batches == 0 ? 0 : span->cpu_ns[i] / batches);
        json_end(json);
    }
    json_end(json);
}

void floor_report_json(
        const struct floor_settings *settings, const struct floor_result *result, FILE *out)
{
    const struct floor_reading *span = &result->span;
    uint64_t batches = span->counters[0].batches;
    struct json json;
    json_init(&json, out);
    json_begin_object(&json, NULL);
    write_settings(&json, settings);
    json_u64(&json, "per_second",
            per_second(span->counters[FLOOR_LOAD].requests, settings->time_ns));
    write_latency(&json, "latency_ns", &result->latency);
    json_u64(&json, "commits", batches);
    json_u64(&json, "commits_per_second", per_second(batches, span->at_ns));
    json_u64(
            &json, "requests_per_commit_milli", milli(span->counters[0].requests, batches));
    write_costs(&json, span);
    json_u64(&json, "other_cpu_milli", other_cpu(span));
    json_bool(&json, "logs_compared", result->verified);
    json_u64(&json, "blocks_equal", result->blocks);
    json_end(&json);
}

void floor_raw_json(
        const struct floor_settings *settings, const struct floor_raw *raw, FILE *out)
{
    struct json json;
    json_init(&json, out);
    json_begin_object(&json, NULL);
    json_u64(&json, "time_ns", settings->time_ns);
    write_latency(&json, "write_one_file_ns", &raw->one_write);
    write_latency(&json, "write_three_files_ns", &raw->three_writes);
    write_latency(&json, "round_trip_ns", &raw->round_trip);
    json_end(&json);
}
