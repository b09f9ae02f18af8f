/* What others may read of a raft. Nothing here changes it. */
#include "raft/raft_state.h"

bool raft_is_leader(const struct raft *raft)
{
    return raft->role == RAFT_LEADER;
}

enum raft_role raft_role(const struct raft *raft)
{
    return raft->role;
}

uint64_t raft_term(const struct raft *raft)
{
    return raft->term;
}

uint8_t raft_vote(const struct raft *raft)
{
    return raft->vote;
}

uint8_t raft_leader(const struct raft *raft)
{
    return raft->leader;
}

uint64_t raft_commit(const struct raft *raft)
{
    return raft->commit.index;
}

uint64_t raft_commit_heard(const struct raft *raft)
{
    uint64_t own = raft->commit.index;
    return own > raft->commit_heard ? own : raft->commit_heard;
}

struct entry_id raft_last(const struct raft *raft)
{
    return raft_log_last(&raft->log);
}

uint64_t raft_durable(const struct raft *raft)
{
    return raft->durable;
}

struct entry_id raft_next_id(const struct raft *raft)
{
    return (struct entry_id){raft->term, raft_log_last(&raft->log).index + 1};
}

bool raft_takes_proposals(const struct raft *raft)
{
    bool begun = raft_log_last(&raft->log).term == raft->term;
    return raft->role == RAFT_LEADER && (raft->transfer == 0 || !begun);
}

bool raft_leads_committed(const struct raft *raft)
{
    return raft->role == RAFT_LEADER && raft->commit.term == raft->term;
}

bool raft_leads_applied(const struct raft *raft)
{
    return raft_leads_committed(raft) &&
           raft_log_term(&raft->log, raft->applied) == raft->term;
}

uint64_t raft_term_at(const struct raft *raft, uint64_t index)
{
    return raft_log_term(&raft->log, index);
}

struct entry_id raft_before_log(const struct raft *raft)
{
    return raft->log.trail.before;
}

static uint64_t acked_of(const struct raft_peer *peer)
{
    return peer->acked_ns;
}

uint64_t raft_majority_heard_ns(const struct raft *raft)
{
    return raft_reached(raft, raft->now_ns, acked_of);
}

bool raft_is_blank(const struct raft *raft)
{
    return raft->blank;
}

bool raft_met_bootstrapped(const struct raft *raft)
{
    return raft->met_bootstrapped;
}

uint64_t raft_missing(const struct raft *raft)
{
    uint64_t missing = 0;
    if (raft_is_bootstrapped(raft))
        return 0;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (!peer->open)
            missing |= UINT64_C(1) << peer->id;
    }
    return missing;
}

bool raft_peer_needs_snapshot(const struct raft *raft, uint8_t id)
{
    const struct raft_peer *peer = raft_find_peer_const(raft, id);
    return raft->role == RAFT_LEADER && peer && peer->open && peer->acked_ns != 0 &&
           peer->state == PEER_STATE_ORDINARY && raft_log_is_before(&raft->log, peer->next);
}

uint64_t raft_peer_lacks(const struct raft *raft, uint8_t id)
{
    const struct raft_peer *peer = raft_find_peer_const(raft, id);
    bool takes_part = peer && peer->state == PEER_STATE_ORDINARY;
    return takes_part ? peer->match + 1 : UINT64_MAX;
}

uint64_t raft_peer_match(const struct raft *raft, uint8_t id)
{
    const struct raft_peer *peer = raft_find_peer_const(raft, id);
    return peer ? peer->match : 0;
}

uint64_t raft_peer_heard_ns(const struct raft *raft, uint8_t id)
{
    const struct raft_peer *peer = raft_find_peer_const(raft, id);
    return peer ? peer->heard_ns : 0;
}

bool raft_peer_is_open(const struct raft *raft, uint8_t id)
{
    const struct raft_peer *peer = raft_find_peer_const(raft, id);
    return peer && peer->open;
}
