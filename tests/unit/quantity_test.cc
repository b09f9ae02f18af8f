#include "base/quantity.h"

#include <gtest/gtest.h>
#include <string>

namespace {

TEST(Quantity, DigitsEndWhereSomethingElseBegins)
{
    uint64_t number = 7;
    const char *behind = digits_read("250ms", &number);
    ASSERT_NE(behind, nullptr);
    EXPECT_EQ(std::string(behind), "ms");
    EXPECT_EQ(number, 250U);
    EXPECT_EQ(digits_read("", &number), nullptr);
    EXPECT_EQ(digits_read("ms", &number), nullptr);
}

TEST(Quantity, DigitsFitInto64Bits)
{
    uint64_t number = 0;
    ASSERT_NE(digits_read("18446744073709551615", &number), nullptr);
    EXPECT_EQ(number, UINT64_MAX);
    EXPECT_EQ(digits_read("18446744073709551616", &number), nullptr);
}

TEST(Quantity, UnitsOfTimeGoFromLargeToSmall)
{
    for (int i = 1; i < TIME_UNITS; i++)
        EXPECT_LT(time_units[i].worth, time_units[i - 1].worth);
}

} // namespace
