/*
 * A majority whose members all reach each other elects a leader within five election
 * timeouts, and keeps it, whatever else is cut, one way or both: PreVote and CheckQuorum
 * must not lock each other up. [Raft 9.6, 6.2]
 *
 * Of three nodes every topology is tried, of five a few hundred from a seed.
 */
#include <gtest/gtest.h>

#include "base/units.h"
#include "sim/world/world.h"

using namespace sim;

namespace {

constexpr uint64_t election_ns = 500 * NS_PER_MS;

/* Bit a * count + b: nothing goes from a to b (counted from 0). */
using Cuts = uint32_t;

struct Topology {
    int count;
    Cuts cuts;

    bool is_cut(int a, int b) const
    {
        return (cuts >> (a * count + b) & 1) != 0;
    }
    bool reach_each_other(uint32_t nodes) const
    {
        for (int a = 0; a < count; a++) {
            for (int b = 0; b < count; b++) {
                bool both = (nodes >> a & 1) != 0 && (nodes >> b & 1) != 0;
                if (a != b && both && is_cut(a, b))
                    return false;
            }
        }
        return true;
    }
    bool has_connected_majority() const
    {
        for (uint32_t nodes = 0; nodes < 1U << count; nodes++) {
            if (2 * __builtin_popcount(nodes) > count && reach_each_other(nodes))
                return true;
        }
        return false;
    }
    std::string text() const
    {
        std::string line;
        for (int a = 0; a < count; a++) {
            for (int b = 0; b < count; b++) {
                if (a != b && is_cut(a, b))
                    line += " " + std::to_string(a + 1) + "->" + std::to_string(b + 1);
            }
        }
        return "cut:" + line;
    }
};

/* The leader that a majority follows. */
Machine *working_leader(World &world)
{
    Machine *leader = world.leader();
    if (!leader)
        return nullptr;
    uint64_t heard_ns = raft_majority_heard_ns(leader->raft());
    return world.now() - heard_ns < election_ns / 2 ? leader : nullptr;
}

void live_in(const Topology &topology, uint64_t seed)
{
    SCOPED_TRACE(topology.text() + ", seed " + std::to_string(seed));
    Options options;
    options.seed = seed;
    options.nodes = topology.count;
    World world(options);
    for (int id = 1; id <= world.count(); id++)
        world.machine(id).start();
    ASSERT_TRUE(world.run_until([&] { return world.leader() != nullptr; }, 5 * NS_PER_S));
    for (int a = 0; a < topology.count; a++) {
        for (int b = 0; b < topology.count; b++) {
            if (a != b && topology.is_cut(a, b))
                world.network.cut(a + 1, b + 1);
        }
    }
    world.run_for(election_ns); /* By then a leader that is not heard has been noticed. */
    EXPECT_TRUE(world.run_until([&] { return working_leader(world); }, 5 * election_ns));
    Machine *leader = working_leader(world);
    ASSERT_NE(leader, nullptr);
    uint64_t term = raft_term(leader->raft());
    world.run_for(10 * election_ns);
    Machine *later = working_leader(world);
    EXPECT_TRUE(later == leader && raft_term(leader->raft()) == term)
            << "n" << int(leader->id()) << " of term " << term << " did not last";
}

} // namespace

TEST(Topology, ThreeNodesElectInAll)
{
    int tried = 0;
    for (Cuts cuts = 0; cuts < 1U << 9; cuts++) {
        Topology topology{3, cuts};
        bool itself =
                topology.is_cut(0, 0) || topology.is_cut(1, 1) || topology.is_cut(2, 2);
        if (itself || !topology.has_connected_majority())
            continue;
        live_in(topology, 1);
        live_in(topology, 2);
        tried++;
    }
    EXPECT_EQ(tried, 37);
}

TEST(Topology, FiveNodesElectInMany)
{
    struct prng dice;
    prng_init(&dice, 5);
    for (int tried = 0; tried < 200;) {
        Cuts cuts = 0;
        uint64_t few = 2 + prng_below(&dice, 6);
        for (int bit = 0; bit < 25; bit++)
            cuts |= static_cast<Cuts>(prng_below(&dice, few) == 0) << bit;
        Topology topology{5, cuts};
        if (!topology.has_connected_majority())
            continue;
        live_in(topology, prng_next(&dice));
        tried++;
    }
}
