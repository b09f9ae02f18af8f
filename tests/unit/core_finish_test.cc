/*
 * Every way in which a request can be finished, also two at once: an answer, its limit, the end
 * of its session and the end of its connection may all fall into one step, because a program
 * that was stopped or swapped out meets them together when it wakes.
 */
#include "worlds/core_world.h"

namespace {

constexpr uint64_t TTL = 10 * NS_PER_S;
constexpr uint64_t T0 = 500 * NS_PER_S;

/* A core whose OPEN has left and has no answer yet. */
struct opening_world : core_world {
    opening_world()
    {
        tick();
        reach_leader();
        session = ask_open();
        tick();
        open = take_request(REQUEST_OPEN);
    }

    /* The program does not run for so long; nothing is stepped meanwhile. */
    void sleep(uint64_t ns)
    {
        now.boot_ns += ns;
        now.raw_ns += ns;
    }

    void answer_open(uint8_t status, uint8_t detail = 0)
    {
        bool done = status == STATUS_OK;
        say(answers().section(done ? 31 : 0, done ? T0 : 0, done ? T0 + TTL : 0)
                        .answer(REQUEST_OPEN, open.request.number, status, 0, detail));
    }

    void expect_open_ends_once(enum status status)
    {
        core_completion done = take_completion();
        EXPECT_EQ(done.kind, CORE_OPEN);
        EXPECT_EQ(done.status, status);
        for (const core_completion &other : completions)
            EXPECT_NE(other.kind, CORE_OPEN);
    }

    uint32_t session = 0;
    heard open;
};

/* The limit comes first in a step, and then the silence of the node ends the connection. */
TEST(CoreFinish, AnOpenWhoseLimitAndConnectionEndInOneStepEndsOnce)
{
    opening_world world;
    world.sleep(60 * NS_PER_S);
    world.tick();
    world.expect_open_ends_once(STATUS_UNKNOWN);
}

TEST(CoreFinish, AnOpenWhoseLimitPassedWhenItsConnectionBreaksEndsOnce)
{
    opening_world world;
    world.sleep(6 * NS_PER_S);
    world.node_closes();
    world.expect_open_ends_once(STATUS_UNKNOWN);
}

TEST(CoreFinish, AnOpenClosedInTheStepInWhichItsConnectionBreaksEndsOnce)
{
    opening_world world;
    world.submit(world.call(CORE_CLOSE, world.session));
    world.node_closes();
    world.expect_open_ends_once(STATUS_LOST);
    EXPECT_FALSE(core_has_session(world.core, world.session));
}

TEST(CoreFinish, AnOpenClosedInTheStepInWhichItIsRefusedEndsOnce)
{
    opening_world world;
    world.submit(world.call(CORE_CLOSE, world.session));
    world.answer_open(STATUS_LIMIT, LIMIT_SESSIONS);
    world.expect_open_ends_once(STATUS_LOST);
    EXPECT_FALSE(core_has_session(world.core, world.session));
}

/* One frame opens the session and says that it is over: both end the OPEN. */
TEST(CoreFinish, AnOpenClosedInTheStepThatOpensAndEndsTheSessionEndsOnce)
{
    opening_world world;
    world.submit(world.call(CORE_CLOSE, world.session));
    world.say(answers()
                      .section(31, T0, T0 + TTL)
                      .answer(REQUEST_OPEN, world.open.request.number, STATUS_OK)
                      .answer(REQUEST_KEEPALIVE, 1, STATUS_LOST, 0, LOST_EXPIRED));
    world.expect_open_ends_once(STATUS_LOST);
    EXPECT_FALSE(core_has_session(world.core, world.session));
}

/* Nobody wants the session any more: its OPEN is not sent again to be closed at once. */
TEST(CoreFinish, AnOpenThatWasGivenUpIsNotSentAgain)
{
    for (uint8_t refusal : {STATUS_BUSY, STATUS_NOT_LEADER}) {
        opening_world world;
        world.submit(world.call(CORE_CLOSE, world.session));
        world.tick();
        world.answer_open(refusal);
        EXPECT_FALSE(core_has_session(world.core, world.session));
        world.pass(2 * NS_PER_S);
        EXPECT_EQ(world.count_requests(REQUEST_OPEN), 0u);
    }
}

/* ---- What only a broken or hostile node says ---- */

TEST(CoreFinish, ASecondAnswerToAnOpenChangesNothing)
{
    opening_world world;
    for (uint8_t second : {STATUS_OK, STATUS_BUSY, STATUS_NOT_LEADER, STATUS_DENIED}) {
        world.say(answers().section(31, 0, 0).answer(
                REQUEST_OPEN, world.open.request.number, STATUS_OK));
        world.say(answers().section(32, 0, 0).answer(
                REQUEST_OPEN, world.open.request.number, second, 0));
        EXPECT_EQ(core_session_id(world.core, world.session), 31u);
    }
    EXPECT_TRUE(world.completions.empty()) << "its window is not known yet";
    EXPECT_GT(mark_count("client_open_unawaited"), 0u);
}

/* Two sessions with one id would get each other's answers. */
TEST(CoreFinish, ANodeThatGivesOneIdTwiceIsLeft)
{
    opening_world world;
    world.answer_open(STATUS_OK);
    world.expect_open_ends_once(STATUS_OK);
    world.ask_open();
    world.tick();
    heard second = world.take_request(REQUEST_OPEN);
    world.say(answers()
                      .section(31, T0, T0 + TTL)
                      .answer(REQUEST_OPEN, second.request.number, STATUS_OK));
    EXPECT_FALSE(world.connected && world.node == 0) << "the connection is given up";
    EXPECT_TRUE(world.completions.empty());
    EXPECT_GT(mark_count("client_impossible_session"), 0u);
}

} // namespace
