/*
 * Served time: how far cluster time may move.
 *
 * The leader adds up slices between successive readings of its clocks, one reading a turn,
 * made after the turn has taken in all that arrived. A slice is the smaller of what two
 * clocks say, cut at two ticks, and counts only while a majority was heard within the
 * longest election timeout. So no stall of this process, jump of a clock or lost majority
 * makes cluster time run ahead of real time, and with it no lease ends early. (G3, G4)
 */
#include "node/replica.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A clock that went back, against all promises, counts as one that stood still. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static bool majority_is_heard(const struct node *node, uint64_t now_ns)
{
    uint64_t heard_ns = raft_majority_heard_ns(node->raft);
    return since(now_ns, heard_ns) <= node->settings.raft.election_max_ns;
}

void served_read(struct node *node, const struct node_clocks *clocks)
{
    struct served *served = &node->served;
    if (!raft_is_leader(node->raft)) {
        served->known = false;
        served->sum_ns = 0;
        return;
    }
    if (!served->known || served->term != raft_term(node->raft)) {
        /* The reading of the turn that builds TERM_START: time begins here. */
        served->known = true;
        served->term = raft_term(node->raft);
        served->sum_ns = 0;
        served->total_ns = 0;
    } else if (majority_is_heard(node, clocks->monotonic_ns)) {
        uint64_t slice = smaller(since(clocks->monotonic_ns, served->monotonic_ns),
                since(clocks->raw_ns, served->raw_ns));
        slice = smaller(slice, 2 * node->settings.tick_ns);
        served->sum_ns += slice;
        served->total_ns += slice;
    }
    served->monotonic_ns = clocks->monotonic_ns;
    served->raw_ns = clocks->raw_ns;
}
