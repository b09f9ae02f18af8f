/*
 * What this node knows of a peer's log and state, in any role.
 *
 * When a peer says that it is blank or damaged, this node forgets what that peer had: the
 * peer no longer has it.
 */
#include "raft/raft_state.h"

void raft_probe(struct raft *raft, struct raft_peer *peer)
{
    peer->probing = true;
    peer->fetching = false;
    ring_init(&peer->flights, peer->flights.capacity);
    peer->flying_bytes = 0;
    peer->next = (peer->match > 0 ? peer->match : raft_log_last(&raft->log).index) + 1;
}

bool raft_hear_state(struct raft *raft, struct raft_peer *peer, uint8_t state)
{
    enum peer_state said = (enum peer_state)state;
    if (said == PEER_STATE_ORDINARY) {
        peer->state = said;
        return true;
    }
    if (peer->state != said) {
        bool blank = said == PEER_STATE_BLANK;
        raft_note(
                raft, blank ? RAFT_NOTICE_PEER_BLANK : RAFT_NOTICE_PEER_DAMAGED, peer->id);
    }
    peer->state = said;
    peer->granted = false;
    peer->refused = true;
    /* The peer no longer has what it had. */
    peer->match = 0;
    peer->acked_ns = 0;
    peer->round_acked = 0;
    raft_probe(raft, peer);
    return false;
}
