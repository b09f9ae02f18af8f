/*
 * Whole clusters of real nodes and real client cores, in virtual time.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/units.h"
#include "sim/world/sim_client.h"

using namespace sim;

namespace {

/* A world whose nodes are up and lead. */
struct Scene {
    explicit Scene(Options options = {}) : world(options)
    {
        for (int id = 1; id <= world.count(); id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(led());
    }

    bool led(uint64_t most = 10 * NS_PER_S)
    {
        return world.run_until([&] { return world.leader() != nullptr; }, most);
    }

    Client &client(const std::string &name, uint64_t ttl = 5 * NS_PER_S)
    {
        int number = 101 + static_cast<int>(clients.size());
        clients.push_back(std::make_unique<Client>(world, number, name, ttl));
        return *clients.back();
    }

    /* The status of an acquire that is over within `most`; nothing if it is not. */
    std::optional<enum status> acquire(Client &client, const std::string &lock,
            uint64_t wait, uint64_t most = 20 * NS_PER_S)
    {
        std::optional<enum status> status;
        client.acquire(
                lock, wait, [&](const core_completion &done) { status = done.status; });
        world.run_until([&] { return status.has_value(); }, most);
        return status;
    }

    std::optional<enum status> release(Client &client, const std::string &lock)
    {
        std::optional<enum status> status;
        client.release(lock, [&](const core_completion &done) { status = done.status; });
        world.run_until([&] { return status.has_value(); }, 20 * NS_PER_S);
        return status;
    }

    World world;
    std::vector<std::unique_ptr<Client>> clients;
};

} // namespace

TEST(Sim, OneNodeGrantsALock)
{
    Options options;
    options.nodes = 1;
    Scene scene(options);
    Client &alice = scene.client("alice");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    EXPECT_TRUE(alice.believes("build"));
    EXPECT_EQ(scene.release(alice, "build"), STATUS_OK);
    EXPECT_FALSE(alice.believes("build"));
}

TEST(Sim, ThreeNodesHandALockOn)
{
    Scene scene;
    Client &alice = scene.client("alice");
    Client &bob = scene.client("bob");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    EXPECT_EQ(scene.acquire(bob, "build", 0), STATUS_TIMEOUT);
    uint64_t first = alice.held().at("build").token;
    std::optional<enum status> granted;
    bob.acquire("build", 60 * NS_PER_S,
            [&](const core_completion &done) { granted = done.status; });
    scene.world.run_for(NS_PER_S);
    EXPECT_FALSE(granted.has_value());
    EXPECT_EQ(scene.release(alice, "build"), STATUS_OK);
    EXPECT_TRUE(scene.world.run_until([&] { return granted.has_value(); }, NS_PER_S));
    EXPECT_EQ(granted, STATUS_OK);
    EXPECT_GT(bob.held().at("build").token, first);
}

/* Elections and dead leaders end no lease. */
TEST(Sim, G3_ALeaseOutlivesItsLeader)
{
    Scene scene;
    Client &alice = scene.client("alice");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    for (int round = 0; round < 5; round++) {
        Machine *leader = scene.world.leader();
        ASSERT_NE(leader, nullptr);
        leader->crash();
        EXPECT_TRUE(scene.led());
        leader->start();
        scene.world.run_for(3 * NS_PER_S);
        EXPECT_TRUE(alice.believes("build")) << round;
    }
}

/* A silent holder is expired after its ttl of cluster time, and never comes back. */
TEST(Sim, G5_G10_ASilentHolderIsExpired)
{
    Scene scene;
    Client &alice = scene.client("alice");
    Client &bob = scene.client("bob");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    uint64_t begin = scene.world.now();
    alice.pause(true);
    EXPECT_EQ(scene.acquire(bob, "build", 60 * NS_PER_S), STATUS_OK);
    uint64_t waited = scene.world.now() - begin;
    EXPECT_GE(waited, 3 * NS_PER_S);
    EXPECT_LE(waited, 5 * NS_PER_S + 300 * NS_PER_MS);
    EXPECT_FALSE(alice.believes("build"));
    alice.pause(false);
    scene.world.run_for(2 * NS_PER_S);
    EXPECT_EQ(alice.state(), BELIEF_LOST);
}

/*
 * What an idle cluster logs, entries a second: the figures that operations.md gives to plan
 * disks with. Clients renew every third of their ttl, each at its own time.
 */
TEST(Sim, IdleHoldersLogLittle)
{
    auto entries_a_second = [](int holders) {
        Options options;
        options.tiny = false;
        Scene scene(options);
        for (int i = 0; i < holders; i++) {
            Client &client = scene.client("holder" + std::to_string(i), 10 * NS_PER_S);
            EXPECT_EQ(scene.acquire(client, "lock" + std::to_string(i), 0), STATUS_OK);
            scene.world.run_for(73 * NS_PER_MS);
        }
        scene.world.run_for(5 * NS_PER_S);
        uint64_t before = raft_commit(scene.world.leader()->raft());
        scene.world.run_for(30 * NS_PER_S);
        for (int i = 0; i < holders; i++)
            EXPECT_TRUE(scene.clients[static_cast<size_t>(i)]->believes(
                    "lock" + std::to_string(i)));
        uint64_t after = raft_commit(scene.world.leader()->raft());
        return static_cast<double>(after - before) / 30;
    };
    EXPECT_EQ(entries_a_second(0), 0);
    EXPECT_LE(entries_a_second(1), 0.5);
    EXPECT_LE(entries_a_second(100), 2);
}

/* The guard of the clocks: 10 % fast is found within two brackets, 0.4 % never. */
TEST(Sim, AFastLeaderHandsOver)
{
    Options options;
    Scene scene(options);
    Client &alice = scene.client("alice");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    Machine *leader = scene.world.leader();
    uint64_t before = mark_count("clock_suspect_hands_over");
    leader->set_rate(4000);
    scene.world.run_for(60 * NS_PER_S);
    EXPECT_EQ(mark_count("clock_suspect_hands_over"), before);
    EXPECT_EQ(scene.world.leader(), leader);
    leader->set_rate(100000);
    EXPECT_TRUE(scene.world.run_until(
            [&] { return mark_count("clock_suspect_hands_over") > before; },
            40 * NS_PER_S));
    EXPECT_TRUE(scene.world.run_until(
            [&] { return scene.world.leader() && scene.world.leader() != leader; },
            5 * NS_PER_S));
    EXPECT_GT(mark_count("clock_of_leader_suspect"), 0u);
}

/* A follower that was away for long is served from the log on disk. */
TEST(Sim, AFollowerFarBehindCatchesUpFromDisk)
{
    Scene scene;
    Client &alice = scene.client("alice");
    Machine *leader = scene.world.leader();
    int away = leader->id() == 1 ? 2 : 1;
    scene.world.machine(away).crash();
    for (int i = 0; i < 200; i++) {
        ASSERT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
        ASSERT_EQ(scene.release(alice, "build"), STATUS_OK);
    }
    scene.world.machine(away).start();
    Machine &late = scene.world.machine(away);
    EXPECT_TRUE(scene.world.run_until(
            [&] {
                return late.up() && locks_index(late.locks()) + 3 >
                                            locks_index(scene.world.leader()->locks());
            },
            20 * NS_PER_S))
            << "last " << raft_last(late.raft()).index << " commit "
            << raft_commit(late.raft()) << " applied " << locks_index(late.locks())
            << " leader's " << locks_index(scene.world.leader()->locks()) << " match "
            << raft_peer_match(scene.world.leader()->raft(), late.id());
}

/*
 * The disk is read up to an entry whose write is under way; later that entry is wanted from
 * disk. (What is not there yet was once taken for the end of the segment.)
 */
TEST(Sim, AReadThatMeetsAWriteUnderWayContinuesLater)
{
    Options options;
    options.net_ns = 20 * NS_PER_MS;
    Scene scene(options);
    Client &alice = scene.client("alice", 60 * NS_PER_S);
    World &world = scene.world;
    auto work = [&](int rounds) {
        for (int i = 0; i < rounds; i++) {
            ASSERT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
            ASSERT_EQ(scene.release(alice, "build"), STATUS_OK);
        }
    };
    Machine &late = world.machine(world.leader()->id() == 1 ? 2 : 1);
    late.crash();
    /* The last append is then not full, so the read continues into the write. */
    work(51);
    for (int id = 1; id <= 3; id++)
        world.machine(id).crash();
    for (int id = 1; id <= 3; id++) {
        if (id != late.id())
            world.machine(id).start();
    }
    /* The entry that begins the next term is long under way on its leader. */
    Machine *leader = nullptr;
    world.after_turn = [&](Machine &machine) {
        if (leader == nullptr && machine.leads()) {
            leader = &machine;
            leader->disk.stalled_until = world.now() + 3 * NS_PER_S;
        }
    };
    ASSERT_TRUE(world.run_until([&] { return leader != nullptr; }, 10 * NS_PER_S));
    uint64_t term_start = raft_last(leader->raft()).index;
    uint64_t before = mark_count("read_before_the_write");
    late.start();
    EXPECT_TRUE(world.run_until(
            [&] { return raft_durable(late.raft()) == term_start - 1; }, 2 * NS_PER_S));
    EXPECT_GT(mark_count("read_before_the_write"), before);
    late.crash();
    world.run_for(3 * NS_PER_S);
    work(60);
    late.start();
    EXPECT_TRUE(world.run_until(
            [&] { return locks_index(late.locks()) == locks_index(leader->locks()); },
            20 * NS_PER_S));
}

/* All nodes die and come back: what was granted is granted still. */
TEST(Sim, ARestartOfAllKeepsEverything)
{
    Scene scene;
    Client &alice = scene.client("alice");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    uint64_t token = alice.held().at("build").token;
    for (int id = 1; id <= 3; id++)
        scene.world.machine(id).crash(End::power_cut);
    scene.world.run_for(20 * NS_PER_S);
    EXPECT_EQ(alice.state(), BELIEF_SUSPENDED);
    for (int id = 1; id <= 3; id++)
        EXPECT_EQ(scene.world.machine(id).start(), NODE_BOOT_OK);
    EXPECT_TRUE(scene.led());
    EXPECT_TRUE(
            scene.world.run_until([&] { return alice.believes("build"); }, 5 * NS_PER_S));
    EXPECT_EQ(alice.held().at("build").token, token);
}

/* A node whose directory was emptied neither votes nor takes entries, and says so. */
TEST(Sim, AnEmptiedNodeTakesNoPart)
{
    Scene scene;
    Client &alice = scene.client("alice");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    Machine *leader = scene.world.leader();
    int other = leader->id() == 1 ? 2 : 1;
    scene.world.machine(other).crash();
    scene.world.machine(other).disk.wipe();
    EXPECT_EQ(scene.world.machine(other).start(), NODE_BOOT_OK);
    scene.world.run_for(3 * NS_PER_S);
    EXPECT_EQ(locks_index(scene.world.machine(other).locks()), 0u);
    EXPECT_TRUE(raft_is_blank(scene.world.machine(other).raft()));
    leader->crash();
    scene.world.run_for(20 * NS_PER_S);
    EXPECT_EQ(scene.world.leader(), nullptr);
}

/* A full disk refuses new work and comes back when there is space. */
TEST(Sim, AFullDiskComesBack)
{
    Options options;
    options.nodes = 1;
    Scene scene(options);
    Client &alice = scene.client("alice");
    scene.world.machine(1).disk.full = true;
    std::optional<enum status> last = STATUS_OK;
    for (int i = 0; i < 200 && last == STATUS_OK; i++) {
        last = scene.acquire(alice, "build", 0, 3 * NS_PER_S);
        if (last == STATUS_OK)
            last = scene.release(alice, "build");
    }
    EXPECT_NE(last, STATUS_OK);
    EXPECT_GT(mark_count("segment_failed"), 0u);
    scene.world.machine(1).disk.full = false;
    scene.world.run_for(10 * NS_PER_S);
    Client &bob = scene.client("bob");
    EXPECT_EQ(scene.acquire(bob, "other", 10 * NS_PER_S), STATUS_OK);
}

/* SIGTERM: the leader hands over, and nobody waits for an election. */
TEST(Sim, AStoppedLeaderHandsOver)
{
    Scene scene;
    Client &alice = scene.client("alice");
    EXPECT_EQ(scene.acquire(alice, "build", 0), STATUS_OK);
    Machine *leader = scene.world.leader();
    uint64_t begin = scene.world.now();
    leader->stop();
    EXPECT_TRUE(scene.world.run_until([&] { return leader->stopped(); }, 5 * NS_PER_S));
    EXPECT_TRUE(scene.led());
    EXPECT_LE(scene.world.now() - begin, 50 * NS_PER_MS);
    EXPECT_TRUE(alice.believes("build"));
}
