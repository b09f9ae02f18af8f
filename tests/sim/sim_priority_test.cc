/* A member with priority 0 leads only while no other member can. */
#include <gtest/gtest.h>

#include <memory>

#include "base/mark.h"
#include "base/units.h"
#include "sim/world/sim_client.h"
#include "sim/world/world.h"

using namespace sim;

namespace {

/* Node 1 is to lead only if no other can; with `two`, node 2 as well. */
Options options_of(uint64_t seed, bool two)
{
    Options options;
    options.nodes = 3;
    options.seed = seed;
    options.tune = [two](node_settings &settings) {
        settings.priority = settings.self == 1 || (two && settings.self == 2) ? 0 : 1;
    };
    return options;
}

struct Scene {
    explicit Scene(uint64_t seed, bool two = false) : world(options_of(seed, two))
    {
        for (int id = 1; id <= 3; id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_NE(led(), 0);
        client = std::make_unique<Client>(world, 101, "c", 5 * NS_PER_S);
    }

    /* Who leads soon; 0: nobody. */
    int led()
    {
        world.run_until([&] { return world.leader() != nullptr; }, 20 * NS_PER_S);
        return world.leader() ? world.leader()->id() : 0;
    }

    bool led_by(int id)
    {
        return world.run_until([&] { return world.leader() && world.leader()->id() == id; },
                20 * NS_PER_S);
    }

    void grant(const std::string &lock)
    {
        bool over = false;
        client->acquire(lock, 10 * NS_PER_S, [&](const core_completion &done) {
            over = true;
            EXPECT_EQ(done.status, STATUS_OK);
        });
        world.run_until([&] { return over; }, 20 * NS_PER_S);
        EXPECT_TRUE(over);
    }

    World world;
    std::unique_ptr<Client> client;
};

} // namespace

TEST(SimPriority, AnotherMemberLeads)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Scene scene(seed);
        for (int round = 0; round < 4; round++) {
            scene.world.run_for(3 * NS_PER_S);
            int leader = scene.led();
            EXPECT_NE(leader, 1) << seed;
            Machine &machine = scene.world.machine(leader);
            machine.crash();
            scene.world.run_for(3 * NS_PER_S);
            EXPECT_EQ(scene.led(), 5 - leader) << seed;
            ASSERT_EQ(machine.start(), NODE_BOOT_OK);
        }
    }
}

/* Only its log is up to date; when the other has caught up, that one leads. */
TEST(SimPriority, ItLeadsWhileNoOtherMemberCan)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Scene scene(seed);
        scene.world.run_for(3 * NS_PER_S);
        int leader = scene.led();
        Machine &other = scene.world.machine(5 - leader);
        other.crash();
        scene.grant("a");
        scene.world.machine(leader).crash();
        uint64_t yielded = mark_count("yielded");
        ASSERT_EQ(other.start(), NODE_BOOT_OK);
        EXPECT_TRUE(scene.led_by(1)) << seed;
        EXPECT_TRUE(scene.led_by(other.id())) << seed;
        EXPECT_EQ(mark_count("yielded"), yielded + 1) << seed;
        scene.grant("b");
    }
}

/* Two of them do not pass the lead to and fro. */
TEST(SimPriority, OneOfTwoLeadsAndStays)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Scene scene(seed, true);
        EXPECT_TRUE(scene.led_by(3)) << seed;
        scene.world.machine(3).crash();
        int leader = scene.led();
        uint64_t term = raft_term(scene.world.leader()->raft());
        scene.world.run_for(30 * NS_PER_S);
        EXPECT_EQ(scene.led(), leader) << seed;
        EXPECT_EQ(raft_term(scene.world.leader()->raft()), term) << seed;
    }
}
