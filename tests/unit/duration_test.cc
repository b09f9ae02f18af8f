#include "tool/duration.h"

#include <gtest/gtest.h>
#include <string>

namespace {

/* What it means in ns; -1 if it is refused. */
int64_t parsed(const char *text)
{
    uint64_t ns = 77;
    if (duration_parse(text, &ns))
        return static_cast<int64_t>(ns);
    EXPECT_EQ(ns, 77U) << "touched by " << text;
    return -1;
}

std::string shown(uint64_t ns)
{
    char text[DURATION_TEXT_BYTES];
    return duration_text(ns, text);
}

std::string exact(uint64_t ns)
{
    char text[DURATION_TEXT_BYTES];
    return duration_exact(ns, text);
}

TEST(Duration, IsReadWithUnits)
{
    EXPECT_EQ(parsed("0"), 0);
    EXPECT_EQ(parsed("10"), 10000000000);
    EXPECT_EQ(parsed("1.5"), 1500000000);
    EXPECT_EQ(parsed("500ms"), 500000000);
    EXPECT_EQ(parsed("7ns"), 7);
    EXPECT_EQ(parsed("2us"), 2000);
    EXPECT_EQ(parsed("2m"), 120000000000);
    EXPECT_EQ(parsed("1h30m"), 5400000000000);
    EXPECT_EQ(parsed("1.25h"), 4500000000000);
    EXPECT_EQ(parsed("1d"), 86400000000000);
    EXPECT_EQ(parsed("1.0000000019s"), 1000000001);
}

TEST(Duration, RefusesWhatIsNone)
{
    for (const char *text :
            {"", "abc", "-1s", "1 s", "1x", "s", ".5s", "1.s", "1h30", "1e3", "10 ", "+1",
                    "0x10", "99999999999999999999s", "999999999999d", "1.5.5s"})
        EXPECT_EQ(parsed(text), -1) << text;
}

TEST(Duration, IsShownInThreeDigits)
{
    EXPECT_EQ(shown(0), "0ns");
    EXPECT_EQ(shown(999), "999ns");
    EXPECT_EQ(shown(1000), "1.00us");
    EXPECT_EQ(shown(417000), "417us");
    EXPECT_EQ(shown(1429000), "1.42ms");
    EXPECT_EQ(shown(10000000000), "10.0s");
    EXPECT_EQ(shown(9000000000000), "2.50h");
}

TEST(Duration, IsSaidExactly)
{
    for (const char *text : {"0s", "10s", "1500ms", "2m", "24d", "1ns", "90m"}) {
        uint64_t ns = 0;
        ASSERT_TRUE(duration_parse(text, &ns));
        EXPECT_EQ(exact(ns), text);
    }
}

} // namespace
