/*
 * A leader hands over on purpose. [Raft 3.10]
 *
 * The leader takes no more proposals, waits until the chosen member has its whole log, and
 * tells it to campaign at once, without a pre-vote. If there is no new leader after an
 * election timeout, it continues to lead as before.
 *
 * The member must be fit, and must have applied what is committed: else nobody would be
 * served until it has.
 *
 * A leader that is not fit itself hands over, and steps down if the member that it chose
 * does not take over. If it could choose none, it depends: without room it steps down. With
 * a disk that stalls, or a part of its log that cannot be read, it stays, because nobody
 * would do better: it can still commit what its disk takes in the end, and serve what is in
 * memory. It hands over when somebody is better.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

static bool may_take_over(const struct raft *raft, const struct raft_peer *peer)
{
    return peer->open && raft_votes(raft, peer) && peer->state == PEER_STATE_ORDINARY &&
           peer->fitness == PEER_FIT;
}

void raft_on_transfer(struct raft *raft, uint8_t id)
{
    if (raft->role != RAFT_LEADER)
        return;
    const struct raft_peer *peer =
            id == 0 ? raft_best_peer(raft) : raft_find_peer(raft, id);
    if (!peer || !may_take_over(raft, peer)) {
        MARK(transfer_to_nobody);
        return;
    }
    raft->transfer = peer->id;
    raft->transfer_sent = false;
    raft->transfer_short = false;
    raft->transfer_ns = raft->now_ns + raft->settings.election_max_ns;
}

void raft_settle_transfer(struct raft *raft)
{
    if (raft->transfer == 0)
        return;
    const struct raft_peer *peer = raft_find_peer(raft, raft->transfer);
    if (!peer || raft->now_ns >= raft->transfer_ns || !may_take_over(raft, peer)) {
        MARK(transfer_given_up);
        raft->transfer = 0;
        raft->transfer_short = peer && peer->match != raft_log_last(&raft->log).index;
        if (raft->resigning)
            raft->more = true; /* The next step ends its lead. */
        return;
    }
    /*
     * The term's first entry is taken even during a handover: without it nothing can be
     * matched.
     */
    bool complete = raft_log_last(&raft->log).term == raft->term &&
                    peer->match == raft_log_last(&raft->log).index &&
                    raft_peer_is_current(raft, peer);
    if (raft->transfer_sent || !complete || !raft_can_send(raft, peer))
        return;
    const struct peer_message message = {.kind = PEER_TIMEOUT_NOW, .term = raft->term};
    raft_send(raft, peer, &message, 0);
    raft->transfer_sent = true;
}

void raft_on_timeout_now(
        struct raft *raft, const struct raft_peer *peer, const struct peer_message *message)
{
    bool told = message->term == raft->term && peer->id == raft->leader;
    if (!told || raft->role == RAFT_LEADER || raft->blank || !raft_may_stand(raft))
        return;
    raft_become_candidate(raft);
    raft->handed = true;
}

/* It can still do a part of a leader's work, and nobody known could do more. */
static bool stays(const struct raft *raft, const struct raft_peer *better)
{
    return !better && raft->told_fitness < PEER_NO_ROOM;
}

/* Another member can lead, and has said so in this term; this one is to lead if none can. */
static bool yields_now(const struct raft *raft)
{
    if (!raft->settings.yields)
        return false;
    const struct raft_peer *best = raft_best_peer(raft);
    return best && best->match > 0 && !best->yields;
}

/*
 * This leader has to apply its log, or yields. If a member has applied it, that one can serve at
 * once.
 */
static void pass_on(struct raft *raft)
{
    bool replays = raft->applied + RAFT_APPLIED_NEAR < raft->commit.index;
    bool waits = raft->transfer != 0 || raft->now_ns < raft->pass_on_ns;
    if (waits || !(replays || yields_now(raft)) ||
            raft_successor(raft) != RAFT_SUCCESSOR_READY)
        return;
    if (replays)
        MARK(passed_on_by_one_that_replays);
    else
        MARK(yielded);
    raft->pass_on_ns = raft->now_ns + 4 * raft->settings.election_max_ns;
    raft_on_transfer(raft, 0);
}

void raft_judge_lead(struct raft *raft)
{
    /* Nobody could lead instead of a single voter. */
    if (raft->role != RAFT_LEADER || raft_is_alone(raft))
        return;
    if (raft_fitness(raft) == PEER_FIT) {
        raft->resigning = false;
        pass_on(raft);
        return;
    }
    if (!raft->resigning) {
        const struct raft_peer *better = raft_better_peer(raft);
        if (stays(raft, better)) {
            MARK(unfit_leader_stays);
            return;
        }
        MARK(unfit_leader_hands_over);
        raft->resigning = true;
        raft_on_transfer(raft, better ? better->id : 0);
    }
    if (raft->transfer != 0)
        return;
    if (raft->told_fitness == PEER_FIT && raft->transfer_short) {
        /* The member did not even write the rest of the log: its disk is as slow. */
        MARK(slow_leader_takes_back);
        raft->resigning = false;
        return;
    }
    MARK(unfit_leader_steps_down);
    raft_become_follower(raft);
    raft_note(raft, RAFT_NOTICE_RESIGNED, 0);
}

void raft_judge_membership(struct raft *raft)
{
    if (raft_is_voter(raft) || raft->membership.index > raft->commit.index)
        return;
    MARK(removed_leader_steps_down);
    raft_become_follower(raft);
    raft_note(raft, RAFT_NOTICE_LEFT, 0);
}

void raft_on_fitness(struct raft *raft, enum peer_fitness fitness)
{
    raft->told_fitness = fitness;
    if (raft_is_standing(raft) && raft_fitness(raft) != PEER_FIT)
        raft_become_follower(raft);
    raft_judge_lead(raft);
}
