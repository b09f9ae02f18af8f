/* Brackets of ten seconds, and what a majority says about them: see guard.h. */
#include "node/guard.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

enum {
    BRACKET_S = 10,
    TOLERANCE_PERCENT = 1, /* 2 rho */
};

static void begin_term(struct guard *guard, uint64_t term)
{
    if (guard->term == term)
        return;
    *guard = (struct guard){
            .raft = guard->raft,
            .roster = guard->roster,
            .times = guard->times,
            .notices = guard->notices,
            .quiet_ns = guard->quiet_ns,
            .term = term,
            .quiet_until_ns = guard->quiet_until_ns,
    };
}

/* An ack leaves: perhaps a bracket begins with it. */
void guard_acknowledge(struct guard *guard, struct peer_message *answer)
{
    const struct node_clocks *clocks = &guard->times->clocks;
    assert(answer->kind == PEER_APPEND_ANSWER);
    begin_term(guard, answer->term);
    answer->stamp_ns = guard->times->now_ns;
    answer->clock_suspect = guard->suspect;
    if (guard->begun || guard->bracketed || clocks->raw_ns == 0)
        return;
    guard->begun = true;
    guard->stamp_ns = answer->stamp_ns;
    guard->boot_ns = clocks->boot_ns;
    guard->raw_ns = clocks->raw_ns;
}

void guard_heard_append(struct guard *guard, const struct peer_message *append)
{
    assert(append->kind == PEER_APPEND);
    if (append->term != guard->term)
        return;
    guard->newest_ns = u64_max(guard->newest_ns, append->served_ns);
    if (guard->begun && append->echo_ns >= guard->stamp_ns) {
        guard->begun = false;
        guard->bracketed = true;
        guard->served_ns = append->served_ns;
    }
}

void guard_heard_ack(
        const struct guard *guard, struct peer *peer, const struct peer_message *answer)
{
    assert(peer && peer->id == answer->from);
    if (answer->term != raft_term(guard->raft))
        return;
    peer->heard_stamp_ns = answer->stamp_ns;
    peer->clock_suspect = answer->clock_suspect;
}

static void close_bracket(struct guard *guard)
{
    const struct node_clocks *clocks = &guard->times->clocks;
    uint64_t own_ns =
            u64_max(clocks->boot_ns - guard->boot_ns, clocks->raw_ns - guard->raw_ns);
    if (!guard->bracketed || own_ns < BRACKET_S * NS_PER_S)
        return;
    uint64_t served_ns = guard->newest_ns - guard->served_ns;
    guard->suspect = served_ns > own_ns + own_ns / 100 * TOLERANCE_PERCENT;
    guard->bracketed = false;
    if (guard->suspect)
        MARK(clock_of_leader_suspect);
}

/*
 * A leader that a majority of the voters suspects hands over, and lets others campaign
 * first.
 */
static bool heed_suspicion(struct guard *guard, struct raft_event *event)
{
    const struct roster *roster = guard->roster;
    uint64_t voters = raft_newest_configuration(guard->raft).voters;
    uint32_t voter_count = 0;
    for (uint64_t rest = voters; rest != 0; rest &= rest - 1)
        voter_count++;
    uint32_t suspicious = 0;
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct peer *peer = &roster->peers[i];
        bool votes = (voters >> peer->id & 1) != 0 && !peer->outsider;
        suspicious += votes && peer->clock_suspect ? 1 : 0;
    }
    bool majority = 2 * suspicious > voter_count;
    if (!majority || guard->times->now_ns < guard->quiet_until_ns)
        return false;
    MARK(clock_suspect_hands_over);
    guard->quiet_until_ns = guard->times->now_ns + guard->quiet_ns;
    notices_tell(guard->notices, NOTICE_CLOCK_SUSPECT, roster->self, suspicious);
    *event = (struct raft_event){.kind = RAFT_TRANSFER};
    return true;
}

bool guard_judge(struct guard *guard, struct raft_event *event)
{
    if (raft_is_leader(guard->raft)) {
        begin_term(guard, raft_term(guard->raft));
        return heed_suspicion(guard, event);
    }
    for (uint8_t i = 0; i < guard->roster->top; i++)
        guard->roster->peers[i].clock_suspect = false;
    close_bracket(guard);
    return false;
}

void guard_check(const struct guard *guard)
{
    assert(guard->quiet_ns > 0);
    assert(guard->quiet_until_ns <= guard->times->now_ns + guard->quiet_ns);
    assert(!guard->begun || !guard->bracketed);
    if (guard->begun)
        assert(guard->stamp_ns <= guard->times->now_ns);
    if (guard->bracketed)
        assert(guard->served_ns <= guard->newest_ns);
}
