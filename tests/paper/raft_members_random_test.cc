/*
 * Members that change amid crashes, cuts, lost and repeated messages, driven by seeds.
 *
 * Six nodes have a log that begins with a configuration of three. Leaders add learners,
 * promote them, and remove members, themselves included, at any moment that the rules allow.
 * Raft's five properties are checked at every step, over all configurations
 * (raft_cluster.h). Then all is healed, and the newest configuration must have a leader that
 * commits and stays, whatever the nodes that are in none do.
 *
 * RAFT_SEEDS=first:count runs others.
 */
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t ELECTION_MAX_NS = 500 * NS_PER_MS;
constexpr uint8_t NODES = 6;

class run {
public:
    explicit run(uint64_t seed) : cluster(NODES, seed)
    {
        prng_init(&prng, seed ^ 0x3e3be5);
        cluster.delay_min = 50 + below(500);
        cluster.delay_max = cluster.delay_min + below(3000);
        cluster.disk_max = cluster.disk_min + below(10000);
        cluster.hold_when_cut = below(2) == 0;
        cluster.by_peer = below(4) > 0;
        cluster.slow_term_start = below(3) == 0;
        if (below(2) == 0) {
            cluster.drop_percent = below(20);
            cluster.repeat_percent = below(20);
        }
        cluster.prepare(std::vector<std::vector<uint64_t>>(NODES, {1}), 1);
        cluster.begin_with(0b1110);
        cluster.start_all();
    }

    void all()
    {
        for (int i = 0; i < 200; i++) {
            one();
            cluster.run_for(below(i % 10 == 0 ? 1000 : 40) * NS_PER_MS);
        }
        heal_all();
        auto serves = [this] {
            uint8_t leader = cluster.leads_committed();
            return leader != 0 && cluster.propose(leader);
        };
        cluster.require(cluster.run_until(serves, 20 * ELECTION_MAX_NS), "no leader");
        cluster.run_for(5 * ELECTION_MAX_NS);
        uint8_t leader = cluster.leads_committed();
        cluster.require(leader != 0, "no leader that stays");
        uint64_t term = raft_term(cluster.raft(leader));
        cluster.run_for(10 * ELECTION_MAX_NS);
        cluster.require(cluster.leads_committed() == leader &&
                                raft_term(cluster.raft(leader)) == term,
                "a healthy leader is disturbed");
        cluster.require(
                raft_commit(cluster.raft(leader)) == raft_last(cluster.raft(leader)).index,
                "entries stay uncommitted");
    }

    uint64_t changes = 0;

private:
    uint64_t below(uint64_t n)
    {
        return prng_below(&prng, n);
    }
    uint8_t anyone()
    {
        return static_cast<uint8_t>(1 + below(NODES));
    }

    static uint64_t bit(uint8_t id)
    {
        return UINT64_C(1) << id;
    }

    /* By anybody who believes to lead. */
    void change(uint8_t leader, uint8_t id)
    {
        if (!cluster.is_up(leader))
            return;
        struct raft_configuration next = raft_newest_configuration(cluster.raft(leader));
        if ((next.voters & bit(id)) != 0)
            next.voters &= ~bit(id);
        else if ((next.learners & bit(id)) != 0 && below(3) > 0) {
            next.learners &= ~bit(id);
            next.voters |= bit(id);
        } else
            next.learners ^= bit(id);
        if (next.voters != 0 && cluster.propose_configuration(leader, next))
            changes++;
    }

    void flap(uint8_t a, uint8_t b)
    {
        if (a == b || !cluster.is_up(a) || !cluster.is_up(b))
            return;
        if (cluster.is_open(a, b) && cluster.is_open(b, a)) {
            cluster.disconnect(a, b, below(2) == 0);
            cluster.disconnect(b, a, below(2) == 0);
        } else
            cluster.connect(a, b);
    }

    void restart(uint8_t id)
    {
        if (cluster.is_up(id))
            cluster.crash(id);
        else
            cluster.start(id);
    }

    void one()
    {
        uint8_t a = anyone();
        uint8_t b = anyone();
        switch (below(9)) {
        case 0:
        case 1:
        case 2:
            for (uint8_t leader = 1; leader <= NODES; leader++)
                change(leader, b);
            break;
        case 3:
            restart(a);
            break;
        case 4:
            if (a != b)
                cluster.cut_both(a, b);
            break;
        case 5:
            if (below(3) == 0)
                cluster.isolate(a);
            break;
        case 6:
            cluster.heal();
            break;
        case 7:
            flap(a, b);
            break;
        default:
            for (uint8_t leader = 1; leader <= NODES; leader++)
                (void)cluster.propose(leader);
            break;
        }
    }

    void heal_all()
    {
        cluster.drop_percent = 0;
        cluster.repeat_percent = 0;
        cluster.slow_term_start = false;
        cluster.heal();
        for (uint8_t id = 1; id <= NODES; id++)
            if (!cluster.is_up(id))
                cluster.start(id);
        for (uint8_t a = 1; a <= NODES; a++)
            for (uint8_t b = static_cast<uint8_t>(a + 1); b <= NODES; b++)
                cluster.connect(a, b);
    }

    raft_cluster cluster;
    struct prng prng;
};

} // namespace

TEST(RaftRandomMembers, ManySeeds)
{
    unsigned long long first = 1;
    unsigned long long count = 60;
    if (const char *seeds = std::getenv("RAFT_SEEDS")) {
        ASSERT_EQ(std::sscanf(seeds, "%llu:%llu", &first, &count), 2);
    }
    uint64_t changes = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        SCOPED_TRACE("RAFT_SEEDS=" + std::to_string(seed) + ":1");
        run run(seed);
        ASSERT_NO_THROW(run.all());
        changes += run.changes;
    }
    EXPECT_GT(changes, count) << "hardly anything changed";
}
