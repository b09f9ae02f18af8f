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
#ifndef NODE_BACKLOG_H
#define NODE_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ring.h"
#include "node/stages.h"

#ifdef __cplusplus
extern "C" {
#endif

struct backlog {
    uint32_t owed_max;   /* Room of the ring of owed answers */
    uint32_t owed_limit; /* How many may be owed before acquires are refused */
    uint64_t least_ns;   /* That an entry took, of those this leader sealed in its term */
};

/* A term begins, or ends. */
void backlog_init(struct backlog *backlog, uint32_t owed_max);
void backlog_check(const struct backlog *backlog);

/*
 * An entry was applied now. Its own answers are not owed any more; the `owed_count` that are
 * came while it was under way.
 */
void backlog_finished(struct backlog *backlog, const struct finished_entry *entry,
        uint32_t owed_count, uint64_t now_ns);

bool backlog_takes(
        const struct backlog *backlog, const struct ring *owed, uint8_t request_kind);

#ifdef __cplusplus
}
#endif

#endif
