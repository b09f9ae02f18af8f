/*
 * How long entries take, stage by stage; `lockctl status --latency` shows it.
 *
 * node reads no clock, so a stage begins and ends where io read one: at the begin of a turn
 * (what came in came then), before its end is stepped, and when its effects were handed on,
 * which the first event of the next turn tells. What is done in between belongs to the stage
 * that waits for it: time spent on applying never counts as time of the disk.
 *
 *     turn n        begin | requests come, first command of the batch       queue begins
 *                     end | batch sealed
 *               handed on | its bytes go to the disk and to the peers       queue ends;
 *                         |                                                 write, replicate
 *     turn n + i    begin | the disk is done                                write ends
 *     turn n + k    begin | the answer of a peer: committed                 replicate ends;
 *                     end | applied, answers written                        answer
 *               handed on |
 *     turn n + k + 1 begin| the kernel has the last of them                 answer ends
 *
 * All is done once an entry, a write or a turn, never once a command. Of an entry's answers
 * the last is followed, in the connection's buffer that it was written to.
 */
#include "node/replica.h"

void stages_init(struct node *node)
{
    *node->stages = (struct stages){0};
    for (uint32_t i = 0; i < STAGE_COUNT; i++)
        histogram_init(&node->stages->rows[i]);
    histogram_init(&node->stages->loop.turns);
}

/*
 * From one reading of the clock to a later one. A reading that is not known is 0, and makes
 * nothing. Of these histograms only what is told is kept up: buckets and the greatest.
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

/* Whatever the turn before put into the rings went out at `handed_ns`. */
static void stamp_writes(struct node *node, uint64_t handed_ns)
{
    const struct ring *ring = &node->write_ring;
    uint64_t at = node->stages->writes_handed;
    for (at = at < ring->begin ? ring->begin : at; at < ring->end; at++)
        node->writes[ring_at(ring, at)].handed_ns = handed_ns;
    node->stages->writes_handed = at;
}

static void stamp_under_way(struct node *node, uint64_t handed_ns)
{
    const struct ring *ring = &node->under_way_ring;
    uint64_t at = node->stages->under_way_handed;
    for (at = at < ring->begin ? ring->begin : at; at < ring->end; at++)
        node->under_way[ring_at(ring, at)].handed_ns = handed_ns;
    node->stages->under_way_handed = at;
}

static void finish_turn(struct node *node, uint64_t ended_ns, uint64_t handed_ns)
{
    struct stages *stages = node->stages;
    stamp_writes(node, handed_ns);
    stamp_under_way(node, handed_ns);
    if (stages->applied)
        note(&stages->rows[STAGE_APPLY], ended_ns, handed_ns);
    stages->applied = false;
    stages->busy = false;
}

void stages_begin_turn(struct node *node, const struct node_event *event)
{
    struct stages *stages = node->stages;
    uint64_t ended_ns = node->clocks.monotonic_ns;
    uint64_t handed_ns = event->handed_ns < ended_ns ? ended_ns : event->handed_ns;
    if (stages->busy)
        finish_turn(node, ended_ns, handed_ns);
    stages->begun_ns = event->now_ns;
}

void stages_durable(struct node *node, const struct raft_write *write)
{
    note(&node->stages->rows[STAGE_WRITE], write->handed_ns, node->now_ns);
}

void stages_applied_later(struct node *node)
{
    const struct ring *ring = &node->under_way_ring;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        struct under_way *entry = &node->under_way[ring_at(ring, at)];
        if (entry->id.index > raft_commit(node->raft))
            break;
        if (entry->committed_ns == 0)
            entry->committed_ns = node->stages->begun_ns;
    }
}

void stages_finish(struct node *node, const struct under_way *own)
{
    uint64_t committed_ns = own->committed_ns;
    if (committed_ns == 0)
        committed_ns = node->stages->begun_ns;
    note(&node->stages->rows[STAGE_REPLICATE], own->handed_ns, committed_ns);
    histogram_add(&node->stages->rows[STAGE_BYTES], own->body_bytes);
    if (own->command_count == 0)
        return;
    note(&node->stages->rows[STAGE_QUEUE], own->admitted_ns, own->handed_ns);
    /* Popped a moment ago, and nothing has taken its place yet. */
    uint64_t last_slot = (own->owed_end - 1) & (node->owed_ring.capacity - 1);
    const struct owed *last = &node->owed[last_slot];
    struct conn *conn = conn_if_alive(node, last->conn, last->serial);
    if (!conn || conn->watch_ns != 0)
        return;
    conn->watch_ns = committed_ns;
    conn->watch = conn->output.filling;
}

void stages_sent(struct node *node, struct conn *conn)
{
    bool watched = conn->watch != conn->output.filling;
    if (conn->watch_ns == 0 || !watched)
        return;
    note(&node->stages->rows[STAGE_ANSWER], conn->watch_ns, node->now_ns);
    conn->watch_ns = 0;
}

/* Two of them are kept elsewhere. */
static const struct histogram *row_of(const struct node *node, enum stage stage)
{
    if (stage == STAGE_COMMANDS)
        return node->entry_commands;
    if (stage == STAGE_TURN)
        return &node->stages->loop.turns;
    return &node->stages->rows[stage];
}

static void put_row(struct wire *wire, enum stage stage, const struct histogram *histogram)
{
    struct stage_row row = {.stage = (uint8_t)stage, .greatest = histogram->greatest};
    wire_stage_row(wire, &row);
    own_status_buckets(wire, histogram);
}

static void put_stages(const struct node *node, struct wire *wire)
{
    const struct stages *stages = node->stages;
    struct stages_head head = {
            .uptime_ns = node->now_ns - node->start_ns,
            .rows = STAGE_COUNT,
            .sums = SUM_COUNT,
    };
    wire_stages_head(wire, &head);
    for (uint32_t i = 0; i < STAGE_COUNT; i++)
        put_row(wire, (enum stage)i, row_of(node, (enum stage)i));
    for (uint32_t i = 0; i < SUM_COUNT; i++) {
        struct stage_value value = {.sum = (uint8_t)i, .value = stages->sums[i]};
        if (i == SUM_SYSTEM_CALLS)
            value.value = stages->loop.system_calls;
        wire_stage_value(wire, &value);
    }
}

static_assert(STAGE_COUNT * (HISTOGRAM_BUCKETS + 2) * 10 + 256 < FRAME_CLIENT_BODY_MAX,
        "all of them fit into one frame");

void stages_frame(struct node *node, struct conn *conn)
{
    struct wire measure = wire_measure();
    put_stages(node, &measure);
    struct wire wire = conn_begin(node, conn, measure.at);
    put_stages(node, &wire);
    conn_end(node, conn, FRAME_STAGES_ANSWER, &wire);
}
