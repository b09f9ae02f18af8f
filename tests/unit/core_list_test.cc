/*
 * Lists of holds and waits that come in parts: what they do not name is known only at the
 * end.
 */
#include "worlds/core_world.h"

namespace {

constexpr uint64_t TTL = 10 * NS_PER_S;
constexpr uint64_t T0 = 500 * NS_PER_S;

struct listed_world : core_world {
    listed_world()
    {
        tick();
        reach_leader();
        session = open(11, T0);
        for (uint64_t token = 1; token <= 4; token++)
            numbers[token] = grant(token);
    }

    uint64_t grant(uint64_t token)
    {
        acquire(session, std::to_string(token).c_str(), 0);
        heard request = take_request(REQUEST_ACQUIRE);
        say(answers().section(11, T0, T0 + TTL)
                        .answer(REQUEST_ACQUIRE, request.request.number, STATUS_OK, token));
        EXPECT_EQ(take_completion().status, STATUS_OK);
        return request.request.number;
    }

    /* The part of a list that names these two. */
    void say_part(uint64_t one, uint64_t other, bool more)
    {
        answers part;
        part.section(11, 0, T0 + TTL, 9, true)
                .change(CHANGE_HOLDS, 0, numbers[one], one)
                .change(CHANGE_HOLDS, 0, numbers[other], other);
        if (more)
            part.more();
        say(part);
    }

    uint32_t session = 0;
    uint64_t numbers[5] = {};
};

TEST(CoreList, InTwoPartsLosesNothing)
{
    listed_world world;
    world.say_part(1, 2, true);
    EXPECT_TRUE(world.holds(3)) << "not named yet";
    world.say_part(3, 4, false);
    for (uint64_t token = 1; token <= 4; token++)
        EXPECT_TRUE(world.holds(token)) << token;
}

TEST(CoreList, WhatNoPartNamesIsGone)
{
    listed_world world;
    world.say_part(1, 2, true);
    world.say(answers().section(11, 0, T0 + TTL, 9, true));
    EXPECT_TRUE(world.holds(1));
    EXPECT_TRUE(world.holds(2));
    EXPECT_FALSE(world.holds(3));
    EXPECT_FALSE(world.holds(4));
}

TEST(CoreList, MayBeEmpty)
{
    listed_world world;
    world.say(answers().section(11, 0, T0 + TTL, 9, true));
    EXPECT_FALSE(world.holds(1));
}

/* The rest was lost with the connection: on the next one the list begins anew. */
TEST(CoreList, BrokenOffBeginsAnew)
{
    listed_world world;
    world.say_part(1, 2, true);
    world.node_closes();
    world.reach_leader();
    world.say_part(3, 4, false);
    EXPECT_FALSE(world.holds(1));
    EXPECT_FALSE(world.holds(2));
    EXPECT_TRUE(world.holds(3));
    EXPECT_TRUE(world.holds(4));
}

/*
 * Section 4 of the guarantees, hear before you extend: a part of a list moves no deadline.
 */
TEST(CoreList, ExtendsTheSessionOnlyWhenItIsWhole)
{
    listed_world world;
    uint64_t left = world.left(world.session);
    answers part;
    part.section(11, 0, T0 + 2 * TTL, 9, true).change(CHANGE_HOLDS, 0, world.numbers[1], 1);
    world.say(part.more());
    EXPECT_EQ(world.left(world.session), left);
    world.say(answers().section(11, 0, T0 + 2 * TTL, 9, true));
    EXPECT_GT(world.left(world.session), left);
}

} // namespace
