/* What the node says of itself, without asking anybody: `lockctl status`. */
#include "base/units.h"
#include "node/figures.h"
#include "node/replica.h"
#include "protocol/report.h"

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

static bool has_majority(const struct node *node)
{
    uint64_t heard_ns = raft_majority_heard_ns(node->raft);
    return node->times.now_ns - heard_ns <= node->settings.raft.election_max_ns;
}

static enum report_trouble trouble_of(const struct node *node)
{
    if (wal_cluster(node->wal) == 0)
        return TROUBLE_UNFOUNDED;
    if (raft_leader(node->raft) == 0)
        return TROUBLE_NO_LEADER;
    if (raft_is_leader(node->raft) && !has_majority(node))
        return TROUBLE_NO_MAJORITY;
    if (node->segments.retry_ns != 0)
        return TROUBLE_NO_SPACE;
    if (node->applier.applied + 1000 < raft_commit(node->raft))
        return TROUBLE_BEHIND;
    return TROUBLE_NONE;
}

static void report_peers(const struct node *node, struct report *report)
{
    report->peer_count = node->roster.count;
    for (uint8_t i = 0; i < node->roster.count; i++) {
        const struct peer *peer = &node->roster.peers[i];
        uint64_t heard_ns = raft_peer_heard_ns(node->raft, peer->id);
        report->peers[i] = (struct report_peer){
                .node = peer->id,
                .connected = raft_peer_is_open(node->raft, peer->id),
                .match = raft_peer_match(node->raft, peer->id),
                .heard_ns = heard_ns == 0 ? UINT64_MAX : node->times.now_ns - heard_ns,
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
    report->applied = node->applier.applied;
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
    report->connections = node->conns.taken;
    report->requests = node->notices.counters.requests;
    report->refused_busy = node->notices.counters.refused_busy;
    report->bad_frames = node->notices.counters.bad_frames;
    report->elections = node->notices.counters.elections;
}

void selfreport_frame(struct node *node, struct conn *conn)
{
    const char *version = node->settings.version;
    struct report report = {
            .node = node->settings.self,
            .role = (uint8_t)role_of(node),
            .leader = raft_leader(node->raft),
            .trouble = (uint8_t)trouble_of(node),
            .uptime_ns = node->times.now_ns - node->times.start_ns,
            .version = {(const unsigned char *)version, (uint32_t)strlen(version)},
    };
    report_log(node, &report);
    report_state(node, &report);
    report_peers(node, &report);
    struct wire wire = conn_begin(conn, 32 * KIB);
    wire_report(&wire, &report);
    figures_put(&wire, &node->stages->commit_latency);
    figures_put(&wire, &node->stages->rows[STAGE_COMMANDS]);
    conn_end(&node->conns, conn, FRAME_STATUS_ANSWER, &wire);
}
