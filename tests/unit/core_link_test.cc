/* Finding the leader, following it, leaving what is dead, silent, foreign or nonsense. */
#include <algorithm>

#include "worlds/core_world.h"

namespace {

constexpr uint64_t T0 = 500 * NS_PER_S;

TEST(CoreLink, AFollowerSaysWhoLeads)
{
    core_world world;
    world.tick();
    world.connect_succeeds();
    uint32_t first = world.node;
    uint32_t leader = (first + 2) % 3;
    std::string address = "node" + std::to_string(leader + 1) + ":5625";
    world.say_welcome(static_cast<uint8_t>(first + 1), static_cast<uint8_t>(leader + 1),
            address.c_str());
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.node, leader);
    world.reach_leader();
    uint32_t number = 0;
    EXPECT_TRUE(core_leader(world.core, &number));
    EXPECT_EQ(number, leader);
    EXPECT_EQ(world.connections, 2u);
}

TEST(CoreLink, AnAddressThatIsNotInTheListIsLearned)
{
    core_world world(1);
    world.tick();
    world.connect_succeeds();
    world.say_welcome(1, 2, "elsewhere:9");
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.address, "elsewhere:9");
    EXPECT_EQ(core_node_count(world.core), 2u);
    EXPECT_GT(mark_count("client_learns_node"), 0u);
}

TEST(CoreLink, AListedIdIsReachedAsTheProgramReachesIt)
{
    core_world world(2, [](core_settings *settings) {
        settings->nodes[0].id = 1;
        settings->nodes[1].id = 2;
    });
    world.tick();
    world.connect_succeeds();
    uint8_t self = static_cast<uint8_t>(world.node + 1);
    uint8_t other = static_cast<uint8_t>(3 - self);
    world.say_welcome(self, other, "inner-name:1");
    EXPECT_EQ(world.address, "node" + std::to_string(other) + ":5625");
}

/* All members have moved, one by one: the list is old, but the last leader says where to go. */
TEST(CoreLink, ANodeThatHasMovedIsReachedWhereTheLeaderSaysThatItIs)
{
    core_world world(2, [](core_settings *settings) {
        settings->nodes[0].id = 1;
        settings->nodes[1].id = 2;
    });
    world.tick();
    world.connect_succeeds();
    uint8_t self = static_cast<uint8_t>(world.node + 1);
    uint8_t other = static_cast<uint8_t>(3 - self);
    uint64_t begin = world.now.boot_ns;
    world.say_welcome(self, other, "new-place:1");
    ASSERT_TRUE(world.connecting);
    world.connect_fails();
    world.tick();
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.address, "new-place:1");
    EXPECT_EQ(world.now.boot_ns, begin) << "at once";
    EXPECT_GT(mark_count("client_goes_where_told"), 0u);
    world.connect_fails();
    world.tick();
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.node, self - 1u) << "then as always";
}

TEST(CoreLink, DeadNodesArePassedOverWithoutAPause)
{
    core_world world;
    world.tick();
    uint64_t begin = world.now.boot_ns;
    world.connect_fails();
    world.tick();
    ASSERT_TRUE(world.connecting);
    world.connect_fails();
    world.tick();
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.now.boot_ns, begin);
    world.connect_fails();
    EXPECT_FALSE(world.connecting) << "all are dead: pause";
    EXPECT_LE(world.deadline, begin + 5 * NS_PER_MS);
}

TEST(CoreLink, PausesDoubleUpToHalfASecond)
{
    core_world world;
    world.tick();
    std::vector<uint64_t> pauses;
    for (int i = 0; i < 40; i++) {
        uint64_t since = world.now.boot_ns;
        world.connect_fails();
        while (!world.connecting)
            world.pass(NS_PER_MS);
        pauses.push_back(world.now.boot_ns - since);
    }
    EXPECT_LE(pauses[3], 10 * NS_PER_MS);
    EXPECT_GE(*std::max_element(pauses.begin(), pauses.end()), 250 * NS_PER_MS);
    EXPECT_LE(*std::max_element(pauses.begin(), pauses.end()), 501 * NS_PER_MS);
}

TEST(CoreLink, AHostThatDoesNotAnswerIsLeftInTime)
{
    core_world world;
    world.tick();
    uint32_t first = world.node;
    world.pass(501 * NS_PER_MS);
    ASSERT_TRUE(world.connecting);
    EXPECT_NE(world.node, first);
    world.connect_succeeds(); /* But never says a word. */
    uint32_t second = world.node;
    world.pass(501 * NS_PER_MS);
    EXPECT_NE(world.node, second);
    EXPECT_GT(mark_count("client_connect_timeout"), 0u);
    core_notice trouble;
    ASSERT_TRUE(core_node_trouble(world.core, first, &trouble));
    EXPECT_EQ(trouble.kind, CORE_NOTICE_CONNECT_FAILED);
    EXPECT_EQ(trouble.number, 0u);
}

TEST(CoreLink, AnElectionIsWaitedForWhereItsOutcomeIsHeardFirst)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t dead = world.node;
    world.open(11, T0);
    uint64_t begin = world.now.boot_ns;
    world.node_closes();
    ASSERT_TRUE(world.connecting) << "at once, with another";
    uint32_t follower = world.node;
    EXPECT_NE(follower, dead);
    world.connect_succeeds();
    /* It has not noticed yet. */
    std::string old_address = "node" + std::to_string(dead + 1) + ":5625";
    world.say_welcome(static_cast<uint8_t>(follower + 1), static_cast<uint8_t>(dead + 1),
            old_address.c_str());
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.node, dead);
    world.connect_fails();
    while (!world.connecting)
        world.pass(NS_PER_MS);
    follower = world.node;
    world.connect_succeeds();
    world.say_welcome(static_cast<uint8_t>(follower + 1), static_cast<uint8_t>(dead + 1),
            old_address.c_str());
    EXPECT_TRUE(world.connected) << "nobody was there a moment ago";
    world.pass(50 * NS_PER_MS);
    world.push_leader(static_cast<uint8_t>(follower + 1));
    ASSERT_TRUE(world.connecting); /* It leads itself now: a new connection. */
    world.reach_leader();
    EXPECT_LT(world.now.boot_ns - begin, 100 * NS_PER_MS);
    EXPECT_EQ(world.node, follower);
    EXPECT_GT(mark_count("client_redirect_refused"), 0u);
    EXPECT_GT(mark_count("client_leader_again"), 0u);
    EXPECT_GT(mark_count("client_follows"), 0u);
}

TEST(CoreLink, APushOfAnotherLeaderIsFollowedAndRequestsGoThere)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.open(11, T0);
    world.acquire(session, "a", 60 * NS_PER_S);
    heard first = world.take_request(REQUEST_ACQUIRE);
    uint32_t other = (world.node + 1) % 3;
    std::string address = "node" + std::to_string(other + 1) + ":5625";
    world.push_leader(static_cast<uint8_t>(other + 1), address.c_str());
    ASSERT_TRUE(world.connecting);
    EXPECT_EQ(world.node, other);
    world.reach_leader();
    heard again = world.take_request(REQUEST_ACQUIRE);
    EXPECT_EQ(again.request.number, first.request.number);
    EXPECT_EQ(again.node, other);
}

TEST(CoreLink, NotLeaderMeansNothingWasDone)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.open(11, T0);
    world.acquire(session, "a", 60 * NS_PER_S);
    heard first = world.take_request(REQUEST_ACQUIRE);
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_ACQUIRE, first.request.number, STATUS_NOT_LEADER));
    EXPECT_TRUE(world.connected) << "it will say who leads";
    world.push_leader(static_cast<uint8_t>(world.node + 1));
    world.reach_leader();
    heard again = world.take_request(REQUEST_ACQUIRE);
    EXPECT_EQ(again.request.number, first.request.number);
    /* So it was certainly not taken, and BUSY is a definite answer. */
    world.say(answers().section(11, 0, 0).answer(
            REQUEST_ACQUIRE, again.request.number, STATUS_BUSY));
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
}

TEST(CoreLink, ALeaderThatOwesAnswersAndIsSilentIsLeft)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.open(11, T0);
    uint32_t silent = world.node;
    world.acquire(session, "a", 60 * NS_PER_S);
    world.pass(900 * NS_PER_MS);
    EXPECT_TRUE(world.connected);
    world.pass(200 * NS_PER_MS);
    EXPECT_TRUE(world.connecting);
    EXPECT_NE(world.node, silent);
    EXPECT_GT(mark_count("client_leaves_silent"), 0u);
}

TEST(CoreLink, OneThatOwesNothingMayBeSilent)
{
    core_world world;
    world.tick();
    world.reach_leader();
    world.pass(60 * NS_PER_S);
    EXPECT_TRUE(world.connected);
    EXPECT_EQ(world.connections, 1u);
}

TEST(CoreLink, ANodeOfAnotherClusterIsLeft)
{
    core_world world;
    world.tick();
    world.reach_leader();
    world.node_closes();
    world.connect_succeeds();
    uint32_t foreign = world.node;
    world.say_welcome(static_cast<uint8_t>(world.node + 1),
            static_cast<uint8_t>(world.node + 1), "", 78);
    EXPECT_FALSE(world.connected);
    core_notice trouble;
    ASSERT_TRUE(core_node_trouble(world.core, foreign, &trouble));
    EXPECT_EQ(trouble.kind, CORE_NOTICE_WRONG_CLUSTER);
    EXPECT_EQ(trouble.number, 78u);
    EXPECT_GT(mark_count("client_wrong_cluster"), 0u);
}

/* Each says that the other leads; or one that it leads, and then not. */
TEST(CoreLink, NodesThatSendAClientRoundInACircleAreTriedWithPauses)
{
    core_world world(2);
    world.tick();
    uint64_t end = world.now.boot_ns + 10 * NS_PER_S;
    while (world.now.boot_ns < end) {
        if (world.connecting) {
            world.connect_succeeds();
            bool first = world.node == 0;
            world.say_welcome(
                    first ? 1 : 2, first ? 2 : 1, first ? "node2:5625" : "node1:5625");
        }
        world.pass(NS_PER_MS);
    }
    EXPECT_LT(world.connections, 1000u);
    EXPECT_GT(mark_count("client_redirected_in_circles"), 0u);
    for (end += 10 * NS_PER_S, world.connections = 0; world.now.boot_ns < end;) {
        if (world.connecting) {
            world.connect_succeeds();
            uint8_t self = world.node == 0 ? 1 : 2;
            world.say_welcome(self, 0);
            if (world.connected)
                world.push_leader(self);
        }
        world.pass(NS_PER_MS);
    }
    EXPECT_LT(world.connections, 1000u);
}

TEST(CoreLink, NonsenseEndsTheConnectionAndChangesNothing)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.open(11, T0);
    world.say(FRAME_ANSWERS, std::vector<unsigned char>(17, 0xee));
    EXPECT_FALSE(world.connected);
    EXPECT_EQ(world.believed(session), BELIEF_HELD);
    world.reach_leader();
    world.say(FRAME_PEER_VOTE, {});
    EXPECT_FALSE(world.connected);
    EXPECT_GT(mark_count("client_nonsense"), 0u);
}

TEST(CoreLink, ARefusalIsRememberedAsTheNodesTrouble)
{
    core_world world;
    world.tick();
    world.connect_succeeds();
    uint32_t node = world.node;
    struct refused refused = {};
    refused.why = REFUSED_FULL;
    world.say(FRAME_REFUSED, core_world::lay_out(wire_refused, &refused));
    EXPECT_FALSE(world.connected);
    core_notice trouble;
    ASSERT_TRUE(core_node_trouble(world.core, node, &trouble));
    EXPECT_EQ(trouble.kind, CORE_NOTICE_REFUSED);
    EXPECT_EQ(trouble.number, uint64_t{REFUSED_FULL});
}

TEST(CoreLink, StaleReadsNeedNoLeader)
{
    core_world world;
    world.tick();
    world.connect_succeeds();
    world.say_welcome(static_cast<uint8_t>(world.node + 1), 0);
    std::vector<unsigned char> room(CORE_READ_BYTES_MAX);
    core_call list = world.call(CORE_LIST, 0, "");
    list.limit = 10;
    list.room = room.data();
    list.room_bytes = room.size();
    world.submit(list);
    world.tick();
    EXPECT_TRUE(world.readings.empty());
    list.stale = true;
    world.submit(list);
    world.tick();
    ASSERT_EQ(world.readings.size(), 1u);
    EXPECT_TRUE(world.readings[0].read.stale);
}

} // namespace
