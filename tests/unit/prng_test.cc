#include "base/prng.h"

#include <array>
#include <cstdint>
#include <gtest/gtest.h>

namespace {

/* The reference's first outputs for the state that splitmix64 makes of seed 0. */
TEST(Prng, IsXoshiro256StarStar)
{
    struct prng prng;
    prng_init(&prng, 0);
    EXPECT_EQ(prng_next(&prng), UINT64_C(0x99ec5f36cb75f2b4));
}

TEST(Prng, BelowIsEven)
{
    struct prng prng;
    prng_init(&prng, 7);
    std::array<int, 6> seen{};
    for (int i = 0; i < 60000; i++)
        seen.at(prng_below(&prng, 6))++;
    for (int count : seen) {
        EXPECT_GT(count, 9500);
        EXPECT_LT(count, 10500);
    }
}

TEST(Prng, BetweenIncludesBothEnds)
{
    struct prng prng;
    prng_init(&prng, 7);
    bool low = false;
    bool high = false;
    for (int i = 0; i < 1000; i++) {
        uint64_t n = prng_between(&prng, 5, 8);
        ASSERT_GE(n, 5U);
        ASSERT_LE(n, 8U);
        low |= n == 5;
        high |= n == 8;
    }
    EXPECT_TRUE(low);
    EXPECT_TRUE(high);
    EXPECT_EQ(prng_between(&prng, 9, 9), 9U);
    prng_between(&prng, 0, UINT64_MAX);
}

} // namespace
