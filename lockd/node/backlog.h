/*
 * How much may wait before acquires are refused.
 *
 * A short queue helps: entries fill, and the disk and the peers always have the next one. A
 * longer queue only makes every client wait longer, until work is done for clients that
 * have given up. So what a leader owes is bounded in time, not only in memory. The limit
 * falls when the first command of an entry has waited for longer than WAIT_NS and twice the
 * least time of an entry together. It then becomes the number of commands that are done in
 * that time at the best rate of the last entries. While entries take less than three
 * quarters of it, the limit grows by a quarter with each entry; in between it stays, so
 * that it does not swing.
 *
 * The rate of an entry is what came and went while its first command waited. The best rate
 * forgets an eighth of itself with each entry, and half with each that took too long: so a
 * single stall of the disk, which is no backlog, refuses little or nothing, and a machine
 * that has become slow shortens the limit within a few entries. The limit never falls below OWED_LEAST, or a sixteenth of a ring that
 * is small: a few hundred commands are no backlog on any machine.
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
    uint64_t best_rate; /* Commands per second, of the last entries */
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
