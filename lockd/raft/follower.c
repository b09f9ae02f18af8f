/*
 * A follower takes entries from a leader. [Raft 3.5, 3.6]
 *
 * If the entry before an append's entries is there, then the logs are equal up to the
 * append's last entry. Only an entry of another term at the same index is a conflict and
 * cuts the log: an old or repeated append finds its entries there and changes nothing.
 * Entries before the beginning of the log are committed, and so they are the same in every
 * leader's log.
 *
 * An acknowledgement says how far the log is *durable and proven* in this term. If the step
 * appended, the acknowledgement waits for that write. An append that appends nothing, such
 * as a heartbeat, is answered at once with what is durable now. So a lost acknowledgement
 * costs no more than a heartbeat.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

static void follow(struct raft *raft, uint8_t leader)
{
    raft_become_follower(raft);
    if (raft->leader != leader)
        raft_fail_reads(raft);
    raft->leader = leader;
    raft->leader_heard_ns = raft->now_ns;
    raft_reset_election_timer(raft);
    const struct entry_id led = {raft->term, leader};
    if (!entry_id_equal(led, raft->told_leader)) {
        raft->told_leader = led;
        raft_note(raft, RAFT_NOTICE_NEW_LEADER, leader);
    }
}

/* Whether the log has, or had before its beginning, the entry that an append builds on. */
static bool has(const struct raft *raft, struct entry_id id)
{
    if (id.index > 0 && id.index < raft->log.trail.before.index) {
        MARK(append_before_the_log);
        return true;
    }
    return raft_log_term(&raft->log, id.index) == id.term;
}

/* How many of the entries are in the log already, or were before its beginning. */
static uint32_t count_known(const struct raft *raft, const struct raft_event *event)
{
    uint32_t count = 0;
    while (count < event->entry_count) {
        struct entry_id id = event->entries[count].id;
        if (!has(raft, id))
            break;
        count++;
    }
    return count;
}

/* Take the entries in. The index up to which the log is the leader's now. */
static uint64_t take(struct raft *raft, const struct raft_event *event)
{
    uint32_t known = count_known(raft, event);
    raft->effects->append_skip = known;
    uint64_t end = event->message->begin + known;
    if (known < event->entry_count && end <= raft_log_last(&raft->log).index) {
        MARK(conflict_truncated);
        raft_truncate(raft, end);
        raft_note(raft, RAFT_NOTICE_TRUNCATED, 0);
    }
    for (uint32_t i = known; i < event->entry_count; i++, end++) {
        if (!raft_trail_has_room(&raft->log.trail, event->entries[i].id.term)) {
            MARK(trail_is_full);
            break;
        }
        raft_append(raft, &event->entries[i]);
    }
    return end - 1;
}

static void accept(
        struct raft *raft, const struct raft_event *event, struct peer_message *answer)
{
    uint64_t proven = take(raft, event);
    if (proven > raft->proven)
        raft->proven = proven;
    uint64_t commit = event->message->commit;
    if (commit > proven)
        commit = proven;
    if (commit > raft->commit.index)
        raft->commit = (struct entry_id){raft_log_term(&raft->log, commit), commit};
    bool waits = raft->effects->append_count > 0;
    answer->accepted = true;
    answer->match = raft->proven;
    if (!waits && answer->match > raft->durable)
        answer->match = raft->durable;
}

void raft_on_append(
        struct raft *raft, struct raft_peer *peer, const struct raft_event *event)
{
    const struct peer_message *append = event->message;
    struct peer_message answer = {
            .kind = PEER_APPEND_ANSWER,
            .term = raft->term,
            .stamp_ns = raft->now_ns,
            .fitness = (uint8_t)raft_fitness(raft),
            .applied = raft->applied,
            .yields = raft->settings.yields,
    };
    if (raft->blank) {
        raft_meet_bootstrapped(raft);
        answer.term = append->term;
        answer.state = PEER_STATE_BLANK;
    } else if (append->term >= raft->term) {
        if (append->term > raft->term)
            raft_adopt_term(raft, append->term);
        if (raft->role == RAFT_LEADER)
            return; /* No other node can lead this term: nonsense. */
        follow(raft, peer->id);
        if (append->commit > raft->commit_heard)
            raft->commit_heard = append->commit;
        if (append->round > raft->round_heard)
            raft->round_heard = append->round;
        answer.term = raft->term;
        answer.round = raft->round_heard;
        if (has(raft, append->previous))
            accept(raft, event, &answer);
        else
            answer.hint = raft_trail_within(&raft->log.trail, append->previous);
    }
    raft_send(raft, peer, &answer, raft->effects->write);
}
