/*
 * Clusters of one to seven under everything that may happen to them, driven by seeds.
 *
 * A run has three parts. First trouble: crashes, cuts in one direction or both, lost,
 * repeated and reordered messages, closed connections, slow disks, full logs, slow leaders,
 * handovers; Raft's five properties are checked at every step (raft_cluster.h). Then a
 * majority that can talk to each other both ways is left, while every other link is as
 * chance will have it (one-way, bridges): it must have a leader that commits within five
 * election timeouts. Then all is healed, and all logs must become equal.
 *
 * RAFT_SEEDS=first:count runs others, RAFT_EMPTIES=1 with emptied directories too, and
 * --gtest_filter=*ByHand* those alone: for the long search.
 */
#include <csignal>
#include <cstdio>
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t ELECTION_MAX_NS = 500 * NS_PER_MS;

uint64_t total_commits;
uint64_t total_terms;
uint64_t total_reads;
uint64_t slowest_ns;
uint64_t slowest_seed;
volatile std::sig_atomic_t seed_under_way;

void note_slowest(uint64_t ns)
{
    if (ns <= slowest_ns)
        return;
    slowest_ns = ns;
    slowest_seed = static_cast<uint64_t>(seed_under_way);
}

class run {
public:
    run(uint64_t seed, bool empties) : cluster(settings_of(seed), seed)
    {
        prng_init(&prng, seed ^ 0x5eed);
        cluster.delay_min = 50 + below(500);
        cluster.delay_max = cluster.delay_min + below(3000);
        cluster.disk_min = 50 + below(1000);
        cluster.disk_max = cluster.disk_min + below(10000);
        cluster.slow_term_start = below(3) == 0;
        cluster.hold_when_cut = below(2) == 0;
        cluster.by_peer = below(4) > 0;
        if (below(2) == 0) {
            cluster.drop_percent = below(20);
            cluster.repeat_percent = below(20);
        }
        for (uint64_t &weight : weights)
            weight = below(3) == 0 ? 0 : below(10);
        weights[0] = 5 + below(30);
        weights[12] = empties ? 2 : 0;
    }

    void all()
    {
        if (below(2) == 0 && cluster.count() > 1)
            cluster.prepare(random_logs(), 9);
        cluster.start_all();
        for (int i = 0; i < 150; i++) {
            trouble();
            cluster.run_for(below(i % 10 == 0 ? 400 : 20) * NS_PER_MS);
        }
        if (is_bootstrapped() && can_serve()) {
            leave_majority();
            cluster.require(
                    serves_within(5 * ELECTION_MAX_NS), "no leader in five timeouts");
            cluster.run_for(below(1200) * NS_PER_MS);
            cluster.require(serves_within(5 * ELECTION_MAX_NS), "it does not stay");
        }
        heal_all();
        if (!can_serve())
            return;
        auto agree = [this] {
            return cluster.agree();
        };
        cluster.require(
                cluster.run_until(agree, 20 * ELECTION_MAX_NS), "logs stay different");
        total_commits += cluster.committed.size();
        total_terms += raft_term(cluster.raft(1));
        for (const auto &read : cluster.reads)
            total_reads += read.granted ? 1 : 0;
    }

private:
    static struct raft_settings settings_of(uint64_t seed)
    {
        struct prng prng;
        prng_init(&prng, seed);
        struct raft_settings settings =
                small_settings(1, static_cast<uint8_t>(prng_between(&prng, 1, 7)));
        settings.window = static_cast<uint32_t>(prng_between(&prng, 1, 5));
        settings.recent_max = UINT32_C(1) << prng_between(&prng, 0, 6);
        settings.append_bytes_max = static_cast<uint32_t>(prng_between(&prng, 1, 2000));
        settings.reads_max = static_cast<uint32_t>(prng_between(&prng, 1, 20));
        return settings;
    }

    uint64_t below(uint64_t n)
    {
        return prng_below(&prng, n);
    }
    uint8_t anyone()
    {
        return static_cast<uint8_t>(1 + below(cluster.count()));
    }

    /*
     * Logs as leaders of terms 1 to 8 may have left them, by the rules: each was elected
     * by a majority that had seen no later log, and sent some of its entries to some.
     */
    std::vector<std::vector<uint64_t>> random_logs()
    {
        std::vector<std::vector<uint64_t>> logs(cluster.count(), std::vector<uint64_t>{1});
        for (uint64_t term = 2; term <= 8; term++) {
            auto &led = logs[anyone() - 1U];
            auto suffices = [&led](const std::vector<uint64_t> &log) {
                return std::pair(log.back(), log.size()) <=
                       std::pair(led.back(), led.size());
            };
            uint8_t votes = 0;
            for (auto &log : logs)
                votes += suffices(log) ? 1 : 0;
            if (votes <= cluster.count() / 2)
                continue;
            led.insert(led.end(), 1 + below(3), term);
            for (auto &log : logs)
                if (&log != &led && below(3) == 0 && suffices(log))
                    log.assign(led.begin(), led.end() - static_cast<int64_t>(below(2)));
        }
        return logs;
    }

    uint64_t up_count()
    {
        uint64_t up = 0;
        for (uint8_t id = 1; id <= cluster.count(); id++)
            up += cluster.is_up(id) ? 1 : 0;
        return up;
    }

    void start_one()
    {
        for (uint8_t id = 1; id <= cluster.count(); id++)
            if (!cluster.is_up(id)) {
                cluster.start(id);
                return;
            }
    }

    void restart(uint8_t id)
    {
        if (cluster.is_up(id) && up_count() * 2 > cluster.count() + below(2))
            cluster.crash(id);
        else
            start_one();
    }

    void flap(uint8_t a, uint8_t b)
    {
        if (a == b || !cluster.is_up(a) || !cluster.is_up(b))
            return;
        if (!cluster.is_open(a, b) || !cluster.is_open(b, a)) {
            cluster.connect(a, b);
            return;
        }
        cluster.disconnect(a, b, below(2) == 0);
        if (below(2) == 0)
            cluster.disconnect(b, a, below(2) == 0);
    }

    /* Not while bootstrap, and never all: then they found a new cluster, as they must. */
    void empty(uint8_t id)
    {
        bool all_have_entries = true;
        for (uint8_t other = 1; other <= cluster.count(); other++)
            all_have_entries =
                    all_have_entries &&
                    (cluster.wiped.count(other) > 0 || !cluster.at(other).disk.log.empty());
        bool last =
                cluster.wiped.count(id) == 0 && cluster.wiped.size() + 1 == cluster.count();
        if (last || !all_have_entries)
            return;
        if (cluster.is_up(id))
            cluster.crash(id);
        cluster.wipe(id);
        cluster.start(id);
    }

    void one(uint64_t what)
    {
        uint8_t a = anyone();
        uint8_t b = anyone();
        bool up = cluster.is_up(a);
        switch (what) {
        case 0:
            for (uint64_t many = below(8); many > 0; many--)
                cluster.propose(
                        below(4) == 0 || cluster.leader() == 0 ? a : cluster.leader(),
                        static_cast<uint32_t>(60 + below(600)));
            break;
        case 1:
            restart(a);
            break;
        case 2:
            if (a != b)
                cluster.cut(a, b);
            break;
        case 3:
            cluster.isolate(a);
            break;
        case 4:
            cluster.heal();
            break;
        case 5:
            flap(a, b);
            break;
        case 6:
            cluster.stall_disk(a, below(3) == 0);
            break;
        case 7:
            if (up)
                cluster.event(a, RAFT_TRANSFER, below(2) == 0 && b != a ? b : 0);
            break;
        case 8:
            for (uint64_t many = below(8); up && many > 0; many--)
                cluster.read(a);
            break;
        case 9:
            if (up)
                cluster.event(a, RAFT_CAMPAIGN);
            break;
        case 10:
            if (cluster.leader() != 0)
                restart(cluster.leader());
            break;
        case 11:
            if (up)
                raft_forget(cluster.raft(a), below(raft_last(cluster.raft(a)).index + 2));
            break;
        case 12:
            empty(a);
            break;
        case 13:
            cluster.at(a).full_log = !cluster.at(a).full_log;
            break;
        default:
            break;
        }
    }

    void trouble()
    {
        uint64_t sum = 0;
        for (uint64_t weight : weights)
            sum += weight;
        uint64_t pick = below(sum);
        for (uint64_t what = 0; what < std::size(weights); what++) {
            if (pick < weights[what]) {
                one(what);
                return;
            }
            pick -= weights[what];
        }
    }

    bool can_serve()
    {
        return cluster.wiped.size() < (cluster.count() + 1U) / 2;
    }

    bool is_bootstrapped()
    {
        return !cluster.committed.empty();
    }

    void all_up()
    {
        cluster.drop_percent = 0;
        cluster.repeat_percent = 0;
        for (uint8_t id = 1; id <= cluster.count(); id++) {
            cluster.stall_disk(id, false);
            cluster.at(id).full_log = false;
            if (!cluster.is_up(id))
                cluster.start(id);
        }
        for (uint8_t a = 1; a <= cluster.count(); a++)
            for (uint8_t b = 1; b < a; b++)
                cluster.connect(a, b);
    }

    /* Links within the majority stand; any other may be there or not, in each direction. */
    void leave_majority()
    {
        all_up();
        cluster.heal();
        std::set<uint8_t> core;
        while (core.size() < cluster.count() / 2U + 1) {
            uint8_t id = anyone();
            if (cluster.wiped.count(id) == 0)
                core.insert(id);
        }
        for (uint8_t a = 1; a <= cluster.count(); a++)
            for (uint8_t b = 1; b <= cluster.count(); b++)
                if (a != b && (core.count(a) == 0 || core.count(b) == 0) && below(2) == 0)
                    cluster.cut(a, b);
    }

    bool serves_within(uint64_t limit_ns)
    {
        uint64_t before = cluster.committed.size();
        uint64_t begin = cluster.now_ns();
        while (cluster.now_ns() - begin < limit_ns) {
            for (uint8_t id = 1; id <= cluster.count(); id++)
                cluster.propose(id);
            cluster.run_for(10 * NS_PER_MS);
            if (cluster.committed.size() > before && cluster.leads_committed() != 0) {
                note_slowest(cluster.now_ns() - begin);
                return true;
            }
        }
        return false;
    }

    void heal_all()
    {
        all_up();
        cluster.heal();
    }

    struct prng prng;
    raft_cluster cluster;
    uint64_t weights[14];
};

/* An assertion of raft's own does not know the seed. */
void tell_seed(int)
{
    std::fprintf(stderr, "seed %ld\n", static_cast<long>(seed_under_way));
}

void run_seeds(uint64_t first, uint64_t count, bool empties = false)
{
    std::signal(SIGABRT, tell_seed);
    for (uint64_t seed = first; seed < first + count; seed++) {
        seed_under_way = static_cast<std::sig_atomic_t>(seed);
        try {
            run(seed, empties).all();
        } catch (const std::exception &breach) {
            FAIL() << "seed " << seed << ": " << breach.what();
        }
    }
}

class RaftRandom : public testing::TestWithParam<uint64_t> {};

TEST_P(RaftRandom, KeepsTheFivePropertiesAndMovesOn)
{
    run_seeds(GetParam() * 500, 500);
}

/* A node that lost its directory never harms the others, and they go on without it. */
TEST(RaftRandomEmptied, SafeWithEmptiedDirectories)
{
    run_seeds(0, 1000, true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RaftRandom, testing::Range<uint64_t>(0, 8));

TEST(RaftRandomLong, SearchesByHand)
{
    const char *range = std::getenv("RAFT_SEEDS");
    unsigned long first = 4000;
    unsigned long count = 100;
    ASSERT_TRUE(!range || std::sscanf(range, "%lu:%lu", &first, &count) == 2);
    run_seeds(first, count, std::getenv("RAFT_EMPTIES") != nullptr);
    for (const struct mark *mark = mark_begin(); mark < mark_end(); mark++)
        std::printf("%10lu  %s %s\n", static_cast<unsigned long>(mark->count), mark->name,
                mark->file);
    std::printf("%lu commits, %lu terms, %lu reads, slowest to serve %lu ms (seed %lu)\n",
            static_cast<unsigned long>(total_commits),
            static_cast<unsigned long>(total_terms),
            static_cast<unsigned long>(total_reads),
            static_cast<unsigned long>(slowest_ns / NS_PER_MS),
            static_cast<unsigned long>(slowest_seed));
}

} // namespace
