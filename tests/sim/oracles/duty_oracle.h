/*
 * What a node may do only if it can do it well.
 *
 *   fitness      a node does not stand for election while its log cannot do a leader's work:
 *                it takes no entries, cannot be read, or its disk has stalled
 *   handover     who is told to take over has applied what the leader has committed
 *   serving      a leader puts nothing after its term's first entry before it has applied it
 *   room         the ring of keepalives never holds more than it has room for, and the
 *                room that is promised for answers is there
 *   rot          no entry is sent whose sum is not its own
 *
 * None of it costs safety, so no other oracle would see it: clients would wait.
 */
#ifndef SIM_DUTY_ORACLE_H
#define SIM_DUTY_ORACLE_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/world/machine.h"

namespace sim {

class DutyOracle {
public:
    /* After each turn of a node. A breach, in words. */
    std::optional<std::string> look(const Machine &machine);
    /* What one node says to another. */
    std::optional<std::string> hear(const Machine &from, const Machine &to,
            const std::vector<uint8_t> &bytes) const;
    void forget(int id); /* It starts anew. */

private:
    struct Seen {
        bool unfit = false;
        enum raft_role role = RAFT_FOLLOWER;
        uint64_t term = 0;
        uint64_t first = 0; /* Of its term as leader; 0: not known */
    };
    static bool is_unfit(const Machine &machine);
    static uint64_t first_of_term(const Machine &machine);
    std::optional<std::string> look_at_serving(const Machine &machine, Seen &seen);

    std::map<int, Seen> seen_;
};

} // namespace sim

#endif
