#include "sim/oracles/clock_oracle.h"

#include "base/units.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

namespace sim {

namespace {

constexpr int64_t rho_ppm = 5000;
constexpr uint64_t memory_ns = 30 * NS_PER_S; /* Two brackets, and the longest lease */

void note(std::map<int, uint64_t> &until, int id, bool beyond, uint64_t now)
{
    auto it = until.find(id);
    if (beyond)
        until[id] = UINT64_MAX;
    else if (it != until.end() && it->second == UINT64_MAX)
        it->second = now;
}

bool was(const std::map<int, uint64_t> &until, int id, uint64_t now)
{
    auto it = until.find(id);
    return it != until.end() && (it->second == UINT64_MAX || now < it->second + memory_ns);
}

} // namespace

void ClockOracle::set_rate(int id, int64_t ppm, uint64_t now)
{
    note(fast_until_, id, ppm > rho_ppm, now);
    note(slow_until_, id, ppm < -rho_ppm, now);
}

void ClockOracle::forget(int id)
{
    fast_until_.erase(id);
    slow_until_.erase(id);
}

bool ClockOracle::was_fast(int id, uint64_t now) const
{
    return was(fast_until_, id, now);
}

bool ClockOracle::was_slow(int id, uint64_t now) const
{
    return was(slow_until_, id, now);
}

std::optional<std::string> ClockOracle::look(
        const Machine &machine, const std::map<uint64_t, uint8_t> &leaders, uint64_t now)
{
    int id = machine.id();
    if (!machine.up())
        return std::nullopt;
    if (machine.leads() && was_fast(id, now))
        leases_good_at_ = now + memory_ns;
    bool suspects = machine.node()->guard.suspect;
    bool before = suspicious_[id];
    suspicious_[id] = suspects;
    if (!suspects || before || was_slow(id, now))
        return std::nullopt;
    auto leader = leaders.find(machine.node()->guard.term);
    if (leader != leaders.end() && was_fast(leader->second, now))
        return std::nullopt;
    return "n" + std::to_string(id) + " suspects a good clock";
}

} // namespace sim
