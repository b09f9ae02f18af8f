/*
 * A node's memory, its first state, and what it takes over from its log.
 *
 * Everything is carved from one arena, so that a measuring arena gives the memory plan of
 * `lockd --plan` from the same lines. The buffers of connections are by far the largest and
 * cost nothing until they are used.
 */
#include "base/units.h"
#include "node/replica.h"

/* The smallest power of two that is not below `count`. */
static uint32_t power_of_two(uint64_t count)
{
    uint32_t power = 1;
    while (power < count)
        power *= 2;
    return power;
}

static uint32_t keepalives_max(const struct node_settings *settings)
{
    return power_of_two(3 * (uint64_t)settings->cluster.sessions_max + 1024);
}

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
                            .renewals_max = 16384,
                            .entry_body_max = ENTRY_BODY_MAX,
                            .entries_under_way = 2,
                            .entries_far_max = 96,
                    },
            .tick_ns = 100 * NS_PER_MS,
            .entry_spacing_ns = NS_PER_MS,
            .version = "",
    };
    settings->cluster = settings_default();
}

/* The relations between limits that the code relies upon. */
static void check_limits(const struct node_settings *settings)
{
    const struct node_limits *limits = &settings->limits;
    assert(limits->entry_body_max <= settings->wal.entry_body_max);
    assert(settings->wal.entry_body_max <= ENTRY_BODY_MAX);
    assert(limits->renewals_max * RENEWAL_BYTES <= limits->entry_body_max / 2);
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
    /* An append that a follower could never take would be sent for ever. */
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

static void carve_connections(
        struct node *node, struct arena *arena, const struct node_settings *settings)
{
    const struct node_limits *limits = &settings->limits;
    size_t slot_bytes =
            limits->client_frame_bytes + 2 * (size_t)limits->client_output_bytes;
    node->conns = arena_take(
            arena, "node.connections", limits->connections_max, sizeof(struct conn), 64);
    node->conns_memory = arena_take(
            arena, "node.connection_buffers", limits->connections_max, slot_bytes, 4096);
    node->busy =
            arena_take(arena, "node.busy", limits->connections_max, sizeof(uint32_t), 64);
    uint8_t peer_count = (uint8_t)(settings->member_count - 1);
    node->peer_count = peer_count;
    for (uint8_t i = 0; i < peer_count; i++) {
        struct peer *peer = &node->peers[i];
        peer->input =
                arena_take(arena, "node.peer_input", 1, limits->peer_frame_bytes, 4096);
        peer->outputs[0] =
                arena_take(arena, "node.peer_output", 1, limits->peer_output_bytes, 4096);
        peer->outputs[1] =
                arena_take(arena, "node.peer_output", 1, limits->peer_output_bytes, 4096);
    }
}

static void carve_queues(
        struct node *node, struct arena *arena, const struct node_settings *settings)
{
    const struct node_limits *limits = &settings->limits;
    node->owed = arena_take(arena, "node.owed", limits->owed_max, sizeof(struct owed), 64);
    node->keepalives = arena_take(arena, "node.keepalives", keepalives_max(settings),
            sizeof(struct keepalive), 64);
    node->routes = arena_take(
            arena, "node.routes", settings->cluster.sessions_max, sizeof(struct route), 64);
    node->held = arena_take(arena, "node.held", HELD_MAX, sizeof(struct held_message), 64);
    node->writes = arena_take(
            arena, "node.raft_writes", RAFT_WRITES_MAX, sizeof(struct raft_write), 64);
    node->reads = arena_take(
            arena, "node.reads", limits->reads_max, sizeof(struct waiting_read), 64);
    node->commit_latency =
            arena_take(arena, "node.histograms", 1, sizeof(struct histogram), 64);
    node->entry_commands =
            arena_take(arena, "node.histograms", 1, sizeof(struct histogram), 64);
    node->stages = arena_take(arena, "node.histograms", 1, sizeof(struct stages), 64);
    node->raft_effects =
            arena_take(arena, "node.raft_effects", 1, sizeof(struct raft_effects), 64);
    node->entries = arena_take(
            arena, "node.append_entries", RAFT_ENTRIES_MAX, sizeof(struct raft_entry), 64);
    node->entry_heads = arena_take(
            arena, "node.append_heads", RAFT_ENTRIES_MAX, sizeof(struct entry_head), 64);
    node->entry_bytes = arena_take(
            arena, "node.append_bytes", RAFT_ENTRIES_MAX, sizeof(unsigned char *), 64);
    node->sends = arena_take(
            arena, "node.sends", limits->connections_max, sizeof(struct node_send), 64);
    node->closes =
            arena_take(arena, "node.closes", limits->connections_max, sizeof(uint32_t), 64);
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
    carved->recovery = recovery_carve(arena, &wal);
    carved->locks = locks_carve(arena, &settings->cluster);
    carve_connections(carved, arena, settings);
    carve_queues(carved, arena, settings);
    return node;
}

static void init_peers(struct node *node)
{
    uint8_t at = 0;
    for (uint8_t i = 0; i < node->settings.member_count; i++) {
        uint8_t id = node->settings.members[i].id;
        if (id == node->settings.self)
            continue;
        node->peers[at].id = id;
        node->peers[at].conn = NO_CONN;
        at++;
    }
    assert(at == node->peer_count);
    const struct members *members = &node->settings.raft.members;
    node->members_hash = hash_bytes(members->ids, members->count, 0);
}

void node_init(struct node *node, const struct node_settings *settings, uint64_t seed)
{
    node->settings = *settings;
    node->settings.raft = raft_settings_of(settings);
    node->settings.wal.node = settings->self;
    prng_init(&node->prng, seed);
    ring_init(&node->owed_ring, settings->limits.owed_max);
    ring_init(&node->keepalive_ring, keepalives_max(settings));
    ring_init(&node->under_way_ring, UNDER_WAY_MAX);
    ring_init(&node->held_ring, HELD_MAX);
    ring_init(&node->write_ring, RAFT_WRITES_MAX);
    histogram_init(node->commit_latency);
    histogram_init(node->entry_commands);
    stages_init(node);
    backlog_init(node);
    gather_init(node);
    init_peers(node);
    conn_init_all(node);
    locks_init(node->locks, &settings->cluster);
    recovery_init(node->recovery, &node->settings.wal);
    raft_init(node->raft, &node->settings.raft, prng_next(&node->prng));
}

struct recovery *node_recovery(struct node *node)
{
    return node->recovery;
}

static void recover_entry(struct node *node, const struct recovery_item *item)
{
    struct raft_entry entry = {
            .id = item->head.id,
            .kind = item->head.kind,
            .bytes = (uint32_t)entry_bytes(&item->head),
    };
    raft_restore(node->raft, &entry);
    if (item->head.kind != ENTRY_FOUND)
        return;
    struct wire wire = wire_reader(item->entry + ENTRY_HEAD_BYTES, item->head.body_bytes);
    wire_founding(&wire, &node->founding);
    node->recovered_founding = wire_complete(&wire);
}

void node_recover(struct node *node)
{
    struct recovery_item item;
    while (recovery_next(node->recovery, &item)) {
        switch (item.kind) {
        case RECOVERY_ENTRY:
            recover_entry(node, &item);
            break;
        case RECOVERY_VOTE:
            raft_restore_vote(node->raft, item.term, item.vote);
            break;
        case RECOVERY_TRUNCATE:
            raft_restore_truncate(node->raft, item.from);
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
    if (decision->verdict == RECOVERY_DAMAGED)
        return NODE_BOOT_DAMAGED;
    if (!node->recovered_founding)
        return NODE_BOOT_OK;
    if (!same_members(&node->founding.members, &node->settings.raft.members))
        return NODE_BOOT_FOREIGN_MEMBERS;
    if (!locks_fits(node->locks, &node->founding.settings))
        return NODE_BOOT_PLAN_TOO_SMALL;
    return NODE_BOOT_OK;
}

enum node_boot node_boot(
        struct node *node, uint64_t now_ns, struct recovery_decision *decision)
{
    *decision = recovery_decide(node->recovery);
    enum node_boot boot = judge(node, decision);
    if (boot != NODE_BOOT_OK)
        return boot;
    wal_init(node->wal, &node->settings.wal, node->recovery);
    raft_restore_vote(node->raft, decision->term, decision->vote);
    bool blank = decision->term == 0 && decision->last.index == 0;
    raft_boot(node->raft, now_ns, blank);
    node->now_ns = now_ns;
    node->start_ns = now_ns;
    node->booted = true;
    return NODE_BOOT_OK;
}
