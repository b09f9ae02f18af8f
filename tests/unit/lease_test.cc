/* The child of `lockctl run` is gone before its lease can end: the counting backwards. */
#include "lockctl/lease.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "base/units.h"

namespace {

const uint64_t deadline = 100 * NS_PER_S;
const uint64_t kill_time = deadline - LEASE_MARGIN_NS;

TEST(Lease, TermThenKillThenDeadline)
{
    struct lease lease = {2 * NS_PER_S, 0};
    uint64_t term_time = kill_time - 2 * NS_PER_S;
    EXPECT_EQ(lease_wake(&lease, deadline), term_time);
    EXPECT_EQ(lease_decide(&lease, deadline, term_time - 1), LEASE_KEEP);
    EXPECT_EQ(lease_decide(&lease, deadline, term_time), LEASE_TERM);
    lease.term_ns = term_time;
    EXPECT_EQ(lease_wake(&lease, deadline), kill_time);
    EXPECT_EQ(lease_decide(&lease, deadline, kill_time - 1), LEASE_TERM);
    EXPECT_EQ(lease_decide(&lease, deadline, kill_time), LEASE_KILL);
    EXPECT_EQ(lease_decide(&lease, deadline, deadline), LEASE_KILL);
}

TEST(Lease, KeepaliveMovesIt)
{
    struct lease lease = {2 * NS_PER_S, 0};
    EXPECT_EQ(lease_decide(&lease, deadline, deadline), LEASE_KILL);
    EXPECT_EQ(lease_decide(&lease, deadline + 10 * NS_PER_S, deadline), LEASE_KEEP);
}

TEST(Lease, OnceToldToEndItEndsWhateverIsRenewed)
{
    struct lease lease = {2 * NS_PER_S, kill_time - 2 * NS_PER_S};
    uint64_t renewed = deadline + 60 * NS_PER_S;
    EXPECT_EQ(lease_decide(&lease, renewed, kill_time - 1), LEASE_TERM);
    EXPECT_EQ(lease_decide(&lease, renewed, kill_time), LEASE_KILL);
    EXPECT_EQ(lease_wake(&lease, renewed), kill_time);
}

TEST(Lease, WithoutCertaintyNothingRuns)
{
    struct lease lease = {2 * NS_PER_S, 0};
    EXPECT_EQ(lease_decide(&lease, 0, 1), LEASE_KILL);
    EXPECT_EQ(lease_decide(&lease, 0, 0), LEASE_KILL);
    EXPECT_EQ(lease_decide(&lease, NS_PER_S, 2 * NS_PER_S), LEASE_KILL);
}

TEST(Lease, NoKillTimeMeansKillAtOnce)
{
    struct lease lease = {0, 0};
    EXPECT_EQ(lease_decide(&lease, deadline, kill_time - 1), LEASE_KEEP);
    EXPECT_EQ(lease_decide(&lease, deadline, kill_time), LEASE_KILL);
}

/* In good times, with a keepalive every third of the ttl, nobody is told to end. */
TEST(Lease, LongestKillTimeLeavesRoomForKeepalives)
{
    for (uint64_t ttl : {NS_PER_S, 10 * NS_PER_S, 3600 * NS_PER_S}) {
        struct lease lease = {lease_kill_after_max(ttl), 0};
        uint64_t far = ttl + deadline;
        uint64_t guard = std::max(50 * NS_PER_MS, ttl / 50);
        uint64_t waits = std::max(100 * NS_PER_MS, ttl / 20); /* In the leader */
        uint64_t left = ttl * 99 / 100 - guard - ttl / 3 - waits - 10 * NS_PER_MS;
        EXPECT_EQ(lease_decide(&lease, far, far - left), LEASE_KEEP) << ttl;
        EXPECT_LT(lease_kill_after_default(ttl), lease_kill_after_max(ttl));
    }
}

} // namespace
