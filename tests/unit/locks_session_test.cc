/*
 * Lives of sessions in cluster time: expiry and takeover, no early loss, no resurrection.
 */

#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/locks_world.h"

namespace {

TEST(LocksSession, OpenChecksTtlAndLabel)
{
    locks_world world;
    EXPECT_EQ(world.open(9), 0u);
    EXPECT_EQ(world.open(1001), 0u);
    EXPECT_EQ(world.open(10, std::string(65, 'x')), 0u);
    EXPECT_EQ(world.open(10, std::string(64, 'x')), 1u);
    EXPECT_EQ(world.open(1000), 2u);

    asked asked;
    asked.kind = REQUEST_OPEN;
    asked.number = 77;
    asked.wait_ns = 9;
    struct locks_outcome refused = world.apply(asked);
    EXPECT_EQ(refused.answer.status, STATUS_INVALID);
    EXPECT_EQ(refused.answer.number, 77u);
    EXPECT_FALSE(refused.anchor);
    asked.wait_ns = 20;
    asked.secret = 0x5a;
    world.pass(3);
    struct locks_outcome opened = world.apply(asked);
    EXPECT_EQ(opened.answer.status, STATUS_OK);
    EXPECT_EQ(opened.answer.number, 77u);
    EXPECT_EQ(opened.session, 3u);
    EXPECT_EQ(opened.deadline, 23u);
    EXPECT_TRUE(opened.anchor);
    struct session_view view;
    ASSERT_TRUE(locks_session(world.locks, 3, &view));
    EXPECT_EQ(view.id, 3u);
    EXPECT_EQ(view.ttl_ns, 20u);
    EXPECT_EQ(view.deadline, 23u);
    EXPECT_EQ(view.secret[0], 0x5a);
    EXPECT_EQ(view.secret[SECRET_BYTES - 1], 0x5a);
}

TEST(LocksSession, OpenMeetsItsLimits)
{
    struct cluster_settings settings = small_settings();
    settings.sessions_max = 3;
    settings.name_blocks_max = 2;
    locks_world world(settings);
    asked asked;
    asked.kind = REQUEST_OPEN;
    asked.wait_ns = 20;
    asked.name = std::string(60, 'x');
    struct answer answer = world.apply(asked).answer;
    EXPECT_EQ(answer.status, STATUS_LIMIT);
    EXPECT_EQ(answer.detail, LIMIT_NAME_BLOCKS);
    asked.name = "";
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(world.apply(asked).answer.status, STATUS_OK);
    answer = world.apply(asked).answer;
    EXPECT_EQ(answer.status, STATUS_LIMIT);
    EXPECT_EQ(answer.detail, LIMIT_SESSIONS);
}

/* In cluster time: the next waiter has the lock in the entry that reaches the deadline. */
TEST(LocksSession, G5_ExpiryHandsOverInTheEntryThatReachesTheDeadline)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a");
    bob.acquire("a", WAIT_FOREVER);
    world.pass(99, {bob.keepalive()});
    EXPECT_EQ(world.view("a").session, alice.id);
    world.pass(1);
    EXPECT_FALSE(world.lives(alice.id));
    EXPECT_EQ(world.view("a").session, bob.id);
    EXPECT_EQ(world.view("a").token, 2u);
    EXPECT_EQ(world.changes(bob.id).size(), 1u);
}

TEST(LocksSession, G3_KeepaliveInTheSameEntryBeatsExpiry)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    world.pass(100, {alice.keepalive()});
    EXPECT_TRUE(world.lives(alice.id));
    EXPECT_FALSE(world.lives(bob.id));
    EXPECT_EQ(locks_deadline(world.locks), 200u);

    /* So does a command, however late the entry is. */
    auto outcomes = world.entry(5000, {alice.acquire_of("a", 0)});
    EXPECT_EQ(outcomes[0].answer.status, STATUS_OK);
    EXPECT_EQ(outcomes[0].deadline, 5200u);
    EXPECT_TRUE(outcomes[0].anchor);
}

TEST(LocksSession, G10_WhoIsGoneStaysGoneAndIdsAreNotUsedAgain)
{
    locks_world world;
    locks_client alice(world, 100);
    alice.acquire("a");
    world.pass(100);
    struct locks_outcome outcome = world.apply(alice.release_of("a", 1));
    EXPECT_EQ(outcome.answer.status, STATUS_LOST);
    EXPECT_EQ(outcome.answer.detail, LOST_UNKNOWN);
    EXPECT_EQ(outcome.deadline, 0u);
    EXPECT_FALSE(outcome.anchor);
    world.pass(0, {alice.keepalive()});
    EXPECT_FALSE(world.lives(alice.id));
    locks_client again(world, 100);
    EXPECT_GT(again.id, alice.id);
    EXPECT_EQ(alice.acquire("a").status, STATUS_LOST);
}

TEST(LocksSession, CloseGivesBackEverything)
{
    locks_world world;
    locks_client alice(world, 100, "alice"), bob(world, 100);
    alice.acquire("a", 0, 5);
    alice.acquire("a", 0, 5, ACQUIRE_REENTRANT);
    bob.acquire("b");
    alice.acquire("b", 50);
    bob.acquire("a", 50);
    struct locks_outcome closed = world.apply(alice.close_of());
    EXPECT_EQ(closed.answer.status, STATUS_OK);
    EXPECT_EQ(closed.answer.detail, 0);
    EXPECT_EQ(closed.deadline, 0u);
    EXPECT_EQ(world.view("a").session, bob.id);
    EXPECT_EQ(world.view("b").waits, 0u);
    EXPECT_EQ(locks_tally(world.locks).sessions, 1u);
    struct answer again = alice.close();
    EXPECT_EQ(again.status, STATUS_LOST);
    EXPECT_EQ(again.detail, LOST_UNKNOWN);
}

/*
 * A session's end that takes several entries: dead from its first step on, and it says why.
 */
TEST(LocksSession, EndInStepsIsDeadFromTheFirst)
{
    struct cluster_settings settings = small_settings();
    settings.work_max = 2;
    locks_world world(settings);
    uint64_t marked = mark_count("locks_ending_left_over");
    locks_client alice(world, 1000), bob(world, 50);
    for (const char *name : {"a", "b", "c", "d"}) {
        alice.acquire(name);
        world.pass(0);
    }
    EXPECT_EQ(alice.close().status, STATUS_OK);
    EXPECT_EQ(locks_tally(world.locks).holds, 2u);
    EXPECT_TRUE(locks_has_work(world.locks));
    EXPECT_FALSE(world.lives(alice.id));
    auto outcomes = world.entry(0, {alice.acquire_of("e", 0), alice.release_of("d", 4)});
    for (const auto &outcome : outcomes) {
        EXPECT_EQ(outcome.answer.status, STATUS_LOST);
        EXPECT_EQ(outcome.answer.detail, LOST_CLOSED);
    }
    int entries = 0;
    for (; locks_has_work(world.locks); entries++)
        world.pass(0, {alice.keepalive()});
    EXPECT_EQ(entries, 3); /* Four answers and the session itself. */
    EXPECT_EQ(locks_tally(world.locks).sessions, 1u);

    bob.acquire("x");
    bob.acquire("y");
    bob.acquire("z");
    world.pass(50);
    EXPECT_EQ(bob.acquire("z").detail, LOST_EXPIRED);
    EXPECT_GT(mark_count("locks_ending_left_over"), marked);
}

/* Due, but not begun for want of items: it can still renew and act. */
TEST(LocksSession, DueSessionLivesUntilItsRemovalBegins)
{
    struct cluster_settings settings = small_settings();
    settings.work_max = 1;
    locks_world world(settings);
    locks_client alice(world, 100), bob(world, 100), carol(world, 100);
    bob.acquire("b");
    world.pass(100, {bob.keepalive()});
    EXPECT_FALSE(world.lives(alice.id));
    EXPECT_TRUE(world.lives(carol.id));
    EXPECT_TRUE(locks_has_work(world.locks));
    EXPECT_EQ(world.entry(0, {carol.acquire_of("c", 0)})[0].answer.status, STATUS_OK);
    EXPECT_FALSE(locks_has_work(world.locks));
    EXPECT_TRUE(world.lives(carol.id));
}

TEST(LocksSession, TermStartLiftsDeadlinesOnceAndByAtMostTtl)
{
    locks_world world; /* term_grace 50 */
    uint64_t marked = mark_count("locks_session_lifted");
    locks_client late(world, 30), early(world, 100);
    world.pass(20);
    world.term_start(); /* F = 70 */
    EXPECT_EQ(locks_deadline(world.locks), 30u);
    world.pass(10); /* D of `late`: E is min(70, 30 + 30) */
    EXPECT_TRUE(world.lives(late.id));
    EXPECT_EQ(locks_deadline(world.locks), 60u);
    EXPECT_GT(mark_count("locks_session_lifted"), marked);
    world.pass(29);
    EXPECT_TRUE(world.lives(late.id));
    world.term_start(); /* F = 109: no further than D + ttl. */
    world.pass(1);
    EXPECT_FALSE(world.lives(late.id));
    world.pass(40); /* T = 100; E of `early` is 109. */
    EXPECT_TRUE(world.lives(early.id));
    struct session_view view;
    ASSERT_TRUE(locks_session(world.locks, early.id, &view));
    EXPECT_EQ(view.deadline, 100u); /* Clients are told D, never E. */
    world.pass(8);
    EXPECT_TRUE(world.lives(early.id));
    world.pass(1);
    EXPECT_FALSE(world.lives(early.id));
}

TEST(LocksSession, LiftedSessionRenewsToItsOwnDeadline)
{
    locks_world world;
    locks_client alice(world, 30);
    world.pass(20);
    world.term_start();
    world.pass(10);
    EXPECT_EQ(locks_deadline(world.locks), 60u);
    world.pass(5, {alice.keepalive()});
    EXPECT_EQ(locks_deadline(world.locks), 65u);
}

/*
 * Everything due in one entry is done in the order (deadline, kind, id), before any grant.
 */
TEST(LocksSession, DueInOrderOfDeadlineThenKindThenId)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 1000), carol(world, 1000);
    alice.acquire("a");
    bob.acquire("a", 100);   /* As due as alice: too late for him. */
    carol.acquire("a", 101); /* Due later, but in the same entry: she is told so too. */
    bob.acquire("a", 500);
    world.pass(101, {bob.keepalive(), carol.keepalive()});
    auto of_bob = world.changes(bob.id), of_carol = world.changes(carol.id);
    ASSERT_EQ(of_bob.size(), 2u);
    EXPECT_EQ(of_bob[0].status, STATUS_TIMEOUT);
    EXPECT_EQ(of_bob[1].kind, CHANGE_GRANTED);
    ASSERT_EQ(of_carol.size(), 1u);
    EXPECT_EQ(of_carol[0].status, STATUS_TIMEOUT);
    EXPECT_EQ(world.view("a").session, bob.id);
}

TEST(LocksSession, NothingPendingHasNoDeadline)
{
    locks_world world;
    EXPECT_EQ(locks_deadline(world.locks), UINT64_MAX);
    EXPECT_FALSE(locks_has_work(world.locks));
    locks_client alice(world, 100);
    EXPECT_EQ(locks_deadline(world.locks), 100u);
    alice.close();
    EXPECT_EQ(locks_deadline(world.locks), UINT64_MAX);
}

TEST(LocksSession, SlotsAreDenseAndStable)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    struct session_view before, after;
    locks_session(world.locks, bob.id, &before);
    alice.close();
    locks_client carol(world, 100);
    locks_session(world.locks, bob.id, &after);
    EXPECT_EQ(before.slot, after.slot);
    locks_session(world.locks, carol.id, &after);
    EXPECT_LT(after.slot, 2u);
    EXPECT_NE(after.slot, before.slot);
}

} // namespace
