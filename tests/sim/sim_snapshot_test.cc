/*
 * Snapshots, the log behind them, and members that need one: whole clusters in virtual time.
 * After every turn the digests of all nodes are compared at equal indexes (world.cc), so that
 * what a snapshot restores is compared with what was applied entry by entry.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/units.h"
#include "node/replica.h"
#include "sim/world/sim_client.h"

using namespace sim;

namespace {

/* A cluster that takes snapshots often, and clients that keep its log growing. */
struct Scene {
    explicit Scene(int nodes = 3, uint64_t seed = 1, uint64_t rate = 4 * MIB)
            : world(options_of(nodes, seed, rate))
    {
        for (int id = 1; id <= world.count(); id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(led());
        for (int i = 0; i < 3; i++)
            clients.push_back(std::make_unique<Client>(
                    world, 101 + i, "c" + std::to_string(i), 5 * NS_PER_S));
    }

    static Options options_of(int nodes, uint64_t seed, uint64_t rate)
    {
        Options options;
        options.nodes = nodes;
        options.seed = seed;
        options.disk_jitter_ns = 300 * NS_PER_US;
        options.tune = [rate](node_settings &settings) {
            settings.snapshot.send_bytes_per_s = rate;
            if (rate < settings.snapshot.chunk_bytes) /* A piece takes seconds. */
                settings.snapshot.send_patience_ns = 30 * NS_PER_S;
            settings.wal.segment_bytes = 256 * KIB;
            settings.snapshot.log_bytes = 64 * KIB;
            settings.snapshot.every_ns = NS_PER_S;
            settings.snapshot.keep_bytes = 0;
        };
        return options;
    }

    bool led(uint64_t most = 20 * NS_PER_S)
    {
        return world.run_until([&] { return world.leader() != nullptr; }, most);
    }

    /* Locks are taken and given back, for so many rounds. */
    void work(int rounds)
    {
        for (int round = 0; round < rounds; round++) {
            for (auto &client : clients) {
                std::string lock = "lock-" + std::to_string(round % names);
                lock.resize(lock_bytes, '.');
                bool over = false;
                client->acquire(lock, NS_PER_S, [&](const core_completion &done) {
                    over = true;
                    granted += done.status == STATUS_OK;
                });
                world.run_until([&] { return over; }, 5 * NS_PER_S);
                if (client->held().count(lock) == 0 || round % 5 == 0)
                    continue;
                over = false;
                client->release(lock, [&](const core_completion &) { over = true; });
                world.run_until([&] { return over; }, 5 * NS_PER_S);
            }
        }
    }

    /* Every client takes so many locks at once, and gives them back. */
    void take_and_give_back(int count)
    {
        int under_way = 0;
        auto over = [&](const core_completion &) {
            under_way--;
        };
        auto all_over = [&] {
            return under_way == 0;
        };
        for (auto &client : clients)
            for (int i = 0; i < count; i++, under_way++)
                client->acquire(client->name() + std::to_string(i), 5 * NS_PER_S, over);
        world.run_until(all_over, 10 * NS_PER_S);
        for (auto &client : clients)
            for (const auto &held : std::map(client->held())) {
                under_way++;
                client->release(held.first, over);
            }
        world.run_until(all_over, 10 * NS_PER_S);
    }

    bool caught_up()
    {
        return world.run_until(
                [&] {
                    Machine *leader = world.leader();
                    if (!leader)
                        return false;
                    for (int id = 1; id <= world.count(); id++) {
                        Machine &machine = world.machine(id);
                        if (!machine.up() || node_is_loading(machine.node()) ||
                                locks_index(machine.locks()) < raft_commit(leader->raft()))
                            return false;
                    }
                    return true;
                },
                60 * NS_PER_S);
    }

    World world;
    std::vector<std::unique_ptr<Client>> clients;
    int granted = 0;
    int names = 7;
    size_t lock_bytes = 12;
};

uint64_t log_first(const Machine &machine)
{
    return raft_before_log(machine.raft()).index + 1;
}

} // namespace

TEST(SimSnapshot, TheLogIsBoundedHoweverLongItRuns)
{
    Scene scene;
    uint64_t compacted = mark_count("log_compacted");
    scene.work(200);
    scene.world.run_for(10 * NS_PER_S);
    EXPECT_GT(mark_count("log_compacted"), compacted);
    for (int id = 1; id <= 3; id++) {
        const Machine &machine = scene.world.machine(id);
        EXPECT_GT(log_first(machine), 100U) << id;
        /* The log behind the snapshot, the one that is written, and one ahead. */
        EXPECT_LE(machine.disk.segments.size(), 4U) << id;
        EXPECT_LE(machine.disk.snapshots.size(), 3U) << id;
        EXPECT_GE(machine.disk.snapshots.size(), 1U) << id;
    }
    EXPECT_GT(scene.granted, 300);
}

/* Not only at the end: one second's commands fill many segments. */
TEST(SimSnapshot, TheLogIsBoundedWhileMuchIsWritten)
{
    Scene scene;
    size_t most = 0;
    uint64_t began_ns = scene.world.now();
    for (int round = 0; round < 400; round++) {
        scene.take_and_give_back(64);
        for (int id = 1; id <= 3; id++)
            most = std::max(most, scene.world.machine(id).disk.segments.size());
    }
    EXPECT_LT(scene.world.now() - began_ns, NS_PER_S);
    EXPECT_GT(scene.world.machine(1).disk.segments.rbegin()->first, 10U);
    EXPECT_LE(most, 4U);
}

TEST(SimSnapshot, ARestartContinuesFromOne)
{
    Scene scene;
    for (int round = 0; round < 5; round++) {
        scene.work(40);
        uint64_t loaded = mark_count("snapshot_loaded_at_start");
        for (int id = 1; id <= 3; id++) {
            Machine &machine = scene.world.machine(id);
            machine.crash(round % 2 == 0 ? End::killed : End::power_cut);
            ASSERT_EQ(machine.start(), NODE_BOOT_OK) << id;
            scene.world.run_for(NS_PER_S);
        }
        ASSERT_TRUE(scene.caught_up());
        EXPECT_GE(mark_count("snapshot_loaded_at_start"), loaded + (round > 0 ? 3 : 0));
    }
}

TEST(SimSnapshot, AMemberThatWasAwayGetsOne)
{
    Scene scene;
    scene.work(20);
    scene.world.machine(3).crash();
    scene.work(150);
    ASSERT_NE(scene.world.leader(), nullptr);
    scene.world.run_for(700 * NS_PER_S); /* Nobody waits for it any more. */
    scene.work(150);
    uint64_t installed = mark_count("snapshot_installed");
    uint64_t sent = mark_count("snapshot_sending");
    uint64_t begun = mark_count("raft_log_begun_anew");
    ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
    ASSERT_TRUE(scene.caught_up());
    EXPECT_GT(mark_count("snapshot_sending"), sent);
    EXPECT_EQ(mark_count("raft_log_begun_anew"), begun + 1);
    EXPECT_EQ(mark_count("snapshot_installed"), installed + 1);
    EXPECT_GT(log_first(scene.world.machine(3)), 100U);
    /* It takes part like any other: with one of the two others only. */
    scene.world.machine(1).crash();
    ASSERT_TRUE(scene.led());
    scene.work(20);
    ASSERT_EQ(scene.world.machine(1).start(), NODE_BOOT_OK);
    ASSERT_TRUE(scene.caught_up());
    /* And it restarts like any other. */
    scene.world.machine(3).crash(End::power_cut);
    ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
    ASSERT_TRUE(scene.caught_up());
}

/* The connection breaks, and the receiver and the sender end, at every moment of a transfer. */
TEST(SimSnapshot, ATransferMayBeCutAnywhere)
{
    uint64_t resumed = mark_count("snapshot_resumed");
    uint64_t installed = mark_count("snapshot_installed");
    for (uint64_t seed = 1; seed <= 8; seed++) {
        Scene scene(3, seed, 128 * KIB);
        scene.names = 19;
        scene.lock_bytes = 200;
        scene.work(10);
        scene.world.machine(3).crash();
        scene.work(60);
        scene.world.run_for(700 * NS_PER_S);
        scene.work(60);
        ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
        for (int i = 0; i < 25; i++) {
            scene.world.run_for(1 + scene.world.roll(40 * NS_PER_MS));
            Machine *leader = scene.world.leader();
            uint64_t what = scene.world.roll(8);
            if (what < 5 && leader) {
                scene.world.network.reset(3, leader->id());
            } else if (what == 5) {
                scene.world.machine(3).crash(End::power_cut);
                ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
            } else if (what == 6 && leader) {
                leader->crash(End::killed);
                ASSERT_EQ(leader->start(), NODE_BOOT_OK);
            } else {
                scene.world.machine(3).end_amid(
                        static_cast<uint32_t>(scene.world.roll(4)), End::killed, true);
                scene.world.run_for(5 * NS_PER_MS);
                if (!scene.world.machine(3).up()) {
                    ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
                }
            }
        }
        scene.world.run_for(NS_PER_S);
        if (!scene.world.machine(3).up()) { /* It was to end amid a turn, and did now. */
            ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
        }
        ASSERT_TRUE(scene.caught_up()) << seed;
    }
    EXPECT_GT(mark_count("snapshot_resumed"), resumed);
    EXPECT_GT(mark_count("snapshot_installed"), installed);
}

/*
 * The member loses power at each step of its way from a log that is too old to the leader's
 * state: amid whatever its turns want done. It starts again on what it has.
 */
TEST(SimSnapshot, TheReceiverMayLosePowerAtEveryStep)
{
    uint64_t installed = mark_count("snapshot_installed");
    uint64_t in_part = mark_count("snapshot_linked_in_part");
    uint32_t steps = 0;
    for (bool survived = false; !survived && steps < 400; steps++) {
        Scene scene(3, 1 + steps % 3);
        scene.names = 70;
        scene.lock_bytes = 60;
        scene.work(5);
        Machine &member = scene.world.machine(3);
        member.crash();
        scene.work(110);
        ASSERT_EQ(member.start(), NODE_BOOT_OK);
        member.end_amid(steps, End::power_cut, steps % 2 == 0);
        uint64_t before = mark_count("snapshot_installed");
        scene.world.run_until([&] { return !member.up(); }, NS_PER_S);
        survived = member.up() && mark_count("snapshot_installed") > before;
        if (!member.up()) {
            ASSERT_EQ(member.start(), NODE_BOOT_OK) << steps;
        }
        ASSERT_TRUE(scene.caught_up()) << steps;
        ASSERT_GT(mark_count("snapshot_installed"), before) << steps;
    }
    EXPECT_GT(steps, 20U) << "there are fewer steps than a transfer has";
    EXPECT_GT(mark_count("snapshot_linked_in_part"), in_part);
    EXPECT_GT(mark_count("snapshot_installed"), installed);
}

/* A member that takes a snapshot too slowly does not keep the leader's log from being removed. */
TEST(SimSnapshot, ASlowTransferDoesNotFillTheDisk)
{
    Scene scene(3, 1, KIB / 2);
    scene.names = 19;
    scene.lock_bytes = 200;
    scene.work(20);
    scene.world.machine(3).crash();
    scene.work(150);
    uint64_t sent = mark_count("snapshot_sending");
    ASSERT_EQ(scene.world.machine(3).start(), NODE_BOOT_OK);
    bool stuck = false;
    for (int i = 0; i < 30; i++) {
        scene.work(20);
        Machine *leader = scene.world.leader();
        ASSERT_NE(leader, nullptr);
        EXPECT_LE(leader->disk.segments.size(), 6U);
        EXPECT_LE(leader->disk.snapshots.size(), 3U);
        stuck = stuck || own_condition(leader->node()) == CONDITION_SNAPSHOT_STUCK;
    }
    EXPECT_TRUE(stuck);
    EXPECT_GT(mark_count("snapshot_sending"), sent + 1);
    /* Without clients the log stands still, and the member gets one after all. */
    for (auto &client : scene.clients)
        client->end();
    EXPECT_TRUE(scene.caught_up() || scene.caught_up());
}

/* A damaged one is not used: the one before it is. */
TEST(SimSnapshot, ADamagedOneIsPassedOver)
{
    Scene scene;
    scene.work(60);
    scene.world.run_for(3 * NS_PER_S);
    Machine &machine = scene.world.machine(2);
    machine.crash();
    ASSERT_GE(machine.disk.snapshots.size(), 2U);
    auto kept = machine.disk.swap_content({});
    auto put = [&](Disk::Content content) {
        (void)machine.disk.swap_content(content);
    };
    /* All of them: without a snapshot the log, which begins later, says nothing. */
    Disk::Content broken = kept;
    for (auto &[index, content] : broken.snapshots)
        content[content.size() / 2] ^= 1;
    for (auto &[index, content] : broken.snapshots)
        content[SNAPSHOT_BLOCK_BYTES + 40] ^= 1;
    put(broken);
    uint64_t refused = mark_count("snapshot_refused_at_start");
    EXPECT_EQ(machine.start(), NODE_BOOT_NO_SNAPSHOT);
    EXPECT_GT(mark_count("snapshot_refused_at_start"), refused);
    /* Lost. */
    broken = kept;
    broken.snapshots.clear();
    put(broken);
    EXPECT_EQ(machine.start(), NODE_BOOT_NO_SNAPSHOT);
    /* The newest: the log reaches back to the other one. */
    broken = kept;
    std::prev(broken.snapshots.end())->second[SNAPSHOT_BLOCK_BYTES + 40] ^= 1;
    put(broken);
    begin_block begin{};
    ASSERT_EQ(log_begin_read(kept.log_begin.data(), &begin), BEGIN_GOOD);
    EXPECT_LE(begin.begin.before.index, kept.snapshots.begin()->first);
    EXPECT_EQ(machine.start(), NODE_BOOT_OK);
    machine.crash();
    put(kept);
    ASSERT_EQ(machine.start(), NODE_BOOT_OK);
    ASSERT_TRUE(scene.caught_up());
}

/* A disk without room for a snapshot costs the snapshot, and nothing else. */
TEST(SimSnapshot, AFullDiskDelaysIt)
{
    Scene scene;
    uint64_t failed = mark_count("snapshot_failed");
    scene.work(10);
    for (int id = 1; id <= 3; id++)
        scene.world.machine(id).disk.full = true;
    scene.work(30);
    scene.world.run_for(3 * NS_PER_S);
    EXPECT_GT(mark_count("snapshot_failed"), failed);
    for (int id = 1; id <= 3; id++)
        scene.world.machine(id).disk.full = false;
    uint64_t compacted = mark_count("log_compacted");
    scene.work(100);
    scene.world.run_for(20 * NS_PER_S);
    EXPECT_GT(mark_count("log_compacted"), compacted);
}
