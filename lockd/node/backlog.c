/*
 * How much may wait before acquires are refused.
 *
 * A queue helps as long as it is short: entries fill, and disk and peers always have the next.
 * Beyond that a longer queue only makes everybody wait longer, until work is done for those
 * who have given up. So what a leader owes is bounded in time, not only in memory: when the
 * first command of an entry has waited for longer than WAIT_NS, and twice what an entry takes
 * at the least, then the limit becomes what would have been done in that time at the rate of
 * just now (that many commands came and went while this one waited). While entries are
 * quicker, the limit grows again, a quarter with each; after a stall of the disk it is back
 * within some twenty entries. It never falls below a sixteenth of the ring, which is no wait
 * worth the name on any machine, and lets the rate show.
 *
 * What an entry takes at the least, in this term, is the way to the peers and back, and a
 * write: no waiting there is anybody's fault, and over a distance more has to be under way.
 *
 * Only acquires are refused so. A release or a cancel makes room for others, and there are no
 * more of them than acquires were taken; an open comes once. They have the whole ring.
 */
#include "base/mark.h"
#include "base/units.h"
#include "node/replica.h"

#define WAIT_NS (100 * NS_PER_MS)

void backlog_init(struct node *node)
{
    node->backlog = (struct backlog){
            .owed_limit = node->settings.limits.owed_max, .least_ns = UINT64_MAX};
}

static uint32_t clamp(const struct node *node, uint64_t limit)
{
    uint32_t most = node->settings.limits.owed_max;
    uint32_t least = most / 16;
    if (limit > most)
        return most;
    return limit < least ? least : (uint32_t)limit;
}

/* Its own answers are not owed any more; what came while it was under way is. */
void backlog_finished(struct node *node, const struct under_way *own)
{
    struct backlog *backlog = &node->backlog;
    uint64_t took_ns = node->now_ns - own->sealed_ns;
    if (took_ns < backlog->least_ns)
        backlog->least_ns = took_ns;
    if (own->command_count == 0)
        return;
    uint64_t waited_ns = node->now_ns - own->admitted_ns;
    uint64_t allowed_ns = WAIT_NS + 2 * backlog->least_ns;
    uint64_t passed = ring_count(&node->owed_ring) + own->command_count;
    if (waited_ns > allowed_ns) {
        MARK(backlog_shortened);
        uint64_t limit = passed * (allowed_ns / NS_PER_US) / (waited_ns / NS_PER_US);
        if (limit < backlog->owed_limit)
            backlog->owed_limit = clamp(node, limit);
    } else {
        uint64_t grown = (uint64_t)backlog->owed_limit + backlog->owed_limit / 4 + 1;
        backlog->owed_limit = clamp(node, grown);
    }
}

bool backlog_takes(const struct node *node, uint8_t request_kind)
{
    if (ring_room(&node->owed_ring) == 0)
        return false;
    return request_kind != REQUEST_ACQUIRE ||
           ring_count(&node->owed_ring) < node->backlog.owed_limit;
}
