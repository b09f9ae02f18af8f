/*
 * A node's memory, its first state, and what it takes over from its log.
 *
 * Everything is carved from one arena, so that with a measuring arena the same lines give
 * the memory plan of `lockd --plan`. The buffers of connections are by far the largest
 * part. They cost nothing until they are used.
 */
#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"
#include "node/replica.h"

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
    uint64_t piece = FRAME_HEAD_BYTES + PEER_SNAPSHOT_HEAD_BYTES;
    piece += settings->snapshot.chunk_bytes;
    assert(settings->snapshot.chunk_bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
    assert(limits->peer_frame_bytes >= piece);
    assert(limits->peer_output_bytes >= window_bytes + heads + piece);
    assert(settings->wal.buffer_bytes >= 2 * (uint64_t)settings->raft.append_bytes_max);
    /* An append that a follower could never take would be sent forever. */
    uint64_t blocks = (uint64_t)(settings->raft.append_entries_max + 4) * WAL_BLOCK_BYTES;
    uint64_t longest = settings->wal.entry_body_max + 2 * WAL_BLOCK_BYTES;
    assert(settings->raft.append_entries_max > 0);
    assert(settings->raft.append_entries_max <= RAFT_ENTRIES_MAX);
    assert(settings->wal.buffer_bytes >=
            settings->raft.append_bytes_max + blocks + 2 * longest);
    /* Whatever may be in the log can be read at once. */
    assert(limits->read_bytes >= settings->wal.entry_body_max + 4 * WAL_BLOCK_BYTES);
    assert(limits->read_bytes <= NODE_READ_BYTES_MAX);
    assert(limits->apply_bytes > 0);
    assert((limits->owed_max & (limits->owed_max - 1)) == 0);
    assert(limits->entries_under_way + 2 <= UNDER_WAY_MAX);
    assert(limits->entries_far_max + 2 <= UNDER_WAY_MAX);
    assert(limits->connections_max >= 2 * MEMBERS_MAX);
    assert(limits->connection_percent >= 1 && limits->connection_percent <= 100);
}

static struct raft_settings raft_settings_of(const struct node_settings *settings)
{
    struct raft_settings raft = settings->raft;
    raft.self = settings->self;
    raft.yields = settings->priority == 0;
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
    restart_carve(&carved->restart, arena);
    carved->locks = locks_carve(arena, &settings->cluster);
    const struct node_limits *limits = &settings->limits;
    conns_carve(&carved->conns, arena, limits);
    roster_carve(&carved->roster, arena, settings);
    ledger_carve(&carved->ledger, arena, settings);
    replies_carve(&carved->replies, arena, settings);
    outbox_carve(&carved->outbox, arena);
    journal_carve(&carved->journal, arena);
    reads_carve(&carved->reads, arena, limits);
    snapshotter_carve(&carved->upkeep.snapshotter, arena, &settings->snapshot);
    compactor_carve(&carved->upkeep.compactor, arena);
    receiver_carve(&carved->upkeep.receiver, arena);
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
    configurations_init(&node->configurations, settings);
    roster_init(&node->roster, settings);
    (void)roster_adopt(&node->roster, &node->configurations.newest.is);
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
    node->reader.read_bytes = settings->limits.read_bytes;
    reader_init(&node->reader, NODE_PEERS_MAX);
}

/* Connections: who may have one, which of two stays, and what is said at its start. */
static void join_greetings(struct node *node)
{
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
            .doubts = &node->doubts,
            .raft = node->raft,
            .wal = node->wal,
            .locks = node->locks,
            .roster = &node->roster,
            .conns = &node->conns,
            .notices = &node->notices,
            .times = &node->times,
            .dial = &node->dial,
            .door = &node->door,
            .rivals = &node->rivals,
            .run = prng_next(&node->prng),
    };
    node->whereabouts = (struct whereabouts){
            .configurations = &node->configurations,
            .roster = &node->roster,
            .conns = &node->conns,
    };
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
    node->segments = (struct segments){
            .wal = node->wal,
            .notices = &node->notices,
            .times = &node->times,
    };
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
    node->leaving = (struct leaving){
            .raft = node->raft,
            .conns = &node->conns,
            .times = &node->times,
            .notices = &node->notices,
            .election_ns = longest_ns,
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

/* Who the other members are, and what they say. */
static void join_members(struct node *node)
{
    node->peers = (struct peers){
            .configurations = &node->configurations,
            .raft = node->raft,
            .wal = node->wal,
            .roster = &node->roster,
            .conns = &node->conns,
            .guard = &node->guard,
            .settings = &node->settings,
    };
    node->dial = (struct dial){
            .roster = &node->roster,
            .conns = &node->conns,
            .times = &node->times,
    };
    node->doubts = (struct doubts){
            .configurations = &node->configurations,
            .raft = node->raft,
            .wal = node->wal,
            .roster = &node->roster,
            .times = &node->times,
    };
    join_greetings(node);
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
            .turn_bytes = node->settings.limits.apply_bytes,
            .snapshots = &node->upkeep.snapshots,
            .snapshotter = &node->upkeep.snapshotter,
    };
}

/* Snapshots, and what becomes of the log behind them. */
static void join_snapshots(struct node *node)
{
    node->upkeep.health = &node->health;
    node->upkeep.snapshotter.settings = &node->settings.snapshot;
    node->upkeep.snapshotter.raft = node->raft;
    node->upkeep.snapshotter.wal = node->wal;
    node->upkeep.snapshotter.locks = node->locks;
    node->upkeep.snapshotter.files = &node->upkeep.files;
    node->upkeep.snapshotter.snapshots = &node->upkeep.snapshots;
    node->upkeep.snapshotter.notices = &node->notices;
    node->upkeep.snapshotter.times = &node->times;
    snapshotter_init(&node->upkeep.snapshotter);
    node->upkeep.compactor.settings = &node->settings.snapshot;
    node->upkeep.compactor.raft = node->raft;
    node->upkeep.compactor.wal = node->wal;
    node->upkeep.compactor.files = &node->upkeep.files;
    node->upkeep.compactor.snapshots = &node->upkeep.snapshots;
    node->upkeep.compactor.roster = &node->roster;
    node->upkeep.compactor.times = &node->times;
    node->upkeep.sender = (struct sender){
            .settings = &node->settings.snapshot,
            .raft = node->raft,
            .files = &node->upkeep.files,
            .snapshots = &node->upkeep.snapshots,
            .roster = &node->roster,
            .conns = &node->conns,
            .notices = &node->notices,
            .times = &node->times,
    };
    node->upkeep.receiver = (struct receiver){
            .settings = &node->settings.snapshot,
            .raft = node->raft,
            .wal = node->wal,
            .locks = node->locks,
            .configurations = &node->configurations,
            .roster = &node->roster,
            .conns = &node->conns,
            .journal = &node->journal,
            .reader = &node->reader,
            .reads = &node->reads,
            .applier = &node->applier,
            .compactor = &node->upkeep.compactor,
            .snapshotter = &node->upkeep.snapshotter,
            .snapshots = &node->upkeep.snapshots,
            .files = &node->upkeep.files,
            .notices = &node->notices,
            .times = &node->times,
            .buffer = node->upkeep.receiver.buffer,
            .known = node->settings.versions,
    };
    node->restart.settings = &node->settings;
    node->restart.raft = node->raft;
    node->restart.locks = node->locks;
    node->restart.configurations = &node->configurations;
    restart_init(&node->restart);
}

/* Damage that is looked for, and what becomes of it. */
static void join_care(struct node *node)
{
    node->upkeep.scrubber = (struct scrubber){
            .bytes_per_s = node->settings.scrub_bytes_per_s,
            .every_ns = node->settings.scrub_every_ns,
            .wal = node->wal,
            .reader = &node->reader,
            .files = &node->upkeep.files,
            .snapshots = &node->upkeep.snapshots,
            .times = &node->times,
    };
    node->upkeep.mender = (struct mender){
            .reader = &node->reader,
            .wal = node->wal,
            .snapshots = &node->upkeep.snapshots,
            .snapshotter = &node->upkeep.snapshotter,
            .compactor = &node->upkeep.compactor,
            .notices = &node->notices,
            .times = &node->times,
    };
}

/* Clients read the newest of them. */
static void join_backups(struct node *node)
{
    node->upkeep.backups = (struct backups){
            .self = node->settings.self,
            .receiver = &node->upkeep.receiver,
            .snapshotter = &node->upkeep.snapshotter,
            .snapshots = &node->upkeep.snapshots,
            .files = &node->upkeep.files,
            .conns = &node->conns,
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
            .configurations = &node->configurations,
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
            .changes = &node->changes,
            .roster = &node->roster,
            .conns = &node->conns,
            .times = &node->times,
    };
    node->changes = (struct changes){
            .configurations = &node->configurations,
            .raft = node->raft,
            .doubts = &node->doubts,
            .times = &node->times,
            .auto_replace_ns = node->settings.auto_replace_ns,
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
    join_snapshots(node);
    join_care(node);
    join_backups(node);
    join_wishes(node);
    join_members(node);
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

void node_begin_log(struct node *node, const struct begin_block *begin)
{
    assert(!node->turn.booted);
    restart_begin_log(&node->restart, begin);
}

void node_gave_up(struct node *node, const struct repair_block *repair)
{
    assert(!node->turn.booted);
    node->restart.repair = *repair;
}

void node_offer_snapshot(struct node *node, const struct snapshot_header *header)
{
    assert(!node->turn.booted);
    restart_offer(&node->restart, header);
}

void node_recover(struct node *node)
{
    assert(!node->turn.booted);
    restart_recover(&node->restart);
}

const struct snapshot_header *node_next_snapshot(struct node *node)
{
    assert(!node->turn.booted);
    return restart_next(&node->restart);
}

bool node_feed_snapshot(struct node *node, const unsigned char *bytes, size_t count)
{
    return restart_feed(&node->restart, bytes, count);
}

/*
 * A log that begins later says nothing without a snapshot. And a snapshot without a log
 * shows that the log is gone, with votes and entries that this node answered for.
 */
static bool lacks_snapshot(
        const struct restart *restart, const struct recovery_decision *decision)
{
    if (restart->begin.segment > 1 && !restart->loaded)
        return true;
    return decision->verdict == RECOVERY_BLANK && restart->offer_count > 0;
}

/* The state is that of a snapshot: everything continues from there. */
static void take_snapshot_over(struct node *node)
{
    const struct restart *restart = &node->restart;
    const struct snapshot_header *header = &restart->loading->header;
    const struct cluster_record *cluster = &restart->cluster;
    const struct raft_configuration sets =
            configuration_for_raft(&node->configurations, &cluster->configuration);
    raft_restore_snapshot(node->raft, header->last, cluster->index, &sets);
    configurations_restore(&node->configurations, cluster->index, &cluster->configuration);
    node->applier.applied = header->last.index;
    node->upkeep.snapshots.applied = header->last;
    node->upkeep.snapshots.applied_sum = header->last_sum;
    node->upkeep.snapshots.configuration =
            (struct indexed_configuration){cluster->index, cluster->configuration};
    uint64_t end = wal_end(node->wal);
    node->upkeep.snapshotter.position = end - u64_min(end, restart->loading->behind);
}

/* Those in the directory that belong to the log, the oldest first. */
static void list_snapshots(struct node *node)
{
    uint64_t above = 0;
    for (;;) {
        const struct offer *next = NULL;
        for (uint32_t i = 0; i < node->restart.offer_count; i++) {
            const struct offer *offer = &node->restart.offers[i];
            bool later = offer->fits && offer->header.last.index > above &&
                         offer->header.last.index <= node->upkeep.snapshots.applied.index;
            if (later && (!next || offer->header.last.index < next->header.last.index))
                next = offer;
        }
        if (!next)
            return;
        snapshots_add(&node->upkeep.snapshots, &next->header);
        above = next->header.last.index;
    }
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
    if (restart_unknown_version(&node->restart) != 0)
        return NODE_BOOT_VERSION;
    if (decision->verdict == RECOVERY_DAMAGED)
        return NODE_BOOT_DAMAGED;
    if (node->restart.too_small && !node->restart.loaded)
        return NODE_BOOT_PLAN_TOO_SMALL;
    if (lacks_snapshot(&node->restart, decision))
        return NODE_BOOT_NO_SNAPSHOT;
    if (!node->restart.bootstrapped)
        return NODE_BOOT_OK;
    if (!locks_fits(node->locks, &node->restart.cluster_settings))
        return NODE_BOOT_PLAN_TOO_SMALL;
    return NODE_BOOT_OK;
}

/* The newest that can be read, in the log or in the snapshot; else what --cluster says. */
static const struct configuration *newest_known(const struct node *node)
{
    const struct restart *restart = &node->restart;
    const struct indexed_configuration *newest = &node->configurations.newest;
    bool later = restart->loaded && restart->cluster.index > newest->index;
    return later ? &restart->cluster.configuration : &newest->is;
}

bool node_may_repair(
        const struct node *node, enum node_boot boot, struct repair_block *repair)
{
    const struct repair_block *before = &node->restart.repair;
    uint64_t voters = configuration_ids(newest_known(node), MEMBER_VOTER);
    voters &= ~(UINT64_C(1) << node->settings.self);
    bool is_damage = boot == NODE_BOOT_DAMAGED || boot == NODE_BOOT_NO_SNAPSHOT;
    bool others = (voters & (voters - 1)) != 0; /* Two at least */
    if (!recovery_give_up(node->restart.recovery, repair) || !is_damage || !others ||
            repair->node != node->settings.self)
        return false;
    if (before->given_up != 0 && before->term > repair->term) {
        repair->term = before->term;
        repair->vote = before->vote;
    }
    return true;
}

bool node_is_repairing(const struct node *node)
{
    return restart_repairs(&node->restart);
}

uint16_t node_log_version(const struct node *node)
{
    uint16_t unknown = restart_unknown_version(&node->restart);
    return unknown != 0 ? unknown : node->restart.version;
}

bool node_has_snapshot(const struct node *node, uint64_t index)
{
    for (uint32_t i = 0; i < node->upkeep.snapshots.count; i++) {
        if (node->upkeep.snapshots.kept[i].last.index == index)
            return true;
    }
    return false;
}

/* True: the log is empty, because the one before it was given up. */
static bool begin_again(struct node *node, const struct recovery_decision *decision)
{
    const struct repair_block *repair = &node->restart.repair;
    bool is_empty = decision->last.index == 0;
    raft_restore_vote(node->raft, repair->term, repair->vote);
    (void)restart_is_repaired(&node->restart);
    node->greet.given_up = node->restart.repair.given_up;
    node->doubts.cluster_before = repair->cluster;
    if (!is_empty)
        return false;
    MARK(log_was_given_up);
    node->notices.counters.repairs++;
    raft_restore_given_up(node->raft);
    return true;
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
    node->configurations.incarnation = wal_incarnation(node->wal);
    if (node->restart.loaded)
        take_snapshot_over(node);
    else
        locks_init(node->locks, &node->settings.cluster);
    list_snapshots(node);
    compactor_init(&node->upkeep.compactor);
    (void)roster_adopt(&node->roster, &node->configurations.newest.is);
    raft_restore_vote(node->raft, decision->term, decision->vote);
    bool blank = decision->term == 0 && decision->last.index == 0;
    if (restart_repairs(&node->restart))
        blank = begin_again(node, decision);
    raft_boot(node->raft, now_ns, blank);
    node->times.now_ns = now_ns;
    node->times.start_ns = now_ns;
    uint64_t near = node->applier.applied + RAFT_APPLIED_NEAR;
    node->caught_up = decision->last.index <= near;
    node->upkeep.snapshots.newest_ns = now_ns;
    scrubber_init(&node->upkeep.scrubber, now_ns);
    node->turn.booted = true;
    return NODE_BOOT_OK;
}
