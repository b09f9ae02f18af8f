/*
 * Clusters that are slow, silent, elsewhere or of another version, and arguments that are
 * wrong.
 */
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "worlds/capi_client.h"
#include "worlds/pace.h"
#include "worlds/stand_in.h"

namespace {

TEST(CapiTrouble, WrongArgumentsSayWhich)
{
    auto refused = [](const char *nodes, const test_client::adjust &change = nullptr) {
        test_client client(nodes, change);
        EXPECT_EQ(client.status, LK_STATUS_INVALID);
        EXPECT_EQ(client.handle, nullptr);
        return client.why;
    };
    EXPECT_NE(refused("host:0").find("\"host:0\""), std::string::npos);
    EXPECT_NE(refused("a,,b").find("\"\""), std::string::npos);
    EXPECT_NE(refused("64=a").find("64=a"), std::string::npos);
    EXPECT_NE(refused("[::1:5625").find("[::1"), std::string::npos);
    EXPECT_NE(refused("fd00::2").find("needs brackets"), std::string::npos);
    EXPECT_NE(refused("a,0=b").find("the id must be"), std::string::npos);
    EXPECT_NE(refused("a", [](lk_options &o) { o.ttl_ns = 1; }).find("ttl_ns"),
            std::string::npos);
    EXPECT_NE(refused("a", [](lk_options &o) { o.flags = 64; }).find("flags"),
            std::string::npos);
    EXPECT_NE(refused("a", [](lk_options &o) { o.sessions_max = 0; }).find("sessions_max"),
            std::string::npos);
    EXPECT_NE(refused("a", [](lk_options &o) { o.size = 2; }).find("LK_OPTIONS_INIT"),
            std::string::npos);
    unsetenv("LOCKD_CLUSTER");
    EXPECT_NE(refused("", [](lk_options &o) { o.nodes = nullptr; }).find("LOCKD_CLUSTER"),
            std::string::npos);
}

TEST(CapiTrouble, NamesOfNoOrTooManyBytes)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("", 0, &grant), LK_STATUS_INVALID);
    EXPECT_EQ(client.acquire(std::string(256, 'x'), 0, &grant), LK_STATUS_INVALID);
    client.must_acquire(std::string(255, 'x'));
    client.must_acquire(std::string("a\0b", 3));
}

TEST(CapiTrouble, NobodyThereIsUnknownAndSaysWhy)
{
    test_client client("127.0.0.1:1,127.0.0.1:2",
            [](lk_options &options) { options.answer_wait_ns = 200 * LK_MILLISECOND; });
    EXPECT_EQ(client.status, LK_STATUS_UNKNOWN);
    EXPECT_NE(client.why.find("127.0.0.1:1: Connection refused"), std::string::npos)
            << client.why;
}

TEST(CapiTrouble, DeadNodesInTheListArePassedOver)
{
    stand_in cluster;
    test_client client("127.0.0.1:1,1=" + cluster.address() + ",127.0.0.1:2");
    ASSERT_EQ(client.status, LK_OK) << client.why;
    client.must_acquire("a");
}

TEST(CapiTrouble, NamesAreResolved)
{
    stand_in cluster;
    std::string address = cluster.address();
    test_client client("localhost" + address.substr(address.find(':')));
    ASSERT_EQ(client.status, LK_OK) << client.why;
    client.must_acquire("a");
    test_client nowhere("no-such-host.invalid",
            [](lk_options &options) { options.answer_wait_ns = LK_SECOND; });
    EXPECT_EQ(nowhere.status, LK_STATUS_UNKNOWN);
    EXPECT_NE(nowhere.why.find("no-such-host.invalid:5625"), std::string::npos)
            << nowhere.why;
}

TEST(CapiTrouble, AnotherVersionIsSaid)
{
    stand_in cluster;
    cluster.other_version = true;
    test_client client(cluster.address(),
            [](lk_options &options) { options.answer_wait_ns = 300 * LK_MILLISECOND; });
    EXPECT_EQ(client.status, LK_STATUS_VERSION);
    EXPECT_NE(client.why.find("version"), std::string::npos) << client.why;
}

TEST(CapiTrouble, G6_ALostConnectionRepeatsNothing)
{
    stand_in cluster;
    test_client client(cluster.address());
    std::thread pest([&] {
        for (int i = 0; i < 20; i++) {
            usleep(5000);
            cluster.hang_up();
        }
    });
    uint64_t last = 0;
    for (int i = 0; i < 200; i++) {
        lk_grant grant = client.must_acquire("again");
        EXPECT_EQ(grant.token, last + 1) << "a grant that nobody heard of";
        last = grant.token;
        EXPECT_EQ(client.release("again", grant.token), LK_OK);
    }
    pest.join();
    EXPECT_GT(cluster.accepted, 1);
}

TEST(CapiTrouble, G11_UnknownASecondAfterTheLimit)
{
    stand_in cluster;
    test_client client(cluster.address());
    cluster.mute = true;
    pace::Stopwatch watch;
    auto begin = std::chrono::steady_clock::now();
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("u", 100 * LK_MILLISECOND, &grant), LK_STATUS_UNKNOWN);
    EXPECT_LT(watch.elapsed(), std::chrono::milliseconds(1500));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1000));
    cluster.mute = false;
    /* What it may have won is given back. */
    test_client other(cluster.address());
    other.must_acquire("u", 5 * LK_SECOND);
    EXPECT_EQ(lk_check(client.session, nullptr), LK_STATE_HELD);
}

TEST(CapiTrouble, BusyIsToldForAcquires)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant held = client.must_acquire("b");
    cluster.busy = true;
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("c", 0, &grant), LK_STATUS_BUSY);
    auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(client.acquire("c", LK_SECOND, &grant), LK_STATUS_BUSY);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    EXPECT_EQ(client.release("b", held.token), LK_OK);
}

TEST(CapiTrouble, BusyIsWaitedOut)
{
    stand_in cluster;
    test_client client(cluster.address());
    cluster.busy = true;
    std::thread relief([&cluster] {
        usleep(1500000);
        cluster.busy = false;
    });
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("c", LK_FOREVER, &grant), LK_OK);
    relief.join();
}

TEST(CapiTrouble, ATtlThatTheClusterDoesNotAllowIsRefusedWithTheRange)
{
    stand_in cluster;
    test_client client(cluster.address(),
            [](lk_options &options) { options.ttl_ns = 61 * LK_SECOND; });
    EXPECT_EQ(client.status, LK_STATUS_INVALID);
    EXPECT_NE(client.why.find("from 1s to 60s"), std::string::npos) << client.why;
}

TEST(CapiTrouble, AFullClusterSaysWhatIsFull)
{
    stand_in cluster;
    cluster.full = true;
    test_client client(cluster.address());
    EXPECT_EQ(client.status, LK_STATUS_LIMIT);
    EXPECT_NE(client.why.find("sessions"), std::string::npos) << client.why;
}

/* The nodes are there again, and are another cluster. */
TEST(CapiTrouble, AClusterMadeAnewIsToldAtOnceByEveryCall)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant held = client.must_acquire("b");
    cluster.cluster = 43;
    cluster.hang_up();
    pace::Stopwatch watch;
    lk_lock lock = LK_LOCK_INIT;
    EXPECT_EQ(lk_query(client.handle, "b", 1, &lock, nullptr), LK_STATUS_WRONG_CLUSTER);
    EXPECT_NE(std::string(lk_last_error()).find("2b"), std::string::npos)
            << lk_last_error();
    EXPECT_EQ(lk_check(client.session, &held), LK_STATE_LOST);
    EXPECT_EQ(client.release("b", held.token), LK_STATUS_WRONG_CLUSTER);
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("c", LK_FOREVER, &grant), LK_STATUS_WRONG_CLUSTER);
    lk_session *other = nullptr;
    EXPECT_EQ(lk_session_open(client.handle, nullptr, &other), LK_STATUS_WRONG_CLUSTER);
    EXPECT_EQ(lk_session_close(client.session), LK_STATUS_WRONG_CLUSTER);
    EXPECT_LT(watch.elapsed(), std::chrono::seconds(2));
    test_client fresh(cluster.address());
    fresh.must_acquire("c");
}

TEST(CapiTrouble, SilenceSuspendsAndThenLoses)
{
    stand_in cluster;
    test_client client(cluster.address(), [](lk_options &options) {
        options.ttl_ns = LK_SECOND;
        options.grace_ns = LK_SECOND / 2;
    });
    lk_grant grant = client.must_acquire("s");
    cluster.mute = true;
    ASSERT_TRUE(eventually([&] { return client.events().size() == 2; }));
    EXPECT_EQ(client.events()[0].state, LK_STATE_SUSPENDED);
    EXPECT_EQ(client.events()[0].reason, LK_REASON_SILENT);
    EXPECT_EQ(client.events()[1].state, LK_STATE_LOST);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_LOST);
    EXPECT_EQ(client.acquire("t", 0, &grant), LK_STATUS_LOST);
}

TEST(CapiTrouble, SuspendedBecomesHeldAgainWithTheSameToken)
{
    stand_in cluster;
    test_client client(
            cluster.address(), [](lk_options &options) { options.ttl_ns = 2 * LK_SECOND; });
    lk_grant grant = client.must_acquire("s");
    cluster.deaf = true; /* Its own clock would end the session a little later. */
    ASSERT_TRUE(eventually(
            [&] { return lk_check(client.session, &grant) == LK_STATE_SUSPENDED; }));
    cluster.deaf = false;
    ASSERT_TRUE(eventually([&] { return client.events().size() >= 2; }));
    if (client.events()[1].state == LK_STATE_HELD) { /* The stand-in heard it in time. */
        EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_HELD);
    }
}

TEST(CapiTrouble, ExpiredInTheClusterIsLost)
{
    stand_in cluster;
    test_client client(
            cluster.address(), [](lk_options &options) { options.ttl_ns = LK_SECOND; });
    lk_grant grant = client.must_acquire("s");
    cluster.deaf = true;
    usleep(1300000);
    cluster.deaf = false;
    ASSERT_TRUE(
            eventually([&] { return lk_check(client.session, &grant) == LK_STATE_LOST; }));
    EXPECT_TRUE(eventually([&] { return client.events().back().state == LK_STATE_LOST; }));
    EXPECT_EQ(client.events().back().reason, LK_REASON_UNKNOWN);
    EXPECT_EQ(client.release("s", grant.token), LK_STATUS_LOST);
}

TEST(CapiTrouble, OneHoldMayBeEndedByTheCluster)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant grant = client.must_acquire("r");
    lk_grant other = client.must_acquire("s");
    cluster.revoke("r");
    ASSERT_TRUE(eventually([&] { return client.events().size() == 1; }));
    EXPECT_EQ(client.events()[0].token, grant.token);
    EXPECT_EQ(client.events()[0].reason, LK_REASON_ENDED);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_LOST);
    EXPECT_EQ(lk_check(client.session, &other), LK_STATE_HELD);
}

TEST(CapiTrouble, LosingCanBeRehearsed)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant grant = client.must_acquire("l");
    EXPECT_EQ(lk_test_lose(client.session), LK_OK);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_LOST);
    ASSERT_TRUE(eventually([&] { return client.events().size() == 2; }));
    EXPECT_EQ(client.events()[0].state, LK_STATE_SUSPENDED);
    EXPECT_EQ(client.events()[1].state, LK_STATE_LOST);
    EXPECT_EQ(client.events()[1].reason, LK_REASON_REHEARSED);
    test_client other(cluster.address());
    other.must_acquire("l", LK_SECOND);
}

TEST(CapiTrouble, LosingCanBeRehearsedFromOutside)
{
    stand_in cluster;
    setenv("LOCKD_TEST_LOSE", "1", 1);
    test_client client(cluster.address());
    unsetenv("LOCKD_TEST_LOSE");
    client.must_acquire("l");
    EXPECT_TRUE(eventually([&] { return client.events().size() == 2; }, 3));
    setenv("LOCKD_TEST_LOSE", "soon", 1);
    test_client wrong(cluster.address());
    unsetenv("LOCKD_TEST_LOSE");
    EXPECT_EQ(wrong.status, LK_STATUS_INVALID);
}

TEST(CapiTrouble, BlockingCallsFromACallbackAreRefused)
{
    stand_in cluster;
    struct seen {
        std::atomic<int> status = -1;
        lk_session *session = nullptr;
    } seen;
    lk_options options = LK_OPTIONS_INIT;
    std::string nodes = cluster.address();
    options.nodes = nodes.c_str();
    options.user = &seen;
    options.on_event = [](void *user, const struct lk_event *event) {
        auto *self = static_cast<struct seen *>(user);
        lk_grant grant = {};
        EXPECT_NE(lk_check(event->session, nullptr), LK_STATE_HELD);
        self->status = lk_acquire(event->session, "x", 1, 0, &grant);
    };
    lk_client *client = nullptr;
    ASSERT_EQ(lk_open(&options, &client), LK_OK);
    lk_test_lose(lk_client_session(client));
    EXPECT_TRUE(eventually([&] { return seen.status == LK_STATUS_INVALID; }));
    lk_close(client);
}

TEST(CapiTrouble, KeepalivesKeepItAlive)
{
    stand_in cluster;
    test_client client(
            cluster.address(), [](lk_options &options) { options.ttl_ns = LK_SECOND; });
    lk_grant grant = client.must_acquire("k");
    EXPECT_TRUE(eventually([&] { return cluster.keepalives >= 5; }));
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_HELD);
    /* And not without end: 2.5 s have room for 7 or 8 of a ttl of 1 s. */
    int before = cluster.keepalives;
    usleep(2500000);
    EXPECT_LE(cluster.keepalives - before, 12);
}

TEST(CapiTrouble, LogLinesNameTheNode)
{
    stand_in cluster;
    test_client client(cluster.address());
    ASSERT_FALSE(client.lines.empty());
    EXPECT_NE(client.lines.back().find(cluster.address()), std::string::npos);
}

TEST(CapiTrouble, WithoutASession)
{
    stand_in cluster;
    test_client client(cluster.address(),
            [](lk_options &options) { options.flags = LK_FLAG_NO_SESSION; });
    ASSERT_EQ(client.status, LK_OK);
    EXPECT_EQ(client.session, nullptr);
    lk_lock lock = {};
    EXPECT_EQ(lk_query(client.handle, "n", 1, &lock, nullptr), LK_OK);
    EXPECT_EQ(lk_node_count(client.handle), 1u);
    EXPECT_EQ(lk_node_address(client.handle, 0), cluster.address());
    EXPECT_EQ(lk_node_address(client.handle, 1), nullptr);
}

TEST(CapiTrouble, TextsAreNeverMissing)
{
    for (int i = -1; i < 40; i++) {
        EXPECT_NE(lk_status_text(static_cast<enum lk_status>(i)), nullptr);
        EXPECT_NE(lk_state_text(static_cast<enum lk_state>(i)), nullptr);
        EXPECT_NE(lk_reason_text(static_cast<enum lk_reason>(i)), nullptr);
        EXPECT_NE(lk_role_text(static_cast<enum lk_role>(i)), nullptr);
        auto condition = static_cast<enum lk_condition>(i);
        EXPECT_NE(lk_condition_name(condition), nullptr);
        EXPECT_NE(lk_condition_text(condition), nullptr);
        EXPECT_NE(lk_condition_cure(condition), nullptr);
    }
    EXPECT_STREQ(lk_condition_name(LK_CONDITION_NO_LEADER), "no-leader");
    for (int i = -1; i < 10; i++)
        EXPECT_NE(lk_share_name(static_cast<enum lk_share_of>(i)), nullptr);
    EXPECT_STREQ(lk_share_name(LK_SHARE_NAME_BLOCKS), "name_blocks");
    EXPECT_STREQ(lk_condition_cure(LK_CONDITION_HEALTHY), "");
    EXPECT_STREQ(lk_version(), "0.1.0");
    EXPECT_EQ(lk_bucket_begin(0), 0u);
    EXPECT_EQ(lk_bucket_begin(31), 31u);
    EXPECT_GT(lk_bucket_begin(200), lk_bucket_begin(199));
    EXPECT_EQ(lk_bucket_begin(LK_BUCKET_COUNT), UINT64_MAX);
}

} // namespace
