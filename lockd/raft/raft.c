/* Memory, start, the step, and what others may ask. */
#include "raft/raft.h"

#include <stdalign.h>

#include "base/mark.h"
#include "raft/raft_state.h"

/* The smallest power of two that is not below `count`. */
static uint32_t power_of_two(uint32_t count)
{
    uint32_t power = 1;
    while (power < count)
        power *= 2;
    return power;
}

static void check_settings(const struct raft_settings *settings)
{
    assert(settings->members.count >= 1 && settings->members.count <= MEMBERS_MAX);
    bool is_member = false;
    for (uint8_t i = 0; i < settings->members.count; i++) {
        uint8_t id = settings->members.ids[i];
        assert(id >= 1 && id <= NODE_ID_MAX);
        assert(i == 0 || settings->members.ids[i - 1] < id);
        is_member = is_member || id == settings->self;
    }
    assert(is_member);
    assert(settings->heartbeat_ns > 0);
    assert(settings->heartbeat_ns < settings->election_min_ns);
    assert(settings->election_min_ns < settings->election_max_ns);
    assert(settings->window > 0 && settings->recent_max > 0 && settings->reads_max > 0);
}

struct raft *raft_carve(struct arena *arena, const struct raft_settings *settings)
{
    check_settings(settings);
    struct raft measured;
    struct raft *raft =
            arena_take(arena, "raft.state", 1, sizeof(struct raft), alignof(struct raft));
    struct raft *carved = raft ? raft : &measured;
    raft_trail_carve(&carved->trail, arena, settings->trail_max);
    carved->recent_bytes = arena_take(arena, "raft.recent", settings->recent_max,
            sizeof(uint32_t), alignof(uint32_t));
    carved->reads = arena_take(arena, "raft.reads", power_of_two(settings->reads_max),
            sizeof(struct raft_read), alignof(struct raft_read));
    uint32_t flights = power_of_two(settings->window);
    for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
        struct raft_peer *peer = &carved->peers[i];
        peer->flight_ends = arena_take(
                arena, "raft.flights", flights, sizeof(uint64_t), alignof(uint64_t));
        peer->flight_bytes = arena_take(
                arena, "raft.flights", flights, sizeof(uint32_t), alignof(uint32_t));
    }
    return raft;
}

void raft_init(struct raft *raft, const struct raft_settings *settings, uint64_t seed)
{
    check_settings(settings);
    struct raft fresh = {
            .settings = *settings,
            .trail = raft->trail,
            .recent_bytes = raft->recent_bytes,
            .reads = raft->reads,
    };
    for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
        fresh.peers[i].flight_ends = raft->peers[i].flight_ends;
        fresh.peers[i].flight_bytes = raft->peers[i].flight_bytes;
    }
    *raft = fresh;
    prng_init(&raft->prng, seed);
    raft_trail_init(&raft->trail);
    ring_init_at(&raft->recent, settings->recent_max, 1);
    ring_init(&raft->pending_ring, RAFT_PENDING_MAX);
    /* A leader's late answer must not meet a question of another life of this node. */
    uint64_t first_read = prng_next(&raft->prng) / 2;
    ring_init_at(&raft->read_ring, power_of_two(settings->reads_max), first_read);
    for (uint8_t i = 0; i < settings->members.count; i++) {
        uint8_t id = settings->members.ids[i];
        if (id == settings->self)
            continue;
        struct raft_peer *peer = &raft->peers[raft->peer_count];
        raft->peer_count++;
        peer->id = id;
        peer->next = 1;
        peer->probing = true;
        ring_init(&peer->flights, power_of_two(settings->window));
    }
}

void raft_restore(struct raft *raft, const struct raft_entry *entry)
{
    assert(!raft->booted);
    raft_trail_add(&raft->trail, entry->id);
    if (ring_room(&raft->recent) == 0)
        ring_pop(&raft->recent);
    raft->recent_bytes[ring_push(&raft->recent)] = entry->bytes;
}

void raft_restore_truncate(struct raft *raft, uint64_t from)
{
    assert(!raft->booted);
    if (from > raft->trail.last.index)
        return;
    raft_trail_cut(&raft->trail, from);
    if (from < raft->recent.begin)
        ring_init_at(&raft->recent, raft->recent.capacity, from);
    else
        ring_cut(&raft->recent, from);
}

void raft_restore_vote(struct raft *raft, uint64_t term, uint8_t vote)
{
    assert(!raft->booted);
    bool takes_back = term == raft->term && vote == 0;
    if (term < raft->term || takes_back)
        return;
    raft->term = term;
    raft->vote = vote;
}

void raft_boot(struct raft *raft, uint64_t now_ns, bool blank)
{
    assert(!raft->booted);
    raft->booted = true;
    raft->now_ns = now_ns;
    raft->blank = blank;
    raft->durable = raft->trail.last.index;
    if (blank)
        assert(raft_log_is_empty(raft) && raft->term == 0 && raft->vote == 0);
    if (raft->trail.last.term > raft->term) {
        /*
         * Votes are saved before entries of their term: this one was lost. Whom it was for
         * is not known, so it is used up.
         */
        MARK(restored_newer_entry);
        raft->term = raft->trail.last.term;
        raft->vote = raft->settings.self;
    }
    raft_rest(raft);
    if (raft->peer_count == 0)
        raft->election_ns = now_ns;
}

void raft_forget(struct raft *raft, uint64_t index)
{
    if (index > raft->recent.end)
        index = raft->recent.end;
    if (index > raft->recent.begin)
        ring_pop_before(&raft->recent, index);
}

static void on_propose(struct raft *raft, const struct raft_event *event)
{
    assert(raft_takes_proposals(raft));
    struct raft_entry entry = event->entry;
    entry.id = raft_next_id(raft);
    raft_append(raft, &entry);
}

static void on_receive(struct raft *raft, const struct raft_event *event)
{
    const struct peer_message *message = event->message;
    struct raft_peer *peer = raft_find_peer(raft, message->from);
    if (!peer || message->to != raft->settings.self) {
        MARK(message_of_stranger);
        return;
    }
    peer->heard_ns = raft->now_ns;
    switch (message->kind) {
    case PEER_VOTE:
        raft_on_vote(raft, peer, message);
        break;
    case PEER_VOTE_ANSWER:
        raft_on_vote_answer(raft, peer, message);
        break;
    case PEER_APPEND:
        raft_on_append(raft, peer, event);
        break;
    case PEER_APPEND_ANSWER:
        raft_on_append_answer(raft, peer, message);
        break;
    case PEER_TIMEOUT_NOW:
        raft_on_timeout_now(raft, peer, message);
        break;
    case PEER_READ:
        raft_on_peer_read(raft, peer, message);
        break;
    case PEER_READ_ANSWER:
        raft_on_read_answer(raft, peer, message);
        break;
    }
}

static void on_open(struct raft *raft, struct raft_peer *peer)
{
    if (peer->open)
        return;
    peer->open = true;
    raft_probe(raft, peer);
    /* A founding vote is asked for only of the process that granted the pre-vote: one that
       was started since may have had its directory emptied. */
    bool founding = raft->role == RAFT_CANDIDATE && raft_log_is_empty(raft);
    peer->due_ns = founding ? UINT64_MAX : 0;
}

static void on_closed(struct raft *raft, struct raft_peer *peer, bool by_peer)
{
    if (!peer->open)
        return;
    peer->open = false;
    if (raft->leader != peer->id)
        return;
    raft_fail_reads(raft);
    if (!by_peer)
        return;
    raft->leader = 0;
    if (raft->role == RAFT_FOLLOWER)
        raft_hurry(raft);
}

static void on_peer_event(struct raft *raft, const struct raft_event *event)
{
    struct raft_peer *peer = raft_find_peer(raft, event->peer);
    if (!peer)
        return;
    if (event->kind == RAFT_PEER_OPEN)
        on_open(raft, peer);
    else if (event->kind == RAFT_PEER_CLOSED)
        on_closed(raft, peer, event->by_peer);
    else
        raft_on_fetched(raft, peer, event);
}

/* A leader that no majority answers any more: somebody else may lead. [Raft 6.2] */
static bool lost_majority(const struct raft *raft)
{
    return raft->now_ns - raft_majority_heard_ns(raft) >= raft->settings.election_max_ns;
}

static void on_time(struct raft *raft)
{
    if (raft->role == RAFT_LEADER) {
        if (lost_majority(raft)) {
            raft_become_follower(raft);
            raft_note(raft, RAFT_NOTICE_NO_MAJORITY, 0);
        }
    } else if (raft->now_ns >= raft->election_ns)
        raft_stand(raft);
    raft_expire_reads(raft);
}

static void on_event(struct raft *raft, const struct raft_event *event)
{
    switch (event->kind) {
    case RAFT_TIME:
        on_time(raft);
        break;
    case RAFT_RECEIVE:
        on_receive(raft, event);
        break;
    case RAFT_PROPOSE:
        on_propose(raft, event);
        break;
    case RAFT_WRITTEN:
        raft_written(raft, event->write);
        break;
    case RAFT_FETCHED:
    case RAFT_PEER_OPEN:
    case RAFT_PEER_CLOSED:
        on_peer_event(raft, event);
        break;
    case RAFT_CAMPAIGN:
        if (raft->role != RAFT_LEADER)
            raft_stand(raft);
        break;
    case RAFT_TRANSFER:
        raft_on_transfer(raft, event->peer);
        break;
    case RAFT_READ:
        raft_on_read(raft, event->context);
        break;
    }
}

static void settle(struct raft *raft)
{
    raft_settle_election(raft);
    if (raft->role == RAFT_LEADER) {
        raft_settle_commit(raft);
        raft_settle_transfer(raft);
        raft_settle_rounds(raft);
        raft_settle_peers(raft);
        /* Alone, a round is confirmed as it begins. */
        if (raft->peer_count == 0)
            raft_settle_rounds(raft);
    }
    raft_tell_reads(raft);
}

static bool message_may_write(const struct raft *raft, const struct raft_event *event)
{
    const struct peer_message *message = event->message;
    switch (message->kind) {
    case PEER_VOTE:
        return !message->pre;
    case PEER_VOTE_ANSWER:
    case PEER_TIMEOUT_NOW:
        return true;
    case PEER_APPEND:
        return message->term > raft->term || event->entry_count > 0;
    case PEER_APPEND_ANSWER:
        return message->term > raft->term;
    case PEER_READ:
    case PEER_READ_ANSWER:
        return false;
    }
    return false;
}

bool raft_may_write(const struct raft *raft, const struct raft_event *event)
{
    switch (event->kind) {
    case RAFT_TIME:
        return raft->role != RAFT_LEADER && event->now_ns >= raft->election_ns;
    case RAFT_RECEIVE:
        return message_may_write(raft, event);
    case RAFT_PROPOSE:
    case RAFT_CAMPAIGN:
        return true;
    case RAFT_WRITTEN:
    case RAFT_FETCHED:
    case RAFT_PEER_OPEN:
    case RAFT_PEER_CLOSED:
    case RAFT_TRANSFER:
    case RAFT_READ:
        return false;
    }
    return false;
}

void raft_step(
        struct raft *raft, const struct raft_event *event, struct raft_effects *effects)
{
    assert(raft->booted && event->now_ns >= raft->now_ns);
    effects->write = 0;
    effects->save = false;
    effects->truncate_from = 0;
    effects->append_skip = 0;
    effects->append_count = 0;
    effects->message_count = 0;
    effects->fetch_count = 0;
    effects->read_count = 0;
    effects->start_term = false;
    effects->notice = RAFT_NOTICE_NONE;
    effects->notice_peer = 0;
    raft->now_ns = event->now_ns;
    raft->more = false;
    raft->effects = effects;
    bool may_write = raft_may_write(raft, event);
    on_event(raft, event);
    settle(raft);
    raft_close_effects(raft);
    assert(effects->write == 0 || may_write);
    raft->effects = NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t leader_deadline(const struct raft *raft)
{
    /* Alone, it still says from time to time that it is there: majority_heard_ns. */
    if (raft->peer_count == 0)
        return raft->now_ns + raft->settings.heartbeat_ns;
    uint64_t deadline_ns = raft_majority_heard_ns(raft) + raft->settings.election_max_ns;
    if (raft->transfer != 0)
        deadline_ns = earlier(deadline_ns, raft->transfer_ns);
    return deadline_ns;
}

uint64_t raft_deadline(const struct raft *raft)
{
    if (raft->more)
        return raft->now_ns;
    uint64_t deadline_ns =
            raft->role == RAFT_LEADER ? leader_deadline(raft) : raft->election_ns;
    deadline_ns = earlier(deadline_ns, raft_read_deadline(raft));
    if (raft->role == RAFT_FOLLOWER)
        return deadline_ns;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (peer->open && (raft->role == RAFT_LEADER || !peer->granted))
            deadline_ns = earlier(deadline_ns, peer->due_ns);
    }
    return deadline_ns;
}

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
    return raft->trail.last;
}

uint64_t raft_durable(const struct raft *raft)
{
    return raft->durable;
}

struct entry_id raft_next_id(const struct raft *raft)
{
    return (struct entry_id){raft->term, raft->trail.last.index + 1};
}

bool raft_takes_proposals(const struct raft *raft)
{
    bool begun = raft->trail.last.term == raft->term;
    return raft->role == RAFT_LEADER && (raft->transfer == 0 || !begun);
}

bool raft_leads_committed(const struct raft *raft)
{
    return raft->role == RAFT_LEADER && raft->commit.term == raft->term;
}

uint64_t raft_term_at(const struct raft *raft, uint64_t index)
{
    return raft_trail_term(&raft->trail, index);
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

bool raft_met_founded(const struct raft *raft)
{
    return raft->met_founded;
}

uint64_t raft_missing(const struct raft *raft)
{
    uint64_t missing = 0;
    if (!raft_log_is_empty(raft))
        return 0;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (!peer->open)
            missing |= UINT64_C(1) << peer->id;
    }
    return missing;
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
