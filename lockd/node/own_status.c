/*
 * The status of this node: what it says about itself, without a message to any other node.
 */
#include "base/units.h"
#include "node/figures.h"
#include "node/objections.h"
#include "node/replica.h"
#include "protocol/node_status.h"

enum {
    BEHIND_ENTRIES = 1000
};

static enum node_role role_of(const struct node *node)
{
    switch (raft_role(node->raft)) {
    case RAFT_LEADER:
        return ROLE_LEADER;
    case RAFT_CANDIDATE:
    case RAFT_PRECANDIDATE:
        return ROLE_CANDIDATE;
    case RAFT_FOLLOWER:
        break;
    }
    return ROLE_FOLLOWER;
}

/*
 * Within the time after which the others may elect another leader. The leader gives up only
 * after the longest election timeout; until then this tells why nothing is committed.
 */
static bool has_majority(const struct node *node)
{
    uint64_t heard_ns = raft_majority_heard_ns(node->raft);
    return node->times.now_ns - heard_ns <= node->settings.raft.election_min_ns;
}

/*
 * Compared with what the leader has committed, not with the part of it that is already
 * here.
 */
static bool is_behind(const struct node *node)
{
    return node->applier.applied + BEHIND_ENTRIES < raft_commit_heard(node->raft);
}

/* Entries wait for so long that it is a stall. `members`: on whose disks they are not. */
static bool commits_nothing(const struct node *node, uint64_t *members)
{
    uint64_t limit_ns = RAFT_STALL_ELECTIONS * node->settings.raft.election_max_ns;
    return raft_uncommitted_ns(node->raft, members) >= limit_ns;
}

/* It cannot do a member's work, or a leader's. */
static enum condition condition_of_work(const struct node *node)
{
    enum condition log = health_of_log(&node->health);
    bool leads = raft_is_leader(node->raft);
    uint64_t members;
    if (raft_met_bootstrapped(node->raft))
        return CONDITION_BLANK;
    /* Not its disk alone: the condition names all members whose disks are as slow. */
    if (log == CONDITION_DISK_STALLED && leads && commits_nothing(node, &members))
        return CONDITION_NO_COMMIT;
    if (log != CONDITION_NO_SPACE && log != CONDITION_LOG_NEARLY_FULL &&
            log != CONDITION_HEALTHY)
        return log;
    if (leads && !has_majority(node))
        return CONDITION_NO_MAJORITY;
    if (commits_nothing(node, &members))
        return CONDITION_NO_COMMIT;
    if (raft_leads_committed(node->raft) && !raft_leads_applied(node->raft))
        return CONDITION_REPLAYING;
    return log;
}

bool own_clock_is_suspect(const struct node *node)
{
    return raft_is_leader(node->raft) ? node->guard.quiet_until_ns > node->times.now_ns
                                      : node->guard.suspect;
}

static bool nearly(uint32_t used, uint32_t most)
{
    return (uint64_t)used * 10 >= (uint64_t)most * 9;
}

static struct node_status_share share_of_state(const struct node *node, bool of_label)
{
    struct share_view view;
    locks_largest_share(node->locks, of_label, &view);
    return (struct node_status_share){
            .of = view.of, .used = view.used, .most = view.most, .who = view.who};
}

/* Of the clients' connections to this node */
static struct node_status_share share_of_connections(const struct node *node)
{
    const struct caller *caller = callers_largest(&node->conns.callers);
    if (caller == NULL)
        return (struct node_status_share){0};
    return (struct node_status_share){
            .of = SHARE_CONNECTIONS,
            .used = caller->clients,
            .most = door_callers_max(&node->door),
            .who = {.bytes = caller->address, .count = CLIENT_ADDRESS_BYTES},
    };
}

/* One client address, or one label, has nearly all that one may have. */
static bool has_nearly_its_share(const struct node *node)
{
    const struct node_status_share shares[] = {share_of_state(node, false),
            share_of_state(node, true), share_of_connections(node)};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        if (shares[i].of != SHARE_NONE && nearly(shares[i].used, shares[i].most))
            return true;
    }
    return false;
}

/* Some request will soon be refused because a limit is met. */
static bool is_nearly_full(const struct node *node)
{
    const struct cluster_settings *settings = locks_settings(node->locks);
    struct locks_counts counts = locks_tally(node->locks);
    return nearly(counts.sessions, settings->sessions_max) ||
           nearly(counts.locks, settings->locks_max) ||
           nearly(counts.holds, settings->holds_max) ||
           nearly(counts.waits, settings->waits_max) ||
           nearly(counts.answers + counts.answers_promised, settings->answers_max) ||
           nearly(counts.name_blocks, settings->name_blocks_max) ||
           nearly(node->conns.taken, node->conns.max) || has_nearly_its_share(node);
}

/*
 * It has no leader, and others refuse it. Who refused its leader for its history knows why,
 * too.
 */
static enum condition condition_of_misfit(const struct node *node)
{
    enum condition objected = objections_of_others(&node->roster, node->times.now_ns);
    if (objected != CONDITION_HEALTHY)
        return objected;
    if (objections_are_to_most(&node->roster, node->times.now_ns))
        return CONDITION_OTHER_CLUSTER;
    if (objections_to_others(&node->roster, node->times.now_ns) == CONDITION_CONTRADICTED)
        return CONDITION_CONTRADICTED;
    return CONDITION_HEALTHY;
}

/*
 * It has a leader, so it is a member. Who calls it one of another cluster, or a second one, is
 * the stranger.
 */
static enum condition condition_of_others(const struct node *node)
{
    enum condition refused = objections_to_others(&node->roster, node->times.now_ns);
    if (refused != CONDITION_HEALTHY)
        return refused;
    enum condition objected = objections_of_others(&node->roster, node->times.now_ns);
    bool by_stranger = objected == CONDITION_OTHER_CLUSTER ||
                       objected == CONDITION_OTHER_DIRECTORY ||
                       objected == CONDITION_ID_TAKEN;
    return by_stranger ? CONDITION_STRANGER : objected;
}

/* A change of the members is committed within milliseconds; the founding of a cluster is one. */
static bool change_takes_long(const struct node *node)
{
    uint64_t members;
    return raft_is_leader(node->raft) &&
           raft_configuration_index(node->raft) > raft_commit(node->raft) &&
           raft_uncommitted_ns(node->raft, &members) > node->settings.raft.election_min_ns;
}

/* It is a member that has a leader and has applied what there is. */
static enum condition condition_in_service(const struct node *node, enum condition misfit)
{
    if (!raft_is_voter(node->raft))
        return CONDITION_LEARNER;
    if (own_clock_is_suspect(node))
        return CONDITION_CLOCK_SUSPECT;
    if (locks_quarantine(node->locks) != 0)
        return CONDITION_QUARANTINE;
    if (change_takes_long(node))
        return CONDITION_MEMBERS_CHANGE;
    if (sender_is_stuck(&node->upkeep.sender))
        return CONDITION_SNAPSHOT_STUCK;
    if (snapshotter_is_failing(&node->upkeep.snapshotter))
        return CONDITION_SNAPSHOT_FAILING;
    if (misfit != CONDITION_HEALTHY)
        return misfit;
    if (is_nearly_full(node))
        return CONDITION_NEARLY_FULL;
    return upgrade_is_open(&node->upgrade) ? CONDITION_UPGRADE_OPEN : CONDITION_HEALTHY;
}

/*
 * The first that is true. What this node lacks itself comes before what it lacks from
 * others: an election can fail because there is no space, but never the other way round.
 */
static enum condition condition_of_all(const struct node *node)
{
    enum condition work = condition_of_work(node);
    if (work != CONDITION_HEALTHY)
        return work;
    if (upgrade_is_too_late(&node->upgrade))
        return CONDITION_VERSION_REFUSED;
    bool led = raft_leader(node->raft) != 0;
    enum condition misfit = led ? condition_of_others(node) : condition_of_misfit(node);
    if (!led && misfit != CONDITION_HEALTHY)
        return misfit;
    if (node->leaving.removed_ns != 0)
        return CONDITION_REMOVED;
    if (wal_cluster(node->wal) == 0)
        return raft_is_joining(node->raft) ? CONDITION_LEARNER : CONDITION_NOT_BOOTSTRAPPED;
    if (!led)
        return CONDITION_NO_LEADER;
    if (node->health.lacks_state)
        return CONDITION_INSTALLING;
    if (is_behind(node))
        return node->caught_up ? CONDITION_BEHIND : CONDITION_REPLAYING;
    return condition_in_service(node, misfit);
}

enum condition own_condition(const struct node *node)
{
    enum condition condition = condition_of_all(node);
    bool on_its_way = condition == CONDITION_BLANK || condition == CONDITION_INSTALLING ||
                      condition == CONDITION_NOT_BOOTSTRAPPED;
    const struct member *own = configurations_self(&node->configurations);
    if (condition == CONDITION_LEARNER)
        on_its_way = !own || own->role == MEMBER_LEARNER;
    return on_its_way && restart_repairs(&node->restart) ? CONDITION_REPAIRING : condition;
}

/* The members that the condition is about. */
static uint64_t members_missing(const struct node *node, enum condition condition)
{
    uint64_t members = 0;
    if (condition == CONDITION_NOT_BOOTSTRAPPED)
        return raft_missing(node->raft);
    if (condition == CONDITION_NO_COMMIT)
        (void)commits_nothing(node, &members);
    if (condition == CONDITION_UPGRADE_OPEN && raft_is_leader(node->raft))
        return upgrade_missing(&node->upgrade);
    return members;
}

static void tell_peers(const struct node *node, struct node_status *status)
{
    for (uint8_t i = 0; i < node->roster.top; i++) {
        const struct peer *peer = &node->roster.peers[i];
        if (!peer->member || status->peer_count == NODE_STATUS_PEERS_MAX)
            continue;
        uint64_t heard_ns = raft_peer_heard_ns(node->raft, peer->id);
        status->peers[status->peer_count++] = (struct node_status_peer){
                .node = peer->id,
                .connected = raft_peer_is_open(node->raft, peer->id),
                .match = raft_peer_match(node->raft, peer->id),
                .heard_ns = heard_ns == 0 ? UINT64_MAX : node->times.now_ns - heard_ns,
        };
    }
}

static void tell_log(const struct node *node, struct node_status *status)
{
    status->cluster = wal_cluster(node->wal);
    /* Until there is a state, its settings are only what this node was started with. */
    if (locks_index(node->locks) > 0)
        status->cluster_version = locks_settings(node->locks)->version;
    status->versions = node->settings.versions;
    status->term = raft_term(node->raft);
    status->commit = raft_commit(node->raft);
    status->last = raft_last(node->raft).index;
    status->durable = raft_durable(node->raft);
    status->commit_heard = raft_commit_heard(node->raft);
    status->write_age_ns = raft_write_age_ns(node->raft);
    status->segments = (uint32_t)wal_segments_used(node->wal);
    status->segments_max = (uint32_t)wal_segments_max(node->wal);
}

static void tell_snapshot(const struct node *node, struct node_status *status)
{
    const struct snapshots *snapshots = &node->upkeep.snapshots;
    uint64_t first = raft_before_log(node->raft).index + 1;
    status->log_first = first <= status->last ? first : 0;
    if (snapshots->count == 0)
        return;
    const struct kept_snapshot *newest = &snapshots->kept[snapshots->count - 1];
    status->snapshot = newest->last.index;
    status->snapshot_bytes = newest->bytes;
    status->snapshot_age_ns = node->times.now_ns - snapshots->newest_ns;
    status->snapshot_taken_ns = snapshots->duration_ns;
}

static void tell_state(const struct node *node, struct node_status *status)
{
    struct locks_counts counts = locks_tally(node->locks);
    /* A state that is being replaced is none: it must not be compared with others'. */
    if (!receiver_is_loading(&node->upkeep.receiver)) {
        status->applied = node->applier.applied;
        status->time = locks_time(node->locks);
        status->digest = locks_digest(node->locks);
    }
    status->sessions = counts.sessions;
    status->locks = counts.locks;
    status->holds = counts.holds;
    status->waits = counts.waits;
    status->connections = node->conns.taken;
    status->requests = node->notices.counters.requests;
    status->refused_busy = node->notices.counters.refused_busy;
    status->bad_frames = node->notices.counters.bad_frames;
    status->bad_reads = node->notices.counters.bad_reads;
    status->elections = node->notices.counters.elections;
    status->lines_dropped = node->stages->loop.lines_dropped;
    const struct cluster_settings *settings = locks_settings(node->locks);
    status->answers = counts.answers + counts.answers_promised;
    status->name_blocks = counts.name_blocks;
    status->sessions_max = settings->sessions_max;
    status->locks_max = settings->locks_max;
    status->holds_max = settings->holds_max;
    status->waits_max = settings->waits_max;
    status->answers_max = settings->answers_max;
    status->name_blocks_max = settings->name_blocks_max;
    status->connections_max = node->conns.max;
    status->address_share = share_of_state(node, false);
    status->label_share = share_of_state(node, true);
    status->connection_share = share_of_connections(node);
}

void own_status(const struct node *node, struct node_status *status)
{
    const char *version = node->settings.version;
    enum condition condition = own_condition(node);
    *status = (struct node_status){
            .node = node->settings.self,
            .role = (uint8_t)role_of(node),
            .leader = raft_leader(node->raft),
            .condition = (uint8_t)condition,
            .missing = members_missing(node, condition),
            .uptime_ns = node->times.now_ns - node->times.start_ns,
            .version = {(const unsigned char *)version, (uint32_t)strlen(version)},
    };
    tell_log(node, status);
    tell_snapshot(node, status);
    tell_state(node, status);
    tell_peers(node, status);
}

void own_status_frame(struct node *node, struct conn *conn)
{
    struct node_status status;
    own_status(node, &status);
    struct wire wire = conn_begin(conn, 32 * KIB);
    wire_node_status(&wire, &status);
    figures_put(&wire, &node->stages->commit_latency);
    figures_put(&wire, &node->stages->rows[STAGE_COMMANDS]);
    conn_end(&node->conns, conn, FRAME_STATUS_ANSWER, &wire);
}
