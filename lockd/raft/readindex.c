/*
 * When it is safe to read. [Raft 6.4]
 *
 * The leader notes its commit index. It answers once a majority has answered a heartbeat
 * round that began later: then no other node can have led and committed before the read
 * came. One round is under way at a time; reads that come meanwhile share the next. Until
 * an entry of its own term is committed, a leader does not know which entries are
 * committed, so reads wait for that. A follower queries its leader.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

/* A place for one more; NULL: too many wait. */
static struct raft_read *add_read(struct raft *raft)
{
    if (ring_count(&raft->read_ring) >= raft->settings.reads_max) {
        MARK(too_many_reads);
        return NULL;
    }
    struct raft_read *read = &raft->reads[ring_push(&raft->read_ring)];
    *read = (struct raft_read){.deadline_ns = UINT64_MAX};
    return read;
}

static void finish(struct raft *raft, struct raft_read *read, enum raft_read_state state)
{
    assert(state == RAFT_READ_GRANTED || state == RAFT_READ_FAILED);
    read->state = state;
    raft->reads_done++;
}

/*
 * There is no place for it: refuse it now. A step has one read at most, so there is room.
 */
static void refuse_own(struct raft *raft, uint64_t context)
{
    raft->effects->reads[raft->effects->read_count] =
            (struct raft_read_ready){.context = context};
    raft->effects->read_count++;
}

static void answer_peer(
        struct raft *raft, const struct raft_peer *peer, const struct raft_read *read)
{
    bool granted = read->state == RAFT_READ_GRANTED;
    const struct peer_message answer = {
            .kind = PEER_READ_ANSWER,
            .term = raft->term,
            .context = read->context,
            .granted = granted,
            .index = granted ? read->index : 0,
    };
    raft_send(raft, peer, &answer, 0);
}

/* Its own term has a commit: this is the index, the next round confirms it. */
static void await_round(struct raft *raft, struct raft_read *read)
{
    read->state = RAFT_READ_WAITS_ROUND;
    read->index = raft->commit.index;
    read->round = raft->round + 1;
}

static void lead_read(struct raft *raft, struct raft_read *read)
{
    if (raft_leads_committed(raft)) {
        await_round(raft, read);
        return;
    }
    MARK(read_waits_for_term_start);
    read->state = RAFT_READ_WAITS_COMMIT;
}

static void ask_leader(
        struct raft *raft, const struct raft_peer *leader, struct raft_read *read)
{
    read->state = RAFT_READ_ASKED;
    read->leader = leader->id;
    read->deadline_ns = raft->now_ns + raft->settings.election_max_ns;
    const struct peer_message message = {
            .kind = PEER_READ,
            .term = raft->term,
            .context = raft->read_ring.end - 1,
    };
    raft_send(raft, leader, &message, 0);
}

void raft_on_read(struct raft *raft, uint64_t context)
{
    struct raft_read *read = add_read(raft);
    if (!read) {
        refuse_own(raft, context);
        return;
    }
    read->context = context;
    const struct raft_peer *leader = raft_find_peer(raft, raft->leader);
    if (raft->role == RAFT_LEADER)
        lead_read(raft, read);
    else if (leader && leader->open)
        ask_leader(raft, leader, read);
    else
        finish(raft, read, RAFT_READ_FAILED);
}

void raft_on_peer_read(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *message)
{
    struct raft_read *read = raft->role == RAFT_LEADER ? add_read(raft) : NULL;
    if (!read) {
        const struct raft_read refused = {.context = message->context};
        answer_peer(raft, peer, &refused);
        return;
    }
    read->context = message->context;
    read->peer = peer->id;
    lead_read(raft, read);
}

void raft_on_read_answer(
        struct raft *raft, const struct raft_peer *peer, const struct peer_message *answer)
{
    if (!ring_has(&raft->read_ring, answer->context))
        return;
    struct raft_read *read = &raft->reads[ring_at(&raft->read_ring, answer->context)];
    if (read->state != RAFT_READ_ASKED || read->leader != peer->id)
        return;
    read->index = answer->index;
    finish(raft, read, answer->granted ? RAFT_READ_GRANTED : RAFT_READ_FAILED);
}

static bool is_open(const struct raft_read *read)
{
    return read->state == RAFT_READ_WAITS_COMMIT || read->state == RAFT_READ_WAITS_ROUND ||
           read->state == RAFT_READ_ASKED;
}

void raft_fail_reads(struct raft *raft)
{
    const struct ring *ring = &raft->read_ring;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        struct raft_read *read = &raft->reads[ring_at(ring, at)];
        if (is_open(read))
            finish(raft, read, RAFT_READ_FAILED);
    }
}

void raft_expire_reads(struct raft *raft)
{
    const struct ring *ring = &raft->read_ring;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        struct raft_read *read = &raft->reads[ring_at(ring, at)];
        if (!is_open(read))
            continue;
        if (read->deadline_ns > raft->now_ns)
            break;
        MARK(read_timed_out);
        finish(raft, read, RAFT_READ_FAILED);
    }
}

uint64_t raft_read_deadline(const struct raft *raft)
{
    const struct ring *ring = &raft->read_ring;
    if (ring_is_empty(ring))
        return UINT64_MAX;
    /*
     * The oldest is open, or there was no room to report it, and the next step is due
     * anyway.
     */
    return raft->reads[ring_at(ring, ring->begin)].deadline_ns;
}

static uint64_t round_of(const struct raft_peer *peer)
{
    return peer->round_acked;
}

void raft_settle_rounds(struct raft *raft)
{
    const struct ring *ring = &raft->read_ring;
    bool committed = raft_leads_committed(raft);
    uint64_t confirmed = raft_reached(raft, raft->round, round_of);
    bool wanted = false;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        struct raft_read *read = &raft->reads[ring_at(ring, at)];
        if (read->state == RAFT_READ_WAITS_COMMIT && committed)
            await_round(raft, read);
        if (read->state != RAFT_READ_WAITS_ROUND)
            continue;
        if (read->round <= confirmed)
            finish(raft, read, RAFT_READ_GRANTED);
        else
            wanted = wanted || read->round > raft->round;
    }
    if (wanted && confirmed == raft->round)
        raft->round++;
}

/* False: no room is left in this step. */
static bool tell(struct raft *raft, struct raft_read *read)
{
    if (read->peer != 0) {
        const struct raft_peer *peer = raft_find_peer(raft, read->peer);
        if (peer && peer->open && !raft_can_send(raft, peer))
            return false;
        if (peer)
            answer_peer(raft, peer, read);
    } else {
        struct raft_effects *effects = raft->effects;
        if (effects->read_count == RAFT_READS_READY_MAX) {
            raft->more = true;
            return false;
        }
        bool granted = read->state == RAFT_READ_GRANTED;
        effects->reads[effects->read_count] = (struct raft_read_ready){
                .context = read->context,
                .granted = granted,
                .index = granted ? read->index : 0,
        };
        effects->read_count++;
    }
    read->state = RAFT_READ_GONE;
    raft->reads_done--;
    return true;
}

void raft_tell_reads(struct raft *raft)
{
    struct ring *ring = &raft->read_ring;
    for (uint64_t at = ring->begin; at < ring->end && raft->reads_done > 0; at++) {
        struct raft_read *read = &raft->reads[ring_at(ring, at)];
        bool done = read->state == RAFT_READ_GRANTED || read->state == RAFT_READ_FAILED;
        if (done && !tell(raft, read))
            break;
    }
    while (!ring_is_empty(ring) &&
            raft->reads[ring_at(ring, ring->begin)].state == RAFT_READ_GONE)
        ring_pop(ring);
}
