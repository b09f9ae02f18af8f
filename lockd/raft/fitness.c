/*
 * Who could lead: whose disk works, and who has applied what.
 *
 * A stall is a write that is not durable after two of the longest election timeouts. While
 * a disk is slow but finishes its writes, the time begins anew with each. A leader whose
 * disk stalls would still commit with the others, until its buffers are full. It gives up
 * its lead before that, if the others' disks are better. If all disks are as slow, handing
 * the lead around would only keep the slow writes from being counted.
 */
#include "base/numbers.h"
#include "raft/raft_state.h"

uint64_t raft_write_age_ns(const struct raft *raft)
{
    return ring_is_empty(&raft->pending_ring) ? 0 : raft->now_ns - raft->progress_ns;
}

uint64_t raft_stall_ns(const struct raft *raft)
{
    if (ring_is_empty(&raft->pending_ring))
        return UINT64_MAX;
    return raft->progress_ns + RAFT_STALL_ELECTIONS * raft->settings.election_max_ns;
}

enum peer_fitness raft_fitness(const struct raft *raft)
{
    bool stalls = raft->now_ns >= raft_stall_ns(raft);
    return stalls ? PEER_CANNOT_WRITE : raft->told_fitness;
}

bool raft_lags(const struct raft *raft)
{
    return raft->applied + RAFT_APPLIED_NEAR < raft_log_last(&raft->log).index;
}

bool raft_peer_can_lead(const struct raft *raft, const struct raft_peer *peer)
{
    return raft_votes(raft, peer) && peer->open && peer->state == PEER_STATE_ORDINARY &&
           peer->fitness == PEER_FIT && peer->acked_ns != 0 &&
           raft->now_ns - peer->acked_ns < raft->settings.election_max_ns;
}

bool raft_peer_is_current(const struct raft *raft, const struct raft_peer *peer)
{
    return peer->applied + RAFT_APPLIED_NEAR >= raft->commit.index;
}

/*
 * It may be asked to lead, it has applied the log, it has most of it: in this order, because
 * that is how long it takes to get from one to the other.
 */
static bool is_better(
        const struct raft *raft, const struct raft_peer *peer, const struct raft_peer *than)
{
    if (peer->yields != than->yields)
        return than->yields;
    bool current = raft_peer_is_current(raft, peer);
    if (current != raft_peer_is_current(raft, than))
        return current;
    return peer->match > than->match;
}

/*
 * It has written what this node has not, and quickly. Half of the time, because two disks
 * that are as slow do not finish together.
 */
static bool writes_better(const struct raft *raft, const struct raft_peer *peer)
{
    uint64_t waits_ns = peer->timed_end == 0 ? 0 : raft->now_ns - peer->timed_ns;
    uint64_t slowest_ns = u64_max(waits_ns, peer->took_ns);
    return peer->match > raft->durable && 2 * slowest_ns <= raft_write_age_ns(raft);
}

static const struct raft_peer *best_of(const struct raft *raft, bool by_disk)
{
    const struct raft_peer *best = NULL;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (!raft_peer_can_lead(raft, peer) || (by_disk && !writes_better(raft, peer)))
            continue;
        if (!best || is_better(raft, peer, best))
            best = peer;
    }
    return best;
}

const struct raft_peer *raft_best_peer(const struct raft *raft)
{
    return best_of(raft, false);
}

const struct raft_peer *raft_better_peer(const struct raft *raft)
{
    return best_of(raft, raft->told_fitness == PEER_FIT);
}

enum raft_successor raft_successor(const struct raft *raft)
{
    const struct raft_peer *best = raft_best_peer(raft);
    if (!best)
        return RAFT_SUCCESSOR_NONE;
    return raft_peer_is_current(raft, best) ? RAFT_SUCCESSOR_READY : RAFT_SUCCESSOR_LATER;
}

uint64_t raft_uncommitted_ns(const struct raft *raft, uint64_t *members)
{
    uint64_t last = raft_log_last(&raft->log).index;
    *members = 0;
    if (raft->role != RAFT_LEADER || raft->commit.index == last)
        return 0;
    if (raft->durable < last && raft_is_voter(raft))
        *members |= UINT64_C(1) << raft->settings.self;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (raft_votes(raft, peer) && peer->match < last)
            *members |= raft_bit(peer->id);
    }
    return raft->now_ns - raft->commit_ns;
}
