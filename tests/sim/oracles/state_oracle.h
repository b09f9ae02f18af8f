/*
 * What must be true of the lock state from one look at it to the next, judged from outside the
 * module that keeps it.
 *
 *   G7             nobody is granted a lock before one who has waited longer
 *   term_grace     no session expires before the clients have had time to find a new leader
 *
 * Looks may lie several entries apart: what is demanded holds for any number of them.
 */
#ifndef SIM_STATE_ORACLE_H
#define SIM_STATE_ORACLE_H

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "locks/locks.h"

namespace sim {

class StateOracle {
public:
    /* A breach, in words. `term`: of the entry that was applied last. */
    std::optional<std::string> look(const struct locks *locks, uint64_t term,
            const std::vector<std::string> &names, const std::vector<uint64_t> &sessions);

private:
    using Claim = std::pair<uint64_t, uint64_t>; /* Session and number */
    struct Queue {
        std::vector<Claim> waits; /* The first has waited longest. */
        Claim holder;
    };
    struct Lease {
        uint64_t deadline;
        uint64_t ttl;
    };
    static Queue queue_of(const struct locks *locks, const std::string &name);
    static bool keeps_order(const Queue &queue, const std::vector<Claim> &before);
    static void put_in_order(Queue &queue, const std::vector<Claim> &before);
    bool is_due(const Lease &lease, uint64_t time) const;

    std::map<std::string, Queue> queues_;
    std::map<uint64_t, Lease> leases_; /* By session */
    uint64_t term_ = 0;
    uint64_t time_ = 0;
    uint64_t lifted_ = 0; /* Leases end no earlier (F). */
};

} // namespace sim

#endif
