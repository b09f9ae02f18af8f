/* What a majority of the voters has reached. */
#include "raft/raft_state.h"

uint64_t raft_reached(
        const struct raft *raft, uint64_t own, uint64_t (*of)(const struct raft_peer *peer))
{
    uint64_t values[RAFT_PEERS_MAX + 1];
    uint32_t count = 0;
    /* Sorted, greatest first. */
    for (uint8_t i = 0; i <= raft->peer_count; i++) {
        bool is_own = i == raft->peer_count;
        if (is_own ? !raft_is_voter(raft) : !raft_votes(raft, &raft->peers[i]))
            continue;
        uint64_t value = is_own ? own : of(&raft->peers[i]);
        uint32_t at = count;
        for (; at > 0 && values[at - 1] < value; at--)
            values[at] = values[at - 1];
        values[at] = value;
        count++;
    }
    /* A voter that is connected as another directory counts as one that has nothing. */
    uint32_t voters = raft_count(raft->membership.newest.voters);
    return voters / 2 < count ? values[voters / 2] : 0;
}

uint64_t raft_unheard(const struct raft *raft, uint64_t voters)
{
    uint64_t unheard = voters;
    if (raft->role == RAFT_LEADER)
        unheard &= ~raft_bit(raft->settings.self);
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        bool heard = peer->open && !peer->outsider && peer->acked_ns != 0 &&
                     raft->now_ns - peer->acked_ns < raft->settings.election_max_ns;
        if (heard)
            unheard &= ~raft_bit(peer->id);
    }
    uint32_t count = raft_count(voters);
    uint32_t missing = raft_count(unheard);
    return count - missing >= count / 2 + 1 ? 0 : unheard;
}
