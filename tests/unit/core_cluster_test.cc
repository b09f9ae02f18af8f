/* Which cluster a client belongs to, and what it says when that cluster is not there any more. */
#include "worlds/core_world.h"

namespace {

constexpr uint64_t OURS = 77;
constexpr uint64_t OTHER = 78;

struct known_cluster : open_world {
    /* The next node that is tried belongs to that cluster; it leads there or knows no leader. */
    void meet(uint64_t cluster, bool leads = true)
    {
        while (!connecting)
            pass(10 * NS_PER_MS);
        connect_succeeds();
        uint8_t self = static_cast<uint8_t>(node + 1);
        say_welcome(self, leads ? self : 0, "", cluster);
    }

    void miss()
    {
        while (!connecting)
            pass(10 * NS_PER_MS);
        connect_fails();
    }

    enum status asked(core_call_kind kind)
    {
        static unsigned char room[CORE_READ_BYTES_MAX];
        core_call made = call(kind, session, "a");
        made.ttl_ns = NS_PER_S;
        made.limit = 1;
        made.token = 5;
        made.room = room;
        made.room_bytes = sizeof room;
        return core_submit(core, &made, now, nullptr);
    }
};

TEST(CoreCluster, AClusterMadeAnewIsToldByEveryCallAndAtOnce)
{
    known_cluster world;
    world.acquire(world.session, "a", 0);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_OK, 5);
    world.take_completion();
    world.acquire(world.session, "b", WAIT_FOREVER);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_QUEUED);
    ASSERT_EQ(world.asked(CORE_QUERY), STATUS_OK);
    ASSERT_EQ(world.asked(CORE_OPEN), STATUS_OK);
    world.tick();
    world.node_closes();
    uint64_t begin = world.now.boot_ns;
    world.meet(OTHER);
    EXPECT_TRUE(world.completions.empty()) << "it may be one node only";
    world.meet(OTHER);
    world.meet(OTHER);
    EXPECT_LT(world.now.boot_ns, begin + NS_PER_S);
    EXPECT_EQ(world.completions.size(), 3u);
    for (const core_completion &done : world.completions)
        EXPECT_EQ(done.status, STATUS_WRONG_CLUSTER);
    EXPECT_EQ(world.believed(world.session), BELIEF_LOST);
    EXPECT_FALSE(world.holds(5));
    core_session_event event = world.take_event();
    EXPECT_EQ(event.state, BELIEF_LOST);
    EXPECT_EQ(event.reason, CORE_REASON_WRONG_CLUSTER);
    for (core_call_kind kind :
            {CORE_OPEN, CORE_ACQUIRE, CORE_RELEASE, CORE_QUERY, CORE_LIST})
        EXPECT_EQ(world.asked(kind), STATUS_WRONG_CLUSTER);
    uint64_t ours = 0;
    uint64_t theirs = 0;
    EXPECT_TRUE(core_is_foreign(world.core, &ours, &theirs));
    EXPECT_EQ(ours, OURS);
    EXPECT_EQ(theirs, OTHER);
    EXPECT_EQ(core_session_count(world.core), 0u) << "nothing is left to be closed";
    EXPECT_GT(mark_count("client_foreign"), 0u);
    world.completions.clear();
    EXPECT_EQ(world.asked(CORE_CLOSE), STATUS_OK);
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_WRONG_CLUSTER);
}

/* A close that was under way is not said to be done. */
TEST(CoreCluster, ACloseThatMetAnotherClusterIsNotDone)
{
    known_cluster world;
    ASSERT_EQ(world.asked(CORE_CLOSE), STATUS_OK);
    world.tick();
    world.node_closes();
    for (int i = 0; i < 3; i++)
        world.meet(OTHER);
    EXPECT_EQ(world.take_completion().status, STATUS_WRONG_CLUSTER);
    EXPECT_FALSE(core_has_session(world.core, world.session));
}

/* A disk in the wrong machine: the others are still ours. */
TEST(CoreCluster, OneNodeOfAnotherClusterIsPassedOver)
{
    known_cluster world;
    world.node_closes();
    world.meet(OTHER);
    world.meet(OURS, false);
    world.meet(OURS);
    EXPECT_EQ(world.believed(world.session), BELIEF_HELD);
    EXPECT_EQ(world.asked(CORE_ACQUIRE), STATUS_OK);
}

/* Two of three are others': ours may be away, but it may also live on in nodes not listed. */
TEST(CoreCluster, AMajorityOfTheListMustBeOthersAndTheRestMustHaveBeenTried)
{
    known_cluster world;
    world.node_closes();
    world.meet(OTHER);
    world.miss();
    world.miss();
    EXPECT_NE(world.believed(world.session), BELIEF_LOST) << "one of three";
    world.meet(OTHER);
    world.meet(OURS, false);
    EXPECT_NE(world.believed(world.session), BELIEF_LOST) << "one of ours is there";
    world.pass(200 * NS_PER_MS);
    world.meet(OTHER);
    world.meet(OTHER);
    EXPECT_NE(world.believed(world.session), BELIEF_LOST) << "ours was there a moment ago";
    world.miss();
    world.meet(OTHER);
    EXPECT_EQ(world.believed(world.session), BELIEF_LOST);
}

TEST(CoreCluster, ARefusalCountsAsAWelcomeDoes)
{
    known_cluster world;
    world.node_closes();
    for (int i = 0; i < 3; i++) {
        while (!world.connecting)
            world.pass(10 * NS_PER_MS);
        world.connect_succeeds();
        refused said = {};
        said.why = REFUSED_CLUSTER;
        said.cluster = OTHER;
        world.say(FRAME_REFUSED, world.lay_out(wire_refused, &said));
    }
    EXPECT_EQ(world.believed(world.session), BELIEF_LOST);
}

/* The first node that answers does not say which cluster it is: the first that leads does. */
TEST(CoreCluster, ANewClientBelongsToTheFirstClusterThatLeads)
{
    core_world world;
    world.tick();
    world.connect_succeeds();
    uint32_t foreign = world.node;
    world.say_welcome(static_cast<uint8_t>(foreign + 1), 0, "", OTHER);
    world.pass(160 * NS_PER_MS);
    ASSERT_TRUE(world.connecting);
    world.notices.clear();
    world.reach_leader();
    bool named = false;
    for (const core_notice &notice : world.notices)
        named = named || (notice.kind == CORE_NOTICE_WRONG_CLUSTER &&
                                 notice.node == foreign && notice.number == OTHER);
    EXPECT_TRUE(named) << "a list that mixes two clusters";
    core_notice trouble;
    ASSERT_TRUE(core_node_trouble(world.core, foreign, &trouble));
    EXPECT_EQ(trouble.kind, CORE_NOTICE_WRONG_CLUSTER);
    world.open(11, open_world::time);
}

/* It was a mistake, and is undone: the client works again, with new sessions. */
TEST(CoreCluster, OursAgainIsOursAgain)
{
    known_cluster world;
    world.node_closes();
    for (int i = 0; i < 3; i++)
        world.meet(OTHER);
    ASSERT_EQ(world.asked(CORE_OPEN), STATUS_WRONG_CLUSTER);
    unsigned tries = world.connections;
    for (int i = 0; i < 60; i++) {
        if (world.connecting)
            world.connect_fails();
        world.pass(NS_PER_S);
    }
    EXPECT_LT(world.connections, tries + 31) << "nobody waits for it";
    world.meet(OURS);
    EXPECT_EQ(world.asked(CORE_OPEN), STATUS_OK);
    EXPECT_EQ(world.asked(CORE_ACQUIRE), STATUS_WRONG_CLUSTER) << "that session is over";
}

/* What the same node says again and again is a line now and then. */
TEST(CoreCluster, TroubleThatStaysIsNoticedNowAndThen)
{
    known_cluster world;
    world.node_closes();
    world.notices.clear();
    for (int i = 0; i < 60; i++) {
        if (world.connecting)
            world.connect_fails();
        world.pass(NS_PER_S / 2);
    }
    unsigned lines = 0;
    for (const core_notice &notice : world.notices)
        lines += notice.kind == CORE_NOTICE_CONNECT_FAILED;
    EXPECT_LE(lines, 12u);
    EXPECT_GE(lines, 6u);
}

/* ---- A session that the cluster refused to open ---- */

TEST(CoreCluster, TheReasonOfARefusedOpenReachesEveryCallOfTheSession)
{
    core_world world;
    world.tick();
    world.reach_leader();
    uint32_t session = world.ask_open();
    world.acquire(session, "a", WAIT_FOREVER);
    heard open = world.take_request(REQUEST_OPEN);
    world.say(answers().section(0, 0, 0).answer(
            REQUEST_OPEN, open.request.number, STATUS_LIMIT, 0, LIMIT_SESSIONS));
    EXPECT_EQ(world.completions.size(), 2u);
    for (const core_completion &done : world.completions) {
        EXPECT_EQ(done.status, STATUS_LIMIT);
        EXPECT_EQ(done.detail, LIMIT_SESSIONS);
    }
    world.submit(world.call(CORE_ACQUIRE, session, "a"), STATUS_LIMIT);
    uint8_t detail = 0;
    EXPECT_EQ(core_session_verdict(world.core, session, &detail), STATUS_LIMIT);
    EXPECT_EQ(detail, LIMIT_SESSIONS);
    uint64_t min = 0;
    uint64_t max = 0;
    EXPECT_TRUE(core_ttl_range(world.core, &min, &max));
    EXPECT_EQ(min, NS_PER_S);
    EXPECT_EQ(max, 60 * NS_PER_S);
}

} // namespace
