/*
 * Which configuration counts, and which peers there are. [Raft 4.1]
 *
 * The newest configuration in the log counts as soon as it is there. Majorities of two
 * configurations that follow each other have a member in common, as one voter at most is
 * added or removed; that they follow each other is seen to when an entry is proposed. A
 * configuration of an earlier term may be known to some nodes and then be lost. So a leader
 * begins a change only when an entry of its own term is committed: from then on no other
 * leader can continue from such a configuration.
 *
 * Peers are the members of the newest configuration, and others that are connected: nodes
 * that know a newer one, or that do not know yet that they are removed. They are answered
 * like members, because this node may be the one that does not know. But they count for
 * nothing here.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

struct raft_peer *raft_know_peer(struct raft *raft, uint8_t id)
{
    struct raft_peer *peer = raft_find_peer(raft, id);
    if (peer || raft->peer_count == RAFT_PEERS_MAX)
        return peer;
    peer = &raft->peers[raft->peer_count];
    raft->peer_count++;
    *peer = (struct raft_peer){
            .id = id,
            .flights = peer->flights,
            .flight_ends = peer->flight_ends,
            .flight_bytes = peer->flight_bytes,
    };
    raft_forget_peer(peer);
    return peer;
}

void raft_forget_peer(struct raft_peer *peer)
{
    peer->match = 0;
    peer->next = 1;
    peer->probing = true;
    peer->fetching = false;
    ring_init(&peer->flights, peer->flights.capacity);
    peer->flying_bytes = 0;
    peer->timed_end = 0;
    peer->took_ns = 0;
    peer->granted = false;
    peer->acked_ns = 0;
    peer->stamp_ns = 0;
    peer->round_acked = 0;
    peer->applied = 0;
}

static uint64_t members_of(const struct raft_configuration *configuration)
{
    return configuration->voters | configuration->learners;
}

bool raft_is_fed(const struct raft *raft, const struct raft_peer *peer)
{
    const struct raft_membership *membership = &raft->membership;
    uint64_t members = members_of(&membership->newest);
    if (membership->index > raft->commit.index)
        members |= members_of(&membership->before);
    return !peer->outsider && (members & raft_bit(peer->id)) != 0;
}

bool raft_is_electable(const struct raft *raft)
{
    const struct raft_membership *membership = &raft->membership;
    bool settled = membership->index <= raft->commit.index;
    bool was_voter = (membership->before.voters & raft_bit(raft->settings.self)) != 0;
    return raft_is_voter(raft) || (!settled && was_voter);
}

/* Every member has a peer. One that no longer votes is another directory, or is to be. */
static void count_anew(struct raft *raft, const struct raft_configuration *before)
{
    const struct raft_configuration *newest = &raft->membership.newest;
    for (int i = 1; i <= NODE_ID_MAX; i++) {
        uint8_t id = (uint8_t)i;
        if ((members_of(newest) & raft_bit(id)) == 0 || id == raft->settings.self)
            continue;
        struct raft_peer *peer = raft_know_peer(raft, id);
        assert(peer);
        bool demoted = (before->voters & newest->learners & raft_bit(id)) != 0;
        if (demoted) {
            raft_forget_peer(peer);
            peer->next = raft_log_last(&raft->log).index + 1;
        }
    }
    raft->peers_changed = true;
}

void raft_membership_take(struct raft *raft, const struct raft_entry *entry)
{
    if (raft_is_empty(&entry->configuration))
        return;
    struct raft_membership *membership = &raft->membership;
    assert(entry->id.index > membership->index);
    membership->before = membership->newest;
    membership->before_index = membership->index;
    membership->newest = entry->configuration;
    membership->index = entry->id.index;
    count_anew(raft, &membership->before);
}

void raft_membership_cut(struct raft *raft, uint64_t from)
{
    struct raft_membership *membership = &raft->membership;
    if (membership->index < from)
        return;
    MARK(configuration_undone);
    const struct raft_configuration undone = membership->newest;
    membership->newest = membership->before;
    membership->index = membership->before_index;
    count_anew(raft, &undone);
}

void raft_membership_restart(
        struct raft *raft, uint64_t index, const struct raft_configuration *configuration)
{
    struct raft_membership *membership = &raft->membership;
    const struct raft_configuration was = membership->newest;
    *membership = (struct raft_membership){
            .newest = *configuration,
            .index = index,
            .before = *configuration,
            .before_index = index,
    };
    count_anew(raft, &was);
}

void raft_membership_restore(
        struct raft *raft, uint64_t index, const struct raft_configuration *configuration)
{
    struct raft_membership *membership = &raft->membership;
    if (membership->index <= index) {
        raft_membership_restart(raft, index, configuration);
    } else if (membership->before_index < index) {
        membership->before = *configuration;
        membership->before_index = index;
    }
}

void raft_drop_peers(struct raft *raft)
{
    if (!raft->peers_changed)
        return;
    raft->peers_changed = false;
    uint64_t members = members_of(&raft->membership.newest);
    for (uint8_t i = 0; i < raft->peer_count;) {
        struct raft_peer *peer = &raft->peers[i];
        if (peer->open || (members & raft_bit(peer->id)) != 0) {
            i++;
            continue;
        }
        raft->peer_count--;
        struct raft_peer gone = *peer;
        *peer = raft->peers[raft->peer_count];
        raft->peers[raft->peer_count] = gone;
    }
}

struct raft_configuration raft_newest_configuration(const struct raft *raft)
{
    return raft->membership.newest;
}

uint64_t raft_configuration_index(const struct raft *raft)
{
    return raft->membership.index;
}

bool raft_is_voter(const struct raft *raft)
{
    return (raft->membership.newest.voters & raft_bit(raft->settings.self)) != 0;
}

bool raft_is_alone(const struct raft *raft)
{
    return raft->membership.newest.voters == raft_bit(raft->settings.self);
}
