/*
 * Faults of the simulated world do what they say: a fault that does nothing finds nothing.
 */
#include <gtest/gtest.h>

#include <set>

#include "base/units.h"
#include "sim/world/sim_client.h"

using namespace sim;

namespace {

/* Three nodes that lead, and a client that asks for one lock after the other. */
struct Scene {
    explicit Scene(Options options = {}) : world(options)
    {
        for (int id = 1; id <= world.count(); id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(led());
        alice = std::make_unique<Client>(world, 101, "alice", 5 * NS_PER_S);
        world.network.taps.push_back(
                [this](uint64_t link, int from, int, const std::vector<uint8_t> &) {
                    if (from == 101)
                        links.insert(link);
                });
        EXPECT_LT(time_to_grant(), NS_PER_S);
    }

    bool led()
    {
        return world.run_until([&] { return world.leader() != nullptr; }, 10 * NS_PER_S);
    }
    int leader()
    {
        return world.leader()->id();
    }

    /* Until it is answered, at most half a minute. */
    uint64_t time_to_grant()
    {
        bool granted = false;
        uint64_t begin = world.now();
        alice->acquire(std::to_string(++asked), 20 * NS_PER_S,
                [&](const core_completion &done) { granted = done.status == STATUS_OK; });
        EXPECT_TRUE(world.run_until([&] { return granted; }, 30 * NS_PER_S));
        return world.now() - begin;
    }

    World world;
    std::unique_ptr<Client> alice;
    std::set<uint64_t> links; /* That she spoke on */
    int asked = 0;
};

} // namespace

TEST(World, ASlowWayIsSlowOneWay)
{
    Scene scene;
    uint64_t usual = scene.time_to_grant();
    scene.world.network.slow(101, scene.leader(), 30 * NS_PER_MS);
    EXPECT_GE(scene.time_to_grant(), usual + 30 * NS_PER_MS);
    EXPECT_LT(scene.time_to_grant(), usual + 60 * NS_PER_MS);
    scene.world.network.heal();
    EXPECT_LT(scene.time_to_grant(), usual + 30 * NS_PER_MS);
}

TEST(World, LossStallsAndThenBreaks)
{
    Scene scene;
    scene.world.network.lose(101, scene.leader(), 100);
    size_t before = scene.links.size();
    scene.world.in(NS_PER_S, [&] { scene.world.network.heal(); });
    EXPECT_GE(scene.time_to_grant(), NS_PER_S);
    EXPECT_GT(scene.links.size(), before); /* She gave it up. */
}

TEST(World, AConnectionBreaksAmidAFrame)
{
    Scene scene;
    size_t before = scene.links.size();
    scene.world.network.reset_after(101, scene.leader(), 20);
    scene.time_to_grant();
    EXPECT_GT(scene.links.size(), before);
}

TEST(World, AHalfOpenConnectionIsFoundOutBySending)
{
    Scene scene;
    size_t before = scene.links.size();
    scene.world.network.half_open(scene.leader(), 101);
    scene.world.run_for(100 * NS_PER_MS);
    EXPECT_EQ(scene.links.size(), before); /* She said nothing, and heard nothing. */
    scene.time_to_grant();
    EXPECT_GT(scene.links.size(), before);
}

TEST(World, HealingAmongSomeLeavesTheOthersApart)
{
    Scene scene;
    scene.world.network.cut(1, 2);
    scene.world.network.cut(2, 3);
    scene.world.network.heal_among({1, 2});
    EXPECT_FALSE(scene.world.network.is_cut(1, 2));
    EXPECT_TRUE(scene.world.network.is_cut(2, 3));
}

/* P5: wherever in its effects a leader ends, the others go on and it comes back. */
TEST(World, ANodeEndsAmidItsEffects)
{
    for (uint32_t effects = 0; effects < 12; effects++) {
        Scene scene;
        Machine &leader = *scene.world.leader();
        leader.end_amid(effects, End::power_cut, effects % 2 == 0);
        scene.time_to_grant();
        EXPECT_TRUE(scene.world.run_until([&] { return !leader.up(); }, NS_PER_S));
        EXPECT_TRUE(scene.led());
        EXPECT_EQ(leader.start(), NODE_BOOT_OK);
        scene.time_to_grant();
    }
}

/*
 * Messages of a turn leave, and what they wait for is not on the disk: and the other way
 * round.
 */
TEST(World, ATurnIsDoneInPart)
{
    for (bool disk_first : {false, true}) {
        Scene scene;
        Machine &leader = *scene.world.leader();
        size_t sent = 0;
        scene.world.network.taps.push_back(
                [&](uint64_t, int from, int, const std::vector<uint8_t> &) {
                    sent += from == leader.id();
                });
        leader.end_amid(1, End::killed, disk_first);
        EXPECT_TRUE(scene.world.run_until([&] { return !leader.up(); }, NS_PER_S));
        EXPECT_LE(sent, 1u);
    }
}

/* P6: damage before the durable end is seen, whatever its kind, and costs nobody else. */
TEST(World, DamageIsSeenAtStart)
{
    for (Damage kind : {Damage::flipped, Damage::zeroed, Damage::misdirected}) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            Options options;
            options.seed = seed;
            Scene scene(options);
            for (int i = 0; i < 5; i++)
                scene.time_to_grant();
            Machine &machine = scene.world.machine(1 + static_cast<int>(seed % 3));
            machine.crash(End::power_cut);
            if (!machine.disk.damage(kind, scene.world.random()))
                continue;
            EXPECT_EQ(machine.start(), NODE_BOOT_DAMAGED);
            scene.time_to_grant();
            machine.disk.undo_damage();
            EXPECT_EQ(machine.start(), NODE_BOOT_OK);
        }
    }
}

namespace {

/* It writes something, its sync fails, and it ends. */
void end_by_a_failed_sync(Scene &scene, Machine &machine)
{
    machine.disk.broken = true;
    scene.alice->acquire("x", NS_PER_S, [](const core_completion &) {});
    EXPECT_TRUE(scene.world.run_until([&] { return !machine.up(); }, 10 * NS_PER_S));
}

Options with_caches()
{
    Options options;
    options.page_cache = true;
    options.late_writes = true;
    return options;
}

} // namespace

/* Whether or not a cache holds more than the platter, and whichever came first. */
TEST(World, RotIsThereUntilItIsUndone)
{
    for (bool rots_first : {false, true}) {
        for (bool is_undone : {false, true}) {
            Scene scene(with_caches());
            for (int i = 0; i < 5; i++)
                scene.time_to_grant();
            Machine &machine = scene.world.machine(1);
            if (rots_first) {
                EXPECT_TRUE(machine.disk.damage(Damage::flipped, scene.world.random()));
            }
            end_by_a_failed_sync(scene, machine);
            if (!rots_first) {
                EXPECT_TRUE(machine.disk.damage(Damage::flipped, scene.world.random()));
            }
            if (is_undone)
                machine.disk.undo_damage();
            machine.crash(End::power_cut);
            EXPECT_EQ(machine.start(), is_undone ? NODE_BOOT_OK : NODE_BOOT_DAMAGED);
        }
    }
}

/*
 * What was written to the other directory, and what a killed process or a failed sync left of
 * it, is not in it.
 */
TEST(World, ALogThatIsMountedAgainIsAsItWas)
{
    struct prng random;
    prng_init(&random, 1);
    for (bool fails : {false, true}) {
        for (int i = 0; i < 20; i++) {
            Disk disk;
            disk.segment_bytes = 4 * WAL_BLOCK_BYTES;
            disk.page_cache = disk.late_writes = true;
            disk.begin_segment(1);
            disk.end_segment(1);
            auto before = disk.segments;
            disk.unmount();
            EXPECT_TRUE(disk.segments.empty());
            disk.begin_segment(1);
            disk.end_segment(1);
            std::vector<unsigned char> bytes(WAL_BLOCK_BYTES, 'x');
            wal_write write = {
                    .id = 1, .place = {1, 0}, .bytes = bytes.data(), .count = bytes.size()};
            if (fails)
                disk.fail_sync(&write, 1, random);
            else
                disk.begin_write(write);
            disk.end(End::killed, random);
            disk.mount();
            disk.finish_late();
            disk.end(End::power_cut, random);
            EXPECT_TRUE(disk.segments == before);
        }
    }
}

/* No decision reads the time of day, so nothing changes when it does. */
TEST(World, G3_JumpsOfTheWallClockChangeNothing)
{
    uint64_t digests[2];
    uint64_t turns[2];
    for (int jumps = 0; jumps < 2; jumps++) {
        Scene scene;
        for (int i = 0; i < 10; i++) {
            if (jumps == 1)
                scene.world.machine(1 + i % 3).jump_wall(
                        (i - 5) * 3600 * INT64_C(1000000000));
            scene.time_to_grant();
            scene.world.run_for(NS_PER_S);
        }
        digests[jumps] = locks_digest(scene.world.leader()->locks());
        turns[jumps] = scene.world.turns();
    }
    EXPECT_EQ(digests[0], digests[1]);
    EXPECT_EQ(turns[0], turns[1]);
}
