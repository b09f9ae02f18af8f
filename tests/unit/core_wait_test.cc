/* Waits, the limits of callers, and taking back. */
#include <map>

#include "worlds/core_world.h"

namespace {

constexpr uint64_t TTL = 10 * NS_PER_S;
constexpr uint64_t T0 = 500 * NS_PER_S;

/* ---- Waits ---- */

TEST(CoreWait, AQueuedWaitEndsByAChange)
{
    open_world world;
    world.acquire(world.session, "a", 60 * NS_PER_S);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    EXPECT_TRUE(world.completions.empty());
    uint64_t number = request.request.number;
    world.say(answers().section(11, 0, 0, 1).change(CHANGE_GRANTED, 1, number, 8));
    core_completion granted = world.take_completion();
    EXPECT_EQ(granted.status, STATUS_OK);
    EXPECT_EQ(granted.token, 8u);
    EXPECT_TRUE(world.holds(8));
    /* Told again until confirmed; counts once. */
    world.say(answers().section(11, 0, 0, 1).change(CHANGE_GRANTED, 1, number, 8));
    EXPECT_TRUE(world.completions.empty());
    world.pass(TTL / 3);
    EXPECT_EQ(world.take_request(REQUEST_KEEPALIVE).confirmed, 1u);
}

TEST(CoreWait, AQueuedWaitIsAskedAfterOnANewConnection)
{
    open_world world;
    world.acquire(world.session, "a", 60 * NS_PER_S);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_QUEUED);
    world.reconnect();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u);
    EXPECT_EQ(world.count_requests(REQUEST_KEEPALIVE), 1u);
}

TEST(CoreWait, TheWaitThatWasSpentHereIsNotWaitedForThere)
{
    open_world world;
    world.node_closes();
    world.acquire(world.session, "a", 10 * NS_PER_S);
    world.pass(300 * NS_PER_MS);
    world.reach_leader();
    EXPECT_LE(world.take_request(REQUEST_ACQUIRE).request.wait_ns,
            10 * NS_PER_S - 300 * NS_PER_MS);
}

TEST(CoreWait, G11_TimeoutIsWhatTheLogSays)
{
    open_world world;
    world.acquire(world.session, "a", NS_PER_S);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    world.pass(NS_PER_S + 100 * NS_PER_MS);
    EXPECT_TRUE(world.completions.empty()) << "only the cluster can say so";
    world.say(answers()
                      .section(11, 0, 0, 1)
                      .change(CHANGE_FAILED, 1, request.request.number, 0, STATUS_TIMEOUT));
    EXPECT_EQ(world.take_completion().status, STATUS_TIMEOUT);
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 0u);
}

TEST(CoreWait, G11_ALimitThatTheClusterDoesNotSeeIsCancelled)
{
    open_world world;
    world.acquire(world.session, "a", NS_PER_S);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED); /* Then cluster time stands still. */
    world.pass(NS_PER_S + 400 * NS_PER_MS);
    heard cancel = world.take_request(REQUEST_CANCEL);
    EXPECT_EQ(cancel.request.target, request.request.number);
    EXPECT_GT(cancel.request.number, request.request.number);
    world.answer_to(cancel, STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_TIMEOUT);
    EXPECT_GT(mark_count("client_cancel_done"), 0u);
}

TEST(CoreWait, G11_UnknownASecondAfterTheLimitAndCancellingGoesOn)
{
    open_world world;
    world.acquire(world.session, "a", NS_PER_S);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    world.pass(2 * NS_PER_S - NS_PER_MS);
    EXPECT_TRUE(world.completions.empty());
    world.pass(2 * NS_PER_MS);
    EXPECT_EQ(world.take_completion().status, STATUS_UNKNOWN);
    world.reach_leader(); /* The other one is silent. */
    world.inbox.erase(world.inbox.begin(), world.inbox.begin() + 1);
    heard cancel = world.take_request(REQUEST_CANCEL);
    EXPECT_EQ(cancel.request.target, request.request.number);
    world.reconnect();
    EXPECT_EQ(world.take_request(REQUEST_CANCEL).request.number, cancel.request.number);
    EXPECT_TRUE(world.completions.empty());
    EXPECT_GT(mark_count("client_says_unknown"), 0u);
}

TEST(CoreWait, G11_WhatWasNeverSentEndsWithoutACancel)
{
    open_world world;
    world.node_closes();
    world.acquire(world.session, "a", 100 * NS_PER_MS);
    world.pass(1100 * NS_PER_MS);
    EXPECT_EQ(world.take_completion().status, STATUS_UNKNOWN);
    world.reach_leader();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u);
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 0u);
}

/* ---- Cancel ---- */

TEST(CoreWait, G11_CancelOfAWait)
{
    open_world world;
    uint32_t handle = world.acquire(world.session, "a", WAIT_FOREVER);
    heard request = world.take_request(REQUEST_ACQUIRE);
    EXPECT_EQ(request.request.wait_ns, WAIT_FOREVER);
    world.answer_to(request, STATUS_QUEUED);
    EXPECT_TRUE(core_cancel(world.core, handle, world.now));
    world.tick();
    heard cancel = world.take_request(REQUEST_CANCEL);
    world.answer_to(cancel, STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
    EXPECT_FALSE(core_cancel(world.core, handle, world.now));
}

TEST(CoreWait, G11_CancelBeforeItWasSentIsCertainAtOnce)
{
    open_world world;
    world.node_closes();
    uint32_t handle = world.acquire(world.session, "a", WAIT_FOREVER);
    EXPECT_TRUE(core_cancel(world.core, handle, world.now));
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
    world.reach_leader();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u);
}

TEST(CoreWait, G11_CancelByTagFindsAllOfThem)
{
    open_world world;
    world.acquire(world.session, "a", WAIT_FOREVER, 7);
    world.acquire(world.session, "b", WAIT_FOREVER, 7);
    world.acquire(world.session, "c", WAIT_FOREVER, 8);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_QUEUED);
    EXPECT_EQ(core_cancel_tag(world.core, world.session, 7, world.now), 2u);
    EXPECT_EQ(core_cancel_tag(world.core, world.session, 0, world.now), 0u);
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 2u);
}

TEST(CoreWait, G11_AGrantBehindACancelIsNotConfirmedUntilItIsTakenBack)
{
    open_world world;
    uint32_t handle = world.acquire(world.session, "a", WAIT_FOREVER);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    core_cancel(world.core, handle, world.now);
    world.tick();
    heard cancel = world.take_request(REQUEST_CANCEL);
    uint64_t number = request.request.number;
    world.say(answers().section(11, 0, 0, 1).change(CHANGE_GRANTED, 1, number, 8));
    EXPECT_FALSE(world.holds(8));
    EXPECT_TRUE(world.completions.empty());
    world.reconnect(); /* The CANCEL may have been lost: its number must still work. */
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    EXPECT_EQ(keepalive.confirmed, 0u);
    world.answer_to(keepalive, STATUS_OK);
    world.answer_to(world.take_request(REQUEST_CANCEL), STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
    world.pass(TTL / 3);
    EXPECT_EQ(world.take_request(REQUEST_KEEPALIVE).confirmed, 1u);
    EXPECT_GT(mark_count("client_grant_behind_cancel"), 0u);
}

/* A list says what was granted, and not by which of its changes. */
TEST(CoreWait, G11_NothingOfAListIsConfirmedWhileAGrantInItIsTakenBack)
{
    open_world world;
    uint32_t handle = world.acquire(world.session, "a", WAIT_FOREVER);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    core_cancel(world.core, handle, world.now);
    world.tick();
    heard cancel = world.take_request(REQUEST_CANCEL);
    uint64_t number = request.request.number;
    world.say(answers().section(11, 0, 0, 6, true).change(CHANGE_HOLDS, 0, number, 8));
    world.reconnect();
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    EXPECT_EQ(keepalive.confirmed, 0u) << "it may be any of the changes 1 to 6";
    world.answer_to(keepalive, STATUS_OK);
    world.answer_to(world.take_request(REQUEST_CANCEL), STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
    world.pass(TTL / 3);
    EXPECT_EQ(world.take_request(REQUEST_KEEPALIVE).confirmed, 6u);
}

TEST(CoreWait, G11_AnAnswerBehindACancelKeepsItsNumberOpen)
{
    open_world world;
    uint32_t handle = world.acquire(world.session, "a", 0);
    heard request = world.take_request(REQUEST_ACQUIRE);
    core_cancel(world.core, handle, world.now);
    world.tick();
    heard cancel = world.take_request(REQUEST_CANCEL);
    world.answer_to(request, STATUS_OK, 8);
    EXPECT_TRUE(world.completions.empty());
    world.acquire(world.session, "b", 0);
    EXPECT_LT(world.take_request(REQUEST_ACQUIRE).answered, request.request.number);
    world.answer_to(cancel, STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
}

/* ---- min_usable ---- */

TEST(CoreWait, AGrantWithTooLittleLeftWaitsForTheNextKeepalive)
{
    open_world world(with_patience);
    world.acquire(world.session, "a", 60 * NS_PER_S);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    world.pass(8 * NS_PER_S); /* Keepalives go unanswered. */
    world.reconnect();
    uint64_t number = request.request.number;
    world.say(answers().section(11, 0, 0, 1).change(CHANGE_GRANTED, 1, number, 8));
    EXPECT_LT(world.left(world.session), TTL / 4);
    EXPECT_TRUE(world.completions.empty());
    EXPECT_FALSE(world.holds(8));
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    world.say(answers()
                      .section(11, T0 + 8 * NS_PER_S, T0 + 8 * NS_PER_S + TTL, 1)
                      .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_OK));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_TRUE(world.holds(8));
}

TEST(CoreWait, AGrantWithTooLittleLeftIsReturnedAtTheCallersLimit)
{
    open_world world(with_patience);
    world.acquire(world.session, "a", 9 * NS_PER_S);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_QUEUED);
    world.pass(8 * NS_PER_S);
    uint64_t number = request.request.number;
    world.say(answers().section(11, 0, 0, 1).change(CHANGE_GRANTED, 1, number, 8));
    EXPECT_TRUE(world.completions.empty());
    world.pass(NS_PER_S + 400 * NS_PER_MS);
    heard release = world.take_request(REQUEST_RELEASE);
    EXPECT_EQ(release.request.target, 8u);
    EXPECT_EQ(release.name, "a");
    world.answer_to(release, STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_TIMEOUT);
    EXPECT_GT(mark_count("client_returns_grant"), 0u);
}

} // namespace

/* ---- Reentrance ---- */

/* An answer eight seconds later, which renews nothing. */
static void answer_late(open_world &world, const heard &request, uint64_t token = 0)
{
    world.say(answers()
                      .section(11, T0 + 8 * NS_PER_S, T0 + TTL)
                      .answer(request.request.kind, request.request.number, STATUS_OK,
                              token));
}

/* A second entry of what the program holds, granted with too little of the lease left. */
static void enter_again_too_late(open_world &world)
{
    core_call acquire = world.call(CORE_ACQUIRE, world.session, "a");
    acquire.reentrant = true;
    acquire.wait_ns = 9 * NS_PER_S;
    world.submit(acquire);
    world.tick();
    heard first = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(first, STATUS_OK, 8);
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    world.submit(acquire);
    world.pass(8 * NS_PER_S); /* Nothing is answered. */
    world.reconnect();
    heard second = world.take_request(REQUEST_ACQUIRE);
    world.say(answers()
                      .section(11, 0, 0, 0)
                      .answer(REQUEST_ACQUIRE, second.request.number, STATUS_OK, 8));
    EXPECT_TRUE(world.completions.empty());
}

TEST(CoreWait, G4_AReleaseEndsBeliefWhileAnotherEntryWaitsToBeGiven)
{
    open_world world(with_patience);
    enter_again_too_late(world);
    EXPECT_TRUE(world.holds(8));
    core_call release = world.call(CORE_RELEASE, world.session, "a");
    release.token = 8;
    world.submit(release);
    EXPECT_FALSE(world.holds(8));
    world.tick();
    answer_late(world, world.take_request(REQUEST_RELEASE));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    world.pass(NS_PER_S + 400 * NS_PER_MS);
    heard returned = world.take_request(REQUEST_RELEASE);
    EXPECT_EQ(returned.request.target, 8u);
    answer_late(world, returned);
    EXPECT_EQ(world.take_completion().status, STATUS_TIMEOUT);
}

TEST(CoreWait, G4_AReleaseOfAllTakesTheEntryWithItThatWaitsToBeGiven)
{
    open_world world(with_patience);
    enter_again_too_late(world);
    core_call release = world.call(CORE_RELEASE, world.session, "a");
    release.token = 8;
    release.all = true;
    world.submit(release);
    EXPECT_FALSE(world.holds(8));
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    answer_late(world, world.take_request(REQUEST_RELEASE));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
}

/* Each limit comes in its time, in whatever order they were set. */
TEST(CoreWait, LimitsComeInTheirOrder)
{
    open_world world;
    world.full = true;
    uint64_t begin_ns = world.now.boot_ns;
    std::map<uint32_t, uint64_t> limits;
    for (uint64_t seconds : {3, 5, 4, 5, 2, 6}) {
        core_call asked = world.call(CORE_RELEASE, world.session, "a");
        asked.token = 7;
        asked.limit_ns = begin_ns + seconds * NS_PER_S;
        limits[world.submit(asked)] = seconds;
    }
    uint64_t told = 0;
    for (uint64_t seconds = 1; seconds <= 6; seconds++) {
        world.pass(begin_ns + seconds * NS_PER_S - world.now.boot_ns);
        for (; !world.completions.empty(); told++) {
            core_completion completion = world.take_completion();
            EXPECT_EQ(completion.status, STATUS_UNKNOWN);
            EXPECT_EQ(limits[completion.request], seconds);
        }
    }
    EXPECT_EQ(told, limits.size());
}

/* A broken node: no cluster gives a token twice. */
TEST(CoreWait, ATokenOfAnotherSessionIsPassedOver)
{
    open_world world;
    world.acquire(world.session, "a", WAIT_FOREVER);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_OK, 8);
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    uint32_t other = world.open(12, T0);
    world.acquire(other, "a", WAIT_FOREVER);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.say(answers()
                      .section(12, T0, T0 + TTL)
                      .answer(REQUEST_ACQUIRE, request.request.number, STATUS_OK, 8));
    EXPECT_TRUE(world.completions.empty());
    EXPECT_TRUE(world.holds(8));
    EXPECT_GT(mark_count("client_token_of_another"), 0u);
}

/* ---- The program does not want to wait any longer ---- */

TEST(CoreWait, AnExpiredAcquireIsUnknownAtOnceAndCancelled)
{
    open_world world;
    uint32_t request = world.acquire(world.session, "a", 60 * NS_PER_S);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_QUEUED);
    EXPECT_TRUE(core_expire(world.core, request, world.now));
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_UNKNOWN);
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 1u);
    EXPECT_FALSE(core_expire(world.core, request, world.now));
}
