/* What a majority has reached. */
#include "raft/raft_state.h"

uint64_t raft_reached(
        const struct raft *raft, uint64_t own, uint64_t (*of)(const struct raft_peer *peer))
{
    uint64_t values[MEMBERS_MAX];
    uint32_t count = 0;
    /* Sorted, greatest first. */
    for (uint8_t i = 0; i <= raft->peer_count; i++) {
        uint64_t value = i < raft->peer_count ? of(&raft->peers[i]) : own;
        uint32_t at = count;
        for (; at > 0 && values[at - 1] < value; at--)
            values[at] = values[at - 1];
        values[at] = value;
        count++;
    }
    return values[count / 2];
}
