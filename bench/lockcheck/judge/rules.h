/*
 * The rules of lockhist/1 that need no search: no order of the operations could explain a
 * violation of one of them. The search (search.h) decides what they leave open.
 */
#ifndef LINEAR_RULES_H
#define LINEAR_RULES_H

#include <string>
#include <vector>

#include "lockcheck/history/session_lives.h"

namespace linear {

/* What is impossible, and the operations that show it. */
struct Violation {
    std::string rule;
    std::string what;
    int32_t lock = -1;
    std::vector<const Operation *> operations; /* In the order of their calls */
};

struct Rules {
    int64_t drift_ppm = 0; /* How far the nemesis lets clocks run apart */
    bool both = false;     /* Use the second engine too (reference.h) */
};

constexpr size_t shown_of_each_rule = 10;

/* At most this many for each rule and lock. */
std::vector<Violation> check_rules(
        const History &history, const Rules &rules, const Sessions &sessions);

} // namespace linear

#endif
