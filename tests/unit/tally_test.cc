#include "lockbench/tally.h"

#include <gtest/gtest.h>
#include <string>

namespace {

class Tally : public testing::Test {
protected:
    struct tally tally = {};

    void SetUp() override
    {
        tally_init(&tally, 1000, 2000);
    }
};

TEST_F(Tally, LatencyCountsWhatBeganWithinTheSpan)
{
    tally_acquired(&tally, LK_OK, 999, 1500);
    EXPECT_EQ(tally.acquires.latency.count, 0U);
    tally_acquired(&tally, LK_OK, 1000, 1010);
    /* A stall at the end is not cut off. */
    tally_acquired(&tally, LK_OK, 1999, 9999);
    tally_acquired(&tally, LK_OK, 2000, 2001);
    EXPECT_EQ(tally.acquires.latency.count, 2U);
    EXPECT_EQ(tally.acquires.latency.greatest, 8000U);
    EXPECT_EQ(tally.both.count, 2U);
}

TEST_F(Tally, ThroughputCountsWhatEndedWithinTheSpan)
{
    tally_released(&tally, LK_OK, 900, 999);
    tally_released(&tally, LK_OK, 900, 1000);
    tally_released(&tally, LK_OK, 1990, 1999);
    tally_released(&tally, LK_OK, 1990, 2000);
    EXPECT_EQ(tally.releases.in_span, 2U);
}

TEST_F(Tally, OnlySuccessIsMeasured)
{
    tally_acquired(&tally, LK_STATUS_UNKNOWN, 1100, 1900);
    tally_acquired(&tally, LK_STATUS_TIMEOUT, 1100, 1900);
    EXPECT_EQ(tally.acquires.latency.count, 0U);
    EXPECT_EQ(tally.acquires.in_span, 0U);
    EXPECT_EQ(tally.acquires.by_status[LK_STATUS_UNKNOWN], 1U);
    EXPECT_FALSE(tally_is_good(&tally));
}

/* The load may be late itself: that is not the cluster's doing. */
TEST_F(Tally, LatenessIsApartFromWhatTheClusterTook)
{
    tally_begun(&tally, 999, 1500);
    tally_begun(&tally, 1100, 1400);
    EXPECT_EQ(tally.lateness.count, 1U);
    EXPECT_EQ(tally.lateness.greatest, 300U);
    tally_answered(&tally, LK_OK, 1400, 1450);
    tally_answered(&tally, LK_STATUS_BUSY, 1400, 1407);
    tally_answered(&tally, LK_STATUS_UNKNOWN, 1400, 1900);
    tally_answered(&tally, LK_OK, 2000, 2500);
    EXPECT_EQ(tally.granted.count, 1U);
    EXPECT_EQ(tally.granted.greatest, 50U);
    EXPECT_EQ(tally.refused.count, 1U);
    EXPECT_EQ(tally.refused.greatest, 7U);
}

TEST_F(Tally, WhatIsLeftOutCountsWhereItWasMeantToBegin)
{
    tally_left_out(&tally, 999);
    tally_left_out(&tally, 1000);
    tally_left_out(&tally, 1999);
    tally_left_out(&tally, 2000);
    EXPECT_EQ(tally.left_out, 2U);
}

TEST_F(Tally, GapsReachFromEndToEndOfTheSpan)
{
    tally_acquired(&tally, LK_OK, 500, 600);
    EXPECT_EQ(tally.longest_gap_ns, 0U);
    tally_acquired(&tally, LK_OK, 1290, 1300);
    EXPECT_EQ(tally.longest_gap_ns, 300U);
    tally_acquired(&tally, LK_OK, 1390, 1400);
    EXPECT_EQ(tally.longest_gap_ns, 300U);
    tally_end(&tally);
    EXPECT_EQ(tally.longest_gap_ns, 600U);
}

TEST_F(Tally, ATimelineHasGrantsAndWholeGaps)
{
    const uint64_t slice = TALLY_SLICE_NS;
    struct tally_slice slices[4] = {};
    tally.slices = slices;
    tally.slice_count = 4;
    tally_init(&tally, 0, 4 * slice);
    tally_acquired(&tally, LK_OK, 0, slice / 2);
    tally_acquired(&tally, LK_OK, 0, 2 * slice + slice / 2);
    tally_acquired(&tally, LK_OK, 0, 9 * slice);
    EXPECT_EQ(slices[0].grants, 1U);
    EXPECT_EQ(slices[1].grants, 0U);
    EXPECT_EQ(slices[2].grants, 1U);
    EXPECT_EQ(slices[3].grants, 0U) << "a grant behind the span";
    EXPECT_EQ(slices[0].longest_gap_ns, 2 * slice);
    EXPECT_EQ(slices[1].longest_gap_ns, 2 * slice);
    EXPECT_EQ(slices[3].longest_gap_ns, slice + slice / 2);
}

TEST_F(Tally, OneWrongOneIsTooMany)
{
    tally_acquired(&tally, LK_OK, 1100, 1200);
    EXPECT_FALSE(tally_is_good(&tally)) << "nothing was released";
    tally_released(&tally, LK_OK, 1100, 1200);
    EXPECT_TRUE(tally_is_good(&tally));
    tally_wrong(&tally, "granted while another held it", "b-s0", 7);
    tally_wrong(&tally, "another", "b-s1", 8);
    EXPECT_FALSE(tally_is_good(&tally));
    EXPECT_STREQ(tally.first_wrong, "granted while another held it (lock b-s0, token 7)");
}

} // namespace
