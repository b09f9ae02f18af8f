/*
 * Two processes that are one member: a copy of a data directory, as it is or as it was, is
 * started while the member runs. The copy knows all that the member knows, its incarnation
 * too. It must be kept out, and both sides must say so; nobody else notices anything.
 *
 * (A copy that is started when the member is gone takes its place. If it is an old one, the
 * member has forgotten what it promised, and nobody can tell: lockd/doc/operations.md.)
 */
#include <gtest/gtest.h>

#include "base/units.h"
#include "sim/world/sim_client.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

using namespace sim;

namespace {

struct Scene {
    explicit Scene(uint64_t seed) : world(options_of(seed))
    {
        prng_init(&dice, seed);
        for (int id = 1; id <= world.count(); id++)
            EXPECT_EQ(world.machine(id).start(), NODE_BOOT_OK);
        EXPECT_TRUE(
                world.run_until([&] { return world.leader() != nullptr; }, NS_PER_S * 9));
        alice = std::make_unique<Client>(world, 101, "alice", 5 * NS_PER_S);
    }
    static Options options_of(uint64_t seed)
    {
        Options options;
        options.seed = seed;
        options.nodes = seed % 3 == 0 ? 5 : 3;
        options.net_jitter_ns = 2 * NS_PER_MS;
        options.disk_jitter_ns = 2 * NS_PER_MS;
        return options;
    }

    /* Takes a lock and gives it back until then; each time it is granted soon. */
    void work_until(uint64_t end)
    {
        while (world.now() < end && !testing::Test::HasFailure()) {
            std::optional<enum status> taken;
            std::optional<enum status> given;
            alice->acquire(
                    "build", 0, [&](const core_completion &done) { taken = done.status; });
            world.run_until([&] { return taken.has_value(); }, NS_PER_S);
            ASSERT_EQ(taken, STATUS_OK);
            alice->release(
                    "build", [&](const core_completion &done) { given = done.status; });
            world.run_until([&] { return given.has_value(); }, NS_PER_S);
            ASSERT_EQ(given, STATUS_OK);
            world.run_for(10 * NS_PER_MS);
        }
    }

    struct prng dice {};
    World world;
    std::unique_ptr<Client> alice;
};

bool is_condition(const Machine &machine, enum condition condition)
{
    return machine.up() && own_condition(machine.node()) == condition;
}

/* `age_ns`: how long before its start the copy was made */
void start_a_copy(uint64_t seed, uint64_t age_ns)
{
    SCOPED_TRACE("seed " + std::to_string(seed));
    Scene scene(seed);
    World &world = scene.world;
    scene.work_until(world.now() + NS_PER_S);
    int id = 1 + static_cast<int>(
                         prng_below(&scene.dice, static_cast<uint64_t>(world.count())));
    auto copy = world.machine(id).disk.segments;
    scene.work_until(world.now() + age_ns);
    uint64_t term = raft_term(world.leader()->raft());
    Machine clone(world, static_cast<uint8_t>(id));
    clone.disk.segments = copy;
    ASSERT_EQ(clone.start(), NODE_BOOT_OK);
    uint64_t applied = locks_index(clone.locks());
    scene.work_until(world.now() + 3 * NS_PER_S);
    EXPECT_TRUE(is_condition(clone, CONDITION_ID_TAKEN));
    EXPECT_EQ(locks_index(clone.locks()), applied) << "it was sent entries";
    int warned = 0;
    for (int other = 1; other <= world.count(); other++) {
        const Machine &machine = world.machine(other);
        warned += is_condition(machine, CONDITION_STRANGER);
        EXPECT_EQ(raft_term(machine.raft()), term) << "n" << other << " was disturbed";
    }
    EXPECT_EQ(warned, world.count() - 1);
    clone.crash();
    scene.work_until(world.now() + NS_PER_S);
}

} // namespace

TEST(Clone, ACopyAsItIsIsKeptOut)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        start_a_copy(seed, 0);
}

TEST(Clone, AnOldCopyIsKeptOut)
{
    for (uint64_t seed = 11; seed <= 20; seed++)
        start_a_copy(seed, 10 * NS_PER_S);
}
