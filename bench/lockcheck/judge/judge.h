/* The whole check of a history: the rules, the search lock by lock, and the evidence. */
#ifndef LINEAR_JUDGE_H
#define LINEAR_JUDGE_H

#include "lockcheck/judge/rules.h"

namespace linear {

struct Judgement {
    std::vector<Violation> violations;
    uint64_t undecided = 0; /* Locks with more possibilities than are kept */
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
