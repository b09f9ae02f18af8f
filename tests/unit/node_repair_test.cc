/*
 * A node that gave up its damaged log takes no part until the leader has put it in its own
 * place; and the leader does that by itself, for those who say so and, if it is to, for those
 * who are silent.
 */
#include "base/mark.h"
#include "node/replica.h"
#include "raft/raft.h"
#include "worlds/node_leaders.h"

using namespace node_test;

namespace {

constexpr uint64_t NEW = 77;

const member *member_of(NodeWorld &world, uint8_t id)
{
    return configuration_find(&world.replica()->configurations.newest.is, id);
}

/* Node 3 comes with an empty directory. */
void come_blank(NodeWorld &world, uint32_t conn, uint64_t given_up)
{
    hello hello = world.peer_hello(3);
    hello.incarnation = NEW;
    hello.given_up = given_up;
    world.hello(conn, hello);
    world.turn();
    world.run_until(world.now_ns + 600 * NS_PER_MS);
}

void expect_replaced(NodeWorld &world, bool replaced)
{
    const member *member = member_of(world, 3);
    ASSERT_NE(member, nullptr);
    EXPECT_EQ(member->role, replaced ? MEMBER_LEARNER : MEMBER_VOTER);
    EXPECT_EQ(member->incarnation, replaced ? NEW : NodeWorld::incarnation_of(3));
    EXPECT_EQ(world.noticed(NOTICE_REPLACES), replaced);
}

/* The connection to node 3 is gone, and nobody says anything on the next ones. */
void lose_node_3(NodeWorld &world)
{
    world.deaf[NodeWorld::DIALED + 3] = true;
    world.step(event_of(NODE_CLOSED, NodeWorld::DIALED + 3));
    world.turn();
}

} // namespace

TEST(NodeRepair, WhoGaveUpItsDirectoryIsReplaced)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("lost_voter_replaced");
    come_blank(*world, 6, NodeWorld::incarnation_of(3));
    expect_replaced(*world, true);
    EXPECT_EQ(mark_count("lost_voter_replaced"), before + 1);
}

TEST(NodeRepair, WhoGaveUpAnotherDirectoryIsNot)
{
    auto world = leader_of_three();
    come_blank(*world, 6, 999);
    expect_replaced(*world, false);
    come_blank(*world, 7, 0);
    expect_replaced(*world, false);
}

/* Without node 1 there is no majority for the change, and none to lead either. */
TEST(NodeRepair, NobodyIsReplacedWithoutAMajorityOfTheOthers)
{
    auto world = leader_of_three();
    world->deaf[1] = true;
    world->run_until(world->now_ns + 2 * NS_PER_S);
    ASSERT_TRUE(raft_is_leader(node_raft(world->replica()))) << "with node 3";
    come_blank(*world, 6, NodeWorld::incarnation_of(3));
    expect_replaced(*world, false);
}

TEST(NodeRepair, WhoIsSilentIsReplacedOnlyIfTheSettingSaysSo)
{
    for (uint64_t after_ns : {uint64_t{0}, 5 * NS_PER_S}) {
        auto world = leader_of_three(
                [&](node_settings &settings) { settings.auto_replace_ns = after_ns; });
        lose_node_3(*world);
        world->run_until(world->now_ns + 3 * NS_PER_S);
        come_blank(*world, 6, 0);
        expect_replaced(*world, false);
        world->run_until(world->now_ns + 3 * NS_PER_S);
        expect_replaced(*world, after_ns != 0);
    }
}

/* ---- The node that gave up its log ---- */

TEST(NodeRepair, WhatGaveUpItsLogIsNoFounder)
{
    uint64_t before = mark_count("log_was_given_up");
    NodeWorld world(2, 3);
    world.disk.clear();
    world.gave_up = {.node = 2,
            .vote = 1,
            .moving = false,
            .cluster = 5,
            .given_up = NodeWorld::incarnation_of(2),
            .term = 7,
            .folder = 1};
    world.restart([](node_settings &settings) { settings.wal.incarnation = NEW; });
    ASSERT_EQ(world.booted, NODE_BOOT_OK);
    EXPECT_EQ(mark_count("log_was_given_up"), before + 1);
    const struct raft *raft = node_raft(world.replica());
    EXPECT_EQ(raft_term(raft), 7U);
    EXPECT_EQ(raft_vote(raft), 1);
    EXPECT_TRUE(raft_met_bootstrapped(raft));
    EXPECT_EQ(own_condition(world.replica()), CONDITION_REPAIRING);
    world.hello(1, world.peer_hello(1)); /* With node 3 it could found a cluster. */
    world.run_until(world.now_ns + 3 * NS_PER_S);
    EXPECT_EQ(raft_role(raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_term(raft), 7U);
    EXPECT_EQ(raft_last(raft).index, 0U);
    hello other = world.peer_hello(1);
    other.cluster = 6;
    world.hello(7, other);
    world.turn();
    EXPECT_EQ(refusal_on(world, 7).why, REFUSED_CLUSTER);
}

TEST(NodeRepair, ADamagedLogIsGivenUpOnlyIfTwoOthersVote)
{
    for (uint8_t members : {1, 3}) {
        NodeWorld world(2, members == 1 ? 2 : members);
        world.hello(1, world.peer_hello(1));
        world.turn();
        world.run_until(world.now_ns + 2 * NS_PER_S);
        ASSERT_TRUE(raft_leads_committed(node_raft(world.replica())));
        world.run_until(world.now_ns + 2 * NS_PER_S);
        for (int i = 0; i < 2; i++) /* What is behind the damage knows it to be durable. */
            world.restart();
        ASSERT_EQ(world.booted, NODE_BOOT_OK);
        world.disk.at(1)[WAL_BLOCK_BYTES + 20] ^= 1;
        world.restart();
        ASSERT_EQ(world.booted, NODE_BOOT_DAMAGED);
        EXPECT_EQ(world.repairable, members == 3);
        if (!world.repairable)
            continue;
        EXPECT_EQ(world.repair.given_up, NodeWorld::incarnation_of(2));
        EXPECT_EQ(world.repair.node, 2);
        EXPECT_NE(world.repair.term, 0U);
    }
}
