/*
 * A cluster that lost everything begins a new life from a backup, or from the disk of one survivor,
 * while programs of the old life still run and believe what they believed. Nobody is granted a
 * lock that one of them may still hold, and no token is given twice or turns back.
 */
#include <gtest/gtest.h>

#include <memory>

#include "base/units.h"
#include "protocol/member_list.h"
#include "protocol/token.h"
#include "sim/world/sim_client.h"
#include "sim/world/world.h"
#include "store/begin_format.h"
#include "worlds/locks_snapshot.h"
#include "worlds/snapshot_file.h"

using namespace sim;

namespace {

constexpr uint64_t max_ttl_ns = 4 * NS_PER_S;
constexpr int lock_count = 3;

std::string lock_name(uint64_t number)
{
    return "lock-" + std::to_string(number % lock_count);
}

/* What a restore writes into an empty directory (lockd/offline/new_life.c). */
class NewLife {
public:
    NewLife(const snapshot_test::bytes &file, uint64_t wall_ns) : wall_ns_(wall_ns)
    {
        snapshot_test::Read read = snapshot_test::read_file(file);
        EXPECT_TRUE(read.whole);
        header_ = read.header;
        wire wire = wire_reader(header_.configuration, header_.configuration_bytes);
        wire_cluster_record(&wire, &cluster_);
        EXPECT_FALSE(wire.failed);
        locks_world old(cluster_.settings);
        EXPECT_TRUE(snapshots::load_all(
                old.locks, read.records, 100000, header_.cluster_version));
        token_past past{locks_token_last(old.locks), header_.wall_ns};
        first_ = token_first(&past, wall_ns);
        locks_begin_life(old.locks, first_);
        locks_check(old.locks);
        records_ = snapshots::take_all(old.locks);
        cluster_.settings = *locks_settings(old.locks);
    }

    Disk::Content content(const std::string &address, uint64_t number)
    {
        begin_block begin{};
        begin.node = 1;
        begin.cluster = 0xb000 + number;
        begin.incarnation = 0xd000 + number;
        begin.begin = {header_.last, header_.last_sum, 2};
        begin.fresh = true;
        begin.term = header_.last.term;
        header_.cluster = begin.cluster;
        header_.wall_ns = wall_ns_;
        header_.chunk_count = 0;
        header_.content_sum = 0;
        set_configuration(address, begin.incarnation);
        Disk::Content content;
        content.snapshots[header_.last.index] =
                snapshot_test::make_file(header_, header_.chunk_bytes, records_);
        content.log_begin.resize(WAL_BLOCK_BYTES);
        log_begin_write(content.log_begin.data(), &begin);
        return content;
    }

    uint64_t first() const
    {
        return first_;
    }

private:
    void set_configuration(const std::string &address, uint64_t incarnation)
    {
        member alone{};
        alone.id = 1;
        alone.role = MEMBER_VOTER;
        alone.priority = PRIORITY_DEFAULT;
        alone.incarnation = incarnation;
        address.copy(alone.address, sizeof alone.address - 1);
        cluster_.index = header_.last.index;
        cluster_.configuration = {};
        cluster_.configuration.count = 1;
        cluster_.configuration.members[0] = alone;
        wire wire = wire_writer(header_.configuration, sizeof header_.configuration);
        wire_cluster_record(&wire, &cluster_);
        EXPECT_FALSE(wire.failed);
        header_.configuration_bytes = static_cast<uint32_t>(wire.at);
    }

    uint64_t wall_ns_;
    snapshot_header header_{};
    cluster_record cluster_{};
    snapshot_test::bytes records_;
    uint64_t first_ = 0;
};

struct Scene {
    explicit Scene(uint64_t seed) : world(options_of(seed)), dice(stream(seed))
    {
        for (int id = 1; id <= 3; id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(
                world.run_until([&] { return world.leader() != nullptr; }, 20 * NS_PER_S));
        begin_programs();
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
        options.tune = [](node_settings &settings) {
            settings.cluster.max_ttl_ns = max_ttl_ns;
            settings.snapshot.every_ns = NS_PER_S;
        };
        return options;
    }

    /* Of this life; those of the lives before run on. */
    void begin_programs()
    {
        for (int i = 0; i < 3; i++) {
            int number = 101 + static_cast<int>(clients.size());
            clients.push_back(std::make_unique<Client>(
                    world, number, "c" + std::to_string(number), max_ttl_ns));
        }
    }

    /* One of the newest programs takes a lock, or gives one back. */
    void act()
    {
        Client &client = *clients[clients.size() - 1 - prng_below(&dice, 3)];
        std::string lock = lock_name(prng_below(&dice, lock_count));
        if (client.held().count(lock) > 0) {
            if (prng_below(&dice, 3) == 0)
                client.release(lock, [](const core_completion &) {});
            return;
        }
        client.acquire(
                lock, 2 * NS_PER_S, [this, &client, lock](const core_completion &done) {
                    if (done.status != STATUS_OK)
                        return;
                    uint64_t token = client.held().at(lock).token;
                    EXPECT_GT(token, last_token[lock]) << lock << " of " << client.name();
                    last_token[lock] = token;
                    granted++;
                });
    }

    /* At most one program believes that it holds a lock, whichever life it is of. */
    void judge()
    {
        for (uint64_t number = 0; number < lock_count; number++) {
            int believers = 0;
            for (const auto &client : clients)
                believers += client->believes(lock_name(number));
            EXPECT_LE(believers, 1) << lock_name(number) << " at " << world.now();
        }
    }

    void live(uint64_t ns)
    {
        for (uint64_t end_ns = world.now() + ns;
                world.now() < end_ns && !testing::Test::HasFailure();) {
            act();
            world.run_for(prng_below(&dice, 20 * NS_PER_MS));
            judge();
        }
    }

    /* All machines lose power; the first one gets what the restore has written. */
    void begin_life(const snapshot_test::bytes &file)
    {
        for (int id = 1; id <= 3; id++)
            world.machine(id).crash(End::power_cut);
        world.begin_life();
        lives++;
        wall_ns += world.now() - wall_seen_ns + NS_PER_S; /* The operator took a while. */
        wall_seen_ns = world.now();
        NewLife life(file, wall_ns);
        for (const auto &[lock, token] : last_token)
            EXPECT_GT(life.first(), token) << lock;
        Machine &machine = world.machine(1);
        (void)machine.disk.swap_content(life.content(machine.address(), lives));
        ASSERT_EQ(machine.start(), NODE_BOOT_OK);
        begin_programs();
    }

    snapshot_test::bytes newest_snapshot(int id)
    {
        const auto &snapshots = world.machine(id).disk.snapshots;
        EXPECT_FALSE(snapshots.empty());
        return snapshots.empty() ? snapshot_test::bytes{}
                                 : std::prev(snapshots.end())->second;
    }

    World world;
    struct prng dice;
    std::vector<std::unique_ptr<Client>> clients;
    std::map<std::string, uint64_t> last_token;
    int granted = 0;
    uint64_t lives = 0;
    uint64_t wall_ns = 1700000000 * NS_PER_S + NS_PER_S;
    uint64_t wall_seen_ns = 0;
};

} // namespace

/* From a backup that lacks the last seconds, twice from the same one. */
TEST(SimLife, G2_G4_ARestoredClusterGrantsNothingThatMayBeHeld)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Scene scene(seed);
        scene.live(3 * NS_PER_S);
        snapshot_test::bytes backup =
                scene.newest_snapshot(1 + static_cast<int>(prng_below(&scene.dice, 3)));
        scene.live(prng_below(&scene.dice, 2 * NS_PER_S));
        for (int life = 0; life < 2; life++) {
            int before = scene.granted;
            ASSERT_NO_FATAL_FAILURE(scene.begin_life(backup));
            scene.live(3 * NS_PER_S);
            EXPECT_EQ(scene.granted, before) << "in quarantine";
            scene.live(6 * NS_PER_S);
            EXPECT_GT(scene.granted, before);
        }
    }
}
