/*
 * A configuration: one way in which a lock's history can have gone so far. Numbers are of
 * holds, steps and ghosts in the plan, sorted; holds from `ghost_base` on are ghosts.
 */
#ifndef LINEAR_CONFIGURATION_H
#define LINEAR_CONFIGURATION_H

#include <algorithm>
#include <compare>
#include <cstdint>
#include <vector>

namespace linear {

constexpr size_t configurations_max = 20000;
constexpr size_t compared_max = 1000;    /* Configurations with each other */
constexpr uint64_t work_max = 100000000; /* Of one search: some seconds */
constexpr uint64_t short_work_max = work_max / 3;
constexpr uint32_t ghost_base = 1u << 31;

using Numbers = std::vector<uint32_t>;

struct Configuration {
    uint32_t next = 0; /* With tokens: the next hold to begin */
    Numbers holds;
    Numbers undone; /* Observers that are open and still wait for their state */
    Numbers early;  /* Without tokens: open grants and releases that took effect */
    Numbers brief;  /* Without tokens: open grants that may have come and gone */
    Numbers used;   /* Ghosts that took effect */
    auto operator<=>(const Configuration &) const = default;
};

inline bool has(const Numbers &numbers, uint32_t wanted)
{
    return std::find(numbers.begin(), numbers.end(), wanted) != numbers.end();
}

inline void put(Numbers &numbers, uint32_t what)
{
    numbers.insert(std::lower_bound(numbers.begin(), numbers.end(), what), what);
}

inline bool drop(Numbers &numbers, uint32_t what)
{
    auto it = std::find(numbers.begin(), numbers.end(), what);
    if (it == numbers.end())
        return false;
    numbers.erase(it);
    return true;
}

inline bool covers(const Numbers &large, const Numbers &small)
{
    return std::includes(large.begin(), large.end(), small.begin(), small.end());
}

} // namespace linear

#endif
