/* Where the tokens of a cluster begin. */
#include "protocol/token.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace {

constexpr uint64_t second_2020 = 1577836800;

uint64_t at(uint64_t seconds_since_2020)
{
    return (second_2020 + seconds_since_2020) * NS_PER_S;
}

uint64_t first(struct token_past past, uint64_t wall_ns)
{
    return token_first(&past, wall_ns);
}

TEST(Token, AClusterWithoutAClockBeginsAStepUp)
{
    EXPECT_EQ(first({}, 0), TOKEN_STEP);
    EXPECT_EQ(first({}, at(0)), TOKEN_STEP);
}

TEST(Token, TheClockCountsFrom2020)
{
    EXPECT_EQ(first({}, at(TOKEN_STEP >> 20) + 1), TOKEN_STEP);
    EXPECT_EQ(first({}, at((TOKEN_STEP >> 20) + 1)), TOKEN_STEP + (1 << 20));
}

TEST(Token, ALaterLifeIsAheadOfTheEarlierOne)
{
    uint64_t now = at(218000000);
    uint64_t begin = first({}, now);
    EXPECT_EQ(first({begin + 5, now}, now), begin + 5 + TOKEN_STEP);
    EXPECT_EQ(first({begin + 5, 0}, now), begin + 5 + TOKEN_STEP)
            << "nobody knows since when";
    EXPECT_EQ(first({5, at(0)}, now), TOKEN_STEP + begin + 5) << "a backup from long ago";
    EXPECT_EQ(first({5, 0}, now), begin);
}

/* A restore that went wrong is done again: from the same backup, a minute later. */
TEST(Token, G2_OfTwoLivesFromOneBackupTheLaterIsAhead)
{
    uint64_t now = at(218000000);
    struct token_past backup = {first({}, now) + 1000, now + 10 * NS_PER_S};
    uint64_t one = first(backup, now + 600 * NS_PER_S);
    uint64_t two = first(backup, now + 660 * NS_PER_S);
    EXPECT_GE(one, backup.last + TOKEN_STEP);
    EXPECT_EQ(two - one, uint64_t{60} << 20) << "as many may one have granted";
    EXPECT_EQ(first(backup, now), backup.last + TOKEN_STEP) << "a clock that was set back";
}

TEST(Token, AFirstTokenTellsWhenTheClusterWasFounded)
{
    EXPECT_EQ(token_wall_ns(first({}, at(218000000) + 5)), at(218000000));
}

TEST(Token, NoClockUsesThemUp)
{
    EXPECT_EQ(first({}, UINT64_MAX), TOKEN_END / 2);
    EXPECT_LT(first({1, 1}, UINT64_MAX), TOKEN_END);
    EXPECT_EQ(first({TOKEN_END - 1, 0}, 0), TOKEN_END - 1) << "and that is no new one";
}

} // namespace
