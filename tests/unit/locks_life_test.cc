/* A state that was restored: sessions end, tokens are raised, and nothing is granted at first. */
#include <gtest/gtest.h>

#include "locks/load.h"
#include "protocol/token.h"
#include "worlds/locks_same.h"
#include "worlds/locks_snapshot.h"
#include "worlds/locks_world.h"

namespace {

constexpr uint64_t first_token = 1000000;

class LocksLife : public testing::Test {
protected:
    void SetUp() override
    {
        before = std::make_unique<locks_client>(world, 100, "before");
        ASSERT_EQ(before->acquire("a").status, STATUS_OK);
        world.pass(30);
        locks_begin_life(world.locks, first_token);
        end = locks_time(world.locks) + small_settings().max_ttl_ns;
    }

    uint64_t to_the_end() const
    {
        return end - locks_time(world.locks);
    }

    locks_world world;
    std::unique_ptr<locks_client> before;
    uint64_t end = 0;
};

TEST_F(LocksLife, NobodyFromBeforeIsKnown)
{
    EXPECT_EQ(locks_life(world.locks), 2U);
    EXPECT_EQ(locks_tally(world.locks).sessions, 0U);
    EXPECT_EQ(world.view("a").session, 0U);
    struct answer lost = before->acquire("b");
    EXPECT_EQ(lost.status, STATUS_LOST);
    EXPECT_EQ(lost.detail, LOST_UNKNOWN);
    locks_client after(world, 100);
    EXPECT_GT(after.id, before->id + (uint64_t{1} << 39)) << "ids are not given again";
}

TEST_F(LocksLife, NothingIsGrantedBeforeTheEndAndThenInOrder)
{
    locks_client alice(world, 900), bob(world, 900);
    EXPECT_EQ(locks_quarantine(world.locks), end);
    EXPECT_EQ(alice.acquire("a", 0).status, STATUS_TIMEOUT);
    EXPECT_EQ(alice.acquire("b", WAIT_FOREVER).status, STATUS_QUEUED);
    EXPECT_EQ(bob.acquire("a", WAIT_FOREVER).status, STATUS_QUEUED);
    EXPECT_EQ(bob.acquire("b", WAIT_FOREVER).count, 1U);
    EXPECT_LE(locks_deadline(world.locks), end) << "or no tick would end it";
    EXPECT_FALSE(locks_has_work(world.locks)) << "or the leader would write without end";
    world.pass(to_the_end() - 1, {alice.keepalive(), bob.keepalive()});
    EXPECT_EQ(locks_tally(world.locks).holds, 0U);
    world.pass(1, {alice.keepalive(), bob.keepalive()});
    EXPECT_EQ(locks_quarantine(world.locks), 0U);
    EXPECT_EQ(world.view("b").session, alice.id);
    EXPECT_EQ(world.view("a").session, bob.id);
    EXPECT_LT(world.view("b").token, world.view("a").token);
    EXPECT_GT(world.view("b").token, first_token);
    EXPECT_EQ(alice.acquire("c").status, STATUS_OK);
}

TEST_F(LocksLife, AWaitThatEndsInQuarantineLeavesNothing)
{
    locks_client alice(world, 900);
    EXPECT_EQ(alice.acquire("a", 10).status, STATUS_QUEUED);
    world.pass(20);
    struct locks_counts counts = locks_tally(world.locks);
    EXPECT_EQ(counts.waits + counts.locks + counts.holds, 0U);
}

/* With settings that a file may have. */
struct cluster_settings true_settings()
{
    struct cluster_settings settings = small_settings();
    settings.max_ttl_ns = NS_PER_S;
    settings.min_ttl_ns = NS_PER_MS;
    settings.term_grace_ns = NS_PER_S;
    return settings;
}

TEST(LocksLifeSaved, ASnapshotInQuarantineKeepsIt)
{
    locks_world world(true_settings()), other(true_settings());
    world.pass(NS_PER_MS);
    locks_begin_life(world.locks, first_token);
    locks_client alice(world, NS_PER_S);
    EXPECT_EQ(alice.acquire("a", WAIT_FOREVER).status, STATUS_QUEUED);
    ASSERT_TRUE(snapshots::load_all(other.locks, snapshots::take_all(world.locks)));
    EXPECT_EQ(
            locks_same::text_of_state(other.locks), locks_same::text_of_state(world.locks));
    EXPECT_EQ(locks_quarantine(other.locks), NS_PER_MS + NS_PER_S);
    EXPECT_EQ(locks_life(other.locks), 2U);
}

/* Each wait keeps a token for itself, and what is refused is refused in time. */
TEST(LocksTokens, AreRefusedWhenTheyAreUsedUp)
{
    locks_world world;
    locks_begin_tokens(world.locks, TOKEN_END - 3);
    locks_client alice(world, 100), bob(world, 100);
    EXPECT_EQ(alice.acquire("a").token, TOKEN_END - 3);
    EXPECT_EQ(bob.acquire("a", WAIT_FOREVER).status, STATUS_QUEUED);
    struct answer refused = alice.acquire("b");
    EXPECT_EQ(refused.status, STATUS_LIMIT);
    EXPECT_EQ(refused.detail, LIMIT_TOKENS);
    EXPECT_EQ(alice.acquire("a", WAIT_FOREVER, 2).detail, LIMIT_TOKENS);
    alice.release("a", TOKEN_END - 3);
    EXPECT_EQ(world.view("a").session, bob.id);
    EXPECT_LT(world.view("a").token, TOKEN_END);
}

} // namespace
