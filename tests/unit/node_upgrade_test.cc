/* Members of different versions, and the step after which no one can go back. */
#include <optional>

#include "base/mark.h"
#include "node/replica.h"
#include "protocol/admin.h"
#include "protocol/node_status.h"
#include "raft/raft.h"
#include "worlds/node_world.h"

using namespace node_test;

namespace {

constexpr versions OLD{1, 1};
constexpr versions NEXT{1, 2};

void know_next(node_settings &settings)
{
    settings.versions = NEXT;
}

uint16_t version_of(NodeWorld &world)
{
    return locks_settings(node_locks(world.replica()))->version;
}

void lead(NodeWorld &world)
{
    world.hello(1, world.peer_hello(1));
    world.turn();
    world.run_until(world.now_ns + 2 * NS_PER_S);
    EXPECT_TRUE(raft_leads_committed(node_raft(world.replica())));
}

/* Node 2 of three knows the next version, as node 3 does. The cluster uses the old one. */
std::unique_ptr<NodeWorld> mixed(uint64_t after_ns = 0)
{
    auto world = std::make_unique<NodeWorld>(2, 3, [&](node_settings &settings) {
        know_next(settings);
        settings.cluster.upgrade_after_ns = after_ns;
    });
    world->knows[1] = OLD;
    lead(*world);
    EXPECT_EQ(version_of(*world), 1);
    return world;
}

/* Node 1 comes again, on connection `conn`, with a program that knows `versions`. */
void come_again(NodeWorld &world, uint32_t conn, versions versions)
{
    world.knows[1] = versions;
    hello hello = world.peer_hello(1);
    hello.dial = conn;
    world.hello(conn, hello);
    world.turn();
    world.run_until(world.now_ns + NS_PER_S);
}

struct Answer {
    admin_answer head{};
    std::string sentence;
};

/* The answer, if there is one by now. */
std::optional<Answer> answer_on(NodeWorld &world, uint32_t conn)
{
    for (const Heard &frame : world.heard[conn]) {
        if (frame.kind != FRAME_ADMIN_ANSWER)
            continue;
        Answer said;
        wire wire = frame.reader();
        wire_admin_answer(&wire, &said.head);
        said.sentence = {reinterpret_cast<const char *>(said.head.sentence.bytes),
                said.head.sentence.count};
        return said;
    }
    return {};
}

void ask(NodeWorld &world, uint32_t conn, uint8_t kind, uint64_t number = 0)
{
    admin_request request{kind, 0, 0, number, {}};
    world.client(conn);
    world.say(conn, make_frame(FRAME_ADMIN,
                            [&](wire &wire) { wire_admin_request(&wire, &request); }));
    world.turn();
}

uint32_t condition_of(NodeWorld &world, uint32_t conn)
{
    world.client(conn);
    world.say(conn, make_frame(FRAME_STATUS, [](wire &) {}));
    world.turn();
    node_status status{};
    for (const Heard &frame : world.heard[conn]) {
        wire wire = frame.reader();
        if (frame.kind == FRAME_STATUS_ANSWER)
            wire_node_status(&wire, &status);
    }
    return status.condition;
}

refused refusal_on(NodeWorld &world, uint32_t conn)
{
    refused said{};
    for (const Heard &frame : world.heard[conn]) {
        wire wire = frame.reader();
        if (frame.kind == FRAME_REFUSED)
            wire_refused(&wire, &said);
    }
    return said;
}

} // namespace

TEST(Upgrade, TheFoundersLeastIsTheVersionOfTheCluster)
{
    NodeWorld all(2, 3, know_next);
    lead(all);
    EXPECT_EQ(version_of(all), 2);
    EXPECT_EQ(condition_of(all, 9), uint32_t{CONDITION_HEALTHY});
    EXPECT_EQ(condition_of(*mixed(), 9), uint32_t{CONDITION_UPGRADE_OPEN});
}

TEST(Upgrade, IsNotFinishedBeforeAllMembersKnowTheVersion)
{
    auto world = mixed();
    uint64_t before = mark_count("upgrade_not_able");
    ask(*world, 6, ADMIN_UPGRADE_FINISH);
    auto said = answer_on(*world, 6);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->head.result, ADMIN_NOT_NOW);
    EXPECT_EQ(said->sentence, "not all members know a newer version than 1; node 1 knows "
                              "nothing newer, or is not connected");
    EXPECT_EQ(mark_count("upgrade_not_able"), before + 1);
    world->run_until(world->now_ns + 10 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 1);
}

TEST(Upgrade, IsFinishedWhenItIsAsked)
{
    auto world = mixed();
    come_again(*world, 5, NEXT);
    ask(*world, 6, ADMIN_UPGRADE_STATUS);
    EXPECT_EQ(answer_on(*world, 6)->head.version_next, 2);
    EXPECT_EQ(version_of(*world), 1) << "to look changes nothing";
    ask(*world, 7, ADMIN_UPGRADE_FINISH);
    world->run_until(world->now_ns + NS_PER_S);
    auto said = answer_on(*world, 7);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->head.result, ADMIN_DONE);
    EXPECT_EQ(said->head.version, 2);
    EXPECT_EQ(version_of(*world), 2);
    EXPECT_TRUE(world->noticed(NOTICE_UPGRADED));
    EXPECT_EQ(condition_of(*world, 9), uint32_t{CONDITION_HEALTHY});
}

/* The answer says that it is so, so it does not come before a majority has it. */
TEST(Upgrade, IsAnsweredWhenItIsCommitted)
{
    auto world = mixed();
    come_again(*world, 5, NEXT);
    world->silent = true;
    ask(*world, 7, ADMIN_UPGRADE_FINISH);
    EXPECT_FALSE(answer_on(*world, 7));
    EXPECT_EQ(version_of(*world), 1);
    /* It hears no majority, and stops leading: then it says that it does not lead. */
    world->run_until(world->now_ns + 3 * NS_PER_S);
    auto said = answer_on(*world, 7);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->head.result, ADMIN_NOT_LEADER);
}

TEST(Upgrade, IsFinishedByItselfAfterItsTime)
{
    uint64_t before = mark_count("upgrade_finished_by_itself");
    auto world = mixed(20 * NS_PER_S);
    world->run_until(world->now_ns + 30 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 1) << "node 1 does not know it";
    come_again(*world, 5, NEXT);
    world->run_until(world->now_ns + 15 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 1) << "it is not time";
    world->run_until(world->now_ns + 10 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 2);
    EXPECT_EQ(mark_count("upgrade_finished_by_itself"), before + 1);
}

TEST(Upgrade, TheTimeBeginsAnewWhenAMemberGoesBack)
{
    auto world = mixed(20 * NS_PER_S);
    come_again(*world, 3, NEXT);
    world->run_until(world->now_ns + 15 * NS_PER_S);
    come_again(*world, 4, OLD);
    EXPECT_FALSE(world->closed[4]) << "it may go back";
    come_again(*world, 5, NEXT);
    world->run_until(world->now_ns + 15 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 1);
    world->run_until(world->now_ns + 10 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 2);
}

TEST(Upgrade, TheTimeCanBeChanged)
{
    auto world = mixed();
    ask(*world, 6, ADMIN_UPGRADE_AFTER, 5 * NS_PER_S);
    world->run_until(world->now_ns + NS_PER_S);
    EXPECT_EQ(answer_on(*world, 6)->head.upgrade_after_ns, 5 * NS_PER_S);
    ask(*world, 7, ADMIN_UPGRADE_AFTER, UINT64_MAX);
    EXPECT_EQ(answer_on(*world, 7)->head.result, ADMIN_NEVER);
    come_again(*world, 5, NEXT);
    world->run_until(world->now_ns + 6 * NS_PER_S);
    EXPECT_EQ(version_of(*world), 2);
}

TEST(Upgrade, OneRequestAtATime)
{
    auto world = mixed();
    uint64_t before = mark_count("admin_full");
    world->silent = true;
    ask(*world, 6, ADMIN_UPGRADE_AFTER, 5 * NS_PER_S);
    ask(*world, 7, ADMIN_UPGRADE_AFTER, 6 * NS_PER_S);
    ask(*world, 8, ADMIN_UPGRADE_AFTER, 7 * NS_PER_S);
    ask(*world, 9, ADMIN_UPGRADE_AFTER, 8 * NS_PER_S);
    EXPECT_GT(mark_count("admin_full"), before);
    EXPECT_EQ(answer_on(*world, 9)->head.result, ADMIN_NOT_NOW);
}

/* ---- Afterwards ---- */

TEST(Upgrade, AMemberThatGoesBackAfterwardsIsRefused)
{
    auto world = mixed();
    uint64_t before = mark_count("hello_other_version");
    come_again(*world, 4, NEXT);
    ask(*world, 7, ADMIN_UPGRADE_FINISH);
    world->run_until(world->now_ns + NS_PER_S);
    ASSERT_EQ(version_of(*world), 2);
    come_again(*world, 5, OLD);
    refused said = refusal_on(*world, 5);
    EXPECT_EQ(said.why, REFUSED_VERSION);
    EXPECT_EQ(said.cluster_version, 2);
    EXPECT_EQ(said.versions.most, 2);
    EXPECT_EQ(mark_count("hello_other_version"), before + 1);
    EXPECT_TRUE(world->noticed(NOTICE_REFUSED_PEER));
}

TEST(Upgrade, ALogOfALaterVersionIsNotStarted)
{
    auto world = mixed();
    come_again(*world, 4, NEXT);
    ask(*world, 7, ADMIN_UPGRADE_FINISH);
    world->run_until(world->now_ns + NS_PER_S);
    world->restart([](node_settings &settings) { settings.versions = OLD; });
    EXPECT_EQ(world->booted, NODE_BOOT_VERSION);
    EXPECT_EQ(node_log_version(world->replica()), 2);
    world->restart(know_next);
    EXPECT_EQ(world->booted, NODE_BOOT_OK);
}

TEST(Upgrade, BeforeTheEndALogMayGoBack)
{
    auto world = mixed();
    come_again(*world, 4, NEXT);
    world->restart([](node_settings &settings) { settings.versions = OLD; });
    EXPECT_EQ(world->booted, NODE_BOOT_OK);
    world->restart([](node_settings &settings) { settings.versions = {2, 3}; });
    EXPECT_EQ(world->booted, NODE_BOOT_VERSION) << "it has forgotten the cluster's version";
    EXPECT_EQ(node_log_version(world->replica()), 1);
}

/* ---- Greetings ---- */

TEST(Upgrade, WhoKnowsNoCommonVersionHearsBothRanges)
{
    NodeWorld world(2, 3);
    uint64_t before = mark_count("hello_unknown_version");
    hello stranger = hello_of_client(0);
    stranger.versions = {7, 9};
    world.hello(6, stranger);
    world.turn();
    refused said = refusal_on(world, 6);
    EXPECT_EQ(said.why, REFUSED_VERSION);
    EXPECT_EQ(said.versions.least, VERSION_LEAST);
    EXPECT_EQ(said.versions.most, VERSION_MOST);
    EXPECT_TRUE(world.closed[6]);
    EXPECT_EQ(mark_count("hello_unknown_version"), before + 1);
}

/* The rest of such a hello may have any layout. */
TEST(Upgrade, TheHeadOfAHelloIsEnoughToRefuseIt)
{
    NodeWorld world(2, 3);
    hello stranger = hello_of_client(0);
    stranger.versions = {7, 9};
    world.accept(6);
    world.say(6, make_frame(FRAME_HELLO,
                         [&](wire &wire) { wire_hello_head(&wire, &stranger); }));
    world.turn();
    EXPECT_EQ(refusal_on(world, 6).why, REFUSED_VERSION);
}

TEST(Upgrade, MoreInAHelloIsPassedOver)
{
    NodeWorld world(2, 3);
    hello hello = world.peer_hello(1);
    world.accept(1);
    world.say(1, make_frame(FRAME_HELLO, [&](wire &wire) {
        uint64_t more = UINT64_MAX;
        wire_hello(&wire, &hello);
        wire_u64(&wire, &more);
    }));
    world.turn();
    EXPECT_TRUE(raft_peer_is_open(node_raft(world.replica()), 1));
}

TEST(Upgrade, AWelcomeOfALaterClusterIsRefused)
{
    NodeWorld world(2, 3);
    uint64_t before = mark_count("welcome_other_version");
    world.knows[3] = {2, 3};
    world.restart();
    world.run_until(world.now_ns + NS_PER_S);
    EXPECT_GT(mark_count("welcome_other_version"), before);
    EXPECT_TRUE(world.noticed(NOTICE_REFUSED_PEER));
}

/* Only a later version sends what this one does not know, and only some of that may be skipped. */
TEST(Upgrade, UnknownFramesOfALaterVersionAreSkipped)
{
    NodeWorld world(2, 3);
    const auto skipped = static_cast<frame_kind>(FRAME_SKIPPED_FIRST + 1);
    hello hello = world.peer_hello(1);
    hello.versions.most = VERSION_MOST + 1;
    world.hello(1, hello);
    world.turn();
    world.say(1, make_frame(skipped, [](wire &) {}));
    world.turn();
    EXPECT_FALSE(world.closed[1]);
    NodeWorld same(2, 3);
    same.hello(1, same.peer_hello(1));
    same.turn();
    same.say(1, make_frame(skipped, [](wire &) {}));
    same.turn();
    EXPECT_TRUE(same.closed[1]) << "a node of this version does not send it";
}
