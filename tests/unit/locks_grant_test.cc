/* Who gets a lock and when: exclusion, tokens, order, precise release. */

#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/locks_world.h"

namespace {

TEST(LocksGrant, FreeLockIsGrantedAtOnce)
{
    locks_world world;
    locks_client alice(world, 100, "alice");
    struct answer answer = alice.acquire("a");
    EXPECT_EQ(answer.status, STATUS_OK);
    EXPECT_EQ(answer.kind, REQUEST_ACQUIRE);
    EXPECT_EQ(answer.number, 1u);
    EXPECT_EQ(answer.token, 1u);
    EXPECT_EQ(answer.count, 1u);
    world.pass(7);
    struct lock_view view = world.view("a");
    EXPECT_EQ(text_of(view.name), "a");
    EXPECT_EQ(view.session, alice.id);
    EXPECT_EQ(view.token, 1u);
    EXPECT_EQ(view.count, 1u);
    EXPECT_EQ(view.waits, 0u);
    EXPECT_EQ(view.held_ns, 7u);
    EXPECT_EQ(view.remain_ns, 93u);
    EXPECT_EQ(text_of(view.label), "alice");
}

TEST(LocksGrant, TryOnHeldLockTimesOutAndLeavesNothing)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a");
    struct answer answer = bob.acquire("a", 0);
    EXPECT_EQ(answer.status, STATUS_TIMEOUT);
    EXPECT_EQ(answer.token, 0u);
    EXPECT_EQ(world.view("a").waits, 0u);
    EXPECT_EQ(locks_tally(world.locks).waits, 0u);
}

/* In the order of arrival, handed over in the entry that releases, with growing tokens. */
TEST(LocksGrant, G7_WaitersAreGrantedInOrderOfArrival)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100), carol(world, 100);
    alice.acquire("a");
    struct answer queued = bob.acquire("a", WAIT_FOREVER);
    EXPECT_EQ(queued.status, STATUS_QUEUED);
    EXPECT_EQ(queued.count, 0u);
    EXPECT_EQ(carol.acquire("a", 50).count, 1u);
    EXPECT_EQ(world.view("a").waits, 2u);

    struct answer released = alice.release("a", 1);
    EXPECT_EQ(released.status, STATUS_OK);
    EXPECT_EQ(released.count, 0u);
    EXPECT_EQ(world.view("a").session, bob.id);
    EXPECT_EQ(world.view("a").token, 2u);
    std::vector<struct change> changes = world.changes(bob.id);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, CHANGE_GRANTED);
    EXPECT_EQ(changes[0].change, 1u);
    EXPECT_EQ(changes[0].number, 1u);
    EXPECT_EQ(changes[0].token, 2u);
    EXPECT_TRUE(world.changes(carol.id).empty());

    bob.release("a", 2);
    EXPECT_EQ(world.view("a").session, carol.id);
    EXPECT_EQ(world.view("a").token, 3u);
    carol.release("a", 3);
    EXPECT_EQ(world.view("a").session, 0u);
    EXPECT_EQ(locks_tally(world.locks).locks, 0u);
}

TEST(LocksGrant, NodeIsToldWhoseChangesMoved)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a");
    bob.acquire("a", 5);
    uint64_t session;
    EXPECT_FALSE(locks_next_changed(world.locks, &session));
    alice.release("a", 1);
    ASSERT_TRUE(locks_next_changed(world.locks, &session));
    EXPECT_EQ(session, bob.id);
    EXPECT_FALSE(locks_next_changed(world.locks, &session));
}

/*
 * A free lock with a queue, which work_max keeps from being handed over, is nobody's to
 * take.
 */
TEST(LocksGrant, G7_NobodyOvertakesAQueueThatIsBehind)
{
    struct cluster_settings settings = small_settings();
    settings.work_max = 1;
    locks_world world(settings);
    locks_client alice(world, 1000), bob(world, 1000), carol(world, 1000);
    uint64_t marked = mark_count("locks_grants_left_over");
    alice.acquire("a");
    alice.acquire("b");
    bob.acquire("a", 500);
    bob.acquire("b", 500);
    auto outcomes =
            world.entry(0, {alice.release_of("a", 1), alice.release_of("b", 2),
                                   carol.acquire_of("b", 0), carol.acquire_of("b", 9)});
    EXPECT_GT(mark_count("locks_grants_left_over"), marked);
    EXPECT_EQ(outcomes[1].answer.status, STATUS_OK);
    EXPECT_EQ(outcomes[2].answer.status, STATUS_TIMEOUT);
    EXPECT_EQ(outcomes[3].answer.status, STATUS_QUEUED);
    EXPECT_EQ(outcomes[3].answer.count, 1u);
    EXPECT_EQ(world.view("a").session, bob.id);
    EXPECT_EQ(world.view("b").session, 0u);
    EXPECT_TRUE(locks_has_work(world.locks));
    world.pass(0);
    EXPECT_EQ(world.view("b").session, bob.id);
    EXPECT_FALSE(locks_has_work(world.locks));
}

TEST(LocksGrant, WaitTimesOutInClusterTime)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a");
    bob.acquire("a", 20);
    EXPECT_EQ(locks_deadline(world.locks), 20u);
    world.pass(19);
    EXPECT_EQ(world.view("a").waits, 1u);
    world.pass(1);
    EXPECT_EQ(world.view("a").waits, 0u);
    std::vector<struct change> changes = world.changes(bob.id);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, CHANGE_FAILED);
    EXPECT_EQ(changes[0].status, STATUS_TIMEOUT);
    EXPECT_EQ(changes[0].number, 1u);
    alice.release("a", 1);
    EXPECT_EQ(world.view("a").session, 0u);
}

TEST(LocksGrant, ForeverAndFarAwayHaveNoDeadline)
{
    locks_world world;
    locks_client alice(world, 1000), bob(world, 1000);
    world.pass(5);
    alice.acquire("a");
    bob.acquire("a", WAIT_FOREVER);
    bob.acquire("a", UINT64_MAX - 2);
    EXPECT_EQ(locks_deadline(world.locks), 1005u);
}

TEST(LocksGrant, OwnerEntersAgainOnlyIfItAsks)
{
    locks_world world;
    locks_client alice(world, 100);
    ASSERT_EQ(alice.acquire("a", 0, 7).token, 1u);
    EXPECT_EQ(alice.acquire("a", 50, 7).status, STATUS_DEADLOCK);
    struct answer again = alice.acquire("a", 0, 7, ACQUIRE_REENTRANT);
    EXPECT_EQ(again.status, STATUS_OK);
    EXPECT_EQ(again.token, 1u);
    EXPECT_EQ(again.count, 2u);
    EXPECT_EQ(alice.acquire("a", 0, 7, ACQUIRE_REENTRANT).count, 3u);
    struct answer full = alice.acquire("a", 0, 7, ACQUIRE_REENTRANT);
    EXPECT_EQ(full.status, STATUS_LIMIT);
    EXPECT_EQ(full.detail, LIMIT_COUNT);

    EXPECT_EQ(alice.release("a", 1).count, 2u);
    EXPECT_EQ(alice.release("a", 1, RELEASE_ALL).count, 0u);
    EXPECT_EQ(world.view("a").session, 0u);
}

TEST(LocksGrant, OwnersOfOneSessionExcludeEachOtherAndZeroIsNobodyTwice)
{
    locks_world world;
    locks_client alice(world, 100);
    alice.acquire("a", 0, 7);
    EXPECT_EQ(alice.acquire("a", 0, 8, ACQUIRE_REENTRANT).status, STATUS_TIMEOUT);
    alice.acquire("b", 0, 0);
    EXPECT_EQ(alice.acquire("b", 0, 0, ACQUIRE_REENTRANT).status, STATUS_TIMEOUT);
    EXPECT_EQ(alice.acquire("b", 9, 0).status, STATUS_QUEUED);
}

TEST(LocksGrant, ReentryPassesTheQueueAndTheQueueComesAfterTheLastCount)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a", 0, 7);
    bob.acquire("a", 50);
    EXPECT_EQ(alice.acquire("a", 0, 7, ACQUIRE_REENTRANT).status, STATUS_OK);
    alice.release("a", 1);
    EXPECT_EQ(world.view("a").session, alice.id);
    alice.release("a", 1);
    EXPECT_EQ(world.view("a").session, bob.id);
}

/* Token, lock and session must all be those of the hold. */
TEST(LocksGrant, G12_ReleaseIsPrecise)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a");
    alice.acquire("b");
    EXPECT_EQ(alice.release("a", 2).status, STATUS_NOT_FOUND);
    EXPECT_EQ(alice.release("c", 1).status, STATUS_NOT_FOUND);
    EXPECT_EQ(alice.release("a", 0).status, STATUS_NOT_FOUND);
    EXPECT_EQ(bob.release("a", 1).status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.view("a").session, alice.id);
    EXPECT_EQ(alice.release("a", 1).status, STATUS_OK);
    EXPECT_EQ(alice.release("a", 1).status, STATUS_NOT_FOUND);
    bob.acquire("a");
    EXPECT_EQ(alice.release("a", 1).status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.view("a").session, bob.id);
}

/* A token is never used again, whatever becomes of lock and session. */
TEST(LocksGrant, G2_TokensGrowOverAllNamesAndLives)
{
    locks_world world;
    uint64_t last = 0;
    for (int round = 0; round < 5; round++) {
        locks_client alice(world, 100);
        for (const char *name : {"a", "b", "a"}) {
            struct answer answer = alice.acquire(name);
            if (answer.status != STATUS_OK)
                continue;
            EXPECT_GT(answer.token, last);
            last = answer.token;
        }
        alice.close();
    }
    EXPECT_EQ(last, 10u);
}

TEST(LocksGrant, MalformedRequestsAreInvalid)
{
    locks_world world;
    locks_client alice(world, 100);
    EXPECT_EQ(alice.acquire("").status, STATUS_INVALID);
    EXPECT_EQ(alice.acquire(std::string(256, 'x')).status, STATUS_INVALID);
    EXPECT_EQ(alice.acquire("a", 0, 0, 0x80).status, STATUS_INVALID);
    EXPECT_EQ(alice.release("", 1).status, STATUS_INVALID);
    EXPECT_EQ(alice.release("a", 1, 0x80).status, STATUS_INVALID);
    EXPECT_EQ(alice.acquire(std::string(255, 'x')).status, STATUS_OK);
    EXPECT_EQ(text_of(world.view(std::string(255, 'x')).name), std::string(255, 'x'));
}

TEST(LocksGrant, LimitsAreOutcomesThatNameTheLimit)
{
    struct cluster_settings settings = small_settings();
    settings.holds_max = 3;
    settings.locks_max = 2;
    settings.waits_max = 3;
    settings.waits_per_lock_max = 2;
    settings.name_blocks_max = 8;
    uint64_t marked = mark_count("locks_hold_refused");
    uint64_t waits_marked = mark_count("locks_wait_refused");
    locks_world world(settings);
    locks_client alice(world, 100);
    auto expect_limit = [](const struct answer &answer, enum limit limit) {
        EXPECT_EQ(answer.status, STATUS_LIMIT);
        EXPECT_EQ(answer.detail, limit);
    };
    alice.acquire("a");
    expect_limit(alice.acquire(std::string(255, 'x')), LIMIT_NAME_BLOCKS);
    alice.acquire("b");
    expect_limit(alice.acquire("c"), LIMIT_LOCKS);
    alice.acquire("a", 5);
    alice.acquire("a", 5);
    expect_limit(alice.acquire("a", 5), LIMIT_WAITS_PER_LOCK);
    EXPECT_EQ(alice.acquire("a", 0).status, STATUS_TIMEOUT);
    alice.acquire("b", 5);
    expect_limit(alice.acquire("b", 5), LIMIT_WAITS);
    EXPECT_GT(mark_count("locks_hold_refused"), marked);
    EXPECT_GT(mark_count("locks_wait_refused"), waits_marked);

    settings.holds_max = 1;
    locks_world other(settings);
    locks_client bob(other, 100);
    bob.acquire("a");
    expect_limit(bob.acquire("b"), LIMIT_HOLDS);
    bob.release("a", 1);
    EXPECT_EQ(bob.acquire("b").status, STATUS_OK);
}

/* A lock about to be handed over needs a hold: nobody else gets the last one meanwhile. */
TEST(LocksGrant, HoldsAreReservedForQueuesThatAreBehind)
{
    struct cluster_settings settings = small_settings();
    settings.work_max = 1;
    settings.holds_max = 2;
    locks_world world(settings);
    locks_client alice(world, 1000), bob(world, 1000);
    alice.acquire("a");
    alice.acquire("b");
    bob.acquire("a", 500);
    bob.acquire("b", 500);
    auto outcomes = world.entry(0,
            {alice.release_of("a", 1), alice.release_of("b", 2), alice.acquire_of("c", 0)});
    EXPECT_EQ(outcomes[2].answer.status, STATUS_LIMIT);
    EXPECT_EQ(outcomes[2].answer.detail, LIMIT_HOLDS);
    world.pass(0);
    EXPECT_EQ(world.view("b").session, bob.id);
}

} // namespace

/* What one session may have, so that others find something left. */
TEST(LocksGrant, OneSessionHasItsShare)
{
    struct cluster_settings settings = small_settings();
    settings.holds_per_session_max = 3;
    settings.waits_per_session_max = 1;
    locks_world world(settings);
    locks_client alice(world, 100), bob(world, 100);
    auto expect_limit = [](const struct answer &answer, enum limit limit) {
        EXPECT_EQ(answer.status, STATUS_LIMIT);
        EXPECT_EQ(answer.detail, limit);
    };
    for (const char *name : {"a", "b", "c"})
        bob.acquire(name);
    EXPECT_EQ(alice.acquire("d").status, STATUS_OK);
    EXPECT_EQ(alice.acquire("a", 5).status, STATUS_QUEUED);
    expect_limit(alice.acquire("b", 5), LIMIT_SESSION_WAITS);
    EXPECT_EQ(alice.acquire("b", 0).status, STATUS_TIMEOUT) << "a try takes nothing";
    EXPECT_EQ(alice.acquire("e").status, STATUS_OK);
    expect_limit(alice.acquire("f"), LIMIT_SESSION_HOLDS);
    expect_limit(bob.acquire("d", 5), LIMIT_SESSION_HOLDS);
    locks_client carol(world, 100);
    EXPECT_EQ(carol.acquire("f").status, STATUS_OK);
}
