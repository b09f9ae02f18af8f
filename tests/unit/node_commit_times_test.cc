/* For how long a member has been behind: samples stay few, and their step stays short. */
#include <gtest/gtest.h>

#include "base/units.h"
#include "node/commit_times.h"

namespace {

const uint64_t MS = NS_PER_MS;

struct Times : testing::Test {
    Times()
    {
        commit_times_init(&times);
    }
    void note(uint64_t commit, uint64_t passed, uint64_t now_ns)
    {
        commit_times_note(&times, commit, passed, now_ns);
        commit_times_check(&times);
    }
    struct commit_times times;
};

TEST_F(Times, NobodyIsBehind)
{
    for (uint64_t i = 1; i < 1000; i++)
        note(i, i, i * 100 * MS);
    EXPECT_EQ(times.count, 0U);
    EXPECT_EQ(commit_times_lag_ns(&times, 999, 100000 * MS), 0U);
}

TEST_F(Times, TheLagIsSinceTheFirstEntryThatIsMissing)
{
    note(10, 5, 1000 * MS);
    note(20, 5, 2000 * MS);
    note(30, 5, 3000 * MS);
    EXPECT_EQ(commit_times_lag_ns(&times, 5, 4000 * MS), 3000 * MS);
    EXPECT_EQ(commit_times_lag_ns(&times, 10, 4000 * MS), 2000 * MS);
    EXPECT_EQ(commit_times_lag_ns(&times, 29, 4000 * MS), 1000 * MS);
    EXPECT_EQ(commit_times_lag_ns(&times, 30, 4000 * MS), 0U);
}

TEST_F(Times, WhatAllHaveIsForgotten)
{
    note(10, 5, 1000 * MS);
    note(20, 10, 2000 * MS);
    EXPECT_EQ(times.count, 1U);
    EXPECT_EQ(commit_times_lag_ns(&times, 5, 4000 * MS), 2000 * MS);
}

/* A member is away for a day: its lag stays known to within a thirtieth. */
TEST_F(Times, ADayFitsInto64Samples)
{
    const uint64_t day_ns = 24 * 3600 * NS_PER_S;
    for (uint64_t now_ns = 250 * MS; now_ns <= day_ns; now_ns += 250 * MS)
        note(now_ns / MS, 1, now_ns);
    uint64_t lag_ns = commit_times_lag_ns(&times, 1, day_ns);
    EXPECT_EQ(lag_ns, day_ns - 250 * MS);
    uint64_t half = commit_times_lag_ns(&times, day_ns / MS / 2, day_ns);
    EXPECT_NEAR(static_cast<double>(half), static_cast<double>(day_ns) / 2,
            static_cast<double>(day_ns) / 16);
    note(day_ns / MS + 1, day_ns / MS + 1, day_ns + 250 * MS);
    EXPECT_EQ(times.count, 0U);
    EXPECT_EQ(times.step_ns, 100 * MS) << "short again";
}

} // namespace
