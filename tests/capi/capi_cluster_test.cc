/* The library against real nodes: processes, sockets and disks. */
#include <unistd.h>

#include <set>
#include <thread>

#include "worlds/capi_client.h"
#include "worlds/nodes.h"

namespace {

/* One cluster serves all tests of a suite: each uses names of its own. */
class CapiCluster : public testing::Test {
protected:
    static void SetUpTestSuite()
    {
        cluster = new process::Cluster(3);
        cluster->start_all();
        cluster->wait_for_leader();
    }

    static void TearDownTestSuite()
    {
        delete cluster;
        cluster = nullptr;
    }

    static process::Cluster *cluster;
};

process::Cluster *CapiCluster::cluster;

void with_loop(lk_options &options)
{
    options.flags = LK_FLAG_EXTERNAL_LOOP;
}

TEST_F(CapiCluster, G2_TokensGrowOverAllNames)
{
    test_client client(cluster->nodes());
    ASSERT_EQ(client.status, LK_OK) << client.why;
    uint64_t last = 0;
    for (int i = 0; i < 20; i++) {
        std::string name = "tokens/" + std::to_string(i % 3);
        lk_grant grant = client.must_acquire(name);
        EXPECT_GT(grant.token, last);
        last = grant.token;
        EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_HELD);
        EXPECT_EQ(client.release(name, grant.token), LK_OK);
        EXPECT_EQ(client.release(name, grant.token), LK_STATUS_NOT_FOUND);
    }
}

TEST_F(CapiCluster, G1_ThreadsOfManyClientsExcludeEachOther)
{
    std::atomic<int> inside = 0;
    std::atomic<int> rounds = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            test_client client(cluster->nodes());
            for (int round = 0; round < 25; round++) {
                lk_grant grant = client.must_acquire("exclusive", 60 * LK_SECOND);
                EXPECT_EQ(inside.fetch_add(1), 0);
                EXPECT_EQ(inside.fetch_sub(1), 1);
                EXPECT_EQ(client.release("exclusive", grant.token), LK_OK);
                rounds++;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(rounds, 100);
}

TEST_F(CapiCluster, G7_WaitersAreServedInOrderAndTimeoutsAreSaid)
{
    test_client holder(cluster->nodes());
    test_client waiter(cluster->nodes());
    lk_grant held = holder.must_acquire("wait");
    lk_grant grant = {};
    EXPECT_EQ(waiter.acquire("wait", 0, &grant), LK_STATUS_TIMEOUT);
    EXPECT_EQ(waiter.acquire("wait", 300 * LK_MILLISECOND, &grant), LK_STATUS_TIMEOUT);
    EXPECT_EQ(grant.token, 0u);
    std::thread thread([&] {
        usleep(100000);
        EXPECT_EQ(holder.release("wait", held.token), LK_OK);
    });
    EXPECT_EQ(waiter.acquire("wait", LK_FOREVER, &grant), LK_OK);
    EXPECT_GT(grant.token, held.token);
    thread.join();
}

TEST_F(CapiCluster, G11_CancelLeavesNothingBehind)
{
    test_client holder(cluster->nodes());
    test_client waiter(cluster->nodes());
    lk_grant held = holder.must_acquire("cancelled");
    std::thread thread([&] {
        EXPECT_TRUE(eventually([&] { return lk_cancel(waiter.session, 3) == LK_OK; }));
    });
    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.tag = 3;
    lk_grant grant = {};
    EXPECT_EQ(lk_acquire_with(waiter.session, "cancelled", 9, &options, &grant),
            LK_STATUS_CANCELLED);
    thread.join();
    lk_lock lock = {};
    ASSERT_EQ(lk_query(waiter.handle, "cancelled", 9, &lock, nullptr), LK_OK);
    EXPECT_EQ(lock.session, lk_session_id(holder.session));
    EXPECT_EQ(lock.waits, 0u);
    EXPECT_EQ(holder.release("cancelled", held.token), LK_OK);
}

TEST_F(CapiCluster, G12_EntriesAndOwners)
{
    test_client client(cluster->nodes());
    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.owner = 5;
    options.wait_ns = 0;
    lk_grant first = {};
    lk_grant again = {};
    ASSERT_EQ(lk_acquire_with(client.session, "entered", 7, &options, &first), LK_OK);
    EXPECT_EQ(lk_acquire_with(client.session, "entered", 7, &options, &again),
            LK_STATUS_DEADLOCK);
    options.reentrant = true;
    ASSERT_EQ(lk_acquire_with(client.session, "entered", 7, &options, &again), LK_OK);
    EXPECT_EQ(first.token, again.token);
    options.owner = 6;
    EXPECT_EQ(lk_acquire_with(client.session, "entered", 7, &options, &again),
            LK_STATUS_TIMEOUT);
    lk_lock lock = {};
    ASSERT_EQ(lk_query(client.handle, "entered", 7, &lock, nullptr), LK_OK);
    EXPECT_EQ(lock.count, 2u);
    EXPECT_EQ(lock.owner, 5u);
    EXPECT_EQ(client.release("entered", first.token), LK_OK);
    EXPECT_EQ(lk_check(client.session, &first), LK_STATE_HELD);
    EXPECT_EQ(lk_release_all(client.session, "entered", 7, first.token), LK_OK);
    EXPECT_EQ(lk_check(client.session, &first), LK_STATE_LOST);
}

TEST_F(CapiCluster, G3_ASessionThatRenewsIsKeptAndOneThatIsLostGivesWay)
{
    auto quick = [](lk_options &options) {
        options.ttl_ns = LK_SECOND;
        options.label = "quick";
    };
    test_client client(cluster->nodes(), quick);
    test_client other(cluster->nodes(), quick);
    lk_grant held = client.must_acquire("renewed");
    lk_grant grant = {};
    EXPECT_EQ(other.acquire("renewed", 3 * LK_SECOND, &grant), LK_STATUS_TIMEOUT);
    EXPECT_EQ(lk_check(client.session, &held), LK_STATE_HELD);
    lk_lock lock = {};
    ASSERT_EQ(lk_query(other.handle, "renewed", 7, &lock, nullptr), LK_OK);
    EXPECT_STREQ(lock.label, "quick");
    EXPECT_EQ(lk_test_lose(client.session), LK_OK);
    other.must_acquire("renewed", 5 * LK_SECOND);
    EXPECT_EQ(lk_check(client.session, &held), LK_STATE_LOST);
    EXPECT_EQ(client.release("renewed", held.token), LK_STATUS_LOST);
}

TEST_F(CapiCluster, PagesBringEveryNameOnce)
{
    test_client client(cluster->nodes());
    std::set<std::string> expected;
    for (int i = 0; i < 150; i++) {
        std::string name = "paged/" + std::to_string(i);
        client.must_acquire(name);
        expected.insert(name);
    }
    std::vector<lk_lock> locks(LK_PAGE_MAX);
    lk_list page = LK_LIST_INIT;
    page.prefix = "paged/";
    page.prefix_len = 6;
    page.locks = locks.data();
    page.room = LK_PAGE_MAX;
    std::multiset<std::string> found;
    do {
        ASSERT_EQ(lk_list_page(client.handle, &page), LK_OK) << lk_last_error();
        for (uint32_t i = 0; i < page.count; i++)
            found.insert(locks[i].name);
    } while (page.cursor != 0);
    EXPECT_EQ(found.size(), expected.size());
    EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin()));
}

TEST_F(CapiCluster, EveryNodeSpeaksForItself)
{
    test_client client(cluster->nodes());
    client.must_acquire("spoken");
    ASSERT_EQ(lk_node_count(client.handle), 3u);
    int leaders = 0;
    for (uint32_t i = 0; i < 3; i++) {
        lk_node_status status = {};
        ASSERT_EQ(lk_query_status(client.handle, i, 5 * LK_SECOND, &status), LK_OK)
                << lk_last_error();
        EXPECT_EQ(status.node, i + 1);
        EXPECT_EQ(status.cluster, lk_cluster_id(client.handle));
        EXPECT_EQ(status.condition, LK_CONDITION_HEALTHY)
                << lk_condition_text(status.condition);
        EXPECT_GT(status.applied, 0u);
        EXPECT_NE(status.cluster, 0u);
        EXPECT_GE(status.sessions, 1u);
        EXPECT_NE(status.version[0], '\0');
        leaders += status.role == LK_ROLE_LEADER;
        uint64_t commits = 0;
        for (uint64_t count : status.commit_latency)
            commits += count;
        EXPECT_EQ(commits > 0, status.role == LK_ROLE_LEADER);
    }
    EXPECT_EQ(leaders, 1);
    lk_node_status status = {};
    EXPECT_EQ(lk_query_status(client.handle, 3, LK_SECOND, &status), LK_STATUS_INVALID);
}

uint64_t values_in(const lk_histogram &histogram)
{
    uint64_t values = 0;
    for (uint64_t count : histogram.buckets)
        values += count;
    return values;
}

/* A leader has all stages, a follower those of its own disk and state. */
TEST_F(CapiCluster, EveryNodeSaysWhereItsTimeGoes)
{
    test_client client(cluster->nodes());
    client.must_acquire("timed");
    for (uint32_t i = 0; i < 3; i++) {
        lk_node_status status = {};
        lk_node_stages stages = {};
        ASSERT_EQ(lk_query_status(client.handle, i, 5 * LK_SECOND, &status), LK_OK);
        ASSERT_EQ(lk_query_stages(client.handle, i, 5 * LK_SECOND, &stages), LK_OK)
                << lk_last_error();
        bool leads = status.role == LK_ROLE_LEADER;
        for (lk_stage stage : {LK_STAGE_QUEUE, LK_STAGE_REPLICATE, LK_STAGE_ANSWER,
                     LK_STAGE_ENTRY_COMMANDS})
            EXPECT_EQ(values_in(stages.stages[stage]) > 0, leads) << stage;
        EXPECT_GT(values_in(stages.stages[LK_STAGE_WRITE]), 0u);
        EXPECT_GT(values_in(stages.stages[LK_STAGE_TURN]), 0u);
        EXPECT_GE(stages.sums[LK_SUM_WRITTEN], stages.sums[LK_SUM_LOGGED]);
        EXPECT_GT(stages.sums[LK_SUM_SYSTEM_CALLS], 0u);
    }
    lk_node_stages stages = {};
    EXPECT_EQ(lk_query_stages(client.handle, 3, LK_SECOND, &stages), LK_STATUS_INVALID);
}

TEST_F(CapiCluster, ANodeThatIsNotThereCannotSpeak)
{
    test_client client(
            "127.0.0.1:1", [](lk_options &options) { options.flags = LK_FLAG_NO_SESSION; });
    lk_node_status status = {};
    EXPECT_EQ(lk_query_status(client.handle, 0, LK_SECOND, &status), LK_STATUS_UNKNOWN);
    EXPECT_STREQ(lk_last_error(), "127.0.0.1:1: Connection refused");
}

TEST_F(CapiCluster, ThousandsUnderWayFromOneLoop)
{
    test_client client(cluster->nodes(), with_loop);
    struct counts {
        int granted = 0;
        int released = 0;
        int wrong = 0;
        lk_session *session;
    } counts;
    counts.session = client.session;
    lk_done released = {[](void *user, const struct lk_result *result) {
                            auto *self = static_cast<struct counts *>(user);
                            self->released += result->status == LK_OK;
                            self->wrong += result->status != LK_OK;
                        },
            &counts};
    std::vector<uint64_t> tokens;
    struct slot {
        struct counts *counts;
        lk_done released;
        std::string name;
    };
    std::vector<slot> slots;
    for (int i = 0; i < 4000; i++)
        slots.push_back({&counts, released, "loop/" + std::to_string(i)});
    for (auto &one : slots) {
        lk_done granted = {[](void *user, const struct lk_result *result) {
                               auto *self = static_cast<slot *>(user);
                               self->counts->granted += result->status == LK_OK;
                               self->counts->wrong += result->status != LK_OK;
                               EXPECT_EQ(lk_release_async(self->counts->session,
                                                 self->name.data(), self->name.size(),
                                                 result->grant.token, self->released),
                                       LK_OK);
                           },
                &one};
        ASSERT_EQ(lk_acquire_async(client.session, one.name.data(), one.name.size(),
                          nullptr, granted),
                LK_OK);
    }
    EXPECT_TRUE(client.run_until([&] { return counts.released == 4000; }, 60));
    EXPECT_EQ(counts.granted, 4000);
    EXPECT_EQ(counts.wrong, 0);
}

TEST_F(CapiCluster, AThousandSessionsLiveOnOneConnection)
{
    test_client client(cluster->nodes(), [](lk_options &options) {
        options.flags = LK_FLAG_EXTERNAL_LOOP;
        options.ttl_ns = 2 * LK_SECOND;
        options.sessions_max = 1001;
        options.answer_wait_ns = 30 * LK_SECOND;
    });
    int opened = 0;
    lk_done tell = {[](void *user, const struct lk_result *result) {
                        *static_cast<int *>(user) += result->status == LK_OK;
                    },
            &opened};
    std::vector<lk_session *> sessions(1000);
    for (auto &session : sessions)
        ASSERT_EQ(lk_session_open_async(client.handle, nullptr, &session, tell), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return opened == 1000; }, 60));
    for (int i = 0; i < 300; i++)
        client.run_until([] { return true; });
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    client.run_until([&] { return std::chrono::steady_clock::now() > end; });
    int held = 0;
    for (auto *session : sessions)
        held += lk_check(session, nullptr) == LK_STATE_HELD;
    EXPECT_EQ(held, 1000);
    EXPECT_TRUE(client.events().empty());
}

/* The leader is killed while a lock is held, another is waited for and calls go on. */
TEST(CapiFailover, G6_ALeadersDeathIsOnlyAPause)
{
    process::Cluster cluster(3);
    cluster.start_all();
    int leader = cluster.wait_for_leader();
    test_client client(cluster.nodes());
    ASSERT_EQ(client.status, LK_OK) << client.why;
    lk_grant held = client.must_acquire("held");
    cluster.kill(leader);
    lk_grant grant = client.must_acquire("next", 30 * LK_SECOND);
    EXPECT_GT(grant.token, held.token);
    EXPECT_EQ(lk_check(client.session, &held), LK_STATE_HELD);
    EXPECT_EQ(client.release("held", held.token), LK_OK);
    EXPECT_TRUE(client.events().empty());
}

TEST(CapiFailover, WithoutAMajorityCallsAreUnknownAndLeasesSuspended)
{
    process::Cluster cluster(3);
    cluster.start_all();
    int leader = cluster.wait_for_leader();
    test_client client(
            cluster.nodes(), [](lk_options &options) { options.ttl_ns = 2 * LK_SECOND; });
    ASSERT_EQ(client.status, LK_OK) << client.why;
    lk_grant held = client.must_acquire("held");
    usleep(200000); /* The followers hear that it is committed. */
    cluster.kill(leader);
    cluster.kill(leader % 3 + 1);
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("more", 100 * LK_MILLISECOND, &grant), LK_STATUS_UNKNOWN);
    EXPECT_TRUE(eventually(
            [&] { return lk_check(client.session, &held) == LK_STATE_SUSPENDED; }));
    lk_lock lock = {};
    lk_read read = {true, 0, 0};
    EXPECT_EQ(lk_query(client.handle, "held", 4, &lock, &read), LK_OK) << lk_last_error();
    EXPECT_EQ(lock.token, held.token);
    cluster.start(leader);
    EXPECT_TRUE(eventually(
            [&] { return lk_check(client.session, &held) == LK_STATE_HELD; }, 30))
            << "cluster time stood still: nobody else got it";
    EXPECT_TRUE(eventually([&] { return client.events().back().state == LK_STATE_HELD; }))
            << "told by another thread than asks, a little later";
    EXPECT_EQ(client.release("held", held.token), LK_OK);
}

} // namespace
