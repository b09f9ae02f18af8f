/* Notes stages in histograms and sends them: see stages.h. */
#include "node/stages.h"

#include "node/figures.h"

void stages_init(struct stages *stages)
{
    *stages = (struct stages){0};
    for (uint32_t i = 0; i < STAGE_COUNT; i++)
        histogram_init(&stages->rows[i]);
    histogram_init(&stages->loop.turns);
    histogram_init(&stages->commit_latency);
}

/*
 * From one reading of the clock to a later one. An unknown reading is 0, and then nothing
 * is noted. Of these histograms only what is sent is kept up to date: the buckets and the
 * greatest value.
 */
static inline void note(struct histogram *row, uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns == 0 || to_ns < from_ns)
        return;
    uint64_t value = to_ns - from_ns;
    row->buckets[histogram_bucket(value)]++;
    if (value > row->greatest)
        row->greatest = value;
}

void stages_end_turn(struct stages *stages, uint64_t ended_ns, uint64_t handed_ns)
{
    assert(stages->busy);
    assert(handed_ns >= ended_ns);
    if (stages->applied)
        note(&stages->rows[STAGE_APPLY], ended_ns, handed_ns);
    stages->applied = false;
    stages->busy = false;
}

void stages_durable(struct stages *stages, uint64_t handed_ns, uint64_t now_ns)
{
    note(&stages->rows[STAGE_WRITE], handed_ns, now_ns);
}

void stages_finish(struct stages *stages, const struct finished_entry *entry,
        struct conn *last, uint64_t now_ns)
{
    histogram_add(&stages->commit_latency, now_ns - entry->sealed_ns);
    if (entry->command_count > 0)
        histogram_add(&stages->rows[STAGE_COMMANDS], entry->command_count);
    const struct entry_stages *times = &entry->stages;
    uint64_t committed_ns = times->committed_ns;
    if (committed_ns == 0)
        committed_ns = stages->begun_ns;
    note(&stages->rows[STAGE_REPLICATE], times->handed_ns, committed_ns);
    histogram_add(&stages->rows[STAGE_BYTES], entry->body_bytes);
    if (entry->command_count == 0)
        return;
    note(&stages->rows[STAGE_QUEUE], times->admitted_ns, times->handed_ns);
    if (!last || last->watch_ns != 0)
        return;
    last->watch_ns = committed_ns;
    last->watch = last->output.filling;
}

void stages_sent(struct stages *stages, struct conn *conn, uint64_t now_ns)
{
    bool watched = conn->watch != conn->output.filling;
    if (conn->watch_ns == 0 || !watched)
        return;
    note(&stages->rows[STAGE_ANSWER], conn->watch_ns, now_ns);
    conn->watch_ns = 0;
}

/* One of them is kept by io. */
const struct histogram *stages_row(const struct stages *stages, enum stage stage)
{
    return stage == STAGE_TURN ? &stages->loop.turns : &stages->rows[stage];
}

uint64_t stages_sum(const struct stages *stages, enum stage_sum sum)
{
    return sum == SUM_SYSTEM_CALLS ? stages->loop.system_calls : stages->sums[sum];
}

static void put_row(struct wire *wire, enum stage stage, const struct histogram *histogram)
{
    struct stage_row row = {.stage = (uint8_t)stage, .greatest = histogram->greatest};
    wire_stage_row(wire, &row);
    figures_put(wire, histogram);
}

static void put_stages(const struct stages *stages, uint64_t uptime_ns, struct wire *wire)
{
    struct stages_head head = {
            .uptime_ns = uptime_ns,
            .rows = STAGE_COUNT,
            .sums = SUM_COUNT,
    };
    wire_stages_head(wire, &head);
    for (uint32_t i = 0; i < STAGE_COUNT; i++)
        put_row(wire, (enum stage)i, stages_row(stages, (enum stage)i));
    for (uint32_t i = 0; i < SUM_COUNT; i++) {
        struct stage_value value = {
                .sum = (uint8_t)i, .value = stages_sum(stages, (enum stage_sum)i)};
        wire_stage_value(wire, &value);
    }
}

static_assert(STAGE_COUNT * (HISTOGRAM_BUCKETS + 2) * 10 + 256 < FRAME_CLIENT_BODY_MAX,
        "all of them fit into one frame");

void stages_frame(const struct stages *stages, struct conns *conns, struct conn *conn,
        uint64_t uptime_ns)
{
    assert(conn->role == CONN_CLIENT);
    struct wire measure = wire_measure();
    put_stages(stages, uptime_ns, &measure);
    struct wire wire = conn_begin(conn, measure.at);
    put_stages(stages, uptime_ns, &wire);
    conn_end(conns, conn, FRAME_STAGES_ANSWER, &wire);
}

void stages_check(const struct stages *stages)
{
    if (stages->applied)
        assert(stages->busy);
    assert(stages->rows[STAGE_QUEUE].greatest == 0 ||
            stages->rows[STAGE_BYTES].greatest > 0);
}
