/*
 * Members of whole clusters change, in virtual time: by snapshots, side by side, and the leader
 * itself. The oracle of members looks at every turn.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/units.h"
#include "sim/lives/operator.h"
#include "sim/oracles/members_oracle.h"
#include "sim/world/sim_client.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

using namespace sim;

namespace {

constexpr uint64_t patience_ns = 60 * NS_PER_S;

/* Three members and a machine more; snapshots are taken often, and little log is kept. */
struct Scene {
    explicit Scene(uint64_t seed = 1)
            : world(options_of(seed)), operators(world, stream(seed))
    {
        world.after_turn = [this](Machine &machine) {
            if (std::optional<std::string> breach = oracle.look(machine))
                ADD_FAILURE() << *breach;
        };
        world.before_end = [this](Machine &machine) {
            oracle.before_end(machine);
        };
        for (int id = 1; id <= 3; id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(led());
        client = std::make_unique<Client>(world, 101, "c1", 5 * NS_PER_S);
    }

    static struct prng stream(uint64_t seed)
    {
        struct prng prng {};
        prng_init(&prng, seed);
        return prng;
    }

    static Options options_of(uint64_t seed)
    {
        Options options;
        options.seed = seed;
        options.spares = 1;
        options.tune = [](node_settings &settings) {
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

    void start_new(int id)
    {
        Machine &machine = world.machine(id);
        machine.move_to("n" + std::to_string(id) + ":7000");
        machine.list_members(oracle.voters());
        EXPECT_EQ(machine.start(), NODE_BOOT_OK);
    }

    /* What is asked; *done once it is so. */
    std::shared_ptr<bool> ask(
            uint8_t kind, int id, const std::string &text = "", uint64_t incarnation = 0)
    {
        struct admin_request request {};
        request.kind = kind;
        request.node = static_cast<uint8_t>(id);
        request.number = incarnation;
        auto done = std::make_shared<bool>(false);
        operators.ask(
                request, text, patience_ns, [done](bool good, const std::string &sentence) {
                    EXPECT_TRUE(good) << sentence;
                    *done = good;
                });
        return done;
    }

    bool wait_for(const std::shared_ptr<bool> &done)
    {
        return world.run_until([&] { return *done; }, patience_ns + NS_PER_S);
    }

    /* Until the logs of all that run begin behind this index */
    bool work_until_compacted(uint64_t index)
    {
        std::string name(200, '.');
        for (int round = 0; round < 5000; round++) {
            bool over = false;
            auto end = [&](const core_completion &) {
                over = true;
            };
            client->acquire(name, NS_PER_S, end);
            world.run_until([&] { return over; }, 5 * NS_PER_S);
            over = false;
            client->release(name, end);
            world.run_until([&] { return over; }, 5 * NS_PER_S);
            bool all = true;
            for (int id = 1; id <= world.count(); id++) {
                Machine &machine = world.machine(id);
                all = all &&
                      (!machine.up() || raft_before_log(machine.raft()).index > index);
            }
            if (all)
                return true;
        }
        return false;
    }

    MembersOracle oracle;
    World world;
    Operator operators;
    std::unique_ptr<Client> client;
};

std::set<int> voters_of(const Machine &machine)
{
    uint64_t set = raft_newest_configuration(machine.raft()).voters;
    std::set<int> ids;
    for (int id = 1; id <= NODE_ID_MAX; id++) {
        if ((set >> id & 1) != 0)
            ids.insert(id);
    }
    return ids;
}

} // namespace

/* It gets a snapshot, in which the members are; and so has whoever starts from one. */
TEST(Membership, ALearnerCatchesUpBySnapshotAndStartsFromOne)
{
    Scene scene;
    World &world = scene.world;
    ASSERT_TRUE(scene.work_until_compacted(0));
    uint64_t installed = mark_count("snapshot_installed");
    scene.start_new(4);
    ASSERT_TRUE(
            scene.wait_for(scene.ask(ADMIN_MEMBERS_ADD, 4, world.machine(4).address())));
    EXPECT_GT(mark_count("snapshot_installed"), installed);
    EXPECT_GT(mark_count("learner_promoted"), 0U);
    const std::set<int> all{1, 2, 3, 4};
    EXPECT_EQ(scene.oracle.voters(), all);
    uint64_t index = raft_configuration_index(world.machine(4).raft());
    ASSERT_GT(index, 1U);
    ASSERT_TRUE(scene.work_until_compacted(index));
    for (int id = 1; id <= 4; id++) {
        Machine &machine = world.machine(id);
        machine.crash(End::power_cut);
        ASSERT_EQ(machine.start(), NODE_BOOT_OK);
        EXPECT_GE(raft_before_log(machine.raft()).index, index);
        EXPECT_EQ(voters_of(machine), all) << "n" << id;
        EXPECT_EQ(raft_configuration_index(machine.raft()), index);
        EXPECT_EQ(machine.node()->configurations.newest.is.members[3].address,
                std::string("n4:7000"));
        ASSERT_TRUE(scene.led());
    }
    ASSERT_TRUE(scene.work_until_compacted(raft_commit(world.leader()->raft())));
}

/* One after the other, whatever the order in which they are asked */
TEST(Membership, ChangesThatAreAskedSideBySide)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Scene scene(seed);
        World &world = scene.world;
        uint64_t waited = mark_count("newcomer_waits");
        scene.start_new(4);
        world.run_for(NS_PER_S);
        EXPECT_GT(mark_count("newcomer_waits"), waited);
        int id = world.leader()->id() % 3 + 1;
        auto added = scene.ask(ADMIN_MEMBERS_ADD, 4, world.machine(4).address());
        auto removed = scene.ask(ADMIN_MEMBERS_REMOVE, id);
        Machine &third = world.machine(6 - id - world.leader()->id());
        third.move_to("n" + std::to_string(third.id()) + ":7001");
        auto moved = scene.ask(ADMIN_MEMBERS_MOVE, third.id(), third.address());
        EXPECT_TRUE(scene.wait_for(added));
        EXPECT_TRUE(scene.wait_for(removed));
        EXPECT_TRUE(scene.wait_for(moved));
        EXPECT_EQ(scene.oracle.voters().count(4), 1U);
        EXPECT_EQ(scene.oracle.voters().count(id), 0U);
        EXPECT_TRUE(world.run_until(
                [&] { return world.machine(id).removed(); }, 10 * NS_PER_S));
    }
}

/* Neither of them knows where the other one is. The third one does, and says so. */
TEST(Membership, TwoThatMovedApartFindEachOther)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Scene scene(seed);
        World &world = scene.world;
        Machine &leader = *world.leader();
        Machine &away = world.machine(leader.id() % 3 + 1);
        away.crash();
        leader.move_to("n" + std::to_string(leader.id()) + ":7001");
        ASSERT_TRUE(scene.wait_for(
                scene.ask(ADMIN_MEMBERS_MOVE, leader.id(), leader.address())));
        ASSERT_EQ(world.leader(), &leader);
        away.move_to("n" + std::to_string(away.id()) + ":7001");
        uint64_t told = mark_count("member_is_elsewhere");
        ASSERT_EQ(away.start(), NODE_BOOT_OK);
        EXPECT_TRUE(world.run_until(
                [&] {
                    return raft_configuration_index(away.raft()) ==
                           raft_configuration_index(leader.raft());
                },
                5 * NS_PER_S));
        EXPECT_GT(mark_count("member_is_elsewhere"), told);
        EXPECT_EQ(world.leader(), &leader);
    }
}

TEST(Membership, TheLeaderIsRemoved)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Scene scene(seed);
        World &world = scene.world;
        int id = world.leader()->id();
        ASSERT_TRUE(scene.wait_for(scene.ask(ADMIN_MEMBERS_REMOVE, id)));
        EXPECT_TRUE(world.run_until(
                [&] { return world.machine(id).removed(); }, 10 * NS_PER_S));
        ASSERT_TRUE(scene.led());
        EXPECT_NE(world.leader()->id(), id);
        ASSERT_TRUE(scene.wait_for(
                scene.ask(ADMIN_MEMBERS_REMOVE, 6 - id - world.leader()->id())));
        EXPECT_EQ(scene.oracle.voters().size(), 1U);
    }
}

/* It is added before it is started, and killed while it joins: it joins all the same. */
TEST(Membership, ALearnerThatIsKilledWhileItJoins)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Scene scene(seed);
        World &world = scene.world;
        Machine &machine = world.machine(4);
        uint64_t started = mark_count("learner_was_started");
        auto added = scene.ask(ADMIN_MEMBERS_ADD, 4, "n4:7000");
        world.run_for(NS_PER_S);
        scene.start_new(4);
        uint64_t joined = mark_count("blank_node_joins");
        ASSERT_TRUE(world.run_until(
                [&] { return mark_count("blank_node_joins") > joined; }, 10 * NS_PER_S));
        EXPECT_GT(mark_count("learner_was_started"), started);
        world.run_for(seed * 100 * NS_PER_US);
        machine.crash(seed % 2 == 0 ? End::killed : End::power_cut);
        ASSERT_EQ(machine.start(), NODE_BOOT_OK);
        EXPECT_TRUE(scene.wait_for(added));
    }
}

/*
 * A machine is replaced while another one is down. That one counts by the members of before,
 * and hears the new machine all the same; the old disk is told that it is removed.
 */
TEST(Membership, AnOldDiskIsToldAndAnOldListIsNoObstacle)
{
    Scene scene;
    World &world = scene.world;
    ASSERT_TRUE(scene.wait_for([&] {
        scene.start_new(4);
        return scene.ask(ADMIN_MEMBERS_ADD, 4, world.machine(4).address());
    }()));
    world.machine(3).crash(End::killed);
    ASSERT_TRUE(scene.led());
    uint64_t incarnation = configuration_find(scene.oracle.newest(), 2)->incarnation;
    world.machine(2).crash(End::power_cut);
    Disk::Content old = world.machine(2).disk.swap_content({});
    scene.start_new(2);
    world.run_for(2 * NS_PER_S);
    ASSERT_EQ(world.machine(3).start(), NODE_BOOT_OK);
    ASSERT_TRUE(scene.wait_for(
            scene.ask(ADMIN_MEMBERS_REPLACE, 2, world.machine(2).address(), incarnation)));
    uint64_t refused = mark_count("removed_member_refused");
    Machine ghost(world, 2, true);
    (void)ghost.disk.swap_content(std::move(old));
    ASSERT_EQ(ghost.start(), NODE_BOOT_OK);
    EXPECT_TRUE(world.run_until([&] { return ghost.removed(); }, 10 * NS_PER_S));
    EXPECT_GT(mark_count("removed_member_refused"), refused);
}

/* Nothing is begun that would leave too few voters. */
TEST(Membership, AChangeThatWouldStopTheClusterWaits)
{
    Scene scene;
    World &world = scene.world;
    int leader = world.leader()->id();
    world.machine(leader % 3 + 1).crash(End::killed);
    world.run_for(2 * NS_PER_S);
    uint64_t before = mark_count("change_would_stop_the_cluster");
    auto removed = scene.ask(ADMIN_MEMBERS_REMOVE, 6 - leader - (leader % 3 + 1));
    world.run_for(2 * NS_PER_S);
    EXPECT_GT(mark_count("change_would_stop_the_cluster"), before);
    EXPECT_FALSE(*removed);
    ASSERT_EQ(world.machine(leader % 3 + 1).start(), NODE_BOOT_OK);
    EXPECT_TRUE(scene.wait_for(removed));
}
