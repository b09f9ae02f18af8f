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
           nearly(node->conns.taken, node->conns.max);
}

/*
 * The first that is true. What this node lacks itself comes before what it lacks from
 * others: an election can fail because there is no space, but never the other way round.
 */
enum condition own_condition(const struct node *node)
{
    enum condition work = condition_of_work(node);
    if (work != CONDITION_HEALTHY)
        return work;
    uint64_t now_ns = node->times.now_ns;
    enum condition objected = objections_of_others(&node->roster, now_ns);
    if (upgrade_is_too_late(&node->upgrade))
        return CONDITION_VERSION_REFUSED;
    if (raft_leader(node->raft) == 0 && objected != CONDITION_HEALTHY)
        return objected;
    if (wal_cluster(node->wal) == 0)
        return CONDITION_NOT_BOOTSTRAPPED;
    if (raft_leader(node->raft) == 0)
        return CONDITION_NO_LEADER;
    if (is_behind(node))
        return node->caught_up ? CONDITION_BEHIND : CONDITION_REPLAYING;
    if (own_clock_is_suspect(node))
        return CONDITION_CLOCK_SUSPECT;
    if (objected == CONDITION_HEALTHY)
        objected = objections_to_others(&node->roster, now_ns);
    if (objected == CONDITION_HEALTHY && is_nearly_full(node))
        return CONDITION_NEARLY_FULL;
    if (objected == CONDITION_HEALTHY && upgrade_is_open(&node->upgrade))
        return CONDITION_UPGRADE_OPEN;
    return objected;
}

/* The members that the condition is about. */
static uint64_t members_missing(const struct node *node, enum condition condition)
{
    uint64_t members = 0;
    if (condition == CONDITION_NOT_BOOTSTRAPPED)
        return raft_missing(node->raft);
    if (condition == CONDITION_NO_COMMIT)
        (void)commits_nothing(node, &members);
    return members;
}

static void tell_peers(const struct node *node, struct node_status *status)
{
    status->peer_count = node->roster.count;
    for (uint8_t i = 0; i < node->roster.count; i++) {
        const struct peer *peer = &node->roster.peers[i];
        uint64_t heard_ns = raft_peer_heard_ns(node->raft, peer->id);
        status->peers[i] = (struct node_status_peer){
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
    status->term = raft_term(node->raft);
    status->commit = raft_commit(node->raft);
    status->last = raft_last(node->raft).index;
    status->durable = raft_durable(node->raft);
    status->applied = node->applier.applied;
    status->commit_heard = raft_commit_heard(node->raft);
    status->write_age_ns = raft_write_age_ns(node->raft);
    status->segments = (uint32_t)wal_segments_used(node->wal);
    status->segments_max = (uint32_t)wal_segments_max(node->wal);
}

static void tell_state(const struct node *node, struct node_status *status)
{
    struct locks_counts counts = locks_tally(node->locks);
    status->time = locks_time(node->locks);
    status->digest = locks_digest(node->locks);
    status->sessions = counts.sessions;
    status->locks = counts.locks;
    status->holds = counts.holds;
    status->waits = counts.waits;
    status->connections = node->conns.taken;
    status->requests = node->notices.counters.requests;
    status->refused_busy = node->notices.counters.refused_busy;
    status->bad_frames = node->notices.counters.bad_frames;
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
