/* What the node says of itself, without asking anybody: `lockctl status`. */
#include "base/units.h"
#include "node/replica.h"

enum {
    BEHIND_ENTRIES = 1000
};

static enum report_role role_of(const struct node *node)
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
 * Within the time after which the others may elect somebody else. The leader gives up only after
 * the longest election timeout; until then this is what tells why nothing is committed.
 */
static bool has_majority(const struct node *node)
{
    uint64_t heard_ns = raft_majority_heard_ns(node->raft);
    return node->now_ns - heard_ns <= node->settings.raft.election_min_ns;
}

/* Against what the leader has committed, not against the part of it that came here already. */
static bool is_behind(const struct node *node)
{
    return node->applied + BEHIND_ENTRIES < raft_commit_heard(node->raft);
}

/*
 * The first that is true. What this node lacks itself goes before what it misses of others: an
 * election can fail for want of space, but not the other way round.
 */
static enum report_trouble trouble_of(const struct node *node)
{
    if (raft_met_founded(node->raft))
        return TROUBLE_BLANK;
    if (raft_is_leader(node->raft) && !has_majority(node))
        return TROUBLE_NO_MAJORITY;
    if (node->segment_retry_ns != 0)
        return TROUBLE_NO_SPACE;
    if (wal_cluster(node->wal) == 0)
        return TROUBLE_UNFOUNDED;
    if (raft_leader(node->raft) == 0)
        return TROUBLE_NO_LEADER;
    return is_behind(node) ? TROUBLE_BEHIND : TROUBLE_NONE;
}

static void report_peers(const struct node *node, struct report *report)
{
    report->peer_count = node->peer_count;
    for (uint8_t i = 0; i < node->peer_count; i++) {
        const struct peer *peer = &node->peers[i];
        uint64_t heard_ns = raft_peer_heard_ns(node->raft, peer->id);
        report->peers[i] = (struct report_peer){
                .node = peer->id,
                .connected = raft_peer_is_open(node->raft, peer->id),
                .match = raft_peer_match(node->raft, peer->id),
                .heard_ns = heard_ns == 0 ? UINT64_MAX : node->now_ns - heard_ns,
        };
    }
}

static void report_log(const struct node *node, struct report *report)
{
    report->cluster = wal_cluster(node->wal);
    report->term = raft_term(node->raft);
    report->commit = raft_commit(node->raft);
    report->last = raft_last(node->raft).index;
    report->durable = raft_durable(node->raft);
    report->applied = node->applied;
    report->missing = raft_missing(node->raft);
}

static void report_state(const struct node *node, struct report *report)
{
    struct locks_counts counts = locks_tally(node->locks);
    report->time = locks_time(node->locks);
    report->digest = locks_digest(node->locks);
    report->sessions = counts.sessions;
    report->locks = counts.locks;
    report->holds = counts.holds;
    report->waits = counts.waits;
    report->connections = node->conn_count;
    report->requests = node->counters.requests;
    report->refused_busy = node->counters.refused_busy;
    report->bad_frames = node->counters.bad_frames;
    report->elections = node->counters.elections;
}

/* The buckets that are not empty, one behind another. */
void selfreport_buckets(struct wire *wire, const struct histogram *histogram)
{
    uint16_t count = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count = (uint16_t)(count + (histogram->buckets[i] != 0));
    wire_bucket_count(wire, &count);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        struct report_bucket bucket = {(uint16_t)i, histogram->buckets[i]};
        if (bucket.count != 0)
            wire_bucket(wire, &bucket);
    }
}

void selfreport_frame(struct node *node, struct conn *conn)
{
    const char *version = node->settings.version;
    struct report report = {
            .node = node->settings.self,
            .role = (uint8_t)role_of(node),
            .leader = raft_leader(node->raft),
            .trouble = (uint8_t)trouble_of(node),
            .uptime_ns = node->now_ns - node->start_ns,
            .version = {(const unsigned char *)version, (uint32_t)strlen(version)},
    };
    report_log(node, &report);
    report_state(node, &report);
    report_peers(node, &report);
    struct wire wire = conn_begin(node, conn, 32 * KIB);
    wire_report(&wire, &report);
    selfreport_buckets(&wire, node->commit_latency);
    selfreport_buckets(&wire, node->entry_commands);
    conn_end(node, conn, FRAME_STATUS_ANSWER, &wire);
}
