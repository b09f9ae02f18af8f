/*
 * A node's memory, its first state, and what it takes over from its log.
 *
 * Everything is carved from one arena, so that with a measuring arena the same lines give
 * the memory plan of `lockd --plan`. The buffers of connections are by far the largest
 * part. They cost nothing until they are used.
 */
#include "base/units.h"
#include "node/replica.h"

void node_settings_default(struct node_settings *settings)
{
    *settings = (struct node_settings){
            .raft =
                    {
                            .heartbeat_ns = 50 * NS_PER_MS,
                            .election_min_ns = 250 * NS_PER_MS,
                            .election_max_ns = 500 * NS_PER_MS,
                            .close_delay_ns = 5 * NS_PER_MS,
                            .window = 128,
                            .window_bytes = 4 * (ENTRY_HEAD_BYTES + ENTRY_BODY_MAX),
                            .append_bytes_max = ENTRY_HEAD_BYTES + ENTRY_BODY_MAX,
                            .append_entries_max = RAFT_ENTRIES_MAX,
                            .recent_max = 2048,
                            .trail_max = 65536,
                            .reads_max = 256,
                    },
            .wal =
                    {
                            .segment_bytes = 64 * MIB,
                            .buffer_bytes = 6 * MIB,
                            .entry_body_max = ENTRY_BODY_MAX,
                            .writes_max = 2,
                            .segments_max = 65536,
                    },
            .limits =
                    {
                            .connections_max = 4096,
                            .client_output_bytes = 256 * KIB,
                            .peer_output_bytes = 6 * MIB,
                            .client_frame_bytes = FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX,
                            .peer_frame_bytes = 1280 * KIB,
                            .owed_max = 65536,
                            .reads_max = 1024,
                            .keepalives_max = 16384,
                            .entry_body_max = ENTRY_BODY_MAX,
                            .entries_under_way = 2,
                            .entries_far_max = 96,
                    },
            .tick_ns = 100 * NS_PER_MS,
            .entry_spacing_ns = NS_PER_MS,
            .version = "",
            .versions = versions_known(),
    };
    settings->cluster = settings_default();
}

/* The relations between limits that the code relies upon. */
static void check_limits(const struct node_settings *settings)
{
    const struct node_limits *limits = &settings->limits;
    assert(limits->entry_body_max <= settings->wal.entry_body_max);
    assert(settings->wal.entry_body_max <= ENTRY_BODY_MAX);
    assert(limits->keepalives_max * KEEPALIVE_BYTES <= limits->entry_body_max / 2);
    assert(settings->raft.append_bytes_max >= ENTRY_HEAD_BYTES + limits->entry_body_max);
    uint32_t append_bytes = FRAME_HEAD_BYTES + PEER_APPEND_HEAD_BYTES;
    append_bytes += settings->raft.append_bytes_max;
    assert(limits->peer_frame_bytes >= append_bytes);
    uint64_t heads = (uint64_t)settings->raft.window *
                     (append_bytes - settings->raft.append_bytes_max);
    uint64_t window_bytes =
            (uint64_t)settings->raft.window * settings->raft.append_bytes_max;
    if (settings->raft.window_bytes != 0 && settings->raft.window_bytes < window_bytes)
        window_bytes = settings->raft.window_bytes;
    assert(limits->peer_output_bytes >= window_bytes + heads);
    assert(settings->wal.buffer_bytes >= 2 * (uint64_t)settings->raft.append_bytes_max);
    /* An append that a follower could never take would be sent forever. */
    uint64_t blocks = (uint64_t)(settings->raft.append_entries_max + 4) * WAL_BLOCK_BYTES;
    uint64_t longest = settings->wal.entry_body_max + 2 * WAL_BLOCK_BYTES;
    assert(settings->raft.append_entries_max > 0);
    assert(settings->raft.append_entries_max <= RAFT_ENTRIES_MAX);
    assert(settings->wal.buffer_bytes >=
            settings->raft.append_bytes_max + blocks + 2 * longest);
    assert(NODE_READ_BYTES_MAX >= limits->entry_body_max + 4 * WAL_BLOCK_BYTES);
    assert((limits->owed_max & (limits->owed_max - 1)) == 0);
    assert(limits->entries_under_way + 2 <= UNDER_WAY_MAX);
    assert(limits->entries_far_max + 2 <= UNDER_WAY_MAX);
    assert(limits->connections_max >= 2 * MEMBERS_MAX);
}

static struct raft_settings raft_settings_of(const struct node_settings *settings)
{
    struct raft_settings raft = settings->raft;
    raft.self = settings->self;
    raft.members = (struct members){.count = settings->member_count};
    for (uint8_t i = 0; i < settings->member_count; i++)
        raft.members.ids[i] = settings->members[i].id;
    return raft;
}

struct node *node_carve(struct arena *arena, const struct node_settings *settings)
{
    check_limits(settings);
    struct node measured = {0};
    struct node *node = arena_take(arena, "node", 1, sizeof(struct node), 64);
    struct node *carved = node ? node : &measured;
    struct raft_settings raft = raft_settings_of(settings);
    carved->raft = raft_carve(arena, &raft);
    struct wal_settings wal = settings->wal;
    wal.node = settings->self;
    carved->wal = wal_carve(arena, &wal);
    carved->restart.recovery = recovery_carve(arena, &wal);
    carved->locks = locks_carve(arena, &settings->cluster);
    const struct node_limits *limits = &settings->limits;
    conns_carve(&carved->conns, arena, limits);
    roster_carve(&carved->roster, arena, settings);
    ledger_carve(&carved->ledger, arena, settings);
    replies_carve(&carved->replies, arena, settings);
    outbox_carve(&carved->outbox, arena);
    journal_carve(&carved->journal, arena);
    reads_carve(&carved->reads, arena, limits);
    received_carve(&carved->room.received, arena);
    carved->stages = arena_take(arena, "node.stages", 1, sizeof(struct stages), 64);
    carved->room.raft_effects =
            arena_take(arena, "node.raft_effects", 1, sizeof(struct raft_effects), 64);
    carved->room.sends = arena_take(
            arena, "node.sends", limits->connections_max, sizeof(struct node_send), 64);
    carved->room.closes =
            arena_take(arena, "node.closes", limits->connections_max, sizeof(uint32_t), 64);
    return node;
}

/* Parts at the bottom: they need nothing but what lies below node. */
static void join_bottom(struct node *node)
{
    const struct node_settings *settings = &node->settings;
    node->notices.raft = node->raft;
    roster_init(&node->roster, settings);
    conns_init(&node->conns, &settings->limits, &node->notices);
    stages_init(node->stages);
    backlog_init(&node->backlog, settings->limits.owed_max);
    node->gather.backlog = &node->backlog;
    node->gather.spacing_ns = settings->entry_spacing_ns;
    gather_init(&node->gather);
    commit_times_init(&node->commit_times);
    served_init(&node->served, node->raft, settings);
    ledger_init(&node->ledger, settings);
    node->reader.wal = node->wal;
    node->reader.raft = node->raft;
    node->reader.times = &node->times;
    node->reader.notices = &node->notices;
    reader_init(&node->reader, node->roster.count);
}

/* Parts that say what they want from raft. */
static void join_wishes(struct node *node)
{
    uint64_t longest_ns = node->settings.raft.election_max_ns;
    node->guard.raft = node->raft;
    node->guard.roster = &node->roster;
    node->guard.times = &node->times;
    node->guard.notices = &node->notices;
    node->guard.quiet_ns = GUARD_QUIET_ELECTIONS * longest_ns;
    node->health = (struct health){
            .raft = node->raft,
            .wal = node->wal,
            .journal = &node->journal,
            .reader = &node->reader,
            .segments = &node->segments,
            .times = &node->times,
            .notices = &node->notices,
            .stall_ns = RAFT_STALL_ELECTIONS * longest_ns,
            .entry_bytes_max =
                    ENTRY_HEAD_BYTES + (uint64_t)node->settings.limits.entry_body_max,
    };
    node->peers = (struct peers){
            .members = &node->settings.raft.members,
            .raft = node->raft,
            .wal = node->wal,
            .roster = &node->roster,
            .conns = &node->conns,
            .guard = &node->guard,
            .settings = &node->settings,
    };
    node->door = (struct door){
            .conns = &node->conns,
            .roster = &node->roster,
            .times = &node->times,
            .notices = &node->notices,
    };
    node->rivals = (struct rivals){
            .roster = &node->roster,
            .conns = &node->conns,
            .times = &node->times,
    };
    node->greet = (struct greet){
            .settings = &node->settings,
            .raft = node->raft,
            .wal = node->wal,
            .locks = node->locks,
            .roster = &node->roster,
            .conns = &node->conns,
            .notices = &node->notices,
            .times = &node->times,
            .door = &node->door,
            .rivals = &node->rivals,
            .run = prng_next(&node->prng),
    };
    node->reads.locks = node->locks;
    node->reads.conns = &node->conns;
    reads_init(&node->reads, &node->settings.limits);
    node->fetch = (struct fetch){
            .reader = &node->reader,
            .roster = &node->roster,
            .raft = node->raft,
            .settings = &node->settings.raft,
    };
}

/* Parts that carry out what raft wants. */
static void join_effects(struct node *node)
{
    node->journal.raft = node->raft;
    node->journal.wal = node->wal;
    node->journal.notices = &node->notices;
    node->journal.stages = node->stages;
    journal_init(&node->journal);
    node->outbox.wal = node->wal;
    node->outbox.roster = &node->roster;
    node->outbox.conns = &node->conns;
    node->outbox.guard = &node->guard;
    node->outbox.served = &node->served;
    outbox_init(&node->outbox);
    node->replies.raft = node->raft;
    node->replies.notices = &node->notices;
    node->replies.locks = node->locks;
    node->replies.conns = &node->conns;
    node->replies.gather = &node->gather;
    node->replies.times = &node->times;
    replies_init(&node->replies, &node->settings);
    node->applier = (struct applier){
            .raft = node->raft,
            .wal = node->wal,
            .locks = node->locks,
            .reader = &node->reader,
            .ledger = &node->ledger,
            .backlog = &node->backlog,
            .replies = &node->replies,
            .conns = &node->conns,
            .stages = node->stages,
            .notices = &node->notices,
            .times = &node->times,
    };
}

/* The way of a request into an entry. */
static void join_batch(struct node *node)
{
    node->batcher = (struct batcher){
            .settings = &node->settings,
            .raft = node->raft,
            .locks = node->locks,
            .times = &node->times,
            .wal = node->wal,
            .journal = &node->journal,
            .ledger = &node->ledger,
            .served = &node->served,
            .gather = &node->gather,
            .roster = &node->roster,
            .notices = &node->notices,
            .prng = &node->prng,
    };
    node->admit = (struct admit){
            .raft = node->raft,
            .locks = node->locks,
            .conns = &node->conns,
            .batcher = &node->batcher,
            .ledger = &node->ledger,
            .backlog = &node->backlog,
            .replies = &node->replies,
            .greet = &node->greet,
            .notices = &node->notices,
    };
    node->upgrade = (struct upgrade){
            .settings = &node->settings,
            .raft = node->raft,
            .locks = node->locks,
            .roster = &node->roster,
            .served = &node->served,
            .times = &node->times,
            .batcher = &node->batcher,
    };
    node->admin = (struct admin){
            .settings = &node->settings,
            .raft = node->raft,
            .wal = node->wal,
            .locks = node->locks,
            .upgrade = &node->upgrade,
            .greet = &node->greet,
            .roster = &node->roster,
            .conns = &node->conns,
            .times = &node->times,
    };
}

void node_init(struct node *node, const struct node_settings *settings, uint64_t seed)
{
    assert(!node->turn.booted);
    node->settings = *settings;
    node->settings.raft = raft_settings_of(settings);
    node->settings.wal.node = settings->self;
    prng_init(&node->prng, seed);
    join_bottom(node);
    join_wishes(node);
    join_effects(node);
    join_batch(node);
    locks_init(node->locks, &settings->cluster);
    recovery_init(node->restart.recovery, &node->settings.wal);
    raft_init(node->raft, &node->settings.raft, prng_next(&node->prng));
}

struct recovery *node_recovery(struct node *node)
{
    return node->restart.recovery;
}

/* Also if it is not committed: somebody may count on it that it is here. */
static void recover_settings(struct restart *restart, const struct recovery_item *item)
{
    struct settings_change change;
    struct wire wire = wire_reader(item->entry + ENTRY_HEAD_BYTES, item->head.body_bytes);
    wire_settings_change(&wire, &change);
    uint16_t version = wire.failed ? 0 : settings_change_version(&change);
    if (version <= restart->version)
        return;
    restart->version_before = restart->version;
    restart->version = version;
    restart->version_index = item->head.id.index;
}

static void recover_truncate(struct restart *restart, uint64_t from)
{
    if (restart->version_index < from)
        return;
    restart->version = restart->version_before;
    restart->version_index = 0;
}

static void recover_entry(struct node *node, const struct recovery_item *item)
{
    struct raft_entry entry = {
            .id = item->head.id,
            .kind = item->head.kind,
            .bytes = (uint32_t)entry_bytes(&item->head),
    };
    raft_restore(node->raft, &entry);
    if (item->head.kind == ENTRY_SETTINGS)
        recover_settings(&node->restart, item);
    if (item->head.kind != ENTRY_BOOTSTRAP)
        return;
    struct wire wire = wire_reader(item->entry + ENTRY_HEAD_BYTES, item->head.body_bytes);
    wire_bootstrap(&wire, &node->restart.bootstrap);
    node->restart.bootstrapped = !wire.failed;
    node->restart.version = node->restart.bootstrap.settings.version;
}

void node_recover(struct node *node)
{
    assert(!node->turn.booted);
    struct recovery_item item;
    while (recovery_next(node->restart.recovery, &item)) {
        switch (item.kind) {
        case RECOVERY_ENTRY:
            recover_entry(node, &item);
            break;
        case RECOVERY_VOTE:
            raft_restore_vote(node->raft, item.term, item.vote);
            break;
        case RECOVERY_TRUNCATE:
            raft_restore_truncate(node->raft, item.from);
            recover_truncate(&node->restart, item.from);
            break;
        }
    }
}

static bool same_members(const struct members *a, const struct members *b)
{
    return a->count == b->count && memcmp(a->ids, b->ids, a->count) == 0;
}

static enum node_boot judge(
        const struct node *node, const struct recovery_decision *decision)
{
    if (decision->verdict == RECOVERY_NEWER)
        return NODE_BOOT_NEWER;
    if (decision->node != 0 && decision->node != node->settings.self)
        return NODE_BOOT_FOREIGN_NODE;
    if (decision->verdict == RECOVERY_FOREIGN)
        return NODE_BOOT_FOREIGN_SEGMENT;
    /* Before damage: entries of kinds that are not known here look like it. */
    if (node->restart.version != 0 &&
            !versions_have(node->settings.versions, node->restart.version))
        return NODE_BOOT_VERSION;
    if (decision->verdict == RECOVERY_DAMAGED)
        return NODE_BOOT_DAMAGED;
    if (!node->restart.bootstrapped)
        return NODE_BOOT_OK;
    if (!same_members(&node->restart.bootstrap.members, &node->settings.raft.members))
        return NODE_BOOT_FOREIGN_MEMBERS;
    if (!locks_fits(node->locks, &node->restart.bootstrap.settings))
        return NODE_BOOT_PLAN_TOO_SMALL;
    return NODE_BOOT_OK;
}

uint16_t node_log_version(const struct node *node)
{
    return node->restart.version;
}

enum node_boot node_boot(
        struct node *node, uint64_t now_ns, struct recovery_decision *decision)
{
    assert(!node->turn.booted);
    *decision = recovery_decide(node->restart.recovery);
    enum node_boot boot = judge(node, decision);
    if (boot != NODE_BOOT_OK)
        return boot;
    wal_init(node->wal, &node->settings.wal, node->restart.recovery);
    if (node->restart.bootstrapped)
        roster_learn(&node->roster, &node->restart.bootstrap);
    raft_restore_vote(node->raft, decision->term, decision->vote);
    bool blank = decision->term == 0 && decision->last.index == 0;
    raft_boot(node->raft, now_ns, blank);
    node->times.now_ns = now_ns;
    node->times.start_ns = now_ns;
    node->caught_up = decision->last.index <= RAFT_APPLIED_NEAR;
    node->turn.booted = true;
    return NODE_BOOT_OK;
}
