#include "raft/raft_check.h"

#include "base/check.h"

static void check_log(const struct raft *raft)
{
    raft_log_check(&raft->log);
    assert(raft_log_last(&raft->log).term <= raft->term);
    uint64_t last = raft_log_last(&raft->log).index;
    /* The entries before the beginning are committed and on disk. */
    assert(raft->log.trail.before.index <= raft->commit.index);
    assert(raft->log.trail.before.index <= raft->durable);
    assert(raft->commit.index <= last);
    assert(raft_term_at(raft, raft->commit.index) == raft->commit.term);
    assert(raft->durable <= last);
    assert(raft->applied <= raft->commit.index);
    assert(raft->proven <= last);
    assert(raft->written <= raft->write_last && raft->saved_write <= raft->write_last);
    uint64_t number = raft->written;
    for (uint64_t at = raft->pending_ring.begin; at < raft->pending_ring.end; at++) {
        const struct raft_pending *pending =
                &raft->pending[ring_at(&raft->pending_ring, at)];
        assert(pending->number > number && pending->number <= raft->write_last);
        assert(pending->last_index <= last);
        number = pending->number;
    }
    assert(number == raft->write_last);
    /* What is on its way to the disk is all of the log. */
    if (ring_is_empty(&raft->pending_ring))
        assert(raft->durable == last);
}

static void check_role(const struct raft *raft)
{
    uint8_t self = raft->settings.self;
    switch (raft->role) {
    case RAFT_FOLLOWER:
        assert(raft->leader != self);
        break;
    case RAFT_PRECANDIDATE:
        assert(raft->leader == 0);
        break;
    case RAFT_CANDIDATE:
        assert(raft->leader == 0 && raft->vote == self);
        break;
    case RAFT_LEADER:
        assert(raft->leader == self && raft->vote == self);
        assert(raft_vote_is_durable(raft));
        break;
    }
    if (raft->role != RAFT_LEADER)
        assert(raft->transfer == 0 && !raft->resigning);
    /* Who is not fit, or not electable, does not campaign; who has no room does not lead on. */
    if (raft_is_standing(raft))
        assert(raft_fitness(raft) == PEER_FIT && raft_is_electable(raft));
    if (raft->role == RAFT_LEADER)
        assert(raft_is_electable(raft));
    if (raft->role == RAFT_LEADER && raft->told_fitness >= PEER_NO_ROOM)
        assert(raft_is_alone(raft) || raft->resigning);
    if (raft->role != RAFT_CANDIDATE)
        assert(!raft->handed);
    if (raft->role != RAFT_LEADER)
        assert(raft->election_ns != UINT64_MAX);
    if (raft->vote != 0)
        assert(raft->term > 0);
}

static void check_blank(const struct raft *raft)
{
    if (raft->blank) {
        assert(raft->vote == 0 || raft->met_bootstrapped);
        assert(!raft_is_bootstrapped(raft) && raft->write_last == 0);
        assert(raft->role == RAFT_FOLLOWER || raft->role == RAFT_PRECANDIDATE);
    }
    if (raft->met_bootstrapped)
        assert(raft->blank && raft->role == RAFT_FOLLOWER);
    if (raft->joining)
        assert(!raft->blank);
}

static void check_membership(const struct raft *raft)
{
    const struct raft_membership *membership = &raft->membership;
    const struct raft_configuration *newest = &membership->newest;
    assert(membership->index <= raft_log_last(&raft->log).index);
    assert(membership->before_index <= membership->index);
    assert((newest->voters & newest->learners) == 0);
    uint64_t members = newest->voters | newest->learners;
    uint64_t known = raft_bit(raft->settings.self);
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        assert((known & raft_bit(peer->id)) == 0);
        known |= raft_bit(peer->id);
        if (!peer->open && !raft->peers_changed)
            assert((members & raft_bit(peer->id)) != 0);
    }
    assert((members & ~known) == 0);
}

static void check_peer(const struct raft *raft, const struct raft_peer *peer)
{
    assert(peer->id != raft->settings.self);
    assert(ring_count(&peer->flights) <= raft->settings.window);
    if (raft->role != RAFT_LEADER)
        return;
    assert(peer->match <= raft_log_last(&raft->log).index);
    assert(peer->match < peer->next && peer->next <= raft_log_last(&raft->log).index + 1);
    assert(peer->round_acked <= raft->round && peer->round_sent <= raft->round);
    if (peer->probing)
        assert(ring_count(&peer->flights) <= 1);
    if (peer->state != PEER_STATE_ORDINARY)
        assert(peer->match == 0 && ring_is_empty(&peer->flights));
    if (peer->fetching)
        assert(peer->fetch_begin == peer->next);
    uint64_t end = peer->match + 1;
    uint64_t flying = 0;
    for (uint64_t at = peer->flights.begin; at < peer->flights.end; at++) {
        flying += peer->flight_bytes[ring_at(&peer->flights, at)];
        uint64_t flight_end = peer->flight_ends[ring_at(&peer->flights, at)];
        assert(end < flight_end && flight_end <= raft_log_last(&raft->log).index + 1);
        end = flight_end;
    }
    assert(flying == peer->flying_bytes);
    if (!peer->probing && !ring_is_empty(&peer->flights))
        assert(end == peer->next);
}

static void check_reads(const struct raft *raft)
{
    uint32_t done = 0;
    assert(ring_count(&raft->read_ring) <= raft->settings.reads_max);
    for (uint64_t at = raft->read_ring.begin; at < raft->read_ring.end; at++) {
        const struct raft_read *read = &raft->reads[ring_at(&raft->read_ring, at)];
        switch (read->state) {
        case RAFT_READ_GONE:
            assert(at != raft->read_ring.begin);
            break;
        case RAFT_READ_WAITS_COMMIT:
            assert(raft->role == RAFT_LEADER && !raft_leads_committed(raft));
            break;
        case RAFT_READ_WAITS_ROUND:
            assert(raft_leads_committed(raft) && read->round <= raft->round + 1);
            break;
        case RAFT_READ_ASKED:
            assert(raft->role == RAFT_FOLLOWER && read->leader == raft->leader);
            break;
        case RAFT_READ_GRANTED:
        case RAFT_READ_FAILED:
            done++;
            break;
        }
    }
    assert(done == raft->reads_done);
    if (done > 0)
        assert(raft->more);
}

void raft_check(const struct raft *raft)
{
    assert(raft->booted && !raft->effects);
    check_log(raft);
    check_role(raft);
    check_blank(raft);
    check_reads(raft);
    check_membership(raft);
    for (uint8_t i = 0; i < raft->peer_count; i++)
        check_peer(raft, &raft->peers[i]);
}

/* A leader tells a member to campaign that is fit and has applied what is committed. */
static void check_handover(const struct raft *before, const struct raft *after)
{
    bool sent = after->transfer_sent && after->transfer != 0 &&
                (!before->transfer_sent || before->transfer == 0);
    if (!sent)
        return;
    const struct raft_peer *peer = raft_find_peer_const(after, after->transfer);
    assert(peer && peer->fitness == PEER_FIT && raft_peer_is_current(after, peer));
    assert(raft_votes(after, peer));
}

/*
 * A leader begins a change when the one before and an entry of its term are committed, and
 * changes one voter at most.
 */
static void check_change(const struct raft *before, const struct raft *after)
{
    bool began = before->role == RAFT_LEADER &&
                 after->log.trail.last.index == before->log.trail.last.index + 1 &&
                 after->membership.index == after->log.trail.last.index &&
                 before->log.trail.last.index > 0;
    if (!began || after->term != before->term)
        return;
    assert(before->membership.index <= before->commit.index);
    assert(before->commit.term == before->term);
    uint64_t changed = before->membership.newest.voters ^ after->membership.newest.voters;
    assert(raft_count(changed) <= 1);
}

/* Within a term the vote stays, and a leader stays leader or stops for good. */
static void check_same_term(const struct raft *before, const struct raft *after)
{
    if (before->vote != 0)
        assert(after->vote == before->vote);
    if (before->role == RAFT_LEADER && after->role == RAFT_LEADER) {
        assert(after->log.trail.last.index >= before->log.trail.last.index);
        assert(after->durable >= before->durable);
        assert(raft_term_at(after, before->log.trail.last.index) ==
                before->log.trail.last.term);
    }
    if (after->role == RAFT_LEADER)
        assert(before->role == RAFT_LEADER || before->role == RAFT_CANDIDATE);
    if (before->role == RAFT_LEADER)
        assert(after->role == RAFT_LEADER || after->role == RAFT_FOLLOWER);
    if (after->role == RAFT_CANDIDATE)
        assert(before->role == RAFT_CANDIDATE);
    assert(after->proven >= before->proven);
    check_handover(before, after);
}

void raft_check_step(const struct raft *before, const struct raft *after)
{
    assert(after->now_ns >= before->now_ns);
    assert(entry_id_equal(after->log.trail.before, before->log.trail.before));
    assert(after->term >= before->term);
    assert(after->commit.index >= before->commit.index);
    assert(raft_term_at(after, before->commit.index) == before->commit.term);
    assert(after->write_last - before->write_last <= 1);
    assert(after->written >= before->written);
    assert(after->applied >= before->applied);
    check_change(before, after);
    if (after->term == before->term)
        check_same_term(before, after);
    else
        assert(after->role == RAFT_FOLLOWER || after->role == RAFT_CANDIDATE);
    bool changed = after->term != before->term || after->vote != before->vote;
    if (changed && !after->blank)
        assert(after->saved_write == before->write_last + 1);
    if (!before->blank)
        assert(!after->blank);
    /* A leader commits only entries of its own term by counting. [Raft 3.6.2] */
    if (after->role == RAFT_LEADER && after->commit.index > before->commit.index)
        assert(after->commit.term == after->term);
}
