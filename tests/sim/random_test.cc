/*
 * Hostile lives, one a seed (life.h).
 *
 *     LOCKD_SIM_SEED=17 sim_tests --gtest_filter='Random.*'     one seed, with its log
 *     LOCKD_SIM_SEEDS=5000 sim_tests --gtest_filter='Random.*'  more seeds than usual
 *     LOCKD_SIM_FROM=1000                                       ... from this one on
 *     LOCKD_SIM_COMMIT=4b6eaec19d                               lives of that commit's own, too
 *     LOCKD_SIM_REPORT=1                                        what was done and reached
 */
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "base/units.h"
#include "sim/lives/life.h"
#include "sim/lives/lives_report.h"
#include "sim/lives/shrink.h"

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
    bool operator==(const Sum &) const = default;
};

/* Cut down to what it takes: a scenario to begin with. */
void write_down(const sim::Plan &plan, const std::string &breach)
{
    sim::Plan small = sim::shrink(plan, breach);
    std::string title = breach.substr(0, breach.find('\n'));
    fprintf(stderr, "\n# %s\n%s", title.c_str(), sim::commands_of(small).c_str());
}

void live(uint64_t seed, bool talks, Sum &sum, sim::LivesReport *report = nullptr)
{
    seed_now = seed;
    SCOPED_TRACE("LOCKD_SIM_SEED=" + std::to_string(seed));
    std::function<void(const std::string &)> log;
    if (talks)
        log = [](const std::string &line) {
            fprintf(stderr, "%s\n", line.c_str());
        };
    sim::Life life(sim::draw_plan(seed), log);
    life.run();
    for (const std::string &breach : life.oracle().breaches)
        ADD_FAILURE() << breach;
    if (talks && !life.all_is_well())
        write_down(life.plan(), life.oracle().breaches.front());
    sum.turns += life.world().turns();
    sum.grants += life.oracle().grants();
    sum.terms += life.oracle().terms();
    sum.entries += life.oracle().committed();
    sum.simulated_ns += life.world().now();
    if (report)
        report->add(life);
}

} // namespace

/* A life is a function of its seed: what else could a seed be replayed for? */
TEST(Random, SameSeedSameLife)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        Sum once;
        Sum again;
        live(seed, false, once);
        live(seed, false, again);
        EXPECT_TRUE(once == again) << "seed " << seed;
    }
}

/* So that no code grows used to its seeds, each commit brings some of its own. */
TEST(Random, HostileLivesOfThisCommit)
{
    const char *commit = std::getenv("LOCKD_SIM_COMMIT");
    if (!commit)
        GTEST_SKIP() << "LOCKD_SIM_COMMIT is not given";
    signal(SIGABRT, say_seed);
    uint64_t begin = std::strtoull(std::string(commit).substr(0, 10).c_str(), nullptr, 16);
    Sum sum;
    for (uint64_t i = 0; i < 20 && !HasFailure(); i++)
        live(begin + i, false, sum);
    signal(SIGABRT, SIG_DFL);
    EXPECT_GT(sum.grants, 20U * 5); /* Some lives are hard. */
}

TEST(Random, HostileLives)
{
    signal(SIGABRT, say_seed);
    uint64_t only = number_from("LOCKD_SIM_SEED", 0);
    uint64_t seeds = only != 0 ? 1 : number_from("LOCKD_SIM_SEEDS", 100);
    uint64_t begin = only != 0 ? only : number_from("LOCKD_SIM_FROM", 1);
    Sum sum;
    sim::LivesReport report;
    for (uint64_t seed = begin; seed < begin + seeds && !HasFailure(); seed++)
        live(seed, only != 0, sum, &report);
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
    if (std::getenv("LOCKD_SIM_REPORT"))
        fprintf(stderr, "%s", report.text().c_str());
    if (only == 0) {
        EXPECT_GT(sum.grants, 20 * seeds);
    }
}
