/* Requests: done once, precise releases, refusals, the ends of sessions, reads, frames. */
#include <map>

#include "worlds/core_world.h"

namespace {

constexpr uint64_t TTL = 10 * NS_PER_S;
constexpr uint64_t T0 = 500 * NS_PER_S;

/* ---- exactly once ---- */

TEST(CoreRequest, G6_GoesAgainWithItsNumberOnANewConnectionAndOnlyThere)
{
    open_world world;
    world.acquire(world.session, "a", 60 * NS_PER_S);
    uint64_t number = world.take_request(REQUEST_ACQUIRE).request.number;
    world.pass(500 * NS_PER_MS);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u) << "twice on one connection";
    world.reconnect();
    heard again = world.take_request(REQUEST_ACQUIRE);
    EXPECT_EQ(again.request.number, number);
    EXPECT_EQ(again.name, "a");
    world.answer_to(again, STATUS_OK, 5);
    EXPECT_EQ(world.take_completion().token, 5u);
    world.reconnect();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u) << "answered already";
}

TEST(CoreRequest, G6_NumbersAreNeverUsedTwiceAndAnsweredFollows)
{
    open_world world;
    for (int i = 0; i < 3; i++)
        world.acquire(world.session, "a", 0);
    heard first = world.take_request(REQUEST_ACQUIRE);
    heard second = world.take_request(REQUEST_ACQUIRE);
    heard third = world.take_request(REQUEST_ACQUIRE);
    EXPECT_EQ(first.request.number + 1, second.request.number);
    EXPECT_EQ(second.request.number + 1, third.request.number);
    world.answer_to(third, STATUS_TIMEOUT); /* Out of order. */
    world.acquire(world.session, "b", 0);
    heard fourth = world.take_request(REQUEST_ACQUIRE);
    EXPECT_EQ(fourth.answered, first.request.number - 1);
    world.answer_to(first, STATUS_TIMEOUT);
    world.answer_to(second, STATUS_TIMEOUT);
    world.acquire(world.session, "c", 0);
    EXPECT_EQ(world.take_request(REQUEST_ACQUIRE).answered, third.request.number);
}

TEST(CoreRequest, G6_NoNumberIsMoreThanAWindowPastTheAnswered)
{
    open_world world;
    for (int i = 0; i < 1100; i++)
        world.submit(world.call(CORE_ACQUIRE, world.session, "a"));
    world.tick();
    size_t sent = world.count_requests(REQUEST_ACQUIRE);
    EXPECT_LT(2 * sent, size_t{REQUEST_WINDOW}) << "each has a number for its CANCEL";
    heard first = world.inbox.front();
    world.answer_to(first, STATUS_TIMEOUT);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), sent + 1);
    EXPECT_EQ(world.inbox.back().answered, first.request.number);
    EXPECT_GT(mark_count("client_window_full"), 0u);
}

TEST(CoreRequest, G6_AnswersThatNobodyAwaitsChangeNothing)
{
    open_world world;
    world.acquire(world.session, "a", 0);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.answer_to(request, STATUS_OK, 5);
    world.take_completion();
    world.answer_to(request, STATUS_OK, 5);
    EXPECT_TRUE(world.completions.empty());
    world.say(answers().section(11, T0, T0 + TTL).answer(REQUEST_RELEASE, 99, STATUS_OK));
    world.say(
            answers().section(4711, T0, T0 + TTL).answer(REQUEST_KEEPALIVE, 1, STATUS_OK));
    EXPECT_TRUE(world.completions.empty());
    EXPECT_GT(mark_count("client_answer_unawaited"), 0u);
    EXPECT_GT(mark_count("client_session_forgotten"), 0u);
}

TEST(CoreRequest, G6_AnOldAnswerDoesNotCountAsThisConnections)
{
    open_world world;
    world.acquire(world.session, "a", 0);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.full = true; /* What is sent from here on stays here. */
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_ACQUIRE, request.request.number, STATUS_NOT_LEADER));
    EXPECT_TRUE(world.completions.empty());
}

TEST(CoreRequest, AnOpenThatGoesAgainHasAnotherSecretAndStamp)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.ask_open();
    world.tick();
    heard first = world.take_request(REQUEST_OPEN);
    world.node_closes();
    world.reach_leader();
    heard second = world.take_request(REQUEST_OPEN);
    EXPECT_NE(first.secret, second.secret);
    EXPECT_NE(first.request.number, second.request.number);
    world.say(answers()
                      .section(30, T0, T0 + TTL)
                      .answer(REQUEST_OPEN, first.request.number,
                              STATUS_OK)); /* Of the first: not ours any more. */
    EXPECT_TRUE(world.completions.empty());
    world.say(answers()
                      .section(31, T0, T0 + TTL)
                      .answer(REQUEST_OPEN, second.request.number, STATUS_OK));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_EQ(core_session_id(world.core, session), 31u);
    world.acquire(session, "a", 0);
    EXPECT_EQ(world.take_request(REQUEST_ACQUIRE).secret, second.secret);
    EXPECT_GT(mark_count("client_opens_again"), 0u);
}

/* ---- Refusals ---- */

TEST(CoreRequest, BusyIsToldForAnAcquireSentOnce)
{
    open_world world;
    world.acquire(world.session, "a", 60 * NS_PER_S);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
}

TEST(CoreRequest, G6_BusyForAnAcquireThatMayHaveBeenTakenIsToldWhenItIsUndone)
{
    open_world world;
    world.acquire(world.session, "a", 60 * NS_PER_S);
    uint64_t number = world.take_request(REQUEST_ACQUIRE).request.number;
    world.reconnect();
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    EXPECT_TRUE(world.completions.empty());
    heard cancel = world.take_request(REQUEST_CANCEL);
    EXPECT_EQ(cancel.request.target, number);
    world.answer_to(cancel, STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
}

TEST(CoreRequest, G12_AReleaseRefusedAsBusyGoesAgainWithItsNumber)
{
    open_world world;
    world.acquire(world.session, "a", 0);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_OK, 5);
    world.release(world.session, "a", 5);
    heard release = world.take_request(REQUEST_RELEASE);
    world.answer_to(release, STATUS_BUSY);
    world.pass(60 * NS_PER_MS);
    heard again = world.take_request(REQUEST_RELEASE);
    EXPECT_EQ(again.request.number, release.request.number);
    world.answer_to(again, STATUS_OK);
    world.take_completion();
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_GT(mark_count("client_busy_again"), 0u);
}

/*
 * A refusal that took 20 ms to come keeps others here for 30 to 40: the leader is not
 * asked.
 */
TEST(CoreRequest, WhileTheLeaderHasTooMuchToDoItIsAskedForNoMoreAcquires)
{
    open_world world;
    world.acquire(world.session, "a", 0);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_OK, 5);
    world.take_completion();
    world.acquire(world.session, "b", 0);
    heard refused = world.take_request(REQUEST_ACQUIRE);
    world.pass(20 * NS_PER_MS);
    world.answer_to(refused, STATUS_BUSY);
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
    world.submit(world.call(CORE_ACQUIRE, world.session, "c"), STATUS_BUSY);
    world.pass(29 * NS_PER_MS);
    world.submit(world.call(CORE_ACQUIRE, world.session, "c"), STATUS_BUSY);
    world.release(world.session, "a", 5);
    EXPECT_EQ(world.count_requests(REQUEST_RELEASE), 1u)
            << "it makes room: never kept back";
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u);
    world.pass(11 * NS_PER_MS);
    world.acquire(world.session, "c", 0);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 1u);
}

/* Another leader may have less to do. */
TEST(CoreRequest, ANewConnectionIsAskedAtOnce)
{
    open_world world;
    world.acquire(world.session, "a", 0);
    heard refused = world.take_request(REQUEST_ACQUIRE);
    world.pass(90 * NS_PER_MS);
    world.answer_to(refused, STATUS_BUSY);
    world.submit(world.call(CORE_ACQUIRE, world.session, "b"), STATUS_BUSY);
    world.reconnect();
    world.acquire(world.session, "b", 0);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 1u);
}

/*
 * What waits here for its turn would be refused as well: told at once, and nothing is sent.
 */
TEST(CoreRequest, WhatWaitsBehindARefusedAcquireIsRefusedWithIt)
{
    open_world world([](core_settings *settings) { settings->owed_max = 4; });
    uint64_t before = mark_count("client_sheds_acquire");
    for (int i = 0; i < 7; i++)
        world.submit(world.call(CORE_ACQUIRE, world.session, "a"));
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 4u);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    EXPECT_EQ(mark_count("client_sheds_acquire"), before + 3);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
    EXPECT_TRUE(world.completions.empty());
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 3u) << "which were sent before";
    /*
     * They left before the refusal came: their being refused does not make it last longer.
     */
    world.pass(4 * NS_PER_MS);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    world.pass(2 * NS_PER_MS);
    world.submit(world.call(CORE_ACQUIRE, world.session, "b"));
}

TEST(CoreRequest, BusyForAnOpenIsRetried)
{
    core_world world;
    world.tick();
    world.reach_leader();
    world.ask_open();
    world.tick();
    heard open = world.take_request(REQUEST_OPEN);
    world.say(answers().section(0, 0, 0).answer(
            REQUEST_OPEN, open.request.number, STATUS_BUSY));
    world.pass(60 * NS_PER_MS);
    EXPECT_EQ(world.count_requests(REQUEST_OPEN), 1u);
}

TEST(CoreRequest, ALimitOfTheClusterIsToldWithItsName)
{
    open_world world;
    world.acquire(world.session, "a", 0);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.say(answers()
                      .section(11, T0, T0 + TTL)
                      .answer(REQUEST_ACQUIRE, request.request.number, STATUS_LIMIT, 0,
                              LIMIT_HOLDS));
    core_completion completion = world.take_completion();
    EXPECT_EQ(completion.status, STATUS_LIMIT);
    EXPECT_EQ(completion.detail, LIMIT_HOLDS);
}

TEST(CoreRequest, RoomIsRefusedAtTheEdge)
{
    open_world world([](core_settings *settings) {
        settings->requests_max = 4;
        settings->holds_max = 2;
    });
    world.acquire(world.session, "a", 0);
    world.acquire(world.session, "b", 0);
    world.submit(world.call(CORE_ACQUIRE, world.session, "c"), STATUS_BUSY); /* holds_max */
    world.release(world.session, "x", 9);
    world.release(world.session, "x", 9);
    world.submit(
            world.call(CORE_RELEASE, world.session, "x"), STATUS_BUSY); /* requests_max */
    world.submit(world.call(CORE_CLOSE, world.session));                /* Never refused. */
}

/* ---- Suspended, lost, closed ---- */

TEST(CoreRequest, SuspendedHoldsAcquiresBackAndLetsReleasesGo)
{
    open_world world(with_patience);
    world.acquire(world.session, "a", 0);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_OK, 5);
    world.pass(TTL);
    ASSERT_EQ(world.believed(world.session), BELIEF_SUSPENDED);
    world.acquire(world.session, "b", 60 * NS_PER_S);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u);
    world.release(world.session, "a", 5);
    EXPECT_EQ(world.count_requests(REQUEST_RELEASE), 1u);
    heard keepalive = world.inbox.front();
    while (world.count_requests(REQUEST_KEEPALIVE) > 0)
        keepalive = world.take_request(REQUEST_KEEPALIVE);
    world.say(answers()
                      .section(11, T0 + TTL / 2, T0 + TTL / 2 + TTL)
                      .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_OK));
    EXPECT_EQ(world.believed(world.session), BELIEF_HELD);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 1u);
}

TEST(CoreRequest, TheEndOfASessionEndsWhatWaitsInIt)
{
    open_world world;
    world.acquire(world.session, "a", WAIT_FOREVER);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_QUEUED);
    world.acquire(world.session, "b", WAIT_FOREVER);
    heard request = world.take_request(REQUEST_ACQUIRE);
    world.say(answers().section(11, T0, 0).answer(
            REQUEST_ACQUIRE, request.request.number, STATUS_LOST, 0, LOST_UNKNOWN));
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    EXPECT_EQ(world.take_event().reason, CORE_REASON_UNKNOWN);
    world.submit(world.call(CORE_RELEASE, world.session, "a"), STATUS_LOST);
    world.submit(world.call(CORE_CLOSE, world.session));
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    EXPECT_FALSE(core_has_session(world.core, world.session));
}

TEST(CoreRequest, ClosingIsUnknownAtItsLimitAndGoesOn)
{
    open_world world;
    world.submit(world.call(CORE_CLOSE, world.session));
    world.tick();
    world.node_closes();
    world.pass(6 * NS_PER_S);
    EXPECT_EQ(world.take_completion().status, STATUS_UNKNOWN);
    EXPECT_EQ(core_session_count(world.core), 1u);
    world.inbox.clear();
    world.reach_leader();
    world.answer_to(world.take_request(REQUEST_CLOSE), STATUS_OK);
    EXPECT_EQ(core_session_count(world.core), 0u);
    EXPECT_TRUE(world.completions.empty());
}

/* Its locks may have been others' before it was closed: no word of success. */
TEST(CoreRequest, G10_ClosingWhatHadExpiredSaysLost)
{
    open_world world(with_patience);
    world.pass(TTL);
    ASSERT_EQ(world.believed(world.session), BELIEF_SUSPENDED);
    world.submit(world.call(CORE_CLOSE, world.session));
    world.tick();
    heard close = world.take_request(REQUEST_CLOSE);
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_CLOSE, close.request.number, STATUS_LOST, 0, LOST_UNKNOWN));
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    EXPECT_EQ(core_session_count(world.core), 0u);
}

/* The answer to the first sending was lost: that the session is no more is its doing. */
TEST(CoreRequest, ClosingTwiceWhatLivedIsDone)
{
    open_world world;
    world.submit(world.call(CORE_CLOSE, world.session));
    world.tick();
    world.node_closes();
    world.inbox.clear();
    world.reach_leader();
    heard close = world.take_request(REQUEST_CLOSE);
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_CLOSE, close.request.number, STATUS_LOST, 0, LOST_UNKNOWN));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
}

TEST(CoreRequest, ClosingASuspendedSessionThatLivesIsDone)
{
    open_world world(with_patience);
    world.pass(TTL);
    world.submit(world.call(CORE_CLOSE, world.session));
    world.tick();
    world.answer_to(world.take_request(REQUEST_CLOSE), STATUS_OK);
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
}

TEST(CoreRequest, ClosingIsGivenUpWhenTheSessionMustHaveExpired)
{
    open_world world;
    world.submit(world.call(CORE_CLOSE, world.session));
    world.tick();
    world.node_closes();
    world.pass(20 * TTL);
    EXPECT_EQ(core_session_count(world.core), 0u);
    EXPECT_GT(mark_count("client_gives_up_closing"), 0u);
}

/* The OPEN of a session that its program closes before it is answered. */
static heard close_while_opening(core_world &world)
{
    world.tick();
    world.reach_leader();
    uint32_t session = world.ask_open();
    world.tick();
    heard open = world.take_request(REQUEST_OPEN);
    world.submit(world.call(CORE_CLOSE, session));
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_LOST); /* The OPEN */
    return open;
}

TEST(CoreRequest, AnOpenAnsweredAfterItWasGivenUpIsClosed)
{
    core_world world;
    heard open = close_while_opening(world);
    world.say(answers()
                      .section(31, T0, T0 + TTL)
                      .answer(REQUEST_OPEN, open.request.number, STATUS_OK));
    EXPECT_EQ(world.take_request(REQUEST_CLOSE).session, 31u);
    EXPECT_GT(mark_count("client_closes_late_open"), 0u);
}

TEST(CoreRequest, AnOpenThatNobodyAnswersIsUnknown)
{
    core_world world;
    world.tick();
    uint32_t session = world.ask_open();
    world.acquire(session, "a", WAIT_FOREVER);
    world.pass(6 * NS_PER_S);
    core_completion open = world.take_completion();
    EXPECT_EQ(open.kind, CORE_OPEN);
    EXPECT_EQ(open.status, STATUS_UNKNOWN);
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    world.submit(world.call(CORE_CLOSE, session));
    world.tick();
    EXPECT_FALSE(core_has_session(world.core, session));
}

TEST(CoreRequest, AnOpenGoesWithTheSessionThatWasClosedMeanwhile)
{
    core_world world;
    heard open = close_while_opening(world);
    world.say(answers().section(0, 0, 0).answer(
            REQUEST_OPEN, open.request.number, STATUS_NOT_LEADER));
    world.pass(20 *
               TTL); /* Nobody leads; each step checks that no request lacks its session. */
    EXPECT_EQ(core_session_count(world.core), 0u);
}

/* ---- Reentrance ---- */

TEST(CoreRequest, G12_EntriesShareATokenAndEachWantsItsRelease)
{
    open_world world;
    for (int i = 0; i < 2; i++) {
        core_call acquire = world.call(CORE_ACQUIRE, world.session, "a");
        acquire.reentrant = true;
        acquire.owner = 3;
        world.submit(acquire);
        world.tick();
        heard request = world.take_request(REQUEST_ACQUIRE);
        EXPECT_EQ(request.request.flags, ACQUIRE_REENTRANT);
        EXPECT_EQ(request.request.owner, 3u);
        world.answer_to(request, STATUS_OK, 5);
        EXPECT_EQ(world.take_completion().token, 5u);
    }
    world.release(world.session, "a", 5);
    EXPECT_TRUE(world.holds(5));
    world.release(world.session, "a", 5);
    EXPECT_FALSE(world.holds(5));
}

/*
 * Entered, and entered again by a request whose answer is still on its way; which is
 * returned.
 */
static heard enter_and_enter_again(open_world &world)
{
    heard request;
    for (int i = 0; i < 2; i++) {
        core_call acquire = world.call(CORE_ACQUIRE, world.session, "a");
        acquire.reentrant = true;
        acquire.owner = 3;
        world.submit(acquire);
        world.tick();
        request = world.take_request(REQUEST_ACQUIRE);
        if (i == 0) {
            world.answer_to(request, STATUS_OK, 5);
            EXPECT_EQ(world.take_completion().token, 5u);
        }
    }
    return request;
}

TEST(CoreRequest, G4_AReleaseOfAllTakesTheEntryWithItThatIsUnderWay)
{
    open_world world;
    heard entry = enter_and_enter_again(world);
    core_call release = world.call(CORE_RELEASE, world.session, "a");
    release.token = 5;
    release.all = true;
    world.submit(release);
    world.tick();
    world.answer_to(entry, STATUS_OK, 5);
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    EXPECT_FALSE(world.holds(5));
    world.answer_to(world.take_request(REQUEST_RELEASE), STATUS_OK, 0);
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_FALSE(world.holds(5));
    EXPECT_GT(mark_count("client_entry_released_under_way"), 0u);
}

/*
 * One entry is known, two are released: the second release is that of the entry under way.
 */
TEST(CoreRequest, G4_SoDoesOneReleaseMoreThanThereAreEntriesKnown)
{
    open_world world;
    heard entry = enter_and_enter_again(world);
    world.release(world.session, "a", 5);
    world.release(world.session, "a", 5);
    world.answer_to(entry, STATUS_OK, 5);
    EXPECT_EQ(world.take_completion().status, STATUS_LOST);
    EXPECT_FALSE(world.holds(5));
}

/* The cluster did not do it before the release, but after: then the hold is a new one. */
TEST(CoreRequest, G4_AnEntryUnderWayThatComesBehindTheReleaseHoldsAnew)
{
    open_world world;
    heard entry = enter_and_enter_again(world);
    core_call release = world.call(CORE_RELEASE, world.session, "a");
    release.token = 5;
    release.all = true;
    world.submit(release);
    world.tick();
    world.answer_to(entry, STATUS_OK, 6);
    EXPECT_EQ(world.take_completion().token, 6u);
    EXPECT_TRUE(world.holds(6));
}

/* One release of two entries leaves the other, whichever it is. */
TEST(CoreRequest, G12_AReleaseLeavesTheEntryThatIsUnderWay)
{
    open_world world;
    heard entry = enter_and_enter_again(world);
    world.release(world.session, "a", 5);
    world.answer_to(entry, STATUS_OK, 5);
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_TRUE(world.holds(5));
}

/* ---- Reads ---- */

TEST(CoreRequest, ReadsGoAgainOnANewConnection)
{
    open_world world;
    std::vector<unsigned char> room(CORE_READ_BYTES_MAX);
    core_call query = world.call(CORE_QUERY, 0, "a");
    query.room = room.data();
    query.room_bytes = room.size();
    world.submit(query);
    world.tick();
    ASSERT_EQ(world.readings.size(), 1u);
    uint64_t stamp = world.readings[0].read.stamp;
    world.reconnect();
    ASSERT_EQ(world.readings.size(), 2u);
    EXPECT_NE(world.readings[1].read.stamp, stamp);
    struct read_answer answer = {};
    answer.stamp = stamp; /* Too late. */
    answer.index = 9;
    world.say(FRAME_READ_ANSWER, core_world::lay_out(wire_read_answer, &answer));
    EXPECT_TRUE(world.completions.empty());
    answer.stamp = world.readings[1].read.stamp;
    world.say(FRAME_READ_ANSWER, core_world::lay_out(wire_read_answer, &answer));
    core_completion completion = world.take_completion();
    EXPECT_EQ(completion.status, STATUS_OK);
    EXPECT_EQ(completion.read.index, 9u);
}

/* ---- Frames ---- */

TEST(CoreRequest, AskedTogetherLeavesInOneFrame)
{
    open_world world;
    unsigned before = world.frames;
    for (int i = 0; i < 100; i++)
        world.submit(world.call(CORE_ACQUIRE, world.session, "a"));
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u);
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 100u);
    EXPECT_EQ(world.frames, before + 1);
}

TEST(CoreRequest, NoMoreIsOwedThanANodeKeepsAndNobodyStarves)
{
    open_world world([](core_settings *settings) {
        with_patience(settings);
        settings->owed_max = 8;
    });
    for (uint64_t id = 20; id < 60; id++)
        world.open(id, open_world::time);
    core_call acquire = world.call(CORE_ACQUIRE, world.session, "a");
    acquire.wait_ns = 60 * NS_PER_S;
    for (int i = 0; i < 40; i++)
        world.submit(acquire);
    world.tick();
    EXPECT_EQ(world.inbox.size(), 8u) << "no keepalive waits: all of it";
    world.pass(3400 * NS_PER_MS); /* Keepalives of 41 sessions fall due. */
    world.reconnect();
    size_t keepalives = 0;
    size_t acquires = 0;
    while (!world.inbox.empty()) {
        EXPECT_LE(world.inbox.size(), 8u);
        size_t before = keepalives + acquires;
        std::deque<heard> round;
        round.swap(world.inbox);
        answers said;
        for (auto &one : round) {
            bool keepalive = one.request.kind == REQUEST_KEEPALIVE;
            keepalives += keepalive;
            acquires += !keepalive;
            said.section(one.session, T0, T0 + TTL)
                    .answer(one.request.kind, one.request.number,
                            keepalive ? STATUS_OK : STATUS_TIMEOUT);
        }
        EXPECT_GT(acquires, 0u);
        world.say(said);
        ASSERT_GT(keepalives + acquires, before);
    }
    EXPECT_EQ(keepalives, 41u);
    EXPECT_EQ(acquires, 40u);
}

TEST(CoreRequest, AFullSocketHoldsEverythingBackInOrder)
{
    open_world world([](core_settings *settings) {
        settings->output_bytes = 2 * (FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
        settings->sessions_max = 8;
    });
    std::vector<uint32_t> sessions = {
            world.session, world.open(12, T0), world.open(13, T0)};
    world.full = true;
    std::string name(255, 'n');
    for (int i = 0; i < 600; i++)
        world.submit(world.call(CORE_ACQUIRE, sessions[i % 3], name.c_str()));
    world.tick();
    EXPECT_GT(mark_count("client_output_full"), 0u);
    world.full = false;
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 600u);
    std::map<uint64_t, uint64_t> last;
    for (auto &one : world.inbox) {
        if (one.request.kind != REQUEST_ACQUIRE)
            continue;
        EXPECT_EQ(one.request.number, last[one.session] + 1);
        last[one.session] = one.request.number;
    }
}

} // namespace
