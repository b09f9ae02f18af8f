/* Exactly once and clean cancel. */

#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/locks_world.h"

namespace {

void expect_same(const struct answer &a, const struct answer &b)
{
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.status, b.status);
    EXPECT_EQ(a.detail, b.detail);
    EXPECT_EQ(a.number, b.number);
    EXPECT_EQ(a.token, b.token);
    EXPECT_EQ(a.count, b.count);
}

TEST(LocksOnce, G6_RepeatedRequestGetsTheRememberedAnswer)
{
    locks_world world;
    uint64_t marked = mark_count("locks_answered_from_memory");
    locks_client alice(world, 100);
    asked acquire = alice.acquire_of("a", 0, 7, 0);
    asked enter = alice.acquire_of("a", 0, 7, ACQUIRE_REENTRANT);
    asked release = alice.release_of("a", 1);
    for (const asked &each : {acquire, enter, release}) {
        struct locks_outcome first = world.apply(each);
        EXPECT_TRUE(first.anchor);
        world.pass(1);
        struct locks_outcome second = world.apply(each);
        EXPECT_FALSE(second.anchor);
        EXPECT_EQ(second.deadline,
                locks_time(world.locks) + 100); /* It renews all the same. */
        expect_same(first.answer, second.answer);
    }
    EXPECT_EQ(world.view("a").count, 1u);
    EXPECT_EQ(mark_count("locks_answered_from_memory"), marked + 3);
}

TEST(LocksOnce, G6_RepeatedInOneEntryHappensOnce)
{
    locks_world world;
    locks_client alice(world, 100);
    asked acquire = alice.acquire_of("a", 0);
    asked release = alice.release_of("a", 1);
    auto outcomes = world.entry(0, {acquire, acquire, release, acquire, release});
    for (const auto &outcome : outcomes)
        EXPECT_EQ(outcome.answer.status, STATUS_OK);
    EXPECT_EQ(world.view("a").session, 0u);
    EXPECT_EQ(locks_tally(world.locks).answers, 2u);
}

TEST(LocksOnce, G6_QueuedStaysTheAnswerAfterTheOutcome)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a");
    asked acquire = bob.acquire_of("a", 50);
    struct answer queued = world.apply(acquire).answer;
    alice.release("a", 1);
    expect_same(world.apply(acquire).answer, queued);
    EXPECT_EQ(world.view("a").session, bob.id);
}

TEST(LocksOnce, G6_WindowOfNumbers)
{
    locks_world world;
    uint64_t old = mark_count("locks_number_old"), ahead = mark_count("locks_number_ahead");
    locks_client alice(world, 100);
    alice.number = 4;
    EXPECT_EQ(alice.acquire("e").status, STATUS_OK); /* Number 5, in any order */
    alice.number = 2;
    EXPECT_EQ(alice.acquire("c").status, STATUS_OK);
    alice.number = REQUEST_WINDOW;
    struct locks_outcome busy = world.apply(alice.acquire_of("x", 0));
    EXPECT_EQ(busy.answer.status, STATUS_BUSY);
    EXPECT_FALSE(busy.anchor);
    alice.number = REQUEST_WINDOW - 1;
    EXPECT_EQ(alice.acquire("d").status, STATUS_OK);
    EXPECT_EQ(locks_tally(world.locks).answers, 3u);

    alice.answered = 4; /* Forgets 3. */
    alice.number = 2;
    EXPECT_EQ(alice.acquire("c").status, STATUS_OLD);
    EXPECT_EQ(locks_tally(world.locks).answers, 2u);
    alice.answered = 2; /* Never goes back. */
    alice.number = 3;
    EXPECT_EQ(alice.acquire("y").status, STATUS_OLD);
    alice.number = REQUEST_WINDOW + 3;
    EXPECT_EQ(alice.acquire("f").status, STATUS_OK);
    alice.answered = UINT64_MAX;
    alice.number = 9000;
    EXPECT_EQ(alice.acquire("z").status, STATUS_OLD);
    EXPECT_EQ(locks_tally(world.locks).answers, 0u);
    EXPECT_EQ(world.view("x").session, 0u);
    EXPECT_GT(mark_count("locks_number_old"), old);
    EXPECT_GT(mark_count("locks_number_ahead"), ahead);
}

TEST(LocksOnce, NumberZeroIsOld)
{
    locks_world world;
    locks_client alice(world, 100);
    alice.number = UINT64_MAX;
    EXPECT_EQ(alice.acquire("a").status, STATUS_OLD);
}

/* No room to remember: refused without effect, and the same request works later. */
TEST(LocksOnce, AnswersLimitHasNoEffect)
{
    struct cluster_settings settings = small_settings();
    settings.answers_max = 2 * 4 + 2;
    locks_world world(settings);
    locks_client alice(world, 100), bob(world, 100);
    alice.acquire("a"); /* Its answer is one of alice's four; its release has room, too. */
    alice.acquire("b");
    asked acquire = bob.acquire_of("c", 0);
    struct locks_outcome refused = world.apply(acquire);
    EXPECT_EQ(refused.answer.status, STATUS_LIMIT);
    EXPECT_EQ(refused.answer.detail, LIMIT_ANSWERS);
    EXPECT_FALSE(refused.anchor);
    EXPECT_EQ(world.view("c").session, 0u);
    EXPECT_EQ(alice.close().status, STATUS_OK); /* Needs no memory. */
    EXPECT_EQ(world.apply(acquire).answer.status, STATUS_OK);
}

/*
 * One session never confirms its answers, and takes all the room that it can get. The other
 * gives back all that it has all the same: holds, entries of holds, waits.
 */
TEST(LocksOnce, NobodyTakesTheRoomInWhichOthersGiveBack)
{
    struct cluster_settings settings = small_settings();
    settings.answers_max = 100;
    locks_world world(settings);
    locks_client good(world, 100), bad(world, 100), other(world, 100);
    other.acquire("queued");
    struct answer held = good.acquire("held");
    struct answer again = good.acquire("again", 0, 7, ACQUIRE_REENTRANT);
    good.acquire("again", 0, 7, ACQUIRE_REENTRANT);
    uint64_t waits = good.number + 1;
    EXPECT_EQ(good.acquire("queued", 50).status, STATUS_QUEUED);
    std::vector<std::unique_ptr<locks_client>> crowd;
    while (crowd.size() < 12)
        crowd.push_back(std::make_unique<locks_client>(world, 100));
    uint64_t full = mark_count("locks_answers_full");
    for (auto &each : crowd) {
        for (int i = 0; i < 20; i++)
            each->release("nothing", 1);
    }
    EXPECT_GT(mark_count("locks_answers_full"), full);
    EXPECT_EQ(good.release("held", held.token).status, STATUS_OK);
    EXPECT_EQ(good.release("again", again.token).status, STATUS_OK);
    EXPECT_EQ(good.release("again", again.token).status, STATUS_OK);
    EXPECT_EQ(good.cancel(waits).status, STATUS_CANCELLED);
    EXPECT_EQ(good.close().status, STATUS_OK);
    for (auto &each : crowd)
        EXPECT_EQ(each->close().status, STATUS_OK);
    EXPECT_EQ(locks_tally(world.locks).answers, 1u) << "of the one who holds";
}

/* A session that does not confirm its answers has its share, and the others the rest. */
TEST(LocksOnce, OneSessionHasAnEighthOfTheAnswers)
{
    struct cluster_settings settings = small_settings();
    settings.answers_max = 160;
    locks_world world(settings);
    locks_client bad(world, 100), good(world, 100);
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(bad.release("nothing", 1).status, STATUS_NOT_FOUND);
    EXPECT_EQ(bad.release("nothing", 1).status, STATUS_BUSY);
    EXPECT_EQ(bad.acquire("a").status, STATUS_BUSY)
            << "its own doing, no limit of the cluster";
    EXPECT_EQ(good.acquire("a").status, STATUS_OK);
    bad.answered = 10;
    EXPECT_EQ(bad.release("nothing", 1).status, STATUS_NOT_FOUND);
}

/* Every session has room for some answers; one for which there is none is not opened. */
TEST(LocksOnce, OpenTakesRoomForAnswers)
{
    struct cluster_settings settings = small_settings();
    settings.answers_max = 7;
    locks_world world(settings);
    locks_client alice(world, 100);
    asked open;
    open.kind = REQUEST_OPEN;
    open.wait_ns = 100;
    struct answer refused = world.apply(open).answer;
    EXPECT_EQ(refused.status, STATUS_LIMIT);
    EXPECT_EQ(refused.detail, LIMIT_ANSWERS);
    alice.close();
    EXPECT_EQ(world.apply(open).answer.status, STATUS_OK);
}

TEST(LocksOnce, UnknownKindIsInvalidAndRemembered)
{
    locks_world world;
    locks_client alice(world, 100);
    asked odd = alice.close_of();
    odd.kind = 99;
    EXPECT_EQ(world.apply(odd).answer.status, STATUS_INVALID);
    EXPECT_EQ(world.apply(odd).answer.status, STATUS_INVALID);
    EXPECT_TRUE(world.lives(alice.id));
}

TEST(LocksOnce, KeepaliveAmongCommandsRenews)
{
    locks_world world;
    locks_client alice(world, 100);
    asked keepalive;
    keepalive.session = alice.id;
    keepalive.kind = REQUEST_KEEPALIVE;
    keepalive.number = 12345;
    struct locks_outcome outcome = world.entry(60, {keepalive})[0];
    EXPECT_EQ(outcome.answer.status, STATUS_OK);
    EXPECT_EQ(outcome.answer.number, 12345u);
    EXPECT_EQ(outcome.deadline, 160u);
    EXPECT_TRUE(outcome.anchor);
}

TEST(LocksOnce, G11_CancelRemovesAWait)
{
    locks_world world;
    locks_client alice(world, 100), bob(world, 100), carol(world, 100);
    alice.acquire("a");
    asked acquire = bob.acquire_of("a", WAIT_FOREVER);
    world.apply(acquire);
    carol.acquire("a", WAIT_FOREVER);
    EXPECT_EQ(bob.cancel(1).status, STATUS_CANCELLED);
    EXPECT_EQ(world.apply(acquire).answer.status, STATUS_CANCELLED);
    EXPECT_TRUE(world.changes(bob.id).empty());
    alice.release("a", 1);
    EXPECT_EQ(world.view("a").session, carol.id);

    /* The same once the answer QUEUED is confirmed and so forgotten. */
    bob.acquire("a", WAIT_FOREVER);
    bob.answered = bob.number;
    EXPECT_EQ(bob.cancel(bob.number).status, STATUS_CANCELLED);
    EXPECT_EQ(world.view("a").waits, 0u);
}

TEST(LocksOnce, G11_CancelTakesBackAGrantWhoseAnswerIsNotConfirmed)
{
    locks_world world;
    uint64_t marked = mark_count("locks_cancel_released");
    locks_client alice(world, 100);
    asked acquire = alice.acquire_of("a", 0);
    world.apply(acquire);
    asked cancel = alice.cancel_of(1);
    EXPECT_EQ(world.apply(cancel).answer.status, STATUS_CANCELLED);
    EXPECT_EQ(world.view("a").session, 0u);
    EXPECT_EQ(world.apply(cancel).answer.status, STATUS_CANCELLED);
    EXPECT_EQ(alice.cancel(1).status, STATUS_CANCELLED);
    EXPECT_EQ(world.apply(acquire).answer.status, STATUS_CANCELLED);
    EXPECT_EQ(world.apply(acquire).answer.token, 0u);
    EXPECT_EQ(mark_count("locks_cancel_released"), marked + 1);

    alice.acquire("a");
    alice.answered = alice.number;
    EXPECT_EQ(alice.cancel(alice.number).status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.view("a").session, alice.id);
}

TEST(LocksOnce, G11_CancelTakesBackOneCountAndOnce)
{
    locks_world world;
    locks_client alice(world, 100);
    alice.acquire("a", 0, 7);
    alice.acquire("a", 0, 7, ACQUIRE_REENTRANT);
    struct answer taken = alice.cancel(2);
    EXPECT_EQ(taken.status, STATUS_CANCELLED);
    EXPECT_EQ(taken.count, 1u);
    EXPECT_EQ(alice.cancel(2).status, STATUS_CANCELLED);
    EXPECT_EQ(world.view("a").count, 1u);
    alice.acquire("a", 0, 7, ACQUIRE_REENTRANT);
    EXPECT_EQ(alice.cancel(1).count, 1u);
    alice.answered = alice.number;
    EXPECT_EQ(alice.cancel(1).status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.view("a").count, 1u);
}

TEST(LocksOnce, G11_CancelTakesBackAGrantFromTheQueueUntilItsChangeIsConfirmed)
{
    for (bool answer_confirmed : {false, true}) {
        for (bool change_confirmed : {false, true}) {
            locks_world world;
            locks_client alice(world, 100), bob(world, 100);
            alice.acquire("a");
            bob.acquire("a", 50, 7);
            if (answer_confirmed)
                bob.answered = 1;
            alice.release("a", 1);
            ASSERT_EQ(world.view("a").session, bob.id);
            if (change_confirmed)
                bob.confirmed = 1;
            bob.acquire("a", 0, 7, ACQUIRE_REENTRANT);
            struct answer answer = bob.cancel(1);
            EXPECT_EQ(
                    answer.status, change_confirmed ? STATUS_NOT_FOUND : STATUS_CANCELLED);
            EXPECT_EQ(world.view("a").count, change_confirmed ? 2u : 1u);
            /* And not twice. */
            bob.cancel(1);
            EXPECT_EQ(world.view("a").count, change_confirmed ? 2u : 1u);
        }
    }
}

/*
 * The change that told of the grant was dropped for want of room; the grant can be taken
 * back.
 */
TEST(LocksOnce, G11_CancelWorksWithoutTheChange)
{
    struct cluster_settings settings = small_settings();
    settings.changes_per_session_max = 1;
    locks_world world(settings);
    locks_client alice(world, 1000), bob(world, 1000);
    alice.acquire("a");
    alice.acquire("b");
    bob.acquire("a", 50);
    bob.acquire("b", 50);
    alice.release("a", 1);
    alice.release("b", 2);
    bob.answered = 2;
    EXPECT_EQ(bob.cancel(1).status, STATUS_CANCELLED);
    EXPECT_EQ(world.view("a").session, 0u);
    EXPECT_EQ(world.view("b").session, bob.id);
}

TEST(LocksOnce, G11_CancelBeforeTheRequest)
{
    locks_world world;
    uint64_t marked = mark_count("locks_cancel_before_request");
    locks_client alice(world, 100);
    asked acquire = alice.acquire_of("a", 0);
    asked release = alice.release_of("a", 1);
    EXPECT_EQ(alice.cancel(1).status, STATUS_CANCELLED);
    EXPECT_EQ(alice.cancel(2).status, STATUS_CANCELLED);
    struct locks_outcome outcome = world.apply(acquire);
    EXPECT_EQ(outcome.answer.status, STATUS_CANCELLED);
    EXPECT_EQ(outcome.answer.kind, REQUEST_ACQUIRE);
    EXPECT_EQ(outcome.answer.number, 1u);
    EXPECT_FALSE(outcome.anchor);
    EXPECT_EQ(world.view("a").session, 0u);
    EXPECT_EQ(world.apply(release).answer.kind, REQUEST_RELEASE);
    EXPECT_EQ(world.apply(release).answer.status, STATUS_CANCELLED);
    EXPECT_EQ(mark_count("locks_cancel_before_request"), marked + 2);
    alice.answered = 1;
    EXPECT_EQ(alice.cancel(1).status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.apply(acquire).answer.status, STATUS_OLD);
}

TEST(LocksOnce, G11_CancelOfWhatFailed)
{
    locks_world world;
    locks_client alice(world, 1000), bob(world, 1000);
    alice.acquire("a");
    EXPECT_EQ(bob.acquire("a", 0).status, STATUS_TIMEOUT);
    EXPECT_EQ(bob.cancel(1).status, STATUS_CANCELLED);
    asked wait = bob.acquire_of("a", 5);
    world.apply(wait);
    world.pass(5);
    EXPECT_EQ(bob.cancel(wait.number).status, STATUS_CANCELLED);
    bob.answered = bob.number;
    EXPECT_EQ(bob.cancel(wait.number).status, STATUS_NOT_FOUND);
}

TEST(LocksOnce, G11_CancelOfWhatWasReleasedDoesNotTouchTheNextHold)
{
    locks_world world;
    locks_client alice(world, 100);
    alice.acquire("a");
    alice.release("a", 1);
    alice.acquire("a");
    EXPECT_EQ(alice.cancel(1).status, STATUS_CANCELLED);
    EXPECT_EQ(world.view("a").token, 2u);
}

TEST(LocksOnce, CancelOfNonsenseIsInvalid)
{
    locks_world world;
    locks_client alice(world, 100);
    alice.acquire("a");
    alice.release("a", 1);
    EXPECT_EQ(alice.cancel(0).status, STATUS_INVALID);
    EXPECT_EQ(alice.cancel(2).status, STATUS_INVALID);                /* A release */
    EXPECT_EQ(alice.cancel(alice.number + 1).status, STATUS_INVALID); /* Itself */
    EXPECT_EQ(alice.cancel(REQUEST_WINDOW + 1).status, STATUS_INVALID);
    EXPECT_EQ(alice.cancel(UINT64_MAX).status, STATUS_INVALID);
    EXPECT_EQ(alice.cancel(REQUEST_WINDOW).status, STATUS_CANCELLED);
}

} // namespace
