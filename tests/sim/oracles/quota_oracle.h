/*
 * What each party has (locks/quotas.h), counted anew from the sessions and from what these
 * have, and compared with the counts that the state keeps.
 *
 * locks_check() does so too, with a sum over all parties. Here each party is counted for
 * itself, so that a breach says whose count of what is wrong, and nothing of the code that is
 * judged is used but its lists.
 */
#ifndef SIM_QUOTA_ORACLE_H
#define SIM_QUOTA_ORACLE_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "locks/locks.h"

namespace sim {

/* A breach, in words: of one state. */
std::optional<std::string> wrong_quota(const struct locks *locks);

class QuotaOracle {
public:
    /* Looks at a node's state when it has moved on by some entries. */
    std::optional<std::string> look(int node, const struct locks *locks);
    void forget(int node)
    {
        looked_at_.erase(node);
    }

private:
    std::map<int, uint64_t> looked_at_; /* Index, by node */
};

} // namespace sim

#endif
