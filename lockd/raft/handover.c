/*
 * A leader hands over on purpose. [Raft 3.10]
 *
 * The leader takes no more proposals, waits until the chosen member has its whole log, and
 * tells it to campaign at once, without a pre-vote. If there is no new leader after an
 * election timeout, it continues to lead as before.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

/* The open, ordinary member that has most of the log. */
static const struct raft_peer *furthest(const struct raft *raft)
{
    const struct raft_peer *best = NULL;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (!peer->open || peer->state != PEER_STATE_ORDINARY || peer->acked_ns == 0)
            continue;
        if (!best || peer->match > best->match)
            best = peer;
    }
    return best;
}

void raft_on_transfer(struct raft *raft, uint8_t id)
{
    if (raft->role != RAFT_LEADER)
        return;
    const struct raft_peer *peer = id == 0 ? furthest(raft) : raft_find_peer(raft, id);
    if (!peer || !peer->open) {
        MARK(transfer_to_nobody);
        return;
    }
    raft->transfer = peer->id;
    raft->transfer_sent = false;
    raft->transfer_ns = raft->now_ns + raft->settings.election_max_ns;
}

void raft_settle_transfer(struct raft *raft)
{
    if (raft->transfer == 0)
        return;
    const struct raft_peer *peer = raft_find_peer(raft, raft->transfer);
    assert(peer);
    if (raft->now_ns >= raft->transfer_ns || !peer->open) {
        MARK(transfer_given_up);
        raft->transfer = 0;
        return;
    }
    /*
     * The term's first entry is taken even during a handover: without it nothing can be
     * matched.
     */
    bool complete = raft_log_last(&raft->log).term == raft->term &&
                    peer->match == raft_log_last(&raft->log).index;
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
