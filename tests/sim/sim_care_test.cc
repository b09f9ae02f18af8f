/*
 * Damage that comes while nodes run: the scrubber finds it before anybody needs what is damaged,
 * and a new snapshot takes its place, without a restart and without a loss.
 */
#include <gtest/gtest.h>

#include <memory>

#include "base/mark.h"
#include "base/units.h"
#include "protocol/snapshot_format.h"
#include "sim/world/sim_client.h"
#include "sim/world/world.h"

using namespace sim;

namespace {

Options options_of(uint64_t seed)
{
    Options options;
    options.nodes = 3;
    options.seed = seed;
    options.tune = [](node_settings &settings) {
        settings.wal.segment_bytes = 256 * KIB;
        settings.snapshot.log_bytes = MIB;
        settings.snapshot.every_ns = 600 * NS_PER_S;
        settings.snapshot.keep_bytes = MIB;
        settings.scrub_every_ns = 2 * NS_PER_S;
        settings.scrub_bytes_per_s = 4 * MIB;
    };
    return options;
}

struct Scene {
    explicit Scene(uint64_t seed = 1) : world(options_of(seed))
    {
        for (int id = 1; id <= 3; id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(
                world.run_until([&] { return world.leader() != nullptr; }, 20 * NS_PER_S));
        client = std::make_unique<Client>(world, 101, "c", 5 * NS_PER_S);
    }

    /* So many locks are taken and given back. */
    void work(int rounds)
    {
        for (int round = 0; round < rounds; round++) {
            bool over = false;
            auto end = [&](const core_completion &) {
                over = true;
            };
            auto is_over = [&] {
                return over;
            };
            client->acquire("lock", NS_PER_S, end);
            world.run_until(is_over, 5 * NS_PER_S);
            if (client->held().count("lock") == 0)
                continue;
            over = false;
            client->release("lock", end);
            world.run_until(is_over, 5 * NS_PER_S);
        }
    }

    Machine &follower()
    {
        return world.machine(world.leader()->id() % 3 + 1);
    }

    /* Somebody takes a lock now and then; for so long at most. */
    template <typename Condition>
    bool while_idle_until(Condition condition, int seconds = 60)
    {
        for (int i = 0; i < 5 * seconds && !condition(); i++) {
            world.run_for(200 * NS_PER_MS);
            work(1);
        }
        return condition();
    }

    /* What it has written now is enough for a start. */
    void restarts(Machine &machine)
    {
        machine.crash(End::power_cut);
        ASSERT_EQ(machine.start(), NODE_BOOT_OK);
        world.run_for(2 * NS_PER_S);
        EXPECT_TRUE(machine.up());
    }

    World world;
    std::unique_ptr<Client> client;
};

TEST(SimCare, TheScrubberLooksAtAllOfIt)
{
    Scene scene;
    scene.work(400);
    uint64_t scrubbed = mark_count("scrubbed");
    uint64_t unreadable = mark_count("log_unreadable");
    scene.world.run_for(30 * NS_PER_S);
    EXPECT_GE(mark_count("scrubbed"), scrubbed + 9);
    EXPECT_EQ(mark_count("log_unreadable"), unreadable);
    EXPECT_EQ(mark_count("snapshot_damaged"), 0U);
}

/* Wherever in the log the bit is: in an old segment, or in the one that is written to. */
TEST(SimCare, RotInTheLogIsMended)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        Scene scene(seed);
        scene.work(40 + static_cast<int>(seed) * 10);
        bool leads = seed % 2 == 0;
        Machine &machine = leads ? *scene.world.leader() : scene.follower();
        uint64_t before = mark_count("log_mended");
        ASSERT_TRUE(machine.disk.damage(Damage::flipped, scene.world.random())) << seed;
        bool mended =
                scene.while_idle_until([&] { return mark_count("log_mended") > before; });
        ASSERT_TRUE(mended) << seed;
        EXPECT_FALSE(machine.leads()) << seed;
        scene.world.run_for(5 * NS_PER_S);
        EXPECT_FALSE(machine.disk.is_damaged()) << seed;
        scene.restarts(machine);
    }
}

TEST(SimCare, RotInASnapshotIsMended)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Scene scene(seed);
        scene.work(600);
        Machine &machine = scene.follower();
        scene.world.run_for(NS_PER_S);
        ASSERT_FALSE(machine.disk.snapshots.empty()) << seed;
        bool newest = seed % 2 == 0;
        auto spoilt = newest ? std::prev(machine.disk.snapshots.end())
                             : machine.disk.snapshots.begin();
        uint64_t index = spoilt->first;
        size_t at = prng_below(&scene.world.random(), spoilt->second.size());
        /* What fills up a block is no part of it. */
        if (at < SNAPSHOT_BLOCK_BYTES)
            at = 40;
        else
            at -= at % SNAPSHOT_BLOCK_BYTES;
        spoilt->second[at] ^= 1;
        uint64_t damaged = mark_count("snapshot_damaged");
        ASSERT_TRUE(scene.while_idle_until([&] {
            return machine.disk.snapshots.count(index) == 0;
        })) << seed;
        EXPECT_EQ(mark_count("snapshot_damaged"), damaged + 1) << seed;
        EXPECT_FALSE(machine.disk.snapshots.empty()) << seed;
        scene.restarts(machine);
    }
}

TEST(SimCare, WithoutARateNothingIsLookedAt)
{
    Options options = options_of(1);
    auto tune = options.tune;
    options.tune = [tune](node_settings &settings) {
        tune(settings);
        settings.scrub_bytes_per_s = 0;
    };
    World world(options);
    for (int id = 1; id <= 3; id++)
        EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
    uint64_t scrubbed = mark_count("scrubbed");
    world.run_for(60 * NS_PER_S);
    EXPECT_EQ(mark_count("scrubbed"), scrubbed);
}

} // namespace
