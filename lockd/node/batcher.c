/*
 * The batch: one log entry for all that is pending.
 *
 * Commands are written into the open batch as they are admitted, in the log's buffer, from
 * where the entry will go to disk and to the peers. At the end of a turn it is sealed if
 * there is a reason and not too many entries are under way; so while one is being made
 * durable the next fills, and the busier the cluster, the fuller its entries. Clients that are
 * about to come back are waited for: gather.c. Over a distance entries follow one another at a
 * spacing, so that no command waits for another's round trip.
 *
 * An entry with dt > 0 carries every keepalive that was taken in before its reading. Where
 * they do not fit, dt is 0 and the sum goes to the entry with the last of them. (G3)
 */
#include "base/mark.h"
#include "base/units.h"
#include "node/replica.h"

enum {
    SECTION_HEAD_BYTES = 26, /* Of wire_section_logged() */
    COMMAND_BYTES_MAX = 512, /* A section's head and its longest request */
};

static size_t command_room(const struct node *node)
{
    const struct node_limits *limits = &node->settings.limits;
    return limits->entry_body_max - (size_t)limits->renewals_max * RENEWAL_BYTES;
}

static bool open_batch(struct node *node)
{
    uint32_t body_max = node->settings.limits.entry_body_max;
    if (!consensus_has_room(node, 1, ENTRY_HEAD_BYTES + body_max))
        return false;
    struct open_batch *batch = &node->batch;
    unsigned char *body = wal_open_entry(node->wal, body_max);
    *batch = (struct open_batch){.open = true, .body = body, .opened_ns = node->now_ns};
    batch->wire = wire_writer(body, command_room(node));
    batch->wire.at = BATCH_HEAD_BYTES;
    return true;
}

/* Write the head of the last section, now that its count is known. */
static void close_section(struct open_batch *batch)
{
    if (!batch->head.open)
        return;
    struct wire wire = late_head_write(&batch->head, batch->body);
    wire_section_logged(&wire, &batch->section);
    late_head_done(&wire);
}

static void open_section(struct open_batch *batch, const struct section *section)
{
    close_section(batch);
    batch->section = *section;
    batch->section.count = 0;
    batch->wire.at = late_head_leave(&batch->head, batch->wire.at, SECTION_HEAD_BYTES);
}

static bool continues_section(const struct open_batch *batch, const struct section *section)
{
    return batch->head.open && batch->section.count < UINT16_MAX &&
           batch->section.session == section->session && section->session != 0 &&
           batch->section.answered == section->answered &&
           batch->section.confirmed == section->confirmed;
}

/* False: there is no room, neither here nor in a next one, and the client is to come later. */
bool batcher_add(struct node *node, const struct command *command)
{
    struct open_batch *batch = &node->batch;
    if (!batch->open && !open_batch(node))
        return false;
    if (wire_left(&batch->wire) < COMMAND_BYTES_MAX)
        return false;
    if (!continues_section(batch, &command->section))
        open_section(batch, &command->section);
    struct command written = *command;
    wire_command(&batch->wire, &written);
    assert(!batch->wire.failed);
    batch->section.count++;
    batch->command_count++;
    return true;
}

void batcher_drop(struct node *node)
{
    if (wal_entry_is_open(node->wal))
        wal_drop_entry(node->wal);
    node->batch = (struct open_batch){0};
    node->term_start_due = false;
    backlog_init(node);
    gather_init(node);
    /* Their clients would wait for ever: they hear from the next leader instead. */
    for (uint64_t at = node->owed_ring.begin; at < node->owed_ring.end; at++) {
        const struct owed *owed = &node->owed[ring_at(&node->owed_ring, at)];
        struct conn *conn = conn_if_alive(node, owed->conn, owed->serial);
        if (conn)
            conn_close(node, conn);
    }
    ring_pop_before(&node->owed_ring, node->owed_ring.end);
    ring_pop_before(&node->keepalive_ring, node->keepalive_ring.end);
    node->keepalives_sealed = node->keepalive_ring.end;
    ring_pop_before(&node->under_way_ring, node->under_way_ring.end);
}

/* Sealed in the log's buffer: from here on it is raft's to append. */
static void seal_entry(struct node *node, enum entry_kind kind, uint32_t body_bytes,
        const struct under_way *described)
{
    struct entry_head head = {
            .id = raft_next_id(node->raft),
            .kind = kind,
            .body_bytes = body_bytes,
    };
    wal_seal_entry(node->wal, &head);
    struct under_way *entry = &node->under_way[ring_push(&node->under_way_ring)];
    *entry = *described;
    entry->id = head.id;
    entry->owed_end = node->owed_ring.end;
    entry->keepalive_end = node->keepalives_sealed;
    entry->sealed_ns = node->now_ns;
    entry->body_bytes = body_bytes;
    entry->admitted_ns = node->batch.opened_ns;
    node->stages->sums[SUM_LOGGED] += ENTRY_HEAD_BYTES + body_bytes;
    node->appended_ns = node->now_ns;
    node->batch = (struct open_batch){0};
    struct raft_event event = {.kind = RAFT_PROPOSE};
    event.entry.kind = kind;
    event.entry.bytes = (uint32_t)entry_bytes(&head);
    consensus_step(node, &event);
}

static uint32_t take_renewals(struct node *node, struct wire *wire)
{
    uint32_t count = 0;
    while (node->keepalives_sealed < node->keepalive_ring.end &&
            count < node->settings.limits.renewals_max) {
        uint32_t slot = ring_at(&node->keepalive_ring, node->keepalives_sealed);
        const struct keepalive *keepalive = &node->keepalives[slot];
        struct renewal renewal = {keepalive->session, keepalive->confirmed};
        wire_renewal(wire, &renewal);
        node->keepalives_sealed++;
        count++;
    }
    return count;
}

static void seal_batch(struct node *node, enum entry_kind kind)
{
    struct open_batch *batch = &node->batch;
    close_section(batch);
    struct batch_head head = {.wall_ns = node->wall_ns};
    head.command_bytes = (uint32_t)(batch->wire.at - BATCH_HEAD_BYTES);
    struct wire wire = wire_writer(batch->body, node->settings.limits.entry_body_max);
    wire.at = batch->wire.at;
    if (kind == ENTRY_BATCH)
        head.renewal_count = take_renewals(node, &wire);
    size_t body_bytes = wire.at;
    if (kind == ENTRY_BATCH && node->keepalives_sealed == node->keepalive_ring.end) {
        head.dt_ns = node->served.sum_ns;
        node->served.sum_ns = 0;
    }
    wire.at = 0;
    wire_batch_head(&wire, &head);
    assert(!wire.failed);
    struct under_way described = {
            .dt_ns = head.dt_ns, .command_count = batch->command_count};
    seal_entry(node, kind, (uint32_t)body_bytes, &described);
}

/* The first entry of all: who is in the cluster, and its settings. */
static void seal_founding(struct node *node)
{
    wal_set_cluster(node->wal, prng_next(&node->prng) | 1);
    struct founding founding = {
            .settings = node->settings.cluster,
            .members = node->settings.raft.members,
            .wall_ns = node->wall_ns,
    };
    struct wire wire = wire_writer(node->batch.body, node->settings.limits.entry_body_max);
    wire_founding(&wire, &founding);
    assert(!wire.failed);
    struct under_way described = {0};
    seal_entry(node, ENTRY_FOUND, (uint32_t)wire.at, &described);
    node_notice(node, NOTICE_FOUNDED, 0, wal_cluster(node->wal));
}

/* The entry that begins the term: until it is committed nothing else is admitted. */
static void seal_term_start(struct node *node)
{
    if (!node->batch.open && !open_batch(node))
        return;
    assert(node->batch.command_count == 0);
    node->term_start_due = false;
    if (raft_last(node->raft).index == 0)
        seal_founding(node);
    else
        seal_batch(node, ENTRY_TERM_START);
}

/* Cluster time as it will be when all that is under way is applied. */
static uint64_t time_to_be(const struct node *node)
{
    uint64_t time = locks_time(node->locks);
    const struct ring *ring = &node->under_way_ring;
    for (uint64_t at = ring->begin; at < ring->end; at++)
        time += node->under_way[ring_at(ring, at)].dt_ns;
    return time;
}

static bool keepalives_pending(const struct node *node)
{
    return node->keepalives_sealed < node->keepalive_ring.end;
}

/* A tick is due: keepalives, a deadline that is reached, work left over, or a second gone by. */
static bool wants_tick(const struct node *node)
{
    uint64_t age_ns = node->now_ns - node->appended_ns;
    if (keepalives_pending(node) && age_ns >= node->settings.tick_ns)
        return true;
    if (locks_has_work(node->locks) && ring_is_empty(&node->under_way_ring))
        return true;
    uint64_t deadline = locks_deadline(node->locks);
    if (deadline == UINT64_MAX)
        return false;
    uint64_t time = time_to_be(node);
    bool reached = time < deadline && time + node->served.sum_ns >= deadline;
    return reached || age_ns >= NS_PER_S;
}

/*
 * Two entries under way pay if they are alike. A smaller one costs as many writes, messages and
 * answers for fewer commands, and those who wait for them come back in as small a group: it
 * waits for a commit or the spacing, and grows.
 */
static bool is_smaller_than_newest(const struct node *node)
{
    const struct ring *ring = &node->under_way_ring;
    if (ring_is_empty(ring))
        return false;
    const struct under_way *newest = &node->under_way[ring_at(ring, ring->end - 1)];
    return node->batch.command_count < newest->command_count;
}

/*
 * From when on the entries under way allow another. Near, two alike overlap fully, and
 * commits make room for the next. Where a commit takes long, the others of two would be
 * waiting for a round trip before theirs begins: there more are sealed, at a distance.
 */
static uint64_t allowed_ns(const struct node *node)
{
    const struct node_limits *limits = &node->settings.limits;
    uint64_t count = ring_count(&node->under_way_ring);
    if (count < limits->entries_under_way && !is_smaller_than_newest(node))
        return 0;
    if (count >= limits->entries_far_max)
        return UINT64_MAX;
    return node->appended_ns + node->settings.entry_spacing_ns;
}

/* ... and those who are about to come have come. */
static uint64_t sealable_ns(const struct node *node)
{
    uint64_t allowed = allowed_ns(node);
    uint64_t gathered = gather_until_ns(node);
    return gathered > allowed ? gathered : allowed;
}

/* An entry could be sealed now. If not, an event will say when: no time need pass for it. */
static bool may_seal(const struct node *node)
{
    if (!raft_takes_proposals(node->raft) || !raft_leads_committed(node->raft))
        return false;
    if (node->now_ns < sealable_ns(node))
        return false;
    uint64_t entry_bytes_max = ENTRY_HEAD_BYTES + node->settings.limits.entry_body_max;
    return node->batch.open || consensus_has_room(node, 1, entry_bytes_max);
}

void batcher_seal(struct node *node)
{
    if (node->term_start_due && raft_takes_proposals(node->raft))
        seal_term_start(node);
    if (!may_seal(node))
        return;
    if (node->batch.command_count == 0 && !wants_tick(node))
        return;
    if (!node->batch.open && !open_batch(node))
        return;
    seal_batch(node, ENTRY_BATCH);
}

/* Commands that wait for nothing but the spacing of entries. */
static uint64_t spacing_deadline(const struct node *node)
{
    uint64_t ns = sealable_ns(node);
    if (node->batch.command_count == 0 || ns <= node->now_ns ||
            !raft_takes_proposals(node->raft) || !raft_leads_committed(node->raft))
        return UINT64_MAX;
    return ns;
}

/* When a turn is needed though nothing arrives: time is read at least once per tick. */
uint64_t batcher_deadline(const struct node *node)
{
    if (!raft_is_leader(node->raft))
        return UINT64_MAX;
    bool pending = keepalives_pending(node) || locks_deadline(node->locks) != UINT64_MAX;
    if (!pending)
        return spacing_deadline(node);
    uint64_t wake_ns = node->now_ns + node->settings.tick_ns;
    uint64_t deadline = locks_deadline(node->locks);
    uint64_t time = time_to_be(node) + node->served.sum_ns;
    if (time < deadline && deadline - time < node->settings.tick_ns)
        wake_ns = node->now_ns + (deadline - time) + NS_PER_US;
    if (keepalives_pending(node) && may_seal(node)) {
        uint64_t tick_ns = node->appended_ns + node->settings.tick_ns;
        if (tick_ns < wake_ns)
            wake_ns = tick_ns > node->now_ns ? tick_ns : node->now_ns + NS_PER_US;
    }
    uint64_t spaced_ns = spacing_deadline(node);
    return spaced_ns < wake_ns ? spaced_ns : wake_ns;
}
