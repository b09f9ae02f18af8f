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

TEST(Token, AClusterWithoutAClockBeginsAStepUp)
{
    EXPECT_EQ(token_first(0, 0), TOKEN_STEP);
    EXPECT_EQ(token_first(0, at(0)), TOKEN_STEP);
}

TEST(Token, TheClockCountsFrom2020)
{
    EXPECT_EQ(token_first(0, at(TOKEN_STEP >> 20) + 1), TOKEN_STEP);
    EXPECT_EQ(token_first(0, at((TOKEN_STEP >> 20) + 1)), TOKEN_STEP + (1 << 20));
}

TEST(Token, ALaterLifeIsAheadOfTheEarlierOne)
{
    uint64_t now = at(218000000);
    uint64_t first = token_first(0, now);
    EXPECT_EQ(token_first(first + 5, now), first + 5 + TOKEN_STEP);
    EXPECT_EQ(token_first(5, now), first) << "a backup from long ago";
}

TEST(Token, NoClockUsesThemUp)
{
    EXPECT_EQ(token_first(0, UINT64_MAX), TOKEN_END / 2);
    EXPECT_EQ(token_first(TOKEN_END - 1, 0), TOKEN_END - 1) << "and that is no new one";
}

} // namespace
