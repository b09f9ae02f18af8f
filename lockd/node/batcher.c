/* Fills the batch and seals it into an entry: see batcher.h. */
#include "node/batcher.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"
#include "protocol/batch.h"
#include "protocol/token.h"

enum {
    SECTION_HEAD_BYTES = 27, /* Of wire_section_logged(), when the secret was compared */
    COMMAND_BYTES_MAX = 512, /* A section's head and its longest request */
};

static size_t command_room(const struct batcher *batcher)
{
    const struct node_limits *limits = &batcher->settings->limits;
    return limits->entry_body_max - (size_t)limits->keepalives_max * KEEPALIVE_BYTES;
}

static bool open_batch(struct batcher *batcher)
{
    uint32_t body_max = batcher->settings->limits.entry_body_max;
    if (!journal_has_room(batcher->journal, 1, ENTRY_HEAD_BYTES + body_max))
        return false;
    struct open_batch *batch = &batcher->batch;
    assert(!batch->open && raft_is_leader(batcher->raft));
    unsigned char *body = wal_open_entry(batcher->wal, body_max);
    *batch = (struct open_batch){
            .open = true, .body = body, .opened_ns = batcher->times->now_ns};
    batch->wire = wire_writer(body, command_room(batcher));
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
    size_t bytes = SECTION_HEAD_BYTES + (section->unproved ? (size_t)SECRET_BYTES : 0);
    batch->wire.at = late_head_leave(&batch->head, batch->wire.at, bytes);
}

static bool continues_section(const struct open_batch *batch, const struct section *section)
{
    return batch->head.open && batch->section.count < UINT16_MAX && !section->unproved &&
           batch->section.session == section->session && section->session != 0 &&
           batch->section.answered == section->answered &&
           batch->section.confirmed == section->confirmed;
}

bool batcher_add(struct batcher *batcher, const struct command *command)
{
    struct open_batch *batch = &batcher->batch;
    if (!batch->open && !open_batch(batcher))
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

void batcher_begin_term(struct batcher *batcher)
{
    assert(raft_is_leader(batcher->raft));
    assert(!batcher->batch.open);
    batcher->term_start_due = true;
}

void batcher_drop(struct batcher *batcher)
{
    assert(!raft_is_leader(batcher->raft));
    if (wal_entry_is_open(batcher->wal))
        wal_drop_entry(batcher->wal);
    batcher->batch = (struct open_batch){0};
    batcher->term_start_due = false;
    batcher->wish.due = false;
}

/* Sealed in the log's buffer: from here on it is raft's to append. */
static void seal_entry(struct batcher *batcher, const struct entry_head *wanted,
        const struct under_way *described, struct raft_event *event)
{
    assert(raft_takes_proposals(batcher->raft));
    assert(batcher->batch.open && !batcher->batch.head.open);
    struct entry_head head = *wanted;
    head.id = raft_next_id(batcher->raft);
    wal_seal_entry(batcher->wal, &head);
    struct under_way entry = *described;
    entry.id = head.id;
    entry.entry.sealed_ns = batcher->times->now_ns;
    entry.entry.body_bytes = head.body_bytes;
    entry.entry.stages.admitted_ns = batcher->batch.opened_ns;
    ledger_seal(batcher->ledger, &entry);
    batcher->appended_ns = batcher->times->now_ns;
    batcher->batch = (struct open_batch){0};
    *event = (struct raft_event){.kind = RAFT_PROPOSE};
    event->entry.kind = head.kind;
    event->entry.bytes = (uint32_t)entry_bytes(&head);
}

/*
 * How long it waited for other work, in us. Only the wait that was allowed counts: what came
 * on top of it, because entries were slow, must not shorten a lease. (G3)
 */
static uint32_t waited_us(
        const struct batcher *batcher, const struct pending_keepalive *keepalive)
{
    uint64_t served_ns = batcher->served->total_ns;
    assert(keepalive->arrived_ns <= served_ns);
    uint64_t waited_ns = u64_min(served_ns - keepalive->arrived_ns, keepalive->wait_ns);
    return (uint32_t)u64_min(waited_ns / NS_PER_US, UINT32_MAX);
}

static uint32_t take_keepalives(struct batcher *batcher, struct wire *wire)
{
    uint32_t most = batcher->settings->limits.keepalives_max;
    uint32_t count = 0;
    const struct pending_keepalive *pending;
    while (count < most && (pending = ledger_seal_keepalive(batcher->ledger)) != NULL) {
        struct keepalive keepalive = {.session = pending->session,
                .confirmed = pending->confirmed,
                .answered = pending->answered,
                .waited_us = waited_us(batcher, pending)};
        wire_keepalive(wire, &keepalive);
        count++;
    }
    return count;
}

static void seal_batch(
        struct batcher *batcher, enum entry_kind kind, struct raft_event *event)
{
    struct open_batch *batch = &batcher->batch;
    assert(batch->open);
    close_section(batch);
    struct batch_head head = {.wall_ns = batcher->times->clocks.wall_ns};
    head.command_bytes = (uint32_t)(batch->wire.at - BATCH_HEAD_BYTES);
    struct wire wire = wire_writer(batch->body, batcher->settings->limits.entry_body_max);
    wire.at = batch->wire.at;
    if (kind == ENTRY_BATCH)
        head.keepalive_count = take_keepalives(batcher, &wire);
    size_t body_bytes = wire.at;
    bool early = kind == ENTRY_BATCH && ledger_has_unsealed(batcher->ledger);
    if (early)
        MARK(entry_holds_time_back);
    else if (kind == ENTRY_BATCH)
        head.dt_ns = served_take_ns(batcher->served);
    wire.at = 0;
    wire_batch_head(&wire, &head);
    assert(!wire.failed);
    struct entry_head entry = {.kind = kind, .body_bytes = (uint32_t)body_bytes};
    struct under_way described = {.dt_ns = head.dt_ns, .early = early};
    described.entry.command_count = batch->command_count;
    seal_entry(batcher, &entry, &described, event);
}

/* It counts from the entry on that is about to be appended. */
static void take_configuration(struct batcher *batcher,
        const struct configuration *configuration, struct raft_event *event)
{
    configurations_take(
            batcher->configurations, raft_next_id(batcher->raft).index, configuration);
    event->entry.configuration =
            configuration_for_raft(batcher->configurations, configuration);
}

/* The first entry of all: who is in the cluster, and its settings. */
static void seal_bootstrap(struct batcher *batcher, struct raft_event *event)
{
    assert(raft_last(batcher->raft).index == 0);
    wal_set_cluster(batcher->wal, prng_next(batcher->prng) | 1);
    struct versions versions = batcher->settings->versions;
    struct bootstrap bootstrap = {
            .settings = batcher->settings->cluster,
            .members = batcher->settings->raft.members,
            .wall_ns = batcher->times->clocks.wall_ns,
            .token_first =
                    token_first(&(struct token_past){0}, batcher->times->clocks.wall_ns),
    };
    bootstrap.settings.version = roster_common_version(batcher->roster, versions);
    roster_tell(batcher->roster, wal_incarnation(batcher->wal), &bootstrap);
    for (uint8_t i = 0; i < bootstrap.members.count; i++)
        memcpy(bootstrap.addresses[i], batcher->settings->members[i].address,
                sizeof bootstrap.addresses[i]);
    struct configuration first;
    configuration_of_bootstrap(&first, &bootstrap);
    uint32_t body_max = batcher->settings->limits.entry_body_max;
    struct wire wire = wire_writer(batcher->batch.body, body_max);
    wire_bootstrap(&wire, &bootstrap);
    assert(!wire.failed);
    struct entry_head entry = {.kind = ENTRY_BOOTSTRAP, .body_bytes = (uint32_t)wire.at};
    struct under_way described = {0};
    seal_entry(batcher, &entry, &described, event);
    take_configuration(batcher, &first, event);
    notices_tell(batcher->notices, NOTICE_BOOTSTRAPPED, 0, wal_cluster(batcher->wal));
}

bool batcher_flush(struct batcher *batcher, struct raft_event *event)
{
    if (batcher->batch.command_count == 0)
        return false;
    seal_batch(batcher, ENTRY_BATCH, event);
    return true;
}

bool batcher_seal_configuration(struct batcher *batcher,
        const struct configuration *configuration, struct raft_event *event)
{
    assert(raft_may_reconfigure(batcher->raft));
    if (!batcher->batch.open && !open_batch(batcher))
        return false;
    assert(batcher->batch.command_count == 0);
    struct configuration written = *configuration;
    uint32_t body_max = batcher->settings->limits.entry_body_max;
    struct wire wire = wire_writer(batcher->batch.body, body_max);
    wire_configuration(&wire, &written);
    assert(!wire.failed);
    struct entry_head entry = {
            .kind = ENTRY_CONFIGURATION, .body_bytes = (uint32_t)wire.at};
    struct under_way described = {0};
    seal_entry(batcher, &entry, &described, event);
    take_configuration(batcher, configuration, event);
    return true;
}

/* The entry that begins the term: until it is committed nothing else is admitted. */
static bool seal_term_start(struct batcher *batcher, struct raft_event *event)
{
    if (!batcher->batch.open && !open_batch(batcher))
        return false;
    assert(batcher->batch.command_count == 0);
    batcher->term_start_due = false;
    if (raft_last(batcher->raft).index == 0)
        seal_bootstrap(batcher, event);
    else
        seal_batch(batcher, ENTRY_TERM_START, event);
    return true;
}

/* Cluster time once every entry that is under way is applied */
static uint64_t time_to_be(const struct batcher *batcher)
{
    return locks_time(batcher->locks) + ledger_dt_ns(batcher->ledger);
}

/*
 * How much served time may be in no entry while something has a deadline: as much of the
 * lease of each open session is lost when this leader dies.
 */
static uint64_t unlogged_max_ns(const struct batcher *batcher)
{
    return u64_max(NS_PER_S, locks_shortest_ttl_ns(batcher->locks) / 3);
}

/* Keepalives have waited enough for other work, and the last entry is a tick old. */
static uint64_t keepalives_due_ns(const struct batcher *batcher)
{
    uint64_t due_ns = ledger_keepalives_due_ns(batcher->ledger);
    return u64_max(due_ns, batcher->appended_ns + batcher->settings->tick_ns);
}

/*
 * A tick is due: keepalives, a deadline that is reached, work left over, or too much time
 * that is in no entry.
 */
static bool wants_tick(const struct batcher *batcher)
{
    uint64_t age_ns = batcher->times->now_ns - batcher->appended_ns;
    if (batcher->times->now_ns >= keepalives_due_ns(batcher))
        return true;
    if (locks_has_work(batcher->locks) && !ledger_newest(batcher->ledger))
        return true;
    uint64_t deadline = locks_deadline(batcher->locks);
    if (deadline == UINT64_MAX)
        return false;
    uint64_t time = time_to_be(batcher);
    bool reached = time < deadline && time + batcher->served->sum_ns >= deadline;
    return reached || age_ns >= unlogged_max_ns(batcher);
}

/*
 * Two entries under way pay off if they are of similar size. A smaller one costs the same
 * writes, messages and answers for fewer commands, and the clients that wait for it come
 * back in an equally small group. So a smaller one waits for a commit or the spacing, and
 * grows.
 */
static bool is_smaller_than_newest(const struct batcher *batcher)
{
    const struct under_way *newest = ledger_newest(batcher->ledger);
    return newest && batcher->batch.command_count < newest->entry.command_count;
}

/*
 * The time from which the entries under way allow another one. When the peers are near, two
 * of similar size overlap fully, and commits make room for the next. Where a commit takes
 * long, the second of two would wait for a round trip before it begins: there more are
 * sealed, with the spacing between them.
 */
static uint64_t allowed_ns(const struct batcher *batcher)
{
    const struct node_limits *limits = &batcher->settings->limits;
    uint64_t count = ring_count(&batcher->ledger->under_way_ring);
    if (count < limits->entries_under_way && !is_smaller_than_newest(batcher))
        return 0;
    if (count >= limits->entries_far_max)
        return UINT64_MAX;
    return batcher->appended_ns + batcher->settings->entry_spacing_ns;
}

/* ... and those who are about to come have come. */
static uint64_t sealable_ns(const struct batcher *batcher)
{
    uint64_t allowed = allowed_ns(batcher);
    const struct open_batch *batch = &batcher->batch;
    if (batch->command_count == 0 || batcher->wish.due)
        return allowed;
    uint64_t now_ns = batcher->times->now_ns;
    return u64_max(allowed, gather_until_ns(batcher->gather, batch->opened_ns, now_ns));
}

/*
 * Whether an entry could be sealed now. If not, an event will change that, and no timer is
 * needed.
 */
static bool may_seal(const struct batcher *batcher)
{
    if (!raft_takes_proposals(batcher->raft) || !raft_leads_applied(batcher->raft))
        return false;
    if (batcher->times->now_ns < sealable_ns(batcher))
        return false;
    uint64_t entry_bytes_max = ENTRY_HEAD_BYTES + batcher->settings->limits.entry_body_max;
    return batcher->batch.open || journal_has_room(batcher->journal, 1, entry_bytes_max);
}

bool batcher_seal(struct batcher *batcher, struct raft_event *event)
{
    /* Nothing else is admitted until the entry that begins the term is applied. */
    if (batcher->term_start_due && raft_takes_proposals(batcher->raft))
        return seal_term_start(batcher, event);
    if (!may_seal(batcher))
        return false;
    if (batcher->batch.command_count == 0 && !wants_tick(batcher))
        return false;
    if (!batcher->batch.open && !open_batch(batcher))
        return false;
    seal_batch(batcher, ENTRY_BATCH, event);
    return true;
}

bool batcher_want(struct batcher *batcher, enum entry_kind kind, const unsigned char *body,
        uint32_t body_bytes)
{
    struct wish *wish = &batcher->wish;
    assert(body_bytes <= sizeof(wish->body));
    assert(entry_kind_version(kind) <= locks_settings(batcher->locks)->version);
    if (wish->due)
        return false;
    *wish = (struct wish){.kind = kind, .body_bytes = body_bytes, .due = true};
    if (body_bytes > 0)
        memcpy(wish->body, body, body_bytes);
    return true;
}

bool batcher_seal_wish(struct batcher *batcher, struct raft_event *event)
{
    struct wish *wish = &batcher->wish;
    if (!wish->due || batcher->batch.open || batcher->term_start_due || !may_seal(batcher))
        return false;
    if (!open_batch(batcher))
        return false;
    if (wish->body_bytes > 0)
        memcpy(batcher->batch.body, wish->body, wish->body_bytes);
    struct entry_head entry = {.kind = wish->kind, .body_bytes = wish->body_bytes};
    struct under_way described = {0};
    seal_entry(batcher, &entry, &described, event);
    wish->due = false;
    return true;
}

/* Commands that wait for nothing but the spacing of entries. */
static uint64_t spacing_deadline(const struct batcher *batcher)
{
    uint64_t ns = sealable_ns(batcher);
    bool nothing = batcher->batch.command_count == 0 && !batcher->wish.due;
    if (nothing || ns <= batcher->times->now_ns || !raft_takes_proposals(batcher->raft) ||
            !raft_leads_applied(batcher->raft))
        return UINT64_MAX;
    return ns;
}

uint64_t batcher_deadline(const struct batcher *batcher)
{
    if (!raft_is_leader(batcher->raft))
        return UINT64_MAX;
    bool pending = ledger_has_unsealed(batcher->ledger) ||
                   locks_deadline(batcher->locks) != UINT64_MAX;
    if (!pending)
        return spacing_deadline(batcher);
    uint64_t wake_ns = batcher->times->now_ns + batcher->settings->tick_ns;
    uint64_t deadline = locks_deadline(batcher->locks);
    uint64_t time = time_to_be(batcher) + batcher->served->sum_ns;
    if (time < deadline && deadline - time < batcher->settings->tick_ns)
        wake_ns = batcher->times->now_ns + (deadline - time) + NS_PER_US;
    uint64_t keepalives_ns = keepalives_due_ns(batcher);
    if (keepalives_ns < wake_ns && may_seal(batcher))
        wake_ns = u64_max(keepalives_ns, batcher->times->now_ns + NS_PER_US);
    uint64_t spaced_ns = spacing_deadline(batcher);
    return spaced_ns < wake_ns ? spaced_ns : wake_ns;
}

void batcher_check(const struct batcher *batcher)
{
    const struct open_batch *batch = &batcher->batch;
    assert(wal_entry_is_open(batcher->wal) == batch->open);
    if (batcher->term_start_due || batcher->wish.due)
        assert(raft_is_leader(batcher->raft));
    if (!batch->open) {
        assert(batch->command_count == 0 && !batch->head.open);
        return;
    }
    assert(raft_is_leader(batcher->raft));
    assert(!batch->wire.failed && batch->wire.at >= BATCH_HEAD_BYTES);
    assert(batch->wire.at <= batch->wire.end);
    assert(batch->section.count <= batch->command_count);
    assert(batch->head.open == (batch->command_count > 0));
    assert(batch->opened_ns <= batcher->times->now_ns);
}
