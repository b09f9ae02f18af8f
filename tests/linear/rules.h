/*
 * The rules of lockhist/1 that need no search: each is a fact that no order of the operations
 * could explain away. And the search itself (search.h) decides what these leave open.
 */
#ifndef LINEAR_RULES_H
#define LINEAR_RULES_H

#include <string>
#include <vector>

#include "linear/history.h"

namespace linear {

/* What cannot be, and the operations that show it. */
struct Violation {
    std::string rule;
    std::string what;
    std::vector<const Operation *> operations;
};

struct Rules {
    int64_t drift_ppm = 0; /* How far the nemesis lets clocks run apart */
};

std::vector<Violation> check_rules(const History &history, const Rules &rules);

} // namespace linear

#endif
