/*
 * Who is let in, and who keeps a connection: members, clones of members, strangers, and
 * clients that are too many or too slow.
 */
#include "base/mark.h"
#include "node/replica.h"
#include "protocol/node_status.h"
#include "raft/raft.h"
#include "worlds/node_leaders.h"

using namespace node_test;

namespace {

bool heard_kind(NodeWorld &world, uint32_t conn, frame_kind kind)
{
    for (const Heard &frame : world.heard[conn]) {
        if (frame.kind == kind)
            return true;
    }
    return false;
}

void say_empty(NodeWorld &world, uint32_t conn, frame_kind kind)
{
    world.say(conn, make_frame(kind, [](wire &) {}));
    world.turn();
}

/* What its status says, as a client on a connection of its own reads it. */
uint32_t condition_of(NodeWorld &world, uint32_t conn)
{
    world.client(conn);
    say_empty(world, conn, FRAME_STATUS);
    node_status status{};
    for (const Heard &frame : world.heard[conn]) {
        wire wire = frame.reader();
        if (frame.kind == FRAME_STATUS_ANSWER)
            wire_node_status(&wire, &status);
    }
    EXPECT_EQ(status.node, world.settings().self);
    return status.condition;
}

hello another_process(const NodeWorld &world, uint8_t node)
{
    hello hello = world.peer_hello(node);
    hello.run += 100;
    return hello;
}

void pass(NodeWorld &world, uint64_t ns)
{
    world.run_until(world.now_ns + ns);
    node_check(world.replica());
}

} // namespace

/* ---- Which of two connections is kept ---- */

TEST(Rivals, ACloneDoesNotEndTheConnectionOfALivingMember)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("peer_is_there_twice");
    uint64_t probed = mark_count("peer_of_another_process");
    world->hello(5, another_process(*world, 1));
    world->turn();
    EXPECT_TRUE(heard_kind(*world, 1, FRAME_PEER_PROBE));
    say_empty(*world, 1, FRAME_PEER_ALIVE);
    EXPECT_FALSE(world->closed[1]);
    EXPECT_TRUE(world->closed[5]);
    EXPECT_EQ(refusal_on(*world, 5).why, REFUSED_TWICE);
    EXPECT_EQ(mark_count("peer_is_there_twice"), before + 1);
    EXPECT_EQ(mark_count("peer_of_another_process"), probed + 1);
    EXPECT_EQ(condition_of(*world, 6), uint32_t{CONDITION_STRANGER});
    pass(*world, 11 * NS_PER_S);
    EXPECT_EQ(condition_of(*world, 7), uint32_t{CONDITION_HEALTHY}) << "it is over";
}

/* A member whose machine died comes back, and the old connection was never closed. */
TEST(Rivals, ARestartedMemberTakesThePlaceOfADeadConnection)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("probe_not_answered");
    world->play_peers(false);
    world->deaf[1] = true;
    world->hello(5, another_process(*world, 1));
    world->turn();
    EXPECT_FALSE(world->closed[1]);
    pass(*world, 2 * NS_PER_S);
    EXPECT_TRUE(world->closed[1]);
    EXPECT_TRUE(heard_kind(*world, 5, FRAME_PEER_WELCOME));
    EXPECT_EQ(mark_count("probe_not_answered"), before + 1);
}

TEST(Rivals, TheSameProcessReplacesItsOwnConnection)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("peer_connected_again");
    hello hello = world->peer_hello(1);
    hello.dial = 2;
    world->hello(5, hello);
    world->turn();
    EXPECT_TRUE(world->closed[1]);
    EXPECT_TRUE(heard_kind(*world, 5, FRAME_PEER_WELCOME));
    EXPECT_EQ(mark_count("peer_connected_again"), before + 1);
}

TEST(Rivals, AConnectionThatItsProcessMadeBeforeIsVoid)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("dialed_each_other_late");
    world->hello(5, world->peer_hello(1));
    world->turn();
    EXPECT_FALSE(world->closed[1]);
    EXPECT_TRUE(world->closed[5]);
    EXPECT_EQ(refusal_on(*world, 5).why, 0) << "there is nothing to say about it";
    EXPECT_EQ(mark_count("dialed_each_other_late"), before + 1);
}

TEST(Rivals, TheSecondNewcomerIsTurnedAway)
{
    auto world = leader_of_three();
    world->deaf[1] = true;
    world->hello(5, another_process(*world, 1));
    world->turn();
    hello third = another_process(*world, 1);
    third.run++;
    world->hello(6, third);
    world->turn();
    EXPECT_EQ(refusal_on(*world, 6).why, REFUSED_TWICE);
    EXPECT_FALSE(world->closed[5]) << "the first one still waits";
}

TEST(Rivals, WhoSpeaksWhileItIsToWaitIsClosed)
{
    auto world = leader_of_three();
    world->deaf[1] = true;
    world->hello(5, another_process(*world, 1));
    world->turn();
    say_empty(*world, 5, FRAME_PEER_ALIVE);
    EXPECT_TRUE(world->closed[5]);
    node_check(world->replica());
    say_empty(*world, 1, FRAME_PEER_ALIVE);
    EXPECT_FALSE(world->closed[1]);
    node_check(world->replica());
}

/* Of two that dial each other, the connection of the smaller id counts, on both sides. */
TEST(Rivals, OfTwoThatDialEachOtherTheSmallerIdCounts)
{
    NodeWorld larger(3, 3);
    uint64_t before = mark_count("dialed_each_other");
    larger.silent = true; /* Nobody answers what it says. */
    pass(larger, 200 * NS_PER_MS);
    ASSERT_TRUE(heard_kind(larger, NodeWorld::DIALED + 1, FRAME_HELLO));
    larger.hello(1, larger.peer_hello(1));
    larger.turn();
    EXPECT_TRUE(larger.closed[NodeWorld::DIALED + 1]);
    EXPECT_TRUE(heard_kind(larger, 1, FRAME_PEER_WELCOME));
    EXPECT_EQ(mark_count("dialed_each_other"), before + 1);

    NodeWorld smaller(1, 3);
    smaller.silent = true;
    smaller.step(event_of(NODE_CLOSED, NodeWorld::DIALED + 3));
    smaller.turn();
    smaller.heard[NodeWorld::DIALED + 3].clear();
    pass(smaller, 50 * NS_PER_MS);
    ASSERT_TRUE(heard_kind(smaller, NodeWorld::DIALED + 3, FRAME_HELLO));
    smaller.hello(1, smaller.peer_hello(3));
    smaller.turn();
    EXPECT_FALSE(smaller.closed[NodeWorld::DIALED + 3]);
    EXPECT_FALSE(heard_kind(smaller, 1, FRAME_PEER_WELCOME)) << "it waits";
    pass(smaller, 2 * NS_PER_S);
    EXPECT_TRUE(heard_kind(smaller, 1, FRAME_PEER_WELCOME))
            << "nobody answered at the address that this node has";
}

/* The peer connected while the node's own attempt was under way: that is not needed. */
TEST(Rivals, AnAttemptThatComesTooLateIsGivenUp)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("dialed_for_nothing");
    node_event connected = event_of(NODE_CONNECTED, 9);
    connected.peer = 1;
    world->step(connected);
    world->turn();
    EXPECT_TRUE(world->closed[9]);
    EXPECT_FALSE(world->closed[1]);
    EXPECT_EQ(mark_count("dialed_for_nothing"), before + 1);
}

TEST(Rivals, TheLargerIdDialsAMomentLater)
{
    NodeWorld world(3, 3);
    EXPECT_FALSE(heard_kind(world, NodeWorld::DIALED + 1, FRAME_HELLO));
    pass(world, 90 * NS_PER_MS);
    EXPECT_FALSE(heard_kind(world, NodeWorld::DIALED + 1, FRAME_HELLO));
    pass(world, 30 * NS_PER_MS);
    EXPECT_TRUE(heard_kind(world, NodeWorld::DIALED + 1, FRAME_HELLO));
    EXPECT_TRUE(heard_kind(world, NodeWorld::DIALED + 2, FRAME_HELLO));
}

/* ---- Who is a member ---- */

TEST(Greet, AnotherDirectoryOfAMemberIsRefused)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("hello_other_directory");
    for (uint64_t cluster : {uint64_t{0}, wal_cluster(world->replica()->wal)}) {
        hello hello = another_process(*world, 1);
        hello.incarnation++;
        hello.cluster = cluster;
        world->hello(5, hello);
        world->turn();
        EXPECT_EQ(refusal_on(*world, 5).why, REFUSED_DIRECTORY);
        EXPECT_TRUE(world->closed[5]);
        world->closed[5] = false;
        world->heard[5].clear();
    }
    EXPECT_FALSE(world->closed[1]);
    EXPECT_FALSE(heard_kind(*world, 1, FRAME_PEER_PROBE)) << "it did not prove itself";
    EXPECT_EQ(mark_count("hello_other_directory"), before + 2);
    EXPECT_EQ(condition_of(*world, 6), uint32_t{CONDITION_STRANGER});
}

/*
 * It knows a newer configuration, in which this node's own directory is a member: so it may be
 * one as well, and even the leader from which this node is to get it. It counts for nothing.
 */
TEST(Greet, WhoKnowsANewerConfigurationIsHeard)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("peer_knows_a_newer_configuration");
    hello hello = world->peer_hello(4);
    hello.cluster = wal_cluster(world->replica()->wal);
    hello.configuration = 50;
    hello.to_incarnation = NodeWorld::incarnation_of(3);
    world->hello(5, hello);
    world->turn();
    EXPECT_FALSE(heard_kind(*world, 5, FRAME_PEER_WELCOME)) << "it means another directory";
    hello.to_incarnation = NodeWorld::incarnation_of(2);
    world->hello(6, hello);
    world->turn();
    EXPECT_TRUE(heard_kind(*world, 6, FRAME_PEER_WELCOME));
    EXPECT_EQ(mark_count("peer_knows_a_newer_configuration"), before + 1);
    EXPECT_TRUE(roster_is_outsider(roster_find(&world->replica()->roster, 4)));
}

/* It may have granted its vote and not have the first entry yet. */
TEST(Greet, AMemberWithoutAClusterButTheRightDirectoryIsTaken)
{
    auto world = leader_of_three();
    hello hello = world->peer_hello(1);
    hello.cluster = 0;
    hello.dial = 2;
    world->hello(5, hello);
    world->turn();
    EXPECT_TRUE(heard_kind(*world, 5, FRAME_PEER_WELCOME));
}

/* The node knows after a restart whose directory is whose: the log says it. */
TEST(Greet, IncarnationsAreInTheLog)
{
    auto world = leader_of_three();
    world->restart();
    hello hello = another_process(*world, 1);
    hello.incarnation++;
    world->hello(5, hello);
    world->turn();
    EXPECT_EQ(refusal_on(*world, 5).why, REFUSED_DIRECTORY);
    EXPECT_EQ(wal_incarnation(world->replica()->wal), NodeWorld::incarnation_of(2));
}

TEST(Greet, TheSameIdAndAWrongNodeAreNamed)
{
    auto world = leader_of_three();
    uint64_t own = mark_count("hello_own_id");
    uint64_t other = mark_count("hello_other_node");
    world->hello(5, another_process(*world, 2));
    world->turn();
    EXPECT_EQ(refusal_on(*world, 5).why, REFUSED_ID);
    hello hello = another_process(*world, 1);
    hello.to = 3;
    world->hello(6, hello);
    world->turn();
    EXPECT_EQ(refusal_on(*world, 6).why, REFUSED_NODE);
    EXPECT_EQ(mark_count("hello_own_id"), own + 1);
    EXPECT_EQ(mark_count("hello_other_node"), other + 1);
}

/* Refused for its directory by a cluster that exists: it is blank, and says so. */
TEST(Greet, ABlankNodeLearnsThatItsDirectoryIsAnother)
{
    NodeWorld world(3, 3);
    world.silent = true;
    pass(world, 200 * NS_PER_MS);
    refused refused{REFUSED_DIRECTORY, 99, 0, {}, 0};
    world.say(NodeWorld::DIALED + 1,
            make_frame(FRAME_REFUSED, [&](wire &wire) { wire_refused(&wire, &refused); }));
    world.turn();
    EXPECT_TRUE(world.noticed(NOTICE_REFUSED_BY_PEER));
    EXPECT_EQ(condition_of(world, 6), uint32_t{CONDITION_BLANK});
}

TEST(Greet, ANodeOfAnotherClusterSaysSo)
{
    NodeWorld world(3, 3);
    world.silent = true;
    pass(world, 200 * NS_PER_MS);
    refused refused{REFUSED_CLUSTER, 99, 0, {}, 0};
    world.say(NodeWorld::DIALED + 1,
            make_frame(FRAME_REFUSED, [&](wire &wire) { wire_refused(&wire, &refused); }));
    world.turn();
    EXPECT_EQ(condition_of(world, 6), uint32_t{CONDITION_OTHER_CLUSTER});
}

/* ---- What members say ---- */

TEST(Greet, ATermThatNoElectionExplainsIsRefused)
{
    auto world = leader_of_three();
    uint64_t term = raft_term(node_raft(world->replica()));
    uint64_t before = mark_count("term_jumped");
    peer_message vote{};
    vote.kind = PEER_VOTE;
    vote.from = 1;
    vote.to = 2;
    vote.transfer = true;
    vote.term = UINT64_MAX;
    vote.last = {term, 1000};
    world->say(1, vote);
    world->turn();
    EXPECT_EQ(raft_term(node_raft(world->replica())), term);
    EXPECT_TRUE(raft_is_leader(node_raft(world->replica())));
    EXPECT_EQ(refusal_on(*world, 1).why, REFUSED_TERM);
    EXPECT_GT(mark_count("term_jumped"), before);
    EXPECT_TRUE(world->closed[1]);
}

TEST(Greet, AnAppendThatTakesBackWhatIsCommittedIsRefused)
{
    auto world = leader_of_three();
    const struct raft *raft = node_raft(world->replica());
    uint64_t before = mark_count("append_takes_back");
    uint64_t commit = raft_commit(raft);
    ASSERT_GE(commit, 1U);
    peer_message append{};
    append.kind = PEER_APPEND;
    append.from = 1;
    append.to = 2;
    append.term = raft_term(raft) + 1;
    append.previous = {raft_term(raft) + 1, commit};
    append.begin = commit + 1;
    append.end = commit + 1;
    world->say(1, append);
    world->turn();
    EXPECT_TRUE(raft_is_leader(raft));
    EXPECT_EQ(refusal_on(*world, 1).why, REFUSED_HISTORY);
    EXPECT_GT(mark_count("append_takes_back"), before);
    EXPECT_EQ(condition_of(*world, 6), uint32_t{CONDITION_CONTRADICTED});
}

/* ---- Slots ---- */

TEST(Door, WhoSaysNothingIsClosed)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("unfinished_for_too_long");
    world->accept(5);
    world->accept(6);
    bytes hello = make_frame(FRAME_HELLO, [](wire &wire) {
        struct hello own = hello_of_client(0);
        wire_hello(&wire, &own);
    });
    world->say(6, bytes(hello.begin(), hello.end() - 1));
    world->turn();
    pass(*world, 4900 * NS_PER_MS);
    EXPECT_FALSE(world->closed[5] || world->closed[6]);
    pass(*world, 200 * NS_PER_MS);
    EXPECT_TRUE(world->closed[5] && world->closed[6]);
    EXPECT_TRUE(world->noticed(NOTICE_UNFINISHED));
    EXPECT_EQ(mark_count("unfinished_for_too_long"), before + 2);
}

TEST(Door, AClientsFrameIsWholeInTime)
{
    auto world = leader_of_three();
    world->client(5);
    bytes status = make_frame(FRAME_STATUS, [](wire &) {});
    for (int second = 0; second < 20; second++) { /* Slow, but it gets on. */
        bytes end(status.begin() + 3, status.end());
        end.insert(end.end(), status.begin(), status.begin() + 3);
        world->say(5, second == 0 ? bytes(status.begin(), status.begin() + 3) : end);
        world->turn();
        pass(*world, NS_PER_S);
        ASSERT_FALSE(world->closed[5]) << second;
    }
    pass(*world, 5 * NS_PER_S);
    EXPECT_TRUE(world->closed[5]) << "the last one stays cut";
    world->client(6);
    pass(*world, 60 * NS_PER_S);
    EXPECT_FALSE(world->closed[6]) << "silence is no fault";
}

TEST(Door, SilentConnectionsGiveWayToNewOnes)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("unfinished_gives_way");
    uint32_t max = world->settings().limits.connections_max;
    for (uint32_t conn = 2; conn < NodeWorld::DIALED; conn++)
        world->accept(conn);
    for (uint32_t conn = NodeWorld::DIALED + 4; conn < max; conn++)
        world->accept(conn);
    world->turn();
    EXPECT_GT(mark_count("unfinished_gives_way"), before);
    EXPECT_TRUE(world->closed[2]) << "the oldest";
    EXPECT_FALSE(world->closed[max - 1]) << "the newest";
    EXPECT_FALSE(world->closed[1]) << "a member is none of them";
    node_check(world->replica());
}

/* One address leaves some connections to others; members and the status get in anyway. */
TEST(Door, AnAddressHasItsShareOfTheConnections)
{
    constexpr unsigned char here = 1, there = 2;
    auto world = leader_of_three(
            [](node_settings &settings) { settings.limits.connection_percent = 20; });
    uint64_t before = mark_count("client_is_crowded");
    uint32_t most = door_callers_max(&world->replica()->door);
    ASSERT_LT(most + 4, door_clients_max(&world->replica()->door));
    uint32_t conn = 2;
    auto client_from = [&](unsigned char from) {
        world->client(conn, from);
        return conn++;
    };
    for (uint32_t i = 0; i < most; i++)
        client_from(here);
    EXPECT_EQ(mark_count("client_is_crowded"), before);
    uint32_t guest = client_from(here);
    EXPECT_EQ(mark_count("client_is_crowded"), before + 1);
    EXPECT_TRUE(world->noticed(NOTICE_CALLER_FULL));
    EXPECT_EQ(condition_of(*world, conn++), uint32_t{CONDITION_NEARLY_FULL});
    struct request open = request_of(REQUEST_OPEN, 1);
    open.wait_ns = 10 * NS_PER_S;
    world->request(guest, section_of(0, 1), open);
    world->turn();
    EXPECT_EQ(refusal_on(*world, guest).why, REFUSED_CROWDED);

    uint32_t other = client_from(there);
    world->request(other, section_of(0, 1), open);
    world->turn();
    EXPECT_FALSE(world->closed[other]) << "another address";
    world->step(event_of(NODE_CLOSED, 2));
    world->closed[2] = true;
    world->turn();
    uint32_t again = client_from(here);
    world->request(again, section_of(0, 1), open);
    world->turn();
    EXPECT_FALSE(world->closed[again]) << "what is closed is free";
    node_check(world->replica());
}

TEST(Door, AClientTooManyMayOnlyAskForTheStatus)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("client_is_guest");
    uint32_t most = door_clients_max(&world->replica()->door);
    uint32_t conn = 2;
    for (uint32_t i = 0; i < most; i++, conn++) {
        if (conn == NodeWorld::DIALED)
            conn += 8;
        world->client(conn);
    }
    EXPECT_EQ(mark_count("client_is_guest"), before);
    EXPECT_EQ(condition_of(*world, conn), uint32_t{CONDITION_HEALTHY});
    EXPECT_EQ(mark_count("client_is_guest"), before + 1);
    EXPECT_TRUE(world->noticed(NOTICE_CLIENTS_FULL));
    struct request open = request_of(REQUEST_OPEN, 1);
    open.wait_ns = 10 * NS_PER_S;
    world->request(conn, section_of(0, 1), open);
    world->turn();
    EXPECT_EQ(refusal_on(*world, conn).why, REFUSED_FULL);
    EXPECT_TRUE(world->closed[conn]);

    hello again = world->peer_hello(1);
    again.dial = 2;
    world->hello(conn + 1, again);
    world->turn();
    EXPECT_TRUE(heard_kind(*world, conn + 1, FRAME_PEER_WELCOME)) << "a member gets in";
}
