/* Leaves in order: see leaving.h. */
#include "node/leaving.h"

#include "base/units.h"

enum {
    LEAVE_ELECTIONS = 4, /* A leader that leaves waits this many of the longest, ... */
    LEAVE_LATER_S = 10,  /* ... or so long while a member applies its log. */
};

bool leaving_begin(struct leaving *leaving)
{
    if (leaving->begun)
        return false;
    leaving->begun = true;
    leaving->begun_ns = leaving->times->now_ns;
    leaving->handing_over = raft_is_leader(leaving->raft) && leaving->roster->count > 0;
    return true;
}

bool leaving_hand_over(const struct leaving *leaving, struct raft_event *event)
{
    /* Without proposals a handover is under way. */
    if (!leaving->handing_over || !raft_takes_proposals(leaving->raft) ||
            raft_successor(leaving->raft) != RAFT_SUCCESSOR_READY)
        return false;
    *event = (struct raft_event){.kind = RAFT_TRANSFER};
    return true;
}

/* A client still has answers to take. */
static bool owes_output(const struct conns *conns)
{
    for (uint32_t slot = 0; slot < conns->max; slot++) {
        const struct conn *conn = &conns->slots[slot];
        if (conn->role == CONN_CLIENT && !conn->closing &&
                (conn->output.sending != 0 || conn->output.filled != 0))
            return true;
    }
    return false;
}

/* It has waited long enough for another node to take over. */
static bool is_overdue(const struct leaving *leaving)
{
    uint64_t waited_ns = leaving->times->now_ns - leaving->begun_ns;
    if (waited_ns < LEAVE_ELECTIONS * leaving->election_ns)
        return false;
    /* A member still applies its log: the wait is worth it. */
    bool later = raft_is_leader(leaving->raft) &&
                 raft_successor(leaving->raft) == RAFT_SUCCESSOR_LATER;
    return !later || waited_ns >= LEAVE_LATER_S * NS_PER_S;
}

bool leaving_is_done(struct leaving *leaving)
{
    if (!leaving->begun)
        return false;
    bool overdue = is_overdue(leaving);
    if (leaving->handing_over && !overdue) {
        bool handed_over =
                !raft_is_leader(leaving->raft) && raft_leader(leaving->raft) != 0;
        if (!handed_over)
            return false;
        leaving->handing_over = false;
        notices_tell(leaving->notices, NOTICE_HANDED_OVER, raft_leader(leaving->raft), 0);
    }
    return overdue || !owes_output(leaving->conns);
}
