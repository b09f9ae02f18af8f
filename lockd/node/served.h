/*
 * Served time: how far cluster time may move.
 *
 * The leader adds up slices between successive readings of its clocks. It makes one reading
 * per turn, after the turn has handled all that arrived. A slice is the smaller of what two
 * clocks say, cut at two ticks. It counts only while a majority answered within the longest
 * election timeout, and while this leader serves clients: before that nobody could renew
 * through it, however long its term's first entry or its log takes. So no stall of this
 * process, jump of a clock or lost majority makes cluster time run ahead of real time, and
 * so no lease ends early. (G3, G4)
 */
#ifndef NODE_SERVED_H
#define NODE_SERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct served {
    const struct raft *raft;
    uint64_t slice_max_ns;   /* Two ticks */
    uint64_t silence_max_ns; /* The longest election timeout */
    bool known; /* The readings below were made while it served in this term. */
    uint64_t term;
    uint64_t monotonic_ns;
    uint64_t raw_ns;
    uint64_t sum_ns;   /* Served and not yet in an entry */
    uint64_t total_ns; /* Served in this term: U of the clock guard */
};

void served_init(struct served *served, const struct raft *raft,
        const struct node_settings *settings);
void served_check(const struct served *served);
void served_read(struct served *served, const struct node_clocks *clocks);

/* What was served goes into an entry. */
uint64_t served_take_ns(struct served *served);

/* U in `term`; 0: this node has not served in it. */
uint64_t served_total_ns(const struct served *served, uint64_t term);

#ifdef __cplusplus
}
#endif

#endif
