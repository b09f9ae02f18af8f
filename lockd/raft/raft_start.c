/* Memory, and the state at the start: takes in what recovery found, entry by entry. */
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
    raft_log_carve(&carved->log, arena, settings->trail_max, settings->recent_max);
    carved->reads = arena_take(arena, "raft.reads", power_of_two(settings->reads_max),
            sizeof(struct raft_read), alignof(struct raft_read));
    size_t flights = power_of_two(settings->window);
    uint64_t *ends = arena_take(arena, "raft.flights", RAFT_PEERS_MAX * flights,
            sizeof(uint64_t), alignof(uint64_t));
    uint32_t *bytes = arena_take(arena, "raft.flights", RAFT_PEERS_MAX * flights,
            sizeof(uint32_t), alignof(uint32_t));
    for (uint32_t i = 0; ends && bytes && i < RAFT_PEERS_MAX; i++) {
        carved->peers[i].flight_ends = ends + i * flights;
        carved->peers[i].flight_bytes = bytes + i * flights;
    }
    return raft;
}

void raft_init(struct raft *raft, const struct raft_settings *settings, uint64_t seed)
{
    check_settings(settings);
    struct raft fresh = {
            .settings = *settings,
            .log = raft->log,
            .reads = raft->reads,
    };
    for (uint32_t i = 0; i < RAFT_PEERS_MAX; i++) {
        fresh.peers[i].flight_ends = raft->peers[i].flight_ends;
        fresh.peers[i].flight_bytes = raft->peers[i].flight_bytes;
    }
    *raft = fresh;
    prng_init(&raft->prng, seed);
    raft_log_init(&raft->log, settings->recent_max);
    ring_init(&raft->pending_ring, RAFT_PENDING_MAX);
    /* A leader's late answer must not match a query of an earlier life of this node. */
    uint64_t first_read = prng_next(&raft->prng) / 2;
    ring_init_at(&raft->read_ring, power_of_two(settings->reads_max), first_read);
    for (int i = 0; i < RAFT_PEERS_MAX; i++)
        ring_init(&raft->peers[i].flights, power_of_two(settings->window));
    for (uint8_t i = 0; i < settings->members.count; i++) {
        uint8_t id = settings->members.ids[i];
        raft->membership.newest.voters |= raft_bit(id);
        if (id != settings->self)
            (void)raft_know_peer(raft, id);
    }
    raft->membership.before = raft->membership.newest;
}

void raft_restore_begin(struct raft *raft, struct entry_id before)
{
    assert(!raft->booted);
    raft_log_begin_at(&raft->log, before);
    raft->commit = before;
    for (uint8_t i = 0; i < raft->peer_count; i++)
        raft->peers[i].next = before.index + 1;
}

void raft_restore(struct raft *raft, const struct raft_entry *entry)
{
    assert(!raft->booted);
    raft_log_add(&raft->log, entry->id, entry->bytes);
    raft_membership_take(raft, entry);
}

void raft_restore_truncate(struct raft *raft, uint64_t from)
{
    assert(!raft->booted);
    if (from > raft_log_last(&raft->log).index)
        return;
    raft_log_cut(&raft->log, from);
    raft_membership_cut(raft, from);
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

void raft_restore_snapshot(struct raft *raft, struct entry_id last, uint64_t index,
        const struct raft_configuration *configuration)
{
    assert(!raft->booted && index <= last.index);
    assert(raft_log_term(&raft->log, last.index) == last.term);
    if (last.index > raft->commit.index)
        raft->commit = last;
    raft_membership_restore(raft, index, configuration);
}

void raft_restore_given_up(struct raft *raft)
{
    assert(!raft->booted && !raft_is_bootstrapped(raft));
    raft->met_bootstrapped = true;
}

void raft_boot(struct raft *raft, uint64_t now_ns, bool blank)
{
    assert(!raft->booted);
    raft->booted = true;
    raft->now_ns = now_ns;
    raft->blank = blank;
    raft->durable = raft_log_last(&raft->log).index;
    if (blank)
        assert(!raft_is_bootstrapped(raft));
    if (!raft->met_bootstrapped)
        assert(!blank || (raft->term == 0 && raft->vote == 0));
    if (raft->met_bootstrapped)
        assert(blank);
    if (raft_log_last(&raft->log).term > raft->term) {
        /*
         * Votes are saved before entries of their term, so this vote was lost. Its
         * candidate is not known, so the vote counts as used.
         */
        MARK(restored_newer_entry);
        raft->term = raft_log_last(&raft->log).term;
        raft->vote = raft->settings.self;
    }
    raft_reset_election_timer(raft);
    if (raft_is_alone(raft))
        raft->election_ns = now_ns;
}
