/* A clock that runs faster than true time by this many millionths. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <cstdint>

namespace sim {

class Clock {
public:
    uint64_t at(uint64_t now) const
    {
        int64_t gone = static_cast<int64_t>(now - since_);
        return base_ + static_cast<uint64_t>(gone + gone * ppm_ / 1000000);
    }
    /* How long it takes to go so far, rounded down. */
    uint64_t true_ns(uint64_t own_ns) const
    {
        return own_ns / static_cast<uint64_t>(1000000 + ppm_) * 1000000;
    }
    void set_rate(uint64_t now, int64_t ppm)
    {
        base_ = at(now);
        since_ = now;
        ppm_ = ppm;
    }

private:
    uint64_t base_ = 0;
    uint64_t since_ = 0;
    int64_t ppm_ = 0;
};

} // namespace sim

#endif
