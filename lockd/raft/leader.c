/*
 * What each peer has, what it is sent, and what is committed by that. [Raft 3.5, 3.6.2]
 *
 * A peer is *probed* until it is known where its log and the leader's meet: one append at a
 * time, at `next`. After that appends follow one another without waiting, `window` of them
 * or as many as `window_bytes` allows, and `next` runs ahead of what is acknowledged. After
 * a refusal, on a new connection and in a new term the leader probes again. A lost message
 * shows with the next heartbeat, because that names the entry before `next`.
 *
 * Entries that are no longer in memory are read with a fetch, one at a time per peer;
 * meanwhile that peer gets heartbeats, and no other peer waits. Entries before the
 * beginning of the log cannot be sent at all: a peer that needs one gets heartbeats only,
 * which name the entry before the beginning, and meanwhile node sends it a snapshot
 * (raft_peer_needs_snapshot()). With the snapshot its log begins anew, and it says so in the
 * answer to the next heartbeat.
 */
#include "base/mark.h"
#include "base/numbers.h"
#include "raft/raft_state.h"

/* The peer refused: its log can agree with the leader's up to `hint` at most. */
static void on_refused(struct raft *raft, struct raft_peer *peer, struct entry_id hint)
{
    uint64_t meets = raft_trail_within(&raft->log.trail, hint).index;
    bool old = hint.index < peer->match || meets + 1 >= peer->next;
    if (old) {
        MARK(refusal_of_old_append);
        return;
    }
    raft_probe(raft, peer);
    peer->next = (meets > peer->match ? meets : peer->match) + 1;
}

static void land(const struct raft *raft, struct raft_peer *peer)
{
    while (!ring_is_empty(&peer->flights)) {
        uint32_t oldest = ring_at(&peer->flights, peer->flights.begin);
        if (peer->flight_ends[oldest] > peer->match + 1)
            break;
        peer->flying_bytes -= peer->flight_bytes[oldest];
        ring_pop(&peer->flights);
    }
    if (peer->timed_end == 0 || peer->timed_end > peer->match + 1)
        return;
    /* The slowest of late: what is sent again may be acknowledged at once. */
    uint64_t took_ns = raft->now_ns - peer->timed_ns;
    peer->took_ns = u64_max(took_ns, peer->took_ns - peer->took_ns / 8);
    peer->timed_end = 0;
}

static void on_accepted(const struct raft *raft, struct raft_peer *peer, uint64_t match)
{
    if (match > peer->match)
        peer->match = match;
    land(raft, peer);
    if (peer->probing && peer->match + 1 >= peer->next) {
        /* What was sent while probing now counts as a normal append. */
        peer->probing = false;
        if (!ring_is_empty(&peer->flights))
            peer->next = peer->flight_ends[ring_at(&peer->flights, peer->flights.begin)];
    }
    if (peer->next <= peer->match) {
        peer->next = peer->match + 1;
        peer->fetching = false;
    }
}

/* A peer that takes entries again has dropped what was sent meanwhile. */
static void hear_fitness(
        struct raft *raft, struct raft_peer *peer, enum peer_fitness fitness)
{
    bool takes_again = peer->fitness >= PEER_NO_ROOM && fitness < PEER_NO_ROOM;
    peer->fitness = fitness;
    if (takes_again)
        raft_probe(raft, peer);
}

void raft_on_append_answer(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *answer)
{
    if (!raft_hear_state(raft, peer, answer->state))
        return;
    peer->yields = answer->yields;
    if (answer->term > raft->term) {
        MARK(answer_had_newer_term);
        bool led = raft->role == RAFT_LEADER;
        raft_adopt_term(raft, answer->term);
        if (led)
            raft_stand_soon(raft);
        return;
    }
    uint64_t last = raft_log_last(&raft->log).index;
    bool nonsense =
            answer->match > last || answer->applied > last || answer->round > raft->round;
    if (raft->role != RAFT_LEADER || answer->term < raft->term || nonsense)
        return;
    peer->acked_ns = raft->now_ns;
    peer->stamp_ns = answer->stamp_ns;
    peer->applied = answer->applied;
    hear_fitness(raft, peer, (enum peer_fitness)answer->fitness);
    if (answer->round > peer->round_acked)
        peer->round_acked = answer->round;
    if (answer->accepted)
        on_accepted(raft, peer, answer->match);
    else
        on_refused(raft, peer, answer->hint);
}

/*
 * The bytes of entries [begin, end). What was read from disk counts as much as the longest
 * append.
 */
static uint32_t bytes_of(const struct raft *raft, uint64_t begin, uint64_t end)
{
    if (!raft_log_has_recent(&raft->log, begin))
        return raft->settings.append_bytes_max;
    uint32_t bytes = 0;
    for (uint64_t index = begin; index < end; index++)
        bytes += raft_log_bytes(&raft->log, index);
    return bytes;
}

static uint64_t match_of(const struct raft_peer *peer)
{
    return peer->match;
}

void raft_settle_commit(struct raft *raft)
{
    uint64_t reached = raft_reached(raft, raft->durable, match_of);
    /* Entries of earlier terms are committed only with one of its own. [Raft 3.6.2] */
    if (reached <= raft->commit.index || raft_log_term(&raft->log, reached) != raft->term)
        return;
    raft->commit = (struct entry_id){raft->term, reached};
    raft->commit_ns = raft->now_ns;
}

/* Entries [begin, end), from `next` on, in one append; equal: a heartbeat. */
static void send_append(
        struct raft *raft, struct raft_peer *peer, uint64_t begin, uint64_t end)
{
    assert(begin == end || begin == peer->next);
    assert(!raft_log_is_before(&raft->log, begin));
    uint64_t before = begin - 1;
    const struct peer_message append = {
            .kind = PEER_APPEND,
            .term = raft->term,
            .previous = {raft_log_term(&raft->log, before), before},
            .commit = raft->commit.index,
            .round = raft->round,
            .echo_ns = peer->stamp_ns,
            .begin = begin,
            .end = end,
    };
    raft_send(raft, peer, &append, 0);
    peer->due_ns = raft->now_ns + raft->settings.heartbeat_ns;
    peer->round_sent = raft->round;
    if (end == begin)
        return;
    if (peer->timed_end == 0) {
        peer->timed_end = end;
        peer->timed_ns = raft->now_ns;
    }
    uint32_t flight = ring_push(&peer->flights);
    peer->flight_ends[flight] = end;
    peer->flight_bytes[flight] = bytes_of(raft, begin, end);
    peer->flying_bytes += peer->flight_bytes[flight];
    if (!peer->probing)
        peer->next = end;
}

/*
 * There may be many short appends (over a distance there must be), but only a few long
 * ones.
 */
static bool may_fly(const struct raft *raft, const struct raft_peer *peer)
{
    const struct raft_settings *settings = &raft->settings;
    uint32_t most = peer->probing ? 1 : settings->window;
    if (peer->state != PEER_STATE_ORDINARY || ring_count(&peer->flights) >= most)
        return false;
    if (peer->fitness >= PEER_NO_ROOM) {
        MARK(peer_takes_no_entries);
        return false;
    }
    bool bounded = settings->window_bytes != 0 && peer->flying_bytes > 0;
    if (!bounded ||
            peer->flying_bytes + settings->append_bytes_max <= settings->window_bytes)
        return true;
    MARK(window_bytes_full);
    return false;
}

static void fetch(struct raft *raft, struct raft_peer *peer)
{
    if (raft->now_ns < peer->fetch_after_ns)
        return;
    struct raft_effects *effects = raft->effects;
    assert(effects->fetch_count < RAFT_PEERS_MAX);
    effects->fetches[effects->fetch_count] = (struct raft_fetch){peer->id, peer->next};
    effects->fetch_count++;
    peer->fetching = true;
    peer->fetch_begin = peer->next;
}

static uint32_t entries_max(const struct raft *raft)
{
    uint32_t most = raft->settings.append_entries_max;
    return most == 0 || most > RAFT_ENTRIES_MAX ? RAFT_ENTRIES_MAX : most;
}

/* Where an append that begins with `begin` ends: at least one entry, then what fits. */
static uint64_t end_of_append(const struct raft *raft, uint64_t begin)
{
    uint64_t end = begin;
    uint64_t bytes = 0;
    while (end <= raft_log_last(&raft->log).index && end - begin < entries_max(raft)) {
        bytes += raft_log_bytes(&raft->log, end);
        if (bytes > raft->settings.append_bytes_max && end > begin)
            break;
        end++;
    }
    return end;
}

/*
 * Is what the peer needs next before the beginning of the log? Then this node cannot send
 * it.
 */
static bool is_gone(const struct raft *raft, const struct raft_peer *peer)
{
    if (!raft_log_is_before(&raft->log, peer->next))
        return false;
    MARK(peer_needs_a_snapshot);
    return true;
}

static bool may_send_entries(const struct raft *raft, const struct raft_peer *peer)
{
    return peer->next <= raft_log_last(&raft->log).index && !peer->fetching &&
           may_fly(raft, peer) && !is_gone(raft, peer);
}

/* The index of a heartbeat: it names the entry before, whose term is known. */
static uint64_t heartbeat_at(const struct raft *raft, const struct raft_peer *peer)
{
    uint64_t first = raft->log.trail.before.index + 1;
    return peer->next > first ? peer->next : first;
}

static void settle_peer(struct raft *raft, struct raft_peer *peer)
{
    while (may_send_entries(raft, peer)) {
        if (!raft_can_send(raft, peer))
            return;
        if (raft_log_has_recent(&raft->log, peer->next))
            send_append(raft, peer, peer->next, end_of_append(raft, peer->next));
        else {
            fetch(raft, peer);
            break;
        }
    }
    bool due = raft->now_ns >= peer->due_ns || peer->round_sent < raft->round;
    if (due && raft_can_send(raft, peer))
        send_append(raft, peer, heartbeat_at(raft, peer), heartbeat_at(raft, peer));
}

void raft_settle_peers(struct raft *raft)
{
    for (uint8_t i = 0; i < raft->peer_count; i++) {
        if (raft_is_fed(raft, &raft->peers[i]))
            settle_peer(raft, &raft->peers[i]);
    }
}

void raft_on_fetched(
        struct raft *raft, struct raft_peer *peer, const struct raft_event *event)
{
    bool wanted = raft->role == RAFT_LEADER && peer->fetching && peer->open &&
                  event->begin == peer->fetch_begin && event->begin == peer->next &&
                  may_fly(raft, peer);
    if (!wanted) {
        MARK(fetched_in_vain);
        return;
    }
    peer->fetching = false;
    uint64_t before = event->begin - 1;
    /* It may have been dropped since the fetch was made. */
    bool fits = !raft_log_is_before(&raft->log, event->begin) &&
                event->previous.index == before &&
                event->previous.term == raft_log_term(&raft->log, before) &&
                event->end <= raft_log_last(&raft->log).index + 1;
    if (!fits || event->end <= event->begin) {
        MARK(fetched_nothing);
        peer->fetch_after_ns = raft->now_ns + raft->settings.heartbeat_ns;
        return;
    }
    uint64_t most = event->begin + entries_max(raft);
    send_append(raft, peer, event->begin, event->end < most ? event->end : most);
}
