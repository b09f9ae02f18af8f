/* What the program `belief_holder` shows of itself, in a file that others map. */
#ifndef PROCESS_HOLDER_VIEW_H
#define PROCESS_HOLDER_VIEW_H

#include <atomic>
#include <cstdint>
#include <ctime>

struct HolderView {
    std::atomic<uint64_t> checks;       /* How often it asked lk_check() */
    std::atomic<uint64_t> last_held_ns; /* Before the last call of it that said HELD */
    std::atomic<uint64_t> token;
};

/* CLOCK_BOOTTIME, as liblock's deadlines have it. */
inline uint64_t boot_time_ns()
{
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000 +
           static_cast<uint64_t>(now.tv_nsec);
}

#endif
