/*
 * The whole check of a history: the rules, the search lock by lock, and the evidence.
 *
 * On a lock with many operations the search is narrow: it finds an order of nearly every
 * possible history, and proves nothing of the others. A rule that is broken there is proof
 * enough. What remains is a doubt (doubts.h).
 */
#ifndef LINEAR_JUDGE_H
#define LINEAR_JUDGE_H

#include "lockcheck/judge/rules.h"

namespace linear {

/* No order was found, and no proof that there is none. */
struct Doubt {
    int32_t lock;
    const Operation *stuck; /* Where the search got no further */
};

struct Judgement {
    std::vector<Violation> violations;
    std::vector<Doubt> doubts;
    uint64_t undecided = 0; /* As many as there are doubts */
    uint64_t work = 0;      /* Of all searches (lock_world.h) */
    uint64_t compared = 0;  /* Locks that the second engine checked too (Rules::both) */
    uint64_t different = 0; /* Of these, with another result: one of the engines is wrong */
    size_t configurations = 0; /* The most that the search held at once */
    uint64_t grants = 0;
    uint64_t unknown = 0;
    uint64_t refused = 0;
    int64_t longest_gap_ns = 0; /* Without any success */
};

Judgement judge(const History &history, const Rules &rules);

} // namespace linear

#endif
