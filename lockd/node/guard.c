/*
 * The clock guard: is the leader's clock too fast?
 *
 * All promises about time rest on one assumption, that hardware clocks run at nearly the
 * same rate. A leader whose clock runs ahead would end leases early, so its followers watch:
 *
 *     follower      x: ack sent                                    y: heard
 *     leader                   heartbeat repeats it, U1   ...  heartbeat, U2
 *
 * U is the time that the leader has served in its term. (Not cluster time: that goes on,
 * too, while entries of older terms are applied.) From U1 to U2 it has counted only time
 * that lies between x and y, so U2 - U1 > (y - x) * (1 + 2 rho) proves it too fast, whatever
 * delays and pauses there were. Followers test brackets of ten seconds and say the result in
 * their acks; told so by a majority, the leader raises an alarm and hands over.
 *
 * Own readings err towards no alarm: x is read before the ack is sent, y at the end of the
 * turn, and of two clocks the one that counted more is taken.
 */
#include "base/mark.h"
#include "base/units.h"
#include "node/replica.h"

enum {
    BRACKET_S = 10,
    TOLERANCE_PERCENT = 1, /* 2 rho */
    QUIET_ELECTIONS = 5,
};

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void begin_term(struct guard *guard, uint64_t term)
{
    if (guard->term == term)
        return;
    uint64_t quiet_until_ns = guard->quiet_until_ns;
    *guard = (struct guard){.term = term, .quiet_until_ns = quiet_until_ns};
}

/* An ack leaves: perhaps a bracket begins with it. */
void guard_acknowledge(struct node *node, struct peer_message *answer)
{
    struct guard *guard = &node->guard;
    begin_term(guard, answer->term);
    answer->stamp_ns = node->now_ns;
    answer->clock_suspect = guard->suspect;
    if (guard->begun || guard->bracketed || node->clocks.raw_ns == 0)
        return;
    guard->begun = true;
    guard->stamp_ns = answer->stamp_ns;
    guard->boot_ns = node->clocks.boot_ns;
    guard->raw_ns = node->clocks.raw_ns;
}

void guard_heard_append(struct node *node, const struct peer_message *append)
{
    struct guard *guard = &node->guard;
    if (append->term != guard->term)
        return;
    guard->newest_ns = larger(guard->newest_ns, append->served_ns);
    if (guard->begun && append->echo_ns >= guard->stamp_ns) {
        guard->begun = false;
        guard->bracketed = true;
        guard->served_ns = append->served_ns;
    }
}

void guard_heard_ack(
        struct node *node, struct peer *peer, const struct peer_message *answer)
{
    if (answer->term != raft_term(node->raft))
        return;
    peer->heard_stamp_ns = answer->stamp_ns;
    peer->clock_suspect = answer->clock_suspect;
}

static void close_bracket(struct node *node)
{
    struct guard *guard = &node->guard;
    uint64_t own_ns = larger(
            node->clocks.boot_ns - guard->boot_ns, node->clocks.raw_ns - guard->raw_ns);
    if (!guard->bracketed || own_ns < BRACKET_S * NS_PER_S)
        return;
    uint64_t served_ns = guard->newest_ns - guard->served_ns;
    guard->suspect = served_ns > own_ns + own_ns / 100 * TOLERANCE_PERCENT;
    guard->bracketed = false;
    if (guard->suspect)
        MARK(clock_of_leader_suspect);
}

/* A leader that a majority of the voters suspects hands over, and lets others stand first. */
static void heed_suspicion(struct node *node)
{
    uint32_t suspicious = 0;
    for (uint8_t i = 0; i < node->peer_count; i++)
        suspicious += node->peers[i].clock_suspect;
    bool majority = 2 * suspicious > node->settings.member_count;
    if (!majority || node->now_ns < node->guard.quiet_until_ns)
        return;
    MARK(clock_suspect_hands_over);
    node->guard.quiet_until_ns =
            node->now_ns + QUIET_ELECTIONS * node->settings.raft.election_max_ns;
    node_notice(node, NOTICE_CLOCK_SUSPECT, node->settings.self, suspicious);
    struct raft_event event = {.kind = RAFT_TRANSFER};
    consensus_step(node, &event);
}

void guard_judge(struct node *node)
{
    if (raft_is_leader(node->raft)) {
        begin_term(&node->guard, raft_term(node->raft));
        heed_suspicion(node);
        return;
    }
    for (uint8_t i = 0; i < node->peer_count; i++)
        node->peers[i].clock_suspect = false;
    close_bracket(node);
}
