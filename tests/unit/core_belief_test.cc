/* What a client may believe, and until when, and the client states. */
#include "worlds/core_world.h"

namespace {

constexpr uint64_t TTL = 10 * NS_PER_S;
constexpr uint64_t T0 = 500 * NS_PER_S;

/* s + (D - T)·99/100 - 2 % of ttl */
constexpr uint64_t WINDOW = TTL - TTL / 100 - TTL / 50;

struct held_world : core_world {
    held_world()
    {
        tick();
        reach_leader();
        session = open(11, T0);
    }

    /* The cluster applies the keepalive that was sent last. */
    void renew(uint64_t time, uint64_t until, uint64_t change = 0)
    {
        heard keepalive = take_request(REQUEST_KEEPALIVE);
        say(answers().section(11, time, until, change)
                        .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_OK));
    }

    uint64_t grant(const char *name, uint64_t token)
    {
        acquire(session, name, 0);
        heard request = take_request(REQUEST_ACQUIRE);
        say(answers().section(11, T0, T0 + TTL)
                        .answer(REQUEST_ACQUIRE, request.request.number, STATUS_OK, token));
        EXPECT_EQ(take_completion().status, STATUS_OK);
        return token;
    }

    uint32_t session = 0;
};

TEST(CoreBelief, G4_WindowCountsFromTheSendingNotFromTheAnswer)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.ask_open(TTL);
    world.tick();
    heard open = world.take_request(REQUEST_OPEN);
    world.pass(800 * NS_PER_MS); /* The answer is slow. */
    world.say(answers()
                      .section(11, T0, T0 + TTL)
                      .answer(REQUEST_OPEN, open.request.number, STATUS_OK));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_EQ(world.left(session), WINDOW - 800 * NS_PER_MS);
}

TEST(CoreBelief, G4_EitherClockEndsTheWindow)
{
    held_world world;
    ASSERT_EQ(world.left(world.session), WINDOW);
    world.now.boot_ns += WINDOW - 1; /* A suspend: only BOOTTIME counts it. */
    EXPECT_EQ(world.believed(world.session), BELIEF_HELD);
    world.now.boot_ns += 1;
    EXPECT_EQ(world.believed(world.session), BELIEF_SUSPENDED);

    held_world slewed;
    slewed.now.raw_ns += WINDOW; /* BOOTTIME was slewed slow. */
    EXPECT_EQ(slewed.believed(slewed.session), BELIEF_SUSPENDED);
}

TEST(CoreBelief, KeepalivesGoEveryThirdOfTheTtlAndMoveTheWindow)
{
    held_world world;
    world.pass(TTL / 3);
    EXPECT_EQ(world.count_requests(REQUEST_KEEPALIVE), 1u);
    uint64_t since = world.left(world.session);
    world.renew(T0 + 3 * NS_PER_S, T0 + 3 * NS_PER_S + TTL);
    EXPECT_GT(world.left(world.session), since + 3 * NS_PER_S);
    EXPECT_LE(world.left(world.session), WINDOW);
}

TEST(CoreBelief, AnswersWithoutAnAnchorMoveNothing)
{
    held_world world;
    world.pass(TTL / 3);
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    uint64_t before = world.left(world.session);
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_KEEPALIVE, keepalive.request.number, STATUS_BUSY));
    EXPECT_EQ(world.left(world.session), before);
    /* A deadline told beside no anchor counts from the old one: D moves, T does not. */
    world.say(answers().section(11, 0, T0 + TTL + NS_PER_S));
    EXPECT_EQ(world.left(world.session), before + NS_PER_S - NS_PER_S / 100);
}

TEST(CoreBelief, KeepaliveRefusedAsBusyGoesAgainSoon)
{
    held_world world;
    world.pass(TTL / 3);
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_KEEPALIVE, keepalive.request.number, STATUS_BUSY));
    world.pass(100 * NS_PER_MS);
    EXPECT_EQ(world.count_requests(REQUEST_KEEPALIVE), 1u);
    EXPECT_GT(mark_count("client_keepalive_refused"), 0u);
}

TEST(CoreBelief, HearBeforeYouExtend)
{
    held_world world;
    world.pass(TTL / 3);
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    uint64_t before = world.left(world.session);
    /*
     * Two changes exist, only the second is here: the deadline must not move, the anchor
     * may.
     */
    world.say(answers()
                      .section(11, T0 + 3 * NS_PER_S, T0 + 3 * NS_PER_S + TTL, 2)
                      .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_OK)
                      .change(CHANGE_ENDED, 2, 0, 99));
    EXPECT_LT(world.left(world.session), before + NS_PER_S);
    /* Both are here now. */
    world.say(answers()
                      .section(11, 0, T0 + 3 * NS_PER_S + TTL, 2)
                      .change(CHANGE_ENDED, 1, 0, 98)
                      .change(CHANGE_ENDED, 2, 0, 99));
    EXPECT_GT(world.left(world.session), before + 3 * NS_PER_S - 300 * NS_PER_MS);
}

TEST(CoreBelief, G4_ABrokenNodeIsBelievedForOneTtl)
{
    for (uint64_t deadline : {T0 + 3 * TTL, UINT64_MAX / 2, UINT64_MAX}) {
        held_world world;
        uint64_t before = mark_count("client_deadline_too_far");
        world.pass(TTL / 3);
        world.renew(T0 + TTL / 3, deadline);
        EXPECT_LE(world.left(world.session), TTL);
        EXPECT_GT(mark_count("client_deadline_too_far"), before);
        world.pass(TTL);
        EXPECT_NE(world.believed(world.session), BELIEF_HELD);
    }
}

TEST(CoreBelief, SuspendedThenHeldAgainWithTheSameToken)
{
    held_world world;
    world.grant("a", 5);
    world.pass(WINDOW);
    EXPECT_EQ(world.believed(world.session), BELIEF_SUSPENDED);
    core_session_event event = world.take_event();
    EXPECT_EQ(event.state, BELIEF_SUSPENDED);
    EXPECT_EQ(event.reason, CORE_REASON_SILENT);
    world.reach_leader(); /* It was silent and left. */
    world.inbox.erase(world.inbox.begin(), world.inbox.end() - 1);
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    world.say(answers()
                      .section(11, T0 + NS_PER_S, T0 + NS_PER_S + TTL)
                      .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_OK));
    EXPECT_EQ(world.take_event().state, BELIEF_HELD);
    EXPECT_TRUE(world.holds(5));
    EXPECT_TRUE(world.events.empty());
}

TEST(CoreBelief, SuspendedThenLostInOrderWhenGraceIsOver)
{
    held_world world;
    world.grant("a", 5);
    world.now.boot_ns += 10 * 60 * NS_PER_S; /* The process was stopped. */
    world.now.raw_ns += 10 * 60 * NS_PER_S;
    world.tick();
    EXPECT_EQ(world.take_event().state, BELIEF_SUSPENDED);
    core_session_event lost = world.take_event();
    EXPECT_EQ(lost.state, BELIEF_LOST);
    EXPECT_EQ(lost.reason, CORE_REASON_SILENT);
    EXPECT_FALSE(world.holds(5));
    EXPECT_EQ(world.believed(world.session), BELIEF_LOST);
}

TEST(CoreBelief, G10_AnAnswerAfterGraceDoesNotBringItBack)
{
    held_world world;
    world.grant("a", 5);
    world.pass(TTL / 3);
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    world.now.boot_ns += 10 * 60 * NS_PER_S;
    world.now.raw_ns += 10 * 60 * NS_PER_S;
    world.say(answers()
                      .section(11, T0 + 3 * NS_PER_S, T0 + 3 * NS_PER_S + TTL)
                      .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_OK));
    EXPECT_EQ(world.believed(world.session), BELIEF_LOST);
    core_call acquire = world.call(CORE_ACQUIRE, world.session, "a");
    world.submit(acquire, STATUS_LOST);
}

TEST(CoreBelief, LostLocallyIsClosedInTheCluster)
{
    held_world world;
    core_lose(world.core, world.session, world.now);
    world.tick();
    EXPECT_EQ(world.take_event().state, BELIEF_SUSPENDED);
    core_session_event lost = world.take_event();
    EXPECT_EQ(lost.state, BELIEF_LOST);
    EXPECT_EQ(lost.reason, CORE_REASON_REHEARSED);
    EXPECT_EQ(world.count_requests(REQUEST_CLOSE), 1u);
}

TEST(CoreBelief, LostAtOnceWhenTheClusterSaysSo)
{
    held_world world;
    world.grant("a", 5);
    world.pass(TTL / 3);
    heard keepalive = world.take_request(REQUEST_KEEPALIVE);
    world.say(answers()
                      .section(11, T0 + 3 * NS_PER_S, 0)
                      .answer(REQUEST_KEEPALIVE, keepalive.request.number, STATUS_LOST, 0,
                              LOST_EXPIRED));
    core_session_event lost = world.take_event();
    EXPECT_EQ(lost.state, BELIEF_LOST);
    EXPECT_EQ(lost.reason, CORE_REASON_EXPIRED);
    EXPECT_FALSE(world.holds(5));
    world.pass(60 * NS_PER_S);
    EXPECT_EQ(
            world.count_requests(REQUEST_CLOSE), 0u); /* There is nothing left to close. */
}

TEST(CoreBelief, OneHoldEndedByTheCluster)
{
    held_world world;
    world.grant("a", 5);
    world.grant("b", 6);
    world.say(answers().section(11, 0, 0, 1).change(CHANGE_ENDED, 1, 0, 5));
    core_session_event event = world.take_event();
    EXPECT_EQ(event.state, BELIEF_LOST);
    EXPECT_EQ(event.reason, CORE_REASON_ENDED);
    EXPECT_EQ(event.token, 5u);
    EXPECT_FALSE(world.holds(5));
    EXPECT_TRUE(world.holds(6));
    EXPECT_EQ(world.believed(world.session), BELIEF_HELD);
    EXPECT_GT(mark_count("client_hold_ended"), 0u);
}

TEST(CoreBelief, ReleaseEndsBeliefBeforeTheRequestLeaves)
{
    held_world world;
    world.grant("a", 5);
    core_call release = world.call(CORE_RELEASE, world.session, "a");
    release.token = 5;
    world.submit(release);
    EXPECT_FALSE(world.holds(5));
    EXPECT_EQ(world.count_requests(REQUEST_RELEASE), 0u);
}

TEST(CoreBelief, ClosingEndsBeliefBeforeTheRequestLeaves)
{
    held_world world;
    world.grant("a", 5);
    core_call close = world.call(CORE_CLOSE, world.session);
    world.submit(close);
    EXPECT_FALSE(world.holds(5));
    EXPECT_EQ(world.believed(world.session), BELIEF_LOST);
    EXPECT_EQ(world.count_requests(REQUEST_CLOSE), 0u);
    world.tick();
    heard request = world.take_request(REQUEST_CLOSE);
    world.say(answers().section(11, T0, 0).answer(
            REQUEST_CLOSE, request.request.number, STATUS_OK));
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
    EXPECT_FALSE(core_has_session(world.core, world.session));
    EXPECT_TRUE(world.events.empty());
}

TEST(CoreBelief, AListReplacesChangesThatAreNotKept)
{
    held_world world;
    world.grant("a", 5);
    world.grant("b", 6);
    world.acquire(world.session, "c", 60 * NS_PER_S);
    uint64_t c = world.take_request(REQUEST_ACQUIRE).request.number;
    world.acquire(world.session, "d", 60 * NS_PER_S);
    uint64_t d = world.take_request(REQUEST_ACQUIRE).request.number;
    world.say(answers()
                      .section(11, T0, T0 + TTL)
                      .answer(REQUEST_ACQUIRE, c, STATUS_QUEUED)
                      .answer(REQUEST_ACQUIRE, d, STATUS_QUEUED));
    /* Since then: b ended, c was granted, d waits on. */
    world.say(answers()
                      .section(11, 0, 0, 40, true)
                      .change(CHANGE_HOLDS, 0, 1, 5)
                      .change(CHANGE_HOLDS, 0, c, 8)
                      .change(CHANGE_WAITS, 0, d, 0));
    EXPECT_TRUE(world.holds(5));
    EXPECT_FALSE(world.holds(6));
    EXPECT_TRUE(world.holds(8));
    EXPECT_EQ(world.take_completion().token, 8u);
    EXPECT_TRUE(world.completions.empty());
    EXPECT_EQ(world.take_event().token, 6u);
    world.pass(TTL / 3);
    EXPECT_EQ(world.take_request(REQUEST_KEEPALIVE).confirmed, 40u);
    EXPECT_GT(mark_count("client_list_swept"), 0u);
}

TEST(CoreBelief, AReaderThatInterruptedTheWriterIsNotStuck)
{
    struct session_belief record = {};
    struct belief held = {BELIEF_HELD, {100, 100}};
    belief_write(&record, &held);
    EXPECT_EQ(belief_read(&record).state, BELIEF_HELD);
    record.sequence++; /* As a signal handler in the writer's thread would see it. */
    EXPECT_EQ(belief_read(&record).state, BELIEF_SUSPENDED);
}

TEST(CoreBelief, KeepalivesOfManySessionsShareAFrame)
{
    held_world world;
    for (uint64_t id = 20; id < 60; id++)
        world.open(id, T0);
    unsigned before = world.frames;
    world.pass(TTL / 3);
    EXPECT_EQ(world.count_requests(REQUEST_KEEPALIVE), 41u);
    EXPECT_EQ(world.frames, before + 1);
}

} // namespace
