/*
 * How much may wait before acquires are refused.
 *
 * A short queue helps: entries fill, and the disk and the peers always have the next one. A
 * longer queue only makes every client wait longer, until work is done for clients that
 * have given up. So what a leader owes is bounded in time, not only in memory. The limit
 * falls when the first command of an entry has waited for longer than WAIT_NS and longer
 * than twice the least time of an entry. It then becomes the number of commands that would
 * have been done in that time at the current rate (that many commands came and went while
 * this one waited). While entries are quicker, the limit grows by a quarter with each
 * entry; after a stall of the disk it is back within some twenty entries. It never falls
 * below a sixteenth of the ring: that much is no noticeable wait on any machine, and it is
 * enough to measure the rate.
 *
 * The least time that an entry took in this term is the way to the peers and back, and a
 * write. No queue causes that time, and over a distance more entries have to be under way.
 *
 * Only acquires are refused for this reason. A release or a cancel makes room for others,
 * and there are never more of them than accepted acquires; an open comes once. They may use
 * the whole ring.
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
    /* The least time of an entry that this leader sealed in its term */
    uint64_t least_ns;
};

/* A term begins, or ends. */
void backlog_init(struct backlog *backlog, uint32_t owed_max);
void backlog_check(const struct backlog *backlog);

/*
 * An entry was applied now. Its own answers are no longer owed. The `owed_count` answers
 * that are still owed came while it was under way.
 */
void backlog_finished(struct backlog *backlog, const struct finished_entry *entry,
        uint32_t owed_count, uint64_t now_ns);

bool backlog_takes(
        const struct backlog *backlog, const struct ring *owed, uint8_t request_kind);

#ifdef __cplusplus
}
#endif

#endif
