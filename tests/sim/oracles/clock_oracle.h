/*
 * What must be true of clocks and of the guard that watches them (lockd/node/guard.c).
 *
 *   no false alarm     a leader is suspected only if its clock ran beyond rho, fast; a follower
 *                      suspects one only if either its leader's ran fast or its own slow
 *   what is excused    belief (G3, G4) while a leader's clock runs fast, or the client's own
 *                      slow, and for as long after as leases and suspicion last. Nothing else:
 *                      the log, its tokens and its order need no clocks (G1, G2).
 *
 * That an alarm comes where it must is asked of a cluster that is left alone (clock_deeds.cc).
 */
#ifndef SIM_CLOCK_ORACLE_H
#define SIM_CLOCK_ORACLE_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sim/world/machine.h"

namespace sim {

class ClockOracle {
public:
    /* The clock of a node or a client runs so from now on, as far as it is known. */
    void set_rate(int id, int64_t ppm, uint64_t now);
    void forget(int id); /* Another machine has this number. */

    /* A breach, in words. `leaders`: by term */
    std::optional<std::string> look(const Machine &machine,
            const std::map<uint64_t, uint8_t> &leaders, uint64_t now);

    bool was_fast(int id, uint64_t now) const;
    bool was_slow(int id, uint64_t now) const;
    bool excuses(int client, uint64_t now) const
    {
        return now < leases_good_at_ || was_slow(client, now);
    }

private:
    std::map<int, uint64_t> fast_until_; /* UINT64_MAX: it still is */
    std::map<int, uint64_t> slow_until_;
    std::map<int, bool> suspicious_; /* As each node was when looked at before */
    uint64_t leases_good_at_ = 0;
};

} // namespace sim

#endif
