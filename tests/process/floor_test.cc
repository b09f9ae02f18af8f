/* The limit program runs, and what it says was durable on three nodes was. */
#include <gtest/gtest.h>

#include "worlds/commands.h"

namespace {

using process::number_behind;

using process::Command;

Command floor_of(std::vector<std::string> options)
{
    options.insert(options.begin(), {FLOOR_BINARY_PATH, "--json", "--time", "200ms",
                                            "--warmup", "50ms", "--log", "16"});
    return Command(options);
}

/* Commits with equal logs on all three nodes; wrong if nothing was written to compare. */
void expect_floor(const std::vector<std::string> &options)
{
    Command floor = floor_of(options);
    ASSERT_EQ(floor.wait(), 0) << floor.said();
    std::string said = floor.said();
    EXPECT_GT(number_behind(said, "\"commits\":"), 0u) << said;
    EXPECT_GT(number_behind(said, "\"blocks_equal\":"), 0u) << said;
    EXPECT_GT(number_behind(said, "\"p50\":"), 0u) << said;
}

TEST(Floor, OneRequest)
{
    expect_floor({"--verify", "--inflight", "1", "--connections", "1"});
}

TEST(Floor, FullBatches)
{
    expect_floor({"--verify", "--inflight", "64", "--linger", "300"});
}

/* Frames of 82 KiB are cut into many receives, and batches meet in one receive. */
TEST(Floor, LargeFramesAndSeveralBatches)
{
    expect_floor(
            {"--verify", "--inflight", "8192", "--connections", "4", "--batches", "4"});
}

TEST(Floor, RawFigures)
{
    Command floor = floor_of({"--raw"});
    ASSERT_EQ(floor.wait(), 0) << floor.said();
    for (const char *key : {"write_one_file_ns", "write_three_files_ns", "round_trip_ns"})
        EXPECT_GT(number_behind(floor.said(), std::string(key) + "\":{\"count\":"), 0u)
                << floor.said();
}

TEST(Floor, SaysWhatIsWrong)
{
    Command floor = floor_of({"--inflight", "4", "--connections", "5"});
    EXPECT_EQ(floor.wait(), 2);
    EXPECT_NE(floor.said().find("--connections 5"), std::string::npos) << floor.said();
}

} // namespace
