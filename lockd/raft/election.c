/*
 * Elections. [Raft 3.4, 3.6.1, 4.2.3, 9.6]
 *
 * A node that misses its leader first asks whether it would be elected (PreVote, which
 * stores nothing). So a node that was only cut off cannot raise the term. A node refuses a
 * (pre-)vote while its own leader is alive: the connection is open *and* the leader sent
 * something within the shortest election timeout. A leader that gets no answers from a
 * majority steps down within the longest timeout. So heartbeats that still reach some nodes
 * cannot hold up the others for longer. Refusals carry the newer term, so that no node is
 * stuck in an old one.
 *
 * While the log is empty, a candidate needs the votes of all members: see raft.h.
 *
 * A node that is not fit to lead does not campaign. One that cannot write refuses pre-votes
 * and lets requests for votes pass: its vote would never be durable, and each pre-vote of
 * it would cost the candidate a term.
 */
#include "base/mark.h"
#include "base/units.h"
#include "raft/raft_state.h"

enum {
    MISSING_AGAIN_S = 5
};

bool raft_may_stand(const struct raft *raft)
{
    return raft_is_electable(raft) && !(raft->blank && raft->met_bootstrapped) &&
           raft_fitness(raft) == PEER_FIT &&
           raft_trail_has_room(&raft->log.trail, raft->term + 1);
}

static void tell_missing(struct raft *raft)
{
    if (raft->missing_told_ns == 0) {
        /*
         * Members that start together are not missing, so the first check is a second
         * later.
         */
        raft->missing_told_ns = raft->now_ns - (MISSING_AGAIN_S - 1) * NS_PER_S;
    }
    bool again = raft->now_ns - raft->missing_told_ns >= MISSING_AGAIN_S * NS_PER_S;
    if (raft_is_bootstrapped(raft) || raft_missing(raft) == 0 || !again)
        return;
    raft->missing_told_ns = raft->now_ns;
    raft_note(raft, RAFT_NOTICE_MISSING, 0);
}

/* Its disk has not even taken the vote for itself: another term would not help. */
static bool waits_for_own_vote(const struct raft *raft)
{
    return raft->role == RAFT_CANDIDATE && !raft_vote_is_durable(raft);
}

void raft_stand(struct raft *raft)
{
    if (!raft_may_stand(raft) || waits_for_own_vote(raft)) {
        MARK(may_not_stand);
        raft_reset_election_timer(raft);
        return;
    }
    if (raft->role == RAFT_PRECANDIDATE)
        raft->hurried = false;
    raft_become_precandidate(raft);
    tell_missing(raft);
}

/* Does this node have a leader, as far as it knows, other than `candidate`? */
static bool leader_lives(const struct raft *raft, uint8_t candidate)
{
    if (raft->role == RAFT_LEADER)
        return true;
    if (raft->leader == 0 || raft->leader == candidate)
        return false;
    const struct raft_peer *leader = raft_find_peer_const(raft, raft->leader);
    return leader && leader->open &&
           raft->now_ns - raft->leader_heard_ns < raft->settings.election_min_ns;
}

/* Is a log that ends with `last` as good as its own? [Raft 3.6.1] */
static bool log_suffices(const struct raft *raft, struct entry_id last)
{
    return !entry_id_less(last, raft_log_last(&raft->log));
}

/* This node is in a hurry too, and is not the better candidate: let `peer` go first. */
static void give_way(
        struct raft *raft, const struct raft_peer *peer, const struct peer_message *vote)
{
    if (!raft->hurried)
        return;
    bool better = entry_id_less(raft_log_last(&raft->log), vote->last) ||
                  peer->id > raft->settings.self;
    if (raft->role == RAFT_PRECANDIDATE && !better)
        return;
    MARK(gave_way);
    raft_become_follower(raft);
    raft_reset_election_timer(raft);
}

static bool grant_prevote(
        struct raft *raft, const struct raft_peer *peer, const struct peer_message *vote)
{
    if (vote->term <= raft->term || !log_suffices(raft, vote->last) ||
            leader_lives(raft, peer->id))
        return false;
    if (raft_fitness(raft) == PEER_CANNOT_WRITE)
        return false;
    if (raft->role == RAFT_FOLLOWER || raft->role == RAFT_PRECANDIDATE)
        give_way(raft, peer, vote);
    return true;
}

static bool grant_vote(
        struct raft *raft, const struct raft_peer *peer, const struct peer_message *vote)
{
    if (vote->term < raft->term || (leader_lives(raft, peer->id) && !vote->transfer))
        return false;
    bool stood = raft->role != RAFT_FOLLOWER;
    if (vote->term > raft->term)
        raft_adopt_term(raft, vote->term);
    bool is_free = raft->vote == 0 || raft->vote == peer->id;
    if (!is_free || !log_suffices(raft, vote->last)) {
        /* The peer's term was in the way, and the peer cannot win itself. */
        if (stood && raft->role == RAFT_FOLLOWER)
            raft_stand_soon(raft);
        return false;
    }
    raft_become_follower(raft);
    if (raft->vote == 0) {
        raft->vote = peer->id;
        raft_save(raft);
    }
    raft_reset_election_timer(raft);
    return true;
}

void raft_on_vote(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *vote)
{
    if (vote->term == 0 || vote->bootstrap != (vote->last.index == 0))
        return;
    if (vote->bootstrap && raft->joining) {
        MARK(joining_node_bootstraps_nothing);
        return;
    }
    if (!vote->pre && raft_fitness(raft) == PEER_CANNOT_WRITE) {
        MARK(vote_could_not_be_durable);
        return;
    }
    struct peer_message answer = {.kind = PEER_VOTE_ANSWER, .pre = vote->pre};
    if (raft->blank && !vote->bootstrap)
        raft_meet_bootstrapped(raft);
    if (raft->blank && raft->met_bootstrapped)
        answer.state = PEER_STATE_BLANK;
    else if (vote->pre)
        answer.granted = grant_prevote(raft, peer, vote);
    else
        answer.granted = grant_vote(raft, peer, vote);
    /*
     * For a granted pre-vote, the term that it is for; else this node's own, for a peer in
     * an older one.
     */
    answer.term = vote->pre && answer.granted ? vote->term : raft->term;
    raft_send(raft, peer, &answer, 0);
}

static void on_newer_term(struct raft *raft, uint64_t term)
{
    MARK(answer_had_newer_term);
    bool stood = raft->role != RAFT_FOLLOWER;
    raft_adopt_term(raft, term);
    if (stood)
        raft_stand_soon(raft);
}

void raft_on_vote_answer(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *answer)
{
    if (!raft_hear_state(raft, peer, answer->state))
        return;
    bool would = answer->pre && answer->granted;
    if (!would && answer->term > raft->term) {
        on_newer_term(raft, answer->term);
        return;
    }
    uint64_t stands_for = raft->term + (answer->pre ? 1 : 0);
    enum raft_role role = answer->pre ? RAFT_PRECANDIDATE : RAFT_CANDIDATE;
    if (raft->role != role)
        return;
    if (answer->granted && answer->term == stands_for)
        peer->granted = true;
    else if (!answer->granted && answer->term == raft->term)
        peer->refused = true;
}

/* How many votes are needed, this node's included. */
static uint32_t votes_needed(const struct raft *raft)
{
    uint32_t voters = raft_count(raft->membership.newest.voters);
    return raft_is_bootstrapped(raft) ? voters / 2 + 1 : voters;
}

static uint32_t count_granted(const struct raft *raft)
{
    uint32_t count = raft_is_voter(raft) ? 1 : 0;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        count += peer->granted && raft_votes(raft, peer) ? 1 : 0;
    }
    return count;
}

/* Can the members that have not answered still make it a success? */
static bool is_lost(const struct raft *raft)
{
    uint32_t count = count_granted(raft);
    uint32_t against = 0;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (!raft_votes(raft, peer))
            continue;
        count += !peer->granted && !peer->refused && peer->open ? 1 : 0;
        against += peer->refused ? 1 : 0;
    }
    return against > 0 && count < votes_needed(raft);
}

static void ask_for_votes(struct raft *raft)
{
    bool pre = raft->role == RAFT_PRECANDIDATE;
    const struct peer_message request = {
            .kind = PEER_VOTE,
            .term = raft->term + (pre ? 1 : 0),
            .pre = pre,
            .transfer = raft->handed,
            .bootstrap = !raft_is_bootstrapped(raft),
            .last = raft_log_last(&raft->log),
    };
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (!raft_votes(raft, peer) || peer->granted || raft->now_ns < peer->due_ns ||
                !raft_can_send(raft, peer))
            continue;
        raft_send(raft, peer, &request, 0);
        peer->due_ns = raft->now_ns + raft->settings.heartbeat_ns;
    }
}

void raft_settle_election(struct raft *raft)
{
    if (raft_is_standing(raft) && raft_fitness(raft) != PEER_FIT) {
        MARK(unfit_candidate);
        raft_become_follower(raft);
    }
    if (raft->role == RAFT_PRECANDIDATE && count_granted(raft) >= votes_needed(raft))
        raft_become_candidate(raft);
    if (raft->role == RAFT_CANDIDATE && raft_vote_is_durable(raft)) {
        if (count_granted(raft) >= votes_needed(raft))
            raft_become_leader(raft);
        else if (is_lost(raft)) {
            MARK(election_lost);
            raft_become_follower(raft);
            raft_stand_soon(raft);
        }
    }
    if (raft_is_standing(raft))
        ask_for_votes(raft);
}
