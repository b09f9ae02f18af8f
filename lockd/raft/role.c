/*
 * A node becomes leader, follower or candidate. Nothing else writes `role`.
 *
 *     follower <-> precandidate -> candidate -> leader
 *         ^______________________________|________|
 *
 * A node campaigns again soon (raft_stand_soon) when it is clear that there is no leader
 * and only bad luck or an old term was in the way. Otherwise it waits for a whole random
 * timeout. Nodes in a hurry give way to each other, so that two that saw the same leader
 * die do not split the votes.
 *
 * A node that would have to apply much of its log before it could serve is in no hurry, and
 * waits for one timeout more: so one that has applied it campaigns first. If there is none,
 * this node campaigns then.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

void raft_reset_election_timer(struct raft *raft)
{
    raft->hurried = false;
    raft->election_ns =
            raft->now_ns + prng_between(&raft->prng, raft->settings.election_min_ns,
                                   raft->settings.election_max_ns - 1);
    if (raft_lags(raft))
        raft->election_ns += raft->settings.election_max_ns;
    if (raft->settings.yields)
        raft->election_ns += 2 * raft->settings.election_max_ns;
}

void raft_stand_soon(struct raft *raft)
{
    uint64_t soon_ns = raft->now_ns;
    if (raft->settings.close_delay_ns > 0)
        soon_ns += prng_below(&raft->prng, raft->settings.close_delay_ns);
    if (soon_ns >= raft->election_ns || raft_lags(raft) || raft->settings.yields)
        return;
    raft->election_ns = soon_ns;
    raft->hurried = true;
}

/* No leader is known: the leader's answers can no longer come. */
static void forget_leader(struct raft *raft)
{
    raft_fail_reads(raft);
    raft->leader = 0;
}

void raft_become_follower(struct raft *raft)
{
    if (raft->role == RAFT_FOLLOWER)
        return;
    if (raft->role == RAFT_LEADER)
        forget_leader(raft);
    raft->role = RAFT_FOLLOWER;
    raft->transfer = 0;
    raft->resigning = false;
    raft->handed = false;
    raft_note(raft, RAFT_NOTICE_FOLLOWER, 0);
    raft_reset_election_timer(raft);
}

void raft_meet_bootstrapped(struct raft *raft)
{
    assert(raft->blank);
    if (raft->met_bootstrapped)
        return;
    MARK(blank_met_bootstrapped);
    raft->met_bootstrapped = true;
    raft_become_follower(raft);
    raft_note(raft, RAFT_NOTICE_BLANK, 0);
}

/*
 * A term that is in memory only. A leader of the same term would give no reason to save it, and
 * the log would not even begin before a snapshot takes its place.
 */
bool raft_join_saves(const struct raft *raft)
{
    return raft->blank && raft->term > 0;
}

/*
 * The members know this directory as a learner, and its log is empty. So it has promised
 * nothing: it may have saved a term since it joined, and have been started again.
 */
void raft_join(struct raft *raft)
{
    if (raft_is_bootstrapped(raft) || raft->joining)
        return;
    MARK(blank_node_joins);
    raft_become_follower(raft);
    if (raft_join_saves(raft))
        raft_save(raft);
    raft->blank = false;
    raft->met_bootstrapped = false;
    raft->joining = true;
    raft->membership.newest =
            (struct raft_configuration){.learners = raft_bit(raft->settings.self)};
    raft->membership.before = raft->membership.newest;
    raft->peers_changed = true;
}

void raft_adopt_term(struct raft *raft, uint64_t term)
{
    assert(term > raft->term);
    raft_become_follower(raft);
    forget_leader(raft);
    raft->term = term;
    raft->vote = 0;
    raft->proven = 0;
    raft->round_heard = 0;
    /* A blank node that wrote a term would not be blank after a restart, and might vote. */
    if (!raft->blank)
        raft_save(raft);
}

/* Each peer gets a vote request at once. */
static void ask_all(struct raft *raft)
{
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].granted = false;
        raft->peers[i].refused = false;
        raft->peers[i].due_ns = 0;
    }
}

void raft_become_precandidate(struct raft *raft)
{
    assert(raft->role != RAFT_LEADER);
    forget_leader(raft);
    bool hurried = raft->hurried;
    raft->role = RAFT_PRECANDIDATE;
    raft->handed = false;
    ask_all(raft);
    raft_reset_election_timer(raft);
    raft->hurried = hurried;
}

void raft_become_candidate(struct raft *raft)
{
    assert(raft->role != RAFT_LEADER);
    forget_leader(raft);
    raft->role = RAFT_CANDIDATE;
    raft->handed = false;
    raft->term++;
    raft->vote = raft->settings.self;
    raft->proven = 0;
    raft->round_heard = 0;
    raft_save(raft);
    ask_all(raft);
    raft_reset_election_timer(raft);
}

void raft_become_leader(struct raft *raft)
{
    assert(raft->role == RAFT_CANDIDATE);
    assert(raft->vote == raft->settings.self && raft_vote_is_durable(raft));
    raft->role = RAFT_LEADER;
    raft->leader = raft->settings.self;
    raft->told_leader = (struct entry_id){raft->term, raft->leader};
    raft->election_ns = UINT64_MAX;
    raft->hurried = false;
    raft->handed = false;
    raft->round = 0;
    raft->commit_ns = raft->now_ns;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        peer->acked_ns = peer->granted ? raft->now_ns : 0;
        peer->stamp_ns = 0;
        peer->round_sent = 0;
        peer->round_acked = 0;
        peer->match = 0;
        peer->fetch_after_ns = 0;
        peer->timed_end = 0;
        peer->took_ns = 0;
        peer->fitness = PEER_FIT;
        peer->applied = 0;
        peer->yields = false;
        peer->due_ns = 0;
        raft_probe(raft, peer);
    }
    raft->effects->start_term = true;
    raft_note(raft, RAFT_NOTICE_LEADER, 0);
}
