#include "base/numbers.h"

#include <gtest/gtest.h>

namespace {

TEST(Numbers, LesserAndGreater)
{
    EXPECT_EQ(u64_min(1, 2), 1u);
    EXPECT_EQ(u64_min(UINT64_MAX, 2), 2u);
    EXPECT_EQ(u64_max(1, 2), 2u);
    EXPECT_EQ(u64_max(UINT64_MAX, 2), UINT64_MAX);
}

TEST(Numbers, SumsEndAtTheGreatest)
{
    EXPECT_EQ(u64_sum(1, 2), 3u);
    EXPECT_EQ(u64_sum(UINT64_MAX - 2, 2), UINT64_MAX);
    EXPECT_EQ(u64_sum(UINT64_MAX - 2, 3), UINT64_MAX);
}

TEST(Numbers, RestsEndAtZero)
{
    EXPECT_EQ(u64_rest(3, 2), 1u);
    EXPECT_EQ(u64_rest(2, 3), 0u);
}

TEST(Numbers, PowersOfTwo)
{
    EXPECT_EQ(power_of_two_at_least(0), 1u);
    EXPECT_EQ(power_of_two_at_least(1), 1u);
    EXPECT_EQ(power_of_two_at_least(1024), 1024u);
    EXPECT_EQ(power_of_two_at_least(1025), 2048u);
}

} // namespace
