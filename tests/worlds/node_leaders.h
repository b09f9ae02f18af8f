/* Nodes that lead, as most tests of a node begin with, and what they said. */
#ifndef TESTS_WORLDS_NODE_LEADERS_H
#define TESTS_WORLDS_NODE_LEADERS_H

#include <gtest/gtest.h>

#include <memory>

#include "raft/raft.h"
#include "worlds/node_world.h"

namespace node_test {

/* Node 2 of three, leading; node 1 is connection 1, node 3 was dialed. */
inline std::unique_ptr<NodeWorld> leader_of_three(const NodeWorld::Tune &tune = {})
{
    auto world = std::make_unique<NodeWorld>(2, 3, tune);
    world->hello(1, world->peer_hello(1));
    world->turn();
    world->run_until(world->now_ns + 2 * NS_PER_S);
    EXPECT_TRUE(raft_leads_committed(node_raft(world->replica())));
    return world;
}

inline refused refusal_on(NodeWorld &world, uint32_t conn)
{
    refused said{};
    for (const Heard &frame : world.heard[conn]) {
        wire wire = frame.reader();
        if (frame.kind == FRAME_REFUSED)
            wire_refused(&wire, &said);
    }
    return said;
}

/* A node alone, leading, with a greeted client on connection 0. */
class LeaderAlone : public testing::Test {
protected:
    void lead(const NodeWorld::Tune &tune = {})
    {
        world = std::make_unique<NodeWorld>(1, 1, tune);
        world->run_until(world->now_ns + 2 * NS_PER_S);
        ASSERT_TRUE(raft_leads_committed(node_raft(world->replica())));
        world->client(0);
    }

    std::unique_ptr<NodeWorld> world;
};

} // namespace node_test

#endif
