/*
 * Liveness, which the dissertation leaves to PreVote and CheckQuorum [Raft 6.2, 9.6], and
 * in which they can lock each other up: a stale leader whose heartbeats hold up those who
 * have a majority without it, a node stuck in its term.
 */
#include <gtest/gtest.h>

#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

/*
 * Every way in which the links among a few nodes can stand, each direction for
 * itself: if a majority can talk to each other both ways, somebody leads and commits within
 * five election timeouts, whoever led before and whomever its heartbeats still reach.
 */
class PaperTopology : public testing::TestWithParam<uint8_t> {
protected:
    static bool has_core(uint8_t count, uint64_t links)
    {
        for (uint32_t members = 0; members < (1U << count); members++) {
            if (__builtin_popcount(members) != count / 2 + 1)
                continue;
            bool whole = true;
            for_links(count, [&](uint8_t from, uint8_t to, uint32_t link) {
                bool inside = ((members >> (from - 1)) & (members >> (to - 1)) & 1) != 0;
                whole = whole && (!inside || ((links >> link) & 1) != 0);
            });
            if (whole)
                return true;
        }
        return false;
    }

    template <typename Visit> static void for_links(uint8_t count, Visit visit)
    {
        uint32_t link = 0;
        for (uint8_t from = 1; from <= count; from++)
            for (uint8_t to = 1; to <= count; to++)
                if (from != to)
                    visit(from, to, link++);
    }

    /* Commits something new within five election timeouts, ... */
    static bool serves(raft_cluster &cluster)
    {
        uint64_t before = cluster.committed.size();
        uint64_t end = cluster.now_ns() + 5 * 500 * MS;
        while (cluster.now_ns() < end) {
            for (uint8_t id = 1; id <= cluster.count(); id++)
                cluster.propose(id);
            cluster.run_for(20 * MS);
            if (cluster.committed.size() > before + 1)
                return true;
        }
        return false;
    }

    static void try_links(uint8_t count, uint64_t links)
    {
        raft_cluster cluster(count, links + 1);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        cluster.run_for(100 * MS);
        for_links(count, [&](uint8_t from, uint8_t to, uint32_t link) {
            if (((links >> link) & 1) == 0)
                cluster.cut(from, to);
        });
        /* ... now, and as the leader of the healthy time is long gone. */
        EXPECT_TRUE(serves(cluster)) << "links " << std::hex << links;
        EXPECT_TRUE(serves(cluster)) << "later, links " << std::hex << links;
    }
};

TEST_P(PaperTopology, ConnectedMajorityElects)
{
    uint8_t count = GetParam();
    uint32_t link_count = count * (count - 1U);
    uint64_t tried = 0;
    /* All for three and four nodes; for five a sample. */
    uint64_t step = count < 5 ? 1 : 331;
    for (uint64_t links = 0; links < (UINT64_C(1) << link_count); links += step) {
        if (!has_core(count, links))
            continue;
        tried++;
        try_links(count, links);
        if (HasFailure())
            return;
    }
    EXPECT_GT(tried, 30U);
}

INSTANTIATE_TEST_SUITE_P(Nodes, PaperTopology, testing::Values<uint8_t>(3, 4, 5));

/*
 * The old leader hears nobody, but its heartbeats still reach everyone: they hold up the
 * others for one election timeout at most.
 */
TEST(PaperLiveness, DeafLeaderDoesNotBlockTheOthers)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        raft_cluster cluster(5, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        cluster.run_for(100 * MS);
        uint8_t old = cluster.leader();
        for (uint8_t other = 1; other <= 5; other++)
            if (other != old)
                cluster.cut(other, old);
        cluster.run_for(500 * MS);
        EXPECT_FALSE(raft_is_leader(cluster.raft(old)));
        EXPECT_TRUE(cluster.run_until(
                [&] { return cluster.leads_committed() != 0; }, 2000 * MS));
        EXPECT_NE(cluster.leads_committed(), old);
    }
}

/* Through a bridge the old leader reaches one of those who have lost it. */
TEST(PaperLiveness, BridgedOldLeaderDoesNotBlockTheOthers)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        raft_cluster cluster(5, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        cluster.run_for(100 * MS);
        uint8_t old = cluster.leader();
        uint8_t bridge = old == 5 ? 1 : 5;
        for (uint8_t other = 1; other <= 5; other++)
            if (other != old && other != bridge)
                cluster.cut_both(old, other);
        EXPECT_TRUE(cluster.run_until(
                [&] { return cluster.leads_committed() != 0 && cluster.leader() != old; },
                5 * 500 * MS));
    }
}

/* A node that was away does not disturb the leader when it comes back. [Raft 9.6] */
TEST(PaperLiveness, ReturningNodeDoesNotDepose)
{
    raft_cluster cluster(3, 3);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_leader());
    cluster.run_for(100 * MS);
    uint8_t leader = cluster.leader();
    uint64_t term = raft_term(cluster.raft(leader));
    uint8_t away = leader == 1 ? 2 : 1;
    cluster.isolate(away);
    cluster.run_for(5 * NS_PER_S);
    cluster.heal();
    cluster.run_for(1 * NS_PER_S);
    EXPECT_EQ(cluster.leader(), leader);
    EXPECT_EQ(raft_term(cluster.raft(leader)), term);
    EXPECT_EQ(raft_leader(cluster.raft(away)), leader);
}

/* A member in a newer term than the leader's does not stay outside forever. */
TEST(PaperLiveness, NewerTermIsNotStuck)
{
    raft_cluster cluster(3, 4);
    cluster.prepare({{1}, {1}, {1}}, 1);
    cluster.at(3).disk.term = 40;
    cluster.at(3).disk.vote = 3;
    cluster.start(1);
    cluster.start(2);
    ASSERT_TRUE(cluster.run_until_leader());
    cluster.start(3);
    EXPECT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 3 * 500 * MS));
    EXPECT_GT(raft_term(cluster.raft(1)), 40U);
}

/* The leader's process dies: the next leads within milliseconds, nearly always. */
TEST(PaperLiveness, KilledLeaderIsReplacedAtOnce)
{
    uint32_t quick = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        raft_cluster cluster(3, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        cluster.run_for(100 * MS);
        uint64_t killed = cluster.now_ns();
        cluster.crash(cluster.leader());
        ASSERT_TRUE(cluster.run_until_leader());
        quick += cluster.now_ns() - killed < 20 * MS ? 1 : 0;
    }
    EXPECT_GE(quick, 195U);
}

} // namespace
