#include "lockctl/latency.h"

#include <inttypes.h>
#include <stdio.h>

#include "tool/duration.h"
#include "tool/ranks.h"
#include "tool/table.h"

/* In the order in which they are shown. */
static const struct stage_name {
    const char *name;
    const char *key;
} stage_names[LK_STAGE_COUNT] = {
        [LK_STAGE_QUEUE] = {"queue", "queue_ns"},
        [LK_STAGE_WRITE] = {"write", "write_ns"},
        [LK_STAGE_REPLICATE] = {"replicate", "replicate_ns"},
        [LK_STAGE_APPLY] = {"apply", "apply_ns"},
        [LK_STAGE_ANSWER] = {"answer", "answer_ns"},
        [LK_STAGE_TURN] = {"turn", "turn_ns"},
        [LK_STAGE_ENTRY_COMMANDS] = {"commands", "commands_per_entry"},
        [LK_STAGE_ENTRY_BYTES] = {"bytes", "bytes_per_entry"},
};

static const struct sum_name {
    const char *name;
    const char *key;
} sum_names[LK_SUM_COUNT] = {
        [LK_SUM_APPLIED] = {"entries", "entries"},
        [LK_SUM_SYSTEM_CALLS] = {"system calls", "system_calls"},
        [LK_SUM_RECEIVED] = {"bytes received", "bytes_received"},
        [LK_SUM_SENT] = {"bytes sent", "bytes_sent"},
        [LK_SUM_LOGGED] = {"bytes logged", "bytes_logged"},
        [LK_SUM_WRITTEN] = {"bytes written", "bytes_written"},
        [LK_SUM_WRITES] = {"writes", "writes"},
};

enum {
    BAR_CELLS = 24,    /* One for each power of two, ... */
    BAR_FIRST_BIT = 10 /* ... from 1 us (2^10 ns) to 8 s. */
};

/* ---- Between two readings ---- */

static void take(struct histogram *histogram, const struct lk_histogram *taken)
{
    histogram_init(histogram);
    for (uint32_t i = 0; i < LK_BUCKET_COUNT; i++)
        histogram_add_bucket(histogram, i, taken->buckets[i]);
    if (histogram->count > 0 && taken->greatest < histogram->greatest)
        histogram->greatest = taken->greatest;
}

void latency_between(struct latency *latency, const struct lk_node_stages *before,
        const struct lk_node_stages *after)
{
    static const struct lk_node_stages none;
    bool restarted = before && before->uptime_ns > after->uptime_ns;
    if (!before || restarted)
        before = &none;
    *latency = (struct latency){
            .span_ns = after->uptime_ns - before->uptime_ns, .restarted = restarted};
    for (uint32_t i = 0; i < LK_STAGE_COUNT; i++) {
        struct histogram old;
        take(&latency->stages[i], &after->stages[i]);
        take(&old, &before->stages[i]);
        if (old.count > 0)
            histogram_subtract(&latency->stages[i], &old);
    }
    for (uint32_t i = 0; i < LK_SUM_COUNT; i++)
        latency->sums[i] = after->sums[i] - before->sums[i];
}

/* ---- For people ---- */

static bool is_time(uint32_t stage)
{
    return stage <= LK_STAGE_TURN;
}

/* How many values each power of two has: more values, darker letter. */
static void draw(const struct histogram *histogram, char bar[])
{
    static const char shades[] = " .:-=+*#";
    uint64_t cells[BAR_CELLS] = {0};
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t begin = histogram_bucket_begin(i);
        uint32_t cell = 0;
        while (cell + 1 < BAR_CELLS && begin >> (cell + 1 + BAR_FIRST_BIT) != 0)
            cell++;
        cells[cell] += histogram->buckets[i];
    }
    uint32_t end = 0;
    for (uint32_t i = 0; i < BAR_CELLS; i++) {
        uint64_t shade = cells[i] * (sizeof(shades) - 2) / histogram->count;
        bar[i] = shades[cells[i] > 0 && shade == 0 ? 1 : shade];
        end = cells[i] > 0 ? i + 1 : end;
    }
    bar[end] = '\0';
}

static void add_value(struct table *table, uint32_t stage, uint64_t value)
{
    char text[DURATION_TEXT_BYTES];
    if (is_time(stage))
        table_cell(table, "%s", duration_text(value, text));
    else
        table_cell(table, "%" PRIu64, value);
}

static void add_stage(struct table *table, const struct latency *latency, uint32_t stage)
{
    const struct histogram *histogram = &latency->stages[stage];
    char bar[BAR_CELLS + 1] = "";
    table_cell(table, "%s", stage_names[stage].name);
    table_cell(table, "%" PRIu64, histogram->count);
    for (size_t i = 0; i < RANKS; i++)
        add_value(table, stage, histogram_at(histogram, ranks[i].rank));
    if (is_time(stage))
        draw(histogram, bar);
    table_cell(table, "%s", bar);
}

/* Tenths, rounded, without floats: `sum` can be large, but not large enough to overflow. */
static void print_per_entry(const struct latency *latency, FILE *out)
{
    uint64_t entries = latency->sums[LK_SUM_APPLIED];
    (void)fprintf(out, "%" PRIu64 " entries applied", entries);
    for (uint32_t i = LK_SUM_SYSTEM_CALLS; i < LK_SUM_COUNT && entries > 0; i++) {
        uint64_t tenths = (latency->sums[i] * 10 + entries / 2) / entries;
        (void)fprintf(out, "%s%" PRIu64 ".%" PRIu64 " %s",
                i == LK_SUM_SYSTEM_CALLS ? "; for each: " : ", ", tenths / 10, tenths % 10,
                sum_names[i].name);
    }
    (void)fputc('\n', out);
}

void latency_print(const struct latency *latency, FILE *out)
{
    char text[DURATION_TEXT_BYTES];
    struct table table;
    (void)fprintf(out, "%s %s\n",
            latency->restarted ? "the node was restarted; since then," : "within",
            duration_text(latency->span_ns, text));
    table_init(&table, "lrrrrrrl");
    table_cell(&table, "stage");
    table_cell(&table, "count");
    for (size_t i = 0; i < RANKS; i++)
        table_cell(&table, "%s", ranks[i].name);
    table_cell(&table, "1us       1ms       1s");
    for (uint32_t i = 0; i < LK_STAGE_COUNT; i++) {
        if (latency->stages[i].count > 0)
            add_stage(&table, latency, i);
    }
    table_print(&table, out, "");
    table_drop(&table);
    print_per_entry(latency, out);
}

/* ---- For programs ---- */

void latency_write(const struct latency *latency, struct json *json)
{
    json_begin_object(json, "latency");
    json_u64(json, "span_ns", latency->span_ns);
    json_bool(json, "restarted", latency->restarted);
    for (uint32_t i = 0; i < LK_STAGE_COUNT; i++) {
        const struct histogram *histogram = &latency->stages[i];
        json_begin_object(json, stage_names[i].key);
        json_u64(json, "count", histogram->count);
        json_u64(json, "mean", histogram_mean(histogram));
        for (size_t rank = 0; rank < RANKS; rank++)
            json_u64(json, ranks[rank].key, histogram_at(histogram, ranks[rank].rank));
        json_end(json);
    }
    for (uint32_t i = 0; i < LK_SUM_COUNT; i++)
        json_u64(json, sum_names[i].key, latency->sums[i]);
    json_end(json);
}
