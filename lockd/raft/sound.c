/*
 * What no sound member says. A peer is believed in all that a member could say; this is the
 * rest: it would break an assertion here, end the numbers of terms, or take back what is
 * committed.
 */
#include "base/mark.h"
#include "raft/raft_state.h"

/*
 * A term begins with an election, and an election takes longer than a millisecond. So a
 * member that was away for the longest is this far behind after fifty days of elections
 * that nobody won. 2^64 is never reached.
 */
#define TERM_STEP_MAX (UINT64_C(1) << 32)

/*
 * Consecutive entries after `previous`, of terms that neither go back nor pass the
 * leader's.
 */
static bool is_sound_append(const struct raft_event *event)
{
    const struct peer_message *append = event->message;
    struct entry_id before = append->previous;
    if (append->term == 0 || append->begin != before.index + 1 ||
            append->end < append->begin ||
            append->end - append->begin != event->entry_count || before.term > append->term)
        return false;
    for (uint32_t i = 0; i < event->entry_count; i++) {
        struct entry_id id = event->entries[i].id;
        const struct raft_entry *entry = &event->entries[i];
        bool empty =
                entry->kind == ENTRY_CONFIGURATION && raft_is_empty(&entry->configuration);
        if (id.index != before.index + 1 || id.term < before.term || id.term == 0 ||
                id.term > append->term || empty)
            return false;
        before = id;
    }
    return true;
}

static bool contradicts(const struct raft *raft, struct entry_id id)
{
    return id.index > raft->log.trail.before.index && id.index <= raft->commit.index &&
           raft_log_term(&raft->log, id.index) != id.term;
}

/* A leader of this term or a later one has every entry that is committed here. [Raft 3.6.3] */
static bool takes_back(const struct raft *raft, const struct raft_event *event)
{
    const struct peer_message *append = event->message;
    if (append->term < raft->term)
        return false;
    if (contradicts(raft, append->previous))
        return true;
    for (uint32_t i = 0; i < event->entry_count; i++) {
        if (contradicts(raft, event->entries[i].id))
            return true;
    }
    return false;
}

/*
 * A term has one leader. If there is another one, somebody has voted twice: a member forgot
 * its vote, as an old copy of its directory does.
 */
static bool is_second_leader(const struct raft *raft, const struct peer_message *append)
{
    return append->term == raft->told_leader.term &&
           append->from != raft->told_leader.index;
}

enum raft_objection raft_object(const struct raft *raft, const struct raft_event *event)
{
    const struct peer_message *message = event->message;
    assert(event->kind == RAFT_RECEIVE);
    if (message->term > raft->term && message->term - raft->term > TERM_STEP_MAX) {
        MARK(term_jumped);
        return RAFT_TERM_JUMPED;
    }
    if (message->kind == PEER_VOTE && message->last.term >= message->term)
        return RAFT_UNSOUND;
    if (message->kind != PEER_APPEND)
        return RAFT_SOUND;
    if (!is_sound_append(event)) {
        MARK(append_unsound);
        return RAFT_UNSOUND;
    }
    if (!is_second_leader(raft, message) && !takes_back(raft, event))
        return RAFT_SOUND;
    MARK(append_takes_back);
    return RAFT_TAKES_BACK;
}
