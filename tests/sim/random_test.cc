/*
 * Hostile lives, one a seed (life.h).
 *
 *     LOCKD_SIM_SEED=17 sim_tests --gtest_filter='Random.*'     one seed, with its log
 *     LOCKD_SIM_SEEDS=5000 sim_tests --gtest_filter='Random.*'  more seeds than usual
 *     LOCKD_SIM_FROM=1000                                       ... from this one on
 */
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "base/units.h"
#include "sim/life.h"

namespace {

uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/* An assertion ends the process: which seed it was must still be known. */
uint64_t seed_now;

void say_seed(int)
{
    fprintf(stderr, "replay: LOCKD_SIM_SEED=%llu sim_tests --gtest_filter='Random.*'\n",
            static_cast<unsigned long long>(seed_now));
}

struct Sum {
    uint64_t turns = 0;
    uint64_t grants = 0;
    uint64_t terms = 0;
    uint64_t entries = 0;
    uint64_t simulated_ns = 0;
};

void live(uint64_t seed, bool talks, Sum &sum)
{
    seed_now = seed;
    SCOPED_TRACE("LOCKD_SIM_SEED=" + std::to_string(seed));
    sim::Life life(seed, talks);
    life.run();
    for (const std::string &breach : life.oracle().breaches)
        ADD_FAILURE() << breach;
    sum.turns += life.world().turns();
    sum.grants += life.oracle().grants();
    sum.terms += life.oracle().terms();
    sum.entries += life.oracle().committed();
    sum.simulated_ns += life.world().now();
}

} // namespace

TEST(Random, HostileLives)
{
    signal(SIGABRT, say_seed);
    uint64_t only = number_from("LOCKD_SIM_SEED", 0);
    uint64_t seeds = only != 0 ? 1 : number_from("LOCKD_SIM_SEEDS", 100);
    uint64_t begin = only != 0 ? only : number_from("LOCKD_SIM_FROM", 1);
    Sum sum;
    for (uint64_t seed = begin; seed < begin + seeds && !HasFailure(); seed++)
        live(seed, only != 0, sum);
    signal(SIGABRT, SIG_DFL);
    fprintf(stderr,
            "%llu seeds, %llu s simulated, %llu turns, %llu terms, %llu entries, %llu "
            "grants\n",
            static_cast<unsigned long long>(seeds),
            static_cast<unsigned long long>(sum.simulated_ns / NS_PER_S),
            static_cast<unsigned long long>(sum.turns),
            static_cast<unsigned long long>(sum.terms),
            static_cast<unsigned long long>(sum.entries),
            static_cast<unsigned long long>(sum.grants));
    if (only == 0) {
        EXPECT_GT(sum.grants, 20 * seeds);
    }
}
