/*
 * What a step puts out: messages, one write, reads, one notice.
 *
 * Every message waits for the last save of term and vote: a node that a crash takes back to
 * an older term must not have told any other node about the newer one. So requests for
 * votes leave when the candidate's own vote is durable, and that vote counts only from then
 * on. If they were sent earlier, a candidate that crashed could campaign again in the same
 * term with a shorter log, and count votes that were given to the longer one.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

bool raft_can_send(struct raft *raft, const struct raft_peer *peer)
{
    if (!peer->open)
        return false;
    if (raft->effects->message_count < RAFT_MESSAGES_MAX)
        return true;
    MARK(step_has_no_room);
    raft->more = true;
    return false;
}

void raft_send(struct raft *raft, const struct raft_peer *peer,
        const struct peer_message *message, uint64_t after_write)
{
    if (!peer->open)
        return;
    struct raft_effects *effects = raft->effects;
    assert(effects->message_count < RAFT_MESSAGES_MAX);
    if (after_write < raft->saved_write)
        after_write = raft->saved_write;
    if (after_write <= raft->written)
        after_write = 0;
    struct raft_message *sent = &effects->messages[effects->message_count];
    effects->message_count++;
    *sent = (struct raft_message){.body = *message, .after_write = after_write};
    sent->body.from = raft->settings.self;
    sent->body.to = peer->id;
}

/* Of two notices in one step, keep the one that says more. */
static bool outdoes(enum raft_notice notice, enum raft_notice told)
{
    return told == RAFT_NOTICE_NONE ||
           (told == RAFT_NOTICE_FOLLOWER &&
                   (notice == RAFT_NOTICE_NEW_LEADER || notice == RAFT_NOTICE_NO_MAJORITY ||
                           notice == RAFT_NOTICE_RESIGNED || notice == RAFT_NOTICE_LEFT));
}

void raft_note(struct raft *raft, enum raft_notice notice, uint8_t peer)
{
    struct raft_effects *effects = raft->effects;
    if (effects && outdoes(notice, effects->notice)) {
        effects->notice = notice;
        effects->notice_peer = peer;
        return;
    }
    if (raft->notice_count == RAFT_NOTICES_MAX)
        return;
    raft->notices[raft->notice_count] = (struct raft_told){notice, peer};
    raft->notice_count++;
}

static void open_write(struct raft *raft)
{
    if (raft->effects->write != 0)
        return;
    raft->write_last++;
    raft->effects->write = raft->write_last;
}

void raft_save(struct raft *raft)
{
    open_write(raft);
    raft->effects->save = true;
    raft->saved_write = raft->write_last;
    raft->blank = false;
}

bool raft_vote_is_durable(const struct raft *raft)
{
    return raft->saved_write <= raft->written;
}

void raft_append(struct raft *raft, const struct raft_entry *entry)
{
    open_write(raft);
    raft->effects->append_count++;
    if (raft->commit.index == raft_log_last(&raft->log).index)
        raft->commit_ns = raft->now_ns;
    raft_log_add(&raft->log, entry->id, entry->bytes);
    raft_membership_take(raft, entry);
}

void raft_truncate(struct raft *raft, uint64_t from)
{
    assert(from > raft->commit.index);
    open_write(raft);
    raft->effects->truncate_from = from;
    raft_log_cut(&raft->log, from);
    raft_membership_cut(raft, from);
    if (raft->durable >= from)
        raft->durable = from - 1;
    for (uint64_t at = raft->pending_ring.begin; at < raft->pending_ring.end; at++) {
        struct raft_pending *pending = &raft->pending[ring_at(&raft->pending_ring, at)];
        if (pending->last_index >= from)
            pending->last_index = from - 1;
    }
}

void raft_written(struct raft *raft, uint64_t number)
{
    assert(number <= raft->write_last);
    if (number > raft->written) {
        raft->written = number;
        raft->progress_ns = raft->now_ns;
    }
    struct ring *ring = &raft->pending_ring;
    while (!ring_is_empty(ring)) {
        const struct raft_pending *oldest = &raft->pending[ring_at(ring, ring->begin)];
        if (oldest->number > raft->written)
            break;
        raft->durable = oldest->last_index;
        ring_pop(ring);
    }
}

/*
 * When there are too many writes to tell apart, the newest two become one, which is durable
 * when both are.
 */
static void remember_write(struct raft *raft)
{
    struct ring *ring = &raft->pending_ring;
    if (ring_is_empty(ring))
        raft->progress_ns = raft->now_ns;
    if (ring_room(ring) == 0)
        MARK(writes_merged);
    uint32_t slot = ring_room(ring) > 0 ? ring_push(ring) : ring_at(ring, ring->end - 1);
    raft->pending[slot] = (struct raft_pending){
            .number = raft->effects->write,
            .last_index = raft_log_last(&raft->log).index,
    };
}

static void tell_old_notice(struct raft *raft)
{
    if (raft->notice_count == 0)
        return;
    raft->effects->notice = raft->notices[0].notice;
    raft->effects->notice_peer = raft->notices[0].peer;
    raft->notice_count--;
    for (uint32_t i = 0; i < raft->notice_count; i++)
        raft->notices[i] = raft->notices[i + 1];
}

void raft_close_effects(struct raft *raft)
{
    if (raft->effects->write != 0)
        remember_write(raft);
    if (raft->effects->notice == RAFT_NOTICE_NONE)
        tell_old_notice(raft);
    if (raft->notice_count > 0)
        raft->more = true;
}
