/*
 * Members with different programs, and what a snapshot says of the cluster's version: whole
 * clusters in virtual time. After every turn the digests of all nodes are compared at equal
 * indexes (world.cc), and the number of trials, which only the next version has, is in them.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/units.h"
#include "locks/state.h"
#include "sim/world/sim_client.h"

using namespace sim;

namespace {

constexpr versions OLD{VERSION_FIRST, VERSION_FIRST};
constexpr versions NEXT{VERSION_FIRST, VERSION_TRIAL};

/* Three nodes that take snapshots often, and a client that keeps their log growing. */
struct Scene {
    /* All members must have known a version for so long; 0: the upgrade is never finished. */
    explicit Scene(uint64_t after_ns) : world(options_of(after_ns))
    {
        for (int id = 1; id <= world.count(); id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(led());
        client = std::make_unique<Client>(world, 101, "c", 5 * NS_PER_S);
    }

    static Options options_of(uint64_t after_ns)
    {
        Options options;
        options.tune = [after_ns](node_settings &settings) {
            settings.cluster.upgrade_after_ns = after_ns;
            settings.wal.segment_bytes = 256 * KIB;
            settings.snapshot.log_bytes = 64 * KIB;
            settings.snapshot.every_ns = NS_PER_S;
            settings.snapshot.keep_bytes = 0;
        };
        return options;
    }

    bool led()
    {
        return world.run_until([&] { return world.leader() != nullptr; }, 20 * NS_PER_S);
    }

    enum node_boot change(int id, versions versions)
    {
        Machine &machine = world.machine(id);
        if (machine.up())
            machine.crash();
        machine.run_versions(versions);
        return machine.start();
    }

    void work(int rounds)
    {
        for (int round = 0; round < rounds; round++) {
            std::string lock = "lock-" + std::to_string(round % 7);
            bool over = false;
            auto done = [&](const core_completion &) {
                over = true;
            };
            if (client->held().count(lock) == 0)
                client->acquire(lock, NS_PER_S, done);
            else
                client->release(lock, done);
            world.run_until([&] { return over; }, 5 * NS_PER_S);
        }
    }

    /* Work until every node that is up begins its log later than that entry. */
    bool compacts_behind(uint64_t index)
    {
        for (int tries = 0; tries < 200; tries++) {
            bool done = true;
            for (int id = 1; id <= world.count(); id++) {
                Machine &machine = world.machine(id);
                done = done &&
                       (!machine.up() || raft_before_log(machine.raft()).index > index);
            }
            if (done)
                return true;
            work(20);
            world.run_for(NS_PER_S / 4);
        }
        return false;
    }

    uint16_t version_of(int id)
    {
        return locks_settings(world.machine(id).locks())->version;
    }

    bool is_caught_up(int id)
    {
        Machine *leader = world.leader();
        Machine &machine = world.machine(id);
        return leader && machine.up() && !node_is_loading(machine.node()) &&
               locks_index(machine.locks()) >= raft_commit(leader->raft());
    }

    bool catches_up(int id)
    {
        return world.run_until([&] { return is_caught_up(id); }, 60 * NS_PER_S);
    }

    bool all_use(uint16_t version)
    {
        return world.run_until(
                [&] {
                    for (int id = 1; id <= world.count(); id++) {
                        if (!world.machine(id).up() || version_of(id) != version)
                            return false;
                    }
                    return true;
                },
                60 * NS_PER_S);
    }

    /* Somebody who does not lead. */
    int follower()
    {
        return world.leader()->id() % world.count() + 1;
    }

    World world;
    std::unique_ptr<Client> client;
};

bool was_told(const Machine &machine, enum node_notice_kind kind)
{
    for (const node_notice &notice : machine.notices) {
        if (notice.kind == kind)
            return true;
    }
    return false;
}

} // namespace

/* As long as the upgrade is open, both programs write and read the same snapshots. */
TEST(SimUpgrade, AMemberTakesASnapshotOfTheOtherProgram)
{
    for (auto [others, own] : {std::pair{NEXT, OLD}, std::pair{OLD, NEXT}}) {
        Scene scene(0);
        int away = scene.follower();
        for (int id = 1; id <= 3; id++)
            EXPECT_EQ(scene.change(id, id == away ? own : others), NODE_BOOT_OK);
        ASSERT_TRUE(scene.led());
        scene.work(20);
        uint64_t last = raft_last(scene.world.machine(away).raft()).index;
        scene.world.machine(away).crash();
        ASSERT_TRUE(scene.led());
        ASSERT_TRUE(scene.compacts_behind(last));
        uint64_t installed = mark_count("snapshot_installed");
        ASSERT_EQ(scene.world.machine(away).start(), NODE_BOOT_OK);
        EXPECT_TRUE(scene.catches_up(away));
        EXPECT_GT(mark_count("snapshot_installed"), installed);
        EXPECT_TRUE(scene.all_use(VERSION_FIRST));
        /* And each may go to the other program, on the snapshot that it has. */
        EXPECT_EQ(scene.change(away, others), NODE_BOOT_OK);
        EXPECT_TRUE(scene.catches_up(away));
    }
}

TEST(SimUpgrade, ASnapshotKeepsTheVersionAndRefusesAnOldProgram)
{
    Scene scene(200 * NS_PER_MS);
    for (int id = 1; id <= 3; id++)
        EXPECT_EQ(scene.change(id, NEXT), NODE_BOOT_OK);
    ASSERT_TRUE(scene.all_use(VERSION_TRIAL));
    uint64_t raised = raft_last(scene.world.leader()->raft()).index;
    ASSERT_TRUE(scene.compacts_behind(raised));
    for (int id = 1; id <= 3; id++)
        scene.world.machine(id).crash();
    for (int id = 1; id <= 3; id++) {
        uint64_t loaded = mark_count("snapshot_loaded_at_start");
        EXPECT_EQ(scene.world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_EQ(mark_count("snapshot_loaded_at_start"), loaded + 1);
        EXPECT_EQ(scene.version_of(id), VERSION_TRIAL) << "before it has heard of anybody";
        EXPECT_GT(scene.world.machine(id).locks()->trials, 0U);
    }
    ASSERT_TRUE(scene.led());
    /* The entry that raised the version is in no log any more. */
    EXPECT_EQ(scene.change(1, OLD), NODE_BOOT_VERSION);
    EXPECT_EQ(scene.change(1, NEXT), NODE_BOOT_OK);
    EXPECT_TRUE(scene.catches_up(1));
}

/* It hears nothing of the entry that raises the version, and then gets a snapshot of it. */
TEST(SimUpgrade, AMemberLearnsTheVersionFromASnapshot)
{
    Scene scene(2 * NS_PER_S);
    for (int id = 1; id <= 3; id++)
        EXPECT_EQ(scene.change(id, NEXT), NODE_BOOT_OK);
    ASSERT_TRUE(scene.led());
    int deaf = scene.follower();
    for (int id = 1; id <= 3; id++) {
        if (id != deaf)
            scene.world.network.hold(id, deaf);
    }
    auto is_raised = [&] {
        return scene.world.leader() &&
               scene.version_of(scene.world.leader()->id()) == VERSION_TRIAL;
    };
    ASSERT_TRUE(scene.world.run_until(is_raised, 20 * NS_PER_S));
    scene.world.machine(deaf).crash();
    EXPECT_EQ(scene.version_of(scene.world.leader()->id()), VERSION_TRIAL);
    ASSERT_TRUE(scene.compacts_behind(raft_last(scene.world.leader()->raft()).index));
    for (int id = 1; id <= 3; id++) {
        if (id != deaf)
            scene.world.network.deliver(id, deaf); /* To nobody; the hold ends. */
    }
    ASSERT_EQ(scene.world.machine(deaf).start(), NODE_BOOT_OK);
    EXPECT_EQ(scene.version_of(deaf), VERSION_FIRST);
    scene.world.machine(deaf).notices.clear();
    ASSERT_TRUE(scene.catches_up(deaf));
    EXPECT_EQ(scene.version_of(deaf), VERSION_TRIAL);
    EXPECT_TRUE(was_told(scene.world.machine(deaf), NOTICE_SNAPSHOT_INSTALLED));
    EXPECT_TRUE(was_told(scene.world.machine(deaf), NOTICE_UPGRADED));
}
