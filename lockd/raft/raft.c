/* The step: an event in, effects out. */
#include "base/mark.h"
#include "base/numbers.h"
#include "raft/raft_state.h"

void raft_forget(struct raft *raft, uint64_t index)
{
    uint64_t end = raft_log_last(&raft->log).index + 1;
    raft_log_forget(&raft->log, index < end ? index : end);
}

void raft_drop_before(struct raft *raft, uint64_t index)
{
    assert(!raft->effects);
    assert(index <= raft->commit.index + 1 && index <= raft->durable + 1);
    (void)raft_log_drop_before(&raft->log, index);
}

void raft_restart_at(struct raft *raft, struct entry_id last, uint64_t index,
        const struct raft_configuration *configuration)
{
    assert(!raft->effects && raft->role != RAFT_LEADER && !raft->blank);
    assert(index <= last.index);
    assert(last.index > raft->commit.index && last.term <= raft->term);
    assert(ring_is_empty(&raft->pending_ring));
    MARK(raft_log_begun_anew);
    raft_log_init(&raft->log, raft->settings.recent_max);
    raft_log_begin_at(&raft->log, last);
    raft->commit = last;
    raft->durable = last.index;
    raft->proven = last.index;
    raft_membership_restart(raft, index, configuration);
    if (raft_is_standing(raft) && !raft_is_electable(raft))
        raft_become_follower(raft);
}

void raft_tell_applied(struct raft *raft, uint64_t index)
{
    assert(!raft->effects);
    assert(index >= raft->applied && index <= raft->commit.index);
    raft->applied = index;
}

static void on_propose(struct raft *raft, const struct raft_event *event)
{
    assert(raft_takes_proposals(raft));
    struct raft_entry entry = event->entry;
    entry.id = raft_next_id(raft);
    if (entry.kind == ENTRY_CONFIGURATION)
        assert(raft_may_reconfigure(raft) && entry.configuration.voters != 0);
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
    if (raft_object(raft, event) != RAFT_SOUND)
        return;
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

/* Another directory has nothing of what the one before had. */
static void meet(struct raft_peer *peer, const struct raft_event *event)
{
    bool another = peer->incarnation != 0 && peer->incarnation != event->incarnation;
    bool counts_now = peer->open && peer->outsider && !event->outsider;
    if (another || counts_now) {
        raft_forget_peer(peer);
        peer->open = false;
    }
    peer->incarnation = event->incarnation;
    peer->outsider = event->outsider;
}

static void on_open(struct raft *raft, const struct raft_event *event)
{
    struct raft_peer *peer = raft_know_peer(raft, event->peer);
    if (!peer)
        return;
    meet(peer, event);
    if (peer->open)
        return;
    peer->open = true;
    peer->applied = 0; /* It may be a new process, which has to apply its log anew. */
    raft_probe(raft, peer);
    /*
     * A bootstrap vote is requested only from the process that granted the pre-vote: the
     * directory of a process that was started since may have been emptied.
     */
    bool bootstrap = raft->role == RAFT_CANDIDATE && !raft_is_bootstrapped(raft);
    peer->due_ns = bootstrap ? UINT64_MAX : 0;
}

static void on_closed(struct raft *raft, struct raft_peer *peer, bool by_peer)
{
    if (!peer->open)
        return;
    peer->open = false;
    raft->peers_changed = true;
    if (raft->leader != peer->id)
        return;
    raft_fail_reads(raft);
    if (!by_peer)
        return;
    raft->leader = 0;
    if (raft->role == RAFT_FOLLOWER)
        raft_stand_soon(raft);
}

static void on_peer_event(struct raft *raft, const struct raft_event *event)
{
    if (event->kind == RAFT_PEER_OPEN) {
        on_open(raft, event);
        return;
    }
    struct raft_peer *peer = raft_find_peer(raft, event->peer);
    if (!peer)
        return;
    if (event->kind == RAFT_PEER_CLOSED)
        on_closed(raft, peer, event->by_peer);
    else
        raft_on_fetched(raft, peer, event);
}

/* A leader that a majority no longer answers: another node may lead. [Raft 6.2] */
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
        } else
            raft_judge_lead(raft);
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
    case RAFT_FITNESS:
        raft_on_fitness(raft, event->fitness);
        break;
    case RAFT_READ:
        raft_on_read(raft, event->context);
        break;
    case RAFT_FORGOTTEN:
        if (raft->blank)
            raft_meet_bootstrapped(raft);
        break;
    case RAFT_JOIN:
        raft_join(raft);
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
        /* With a single voter, a round is confirmed as it begins. */
        if (raft_is_alone(raft))
            raft_settle_rounds(raft);
        raft_judge_membership(raft);
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
        return raft->role != RAFT_LEADER && event->now_ns >= raft->election_ns &&
               raft_may_stand(raft);
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
    case RAFT_FITNESS:
    case RAFT_READ:
    case RAFT_FORGOTTEN:
        return false;
    case RAFT_JOIN:
        return raft_join_saves(raft);
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
    raft_drop_peers(raft);
    bool may_write = raft_may_write(raft, event);
    on_event(raft, event);
    settle(raft);
    raft_close_effects(raft);
    assert(effects->write == 0 || may_write);
    raft->effects = NULL;
}

static uint64_t leader_deadline(const struct raft *raft)
{
    /*
     * A single voter still notes from time to time that it is there:
     * raft_majority_heard_ns().
     */
    if (raft_is_alone(raft))
        return raft->now_ns + raft->settings.heartbeat_ns;
    uint64_t deadline_ns = raft_majority_heard_ns(raft) + raft->settings.election_max_ns;
    if (raft->transfer != 0)
        deadline_ns = u64_min(deadline_ns, raft->transfer_ns);
    if (raft_fitness(raft) == PEER_FIT)
        deadline_ns = u64_min(deadline_ns, raft_stall_ns(raft));
    return deadline_ns;
}

uint64_t raft_deadline(const struct raft *raft)
{
    if (raft->more)
        return raft->now_ns;
    uint64_t deadline_ns =
            raft->role == RAFT_LEADER ? leader_deadline(raft) : raft->election_ns;
    deadline_ns = u64_min(deadline_ns, raft_read_deadline(raft));
    if (raft->role == RAFT_FOLLOWER)
        return deadline_ns;
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        bool wanted = raft->role == RAFT_LEADER ? raft_is_fed(raft, peer)
                                                : raft_votes(raft, peer) && !peer->granted;
        if (peer->open && wanted)
            deadline_ns = u64_min(deadline_ns, peer->due_ns);
    }
    return deadline_ns;
}
