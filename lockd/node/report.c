/* Gathers the figures of all parts: see report.h. */
#include "node/report.h"

#include "base/numbers.h"
#include "node/replica.h"

enum {
    SURVEY_ITEMS = 2048 /* Holds and locks looked at: well below 100 us */
};

static void report_stages(const struct stages *stages, struct node_report *report)
{
    for (uint32_t i = 0; i < STAGE_COUNT; i++)
        report->stages[i] = stages_row(stages, (enum stage)i);
    for (uint32_t i = 0; i < SUM_COUNT; i++)
        report->sums[i] = stages_sum(stages, (enum stage_sum)i);
    report->commit_latency = &stages->commit_latency;
}

/* The last entry that this node has applied and, if it leads, everybody has written. */
static uint64_t passed_by_all(const struct node *node)
{
    uint64_t passed = node->applier.applied;
    if (!raft_is_leader(node->raft))
        return passed;
    for (uint8_t i = 0; i < node->roster.top; i++) {
        const struct peer *peer = &node->roster.peers[i];
        if (peer->member)
            passed = u64_min(passed, raft_peer_match(node->raft, peer->id));
    }
    return passed;
}

void report_look(struct node *node)
{
    commit_times_note(&node->commit_times, raft_commit_heard(node->raft),
            passed_by_all(node), node->times.now_ns);
    locks_survey(node->locks, SURVEY_ITEMS);
}

static void report_lags(const struct node *node, struct node_report *report)
{
    uint64_t now_ns = node->times.now_ns;
    report->lag_ns =
            commit_times_lag_ns(&node->commit_times, report->status.applied, now_ns);
    for (uint8_t i = 0; i < report->status.peer_count; i++) {
        uint64_t match = report->status.peers[i].match;
        if (report->status.role == ROLE_LEADER)
            report->peer_lag_ns[i] =
                    commit_times_lag_ns(&node->commit_times, match, now_ns);
    }
}

void report_fill(const struct node *node, struct node_report *report)
{
    *report = (struct node_report){0};
    own_status(node, &report->status);
    report->serves = raft_leads_applied(node->raft);
    report->clock_suspect = own_clock_is_suspect(node);
    report->log_bytes =
            (uint64_t)report->status.segments * node->settings.wal.segment_bytes;
    report->counters = &node->notices.counters;
    report->locks = locks_read_figures(node->locks);
    report->leader_changes = report->counters->leader_changes;
    report->bad_reads = report->counters->bad_reads;
    report->repairs = report->counters->repairs;
    report->mends = report->counters->mends;
    report->scrubs = node->upkeep.scrubber.scrubs;
    report->oldest_hold_ns = report->locks->oldest_hold_ns;
    report->longest_queue = report->locks->longest_queue;
    report_stages(node->stages, report);
    report_lags(node, report);
}
