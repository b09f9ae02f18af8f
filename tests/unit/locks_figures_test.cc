/* What the lock state counts for its operator: nothing of it is part of the state. */
#include <gtest/gtest.h>

#include "worlds/locks_world.h"

namespace {

struct Figures : testing::Test {
    const struct locks_figures &read()
    {
        locks_survey(world.locks, 1000);
        return *locks_read_figures(world.locks);
    }
    locks_world world;
};

TEST_F(Figures, SessionsEndForAReason)
{
    locks_client leaves(world, 100);
    locks_client dies(world, 100);
    EXPECT_EQ(leaves.close().status, STATUS_OK);
    world.pass(101);
    EXPECT_FALSE(world.lives(dies.id));
    EXPECT_EQ(read().ended[LOST_CLOSED], 1U);
    EXPECT_EQ(read().ended[LOST_EXPIRED], 1U);
}

TEST_F(Figures, HowLongLocksWereHeldAndWaitedFor)
{
    locks_client first(world, 1000);
    locks_client second(world, 1000);
    world.pass(7);
    struct answer held = first.acquire("a");
    EXPECT_EQ(second.acquire("a", 500).status, STATUS_QUEUED);
    world.pass(20);
    EXPECT_EQ(first.release("a", held.token).status, STATUS_OK);
    EXPECT_EQ(read().hold_ns.count, 1U);
    EXPECT_EQ(read().hold_ns.greatest, 20U);
    EXPECT_EQ(read().wait_ns.count, 1U);
    EXPECT_EQ(read().wait_ns.greatest, 20U);
}

TEST_F(Figures, TheOldestHoldAndTheLongestQueue)
{
    locks_client one(world, 1000);
    locks_client two(world, 1000);
    locks_client three(world, 1000);
    EXPECT_EQ(read().oldest_hold_ns, 0U);
    world.pass(10);
    struct answer old = one.acquire("old");
    world.pass(30);
    one.acquire("young");
    EXPECT_EQ(two.acquire("young", 900).status, STATUS_QUEUED);
    EXPECT_EQ(three.acquire("young", 900).status, STATUS_QUEUED);
    world.pass(5);
    EXPECT_EQ(read().oldest_hold_ns, 35U);
    EXPECT_EQ(read().longest_queue, 2U);
    one.release("old", old.token);
    EXPECT_EQ(read().oldest_hold_ns, 5U);
}

/* However much there is, one look costs what the caller allows. */
TEST_F(Figures, ALookTakesItsTime)
{
    locks_client client(world, 1000);
    world.pass(10);
    for (int i = 0; i < 10; i++)
        client.acquire("lock " + std::to_string(i));
    world.pass(10);
    for (int i = 0; i < 10; i++) {
        locks_survey(world.locks, 1);
        EXPECT_EQ(locks_read_figures(world.locks)->oldest_hold_ns, 0U);
    }
    locks_survey(world.locks, 1);
    EXPECT_EQ(locks_read_figures(world.locks)->oldest_hold_ns, 10U);
}

TEST_F(Figures, AreNoPartOfTheState)
{
    locks_client client(world, 1000);
    struct answer held = client.acquire("a");
    world.pass(10);
    client.release("a", held.token);
    uint64_t digest = locks_digest(world.locks);
    locks_forget_figures(world.locks);
    EXPECT_EQ(locks_digest(world.locks), digest);
    EXPECT_EQ(read().hold_ns.count, 0U);
    locks_check(world.locks);
}

} // namespace
