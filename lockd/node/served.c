/* Slices of time that both clocks show while a majority answered: see served.h. */
#include "node/served.h"

#include "base/numbers.h"

void served_init(struct served *served, const struct raft *raft,
        const struct node_settings *settings)
{
    *served = (struct served){
            .raft = raft,
            .slice_max_ns = 2 * settings->tick_ns,
            .silence_max_ns = settings->raft.election_max_ns,
    };
    assert(served->slice_max_ns > 0 && served->silence_max_ns > 0);
}

/* A clock that went back, against all promises, counts as one that stood still. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static bool majority_is_heard(const struct served *served, uint64_t now_ns)
{
    uint64_t heard_ns = raft_majority_heard_ns(served->raft);
    return since(now_ns, heard_ns) <= served->silence_max_ns;
}

void served_read(struct served *served, const struct node_clocks *clocks)
{
    if (!raft_leads_applied(served->raft)) {
        served->known = false;
        served->sum_ns = 0;
        return;
    }
    if (!served->known || served->term != raft_term(served->raft)) {
        /* The first reading after TERM_START was applied: time begins here. */
        served->known = true;
        served->term = raft_term(served->raft);
        served->sum_ns = 0;
        served->total_ns = 0;
    } else if (majority_is_heard(served, clocks->monotonic_ns)) {
        uint64_t slice = u64_min(since(clocks->monotonic_ns, served->monotonic_ns),
                since(clocks->raw_ns, served->raw_ns));
        slice = u64_min(slice, served->slice_max_ns);
        served->sum_ns += slice;
        served->total_ns += slice;
    }
    served->monotonic_ns = clocks->monotonic_ns;
    served->raw_ns = clocks->raw_ns;
}

uint64_t served_take_ns(struct served *served)
{
    assert(served->sum_ns <= served->total_ns);
    uint64_t sum_ns = served->sum_ns;
    served->sum_ns = 0;
    return sum_ns;
}

uint64_t served_total_ns(const struct served *served, uint64_t term)
{
    return served->term == term ? served->total_ns : 0;
}

void served_check(const struct served *served)
{
    assert(served->sum_ns <= served->total_ns);
    assert(served->known || served->sum_ns == 0);
    assert(served->total_ns == 0 || served->term > 0);
    assert(served->term <= raft_term(served->raft));
    if (served->known && raft_is_leader(served->raft))
        assert(served->term > 0);
}
