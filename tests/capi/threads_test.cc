/* The blocking calls: any number of threads on one client. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "worlds/capi_client.h"
#include "worlds/stand_in.h"

namespace {

TEST(CapiThreads, OpensAcquiresReleases)
{
    stand_in cluster;
    test_client client(cluster.address());
    ASSERT_EQ(client.status, LK_OK) << client.why;
    EXPECT_NE(lk_session_id(client.session), 0u);
    lk_grant first = client.must_acquire("build");
    EXPECT_EQ(lk_check(client.session, &first), LK_STATE_HELD);
    EXPECT_GE(lk_deadline(client.session, &first) + LK_MILLISECOND, first.deadline_ns);
    EXPECT_EQ(client.release("build", first.token), LK_OK);
    EXPECT_EQ(lk_check(client.session, &first), LK_STATE_LOST);
    EXPECT_EQ(lk_deadline(client.session, &first), 0u);
    lk_grant second = client.must_acquire("build");
    EXPECT_GT(second.token, first.token);
    EXPECT_EQ(lk_check(client.session, nullptr), LK_STATE_HELD);
    EXPECT_EQ(client.release("build", first.token), LK_STATUS_NOT_FOUND);
    EXPECT_EQ(lk_check(client.session, &second), LK_STATE_HELD);
}

TEST(CapiThreads, G12_EntriesAreCounted)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.reentrant = true;
    options.owner = 9;
    lk_grant grant = {};
    lk_grant again = {};
    ASSERT_EQ(lk_acquire_with(client.session, "r", 1, &options, &grant), LK_OK);
    ASSERT_EQ(lk_acquire_with(client.session, "r", 1, &options, &again), LK_OK);
    EXPECT_EQ(grant.token, again.token);
    EXPECT_EQ(client.release("r", grant.token), LK_OK);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_HELD);
    EXPECT_EQ(client.release("r", grant.token), LK_OK);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_LOST);
    ASSERT_EQ(lk_acquire_with(client.session, "r", 1, &options, &grant), LK_OK);
    ASSERT_EQ(lk_acquire_with(client.session, "r", 1, &options, &grant), LK_OK);
    EXPECT_EQ(lk_release_all(client.session, "r", 1, grant.token), LK_OK);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_LOST);
}

TEST(CapiThreads, ThreadsOfASessionExcludeEachOther)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant mine = client.must_acquire("x");
    lk_grant grant = {};
    EXPECT_EQ(client.acquire("x", LK_SECOND, &grant), LK_STATUS_DEADLOCK);
    enum lk_status other = LK_OK;
    std::thread thread([&] { other = client.acquire("x", 0, &grant); });
    thread.join();
    EXPECT_EQ(other, LK_STATUS_TIMEOUT);
    EXPECT_EQ(grant.token, 0u);
    EXPECT_EQ(client.release("x", mine.token), LK_OK);
}

TEST(CapiThreads, ManyThreadsShareOneClient)
{
    stand_in cluster;
    test_client client(cluster.address());
    std::atomic<int> inside = 0;
    std::atomic<int> done = 0;
    uint64_t last_token = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++) {
        threads.emplace_back([&] {
            for (int round = 0; round < 50; round++) {
                lk_grant grant = client.must_acquire("shared", LK_FOREVER);
                EXPECT_EQ(inside.fetch_add(1), 0);
                EXPECT_GT(grant.token, last_token);
                last_token = grant.token;
                EXPECT_EQ(inside.fetch_sub(1), 1);
                EXPECT_EQ(client.release("shared", grant.token), LK_OK);
                done++;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(done, 8 * 50);
}

TEST(CapiThreads, OthersMayCheckWhileLocksComeAndGo)
{
    stand_in cluster;
    test_client client(cluster.address());
    std::atomic<bool> stop = false;
    std::atomic<uint64_t> held = 0;
    lk_grant shared = client.must_acquire("checked");
    std::thread checker([&] {
        while (!stop) {
            held += lk_check(client.session, &shared) == LK_STATE_HELD;
            lk_deadline(client.session, nullptr);
        }
    });
    for (int i = 0; i < 100; i++) {
        lk_grant grant = client.must_acquire("other");
        EXPECT_EQ(client.release("other", grant.token), LK_OK);
    }
    stop = true;
    checker.join();
    EXPECT_GT(held, 0u);
}

TEST(CapiThreads, WaitsAndIsWokenByTheRelease)
{
    stand_in cluster;
    test_client holder(cluster.address());
    test_client waiter(cluster.address());
    lk_grant grant = holder.must_acquire("w");
    std::thread thread([&] {
        usleep(50000);
        EXPECT_EQ(holder.release("w", grant.token), LK_OK);
    });
    lk_grant next = waiter.must_acquire("w", 10 * LK_SECOND);
    EXPECT_GT(next.token, grant.token);
    thread.join();
}

TEST(CapiThreads, G11_TimeoutIsSaidByTheLog)
{
    stand_in cluster;
    test_client holder(cluster.address());
    test_client waiter(cluster.address());
    holder.must_acquire("t");
    lk_grant grant = {};
    EXPECT_EQ(waiter.acquire("t", 200 * LK_MILLISECOND, &grant), LK_STATUS_TIMEOUT);
    EXPECT_EQ(waiter.acquire("t", 0, &grant), LK_STATUS_TIMEOUT);
    EXPECT_EQ(cluster.cancels, 0);
}

TEST(CapiThreads, G11_CancelFromAnotherThread)
{
    stand_in cluster;
    test_client holder(cluster.address());
    test_client waiter(cluster.address());
    lk_grant grant = holder.must_acquire("c");
    EXPECT_EQ(lk_cancel(waiter.session, 7), LK_STATUS_NOT_FOUND);
    std::thread thread([&] {
        EXPECT_TRUE(eventually([&] { return lk_cancel(waiter.session, 7) == LK_OK; }));
    });
    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.tag = 7;
    lk_grant none = {};
    EXPECT_EQ(
            lk_acquire_with(waiter.session, "c", 1, &options, &none), LK_STATUS_CANCELLED);
    thread.join();
    EXPECT_EQ(holder.release("c", grant.token), LK_OK);
    /* Nothing is left behind: the lock is free. */
    lk_lock lock = {};
    ASSERT_EQ(lk_query(holder.handle, "c", 1, &lock, nullptr), LK_OK);
    EXPECT_EQ(lock.session, 0u);
    EXPECT_EQ(lock.waits, 0u);
}

TEST(CapiThreads, CloseWhileOthersWait)
{
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("k");
    lk_options options = LK_OPTIONS_INIT;
    std::string nodes = cluster.address();
    options.nodes = nodes.c_str();
    lk_client *client = nullptr;
    ASSERT_EQ(lk_open(&options, &client), LK_OK);
    lk_session *session = lk_client_session(client);
    std::atomic<int> waiting = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++) {
        threads.emplace_back([&] {
            lk_grant grant = {};
            waiting++;
            EXPECT_EQ(lk_acquire(session, "k", 1, LK_FOREVER, &grant), LK_STATUS_LOST);
        });
    }
    EXPECT_TRUE(eventually([&] { return waiting == 3; }));
    usleep(50000);
    lk_close(client);
    for (auto &thread : threads)
        thread.join();
}

TEST(CapiThreads, CloseASessionWhileOthersWaitInIt)
{
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("k");
    test_client client(cluster.address());
    lk_session *session = nullptr;
    ASSERT_EQ(lk_session_open(client.handle, nullptr, &session), LK_OK);
    std::thread thread([&] {
        lk_grant grant = {};
        EXPECT_EQ(lk_acquire(session, "k", 1, LK_FOREVER, &grant), LK_STATUS_LOST);
    });
    usleep(50000);
    EXPECT_EQ(lk_session_close(session), LK_OK);
    thread.join();
}

TEST(CapiThreads, SessionsOfOneClientExcludeEachOther)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_session_options options = LK_SESSION_OPTIONS_INIT;
    options.label = "second";
    lk_session *second = nullptr;
    ASSERT_EQ(lk_session_open(client.handle, &options, &second), LK_OK);
    EXPECT_NE(lk_session_id(second), lk_session_id(client.session));
    lk_grant mine = client.must_acquire("s");
    lk_grant grant = {};
    EXPECT_EQ(lk_acquire(second, "s", 1, 0, &grant), LK_STATUS_TIMEOUT);
    EXPECT_EQ(lk_session_close(second), LK_OK);
    EXPECT_EQ(lk_check(client.session, &mine), LK_STATE_HELD);
}

TEST(CapiThreads, ClosingGivesLocksOnAtOnce)
{
    stand_in cluster;
    test_client other(cluster.address());
    {
        test_client client(cluster.address());
        client.must_acquire("g");
    }
    other.must_acquire("g", 0);
}

TEST(CapiThreads, QueriesAndLists)
{
    stand_in cluster;
    test_client client(cluster.address());
    for (int i = 0; i < 10; i++)
        client.must_acquire("list/" + std::to_string(i));
    lk_lock lock = {};
    lk_read read = {};
    ASSERT_EQ(lk_query(client.handle, "list/3", 6, &lock, &read), LK_OK);
    EXPECT_STREQ(lock.name, "list/3");
    EXPECT_EQ(lock.session, lk_session_id(client.session));
    EXPECT_NE(read.index, 0u);
    std::vector<lk_lock> locks(4);
    lk_list page = LK_LIST_INIT;
    page.prefix = "list/";
    page.prefix_len = 5;
    page.locks = locks.data();
    page.room = 4;
    std::vector<std::string> names;
    do {
        ASSERT_EQ(lk_list_page(client.handle, &page), LK_OK);
        for (uint32_t i = 0; i < page.count; i++)
            names.push_back(locks[i].name);
    } while (page.cursor != 0);
    EXPECT_EQ(names.size(), 10u);
}

TEST(CapiThreads, GuardReleasesAtTheEndOfItsScope)
{
    stand_in cluster;
    test_client client(cluster.address());
    test_client other(cluster.address());
    {
        LK_GUARD(guard, client.session, "scoped", 6, LK_SECOND);
        ASSERT_EQ(guard.status, LK_OK);
        lk_grant grant = {};
        EXPECT_EQ(other.acquire("scoped", 0, &grant), LK_STATUS_TIMEOUT);
    }
    other.must_acquire("scoped", 0);
    struct lk_guard failed = lk_guard_acquire(client.session, "scoped", 6, 0);
    EXPECT_EQ(failed.status, LK_STATUS_TIMEOUT);
    lk_guard_release(&failed);
}

TEST(CapiThreads, SignalsDisturbNothing)
{
    struct sigaction action = {};
    action.sa_handler = [](int) {
    };
    struct sigaction before;
    sigaction(SIGUSR1, &action, &before); /* Without SA_RESTART. */
    stand_in cluster;
    test_client holder(cluster.address());
    test_client client(cluster.address());
    lk_grant held = holder.must_acquire("sig");
    pthread_t self = pthread_self();
    std::atomic<bool> stop = false;
    std::thread pest([&] {
        for (int i = 0; !stop; i++) {
            pthread_kill(self, SIGUSR1);
            usleep(500);
            if (i == 100) {
                EXPECT_EQ(holder.release("sig", held.token), LK_OK);
            }
        }
    });
    lk_grant grant = client.must_acquire("sig", 10 * LK_SECOND);
    for (int i = 0; i < 50; i++)
        EXPECT_EQ(client.release("other", grant.token), LK_STATUS_NOT_FOUND);
    stop = true;
    pest.join();
    sigaction(SIGUSR1, &before, nullptr);
}

TEST(CapiThreads, InAForkedChildEveryHandleIsDead)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_grant grant = client.must_acquire("forked");
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        lk_grant none = {};
        bool dead =
                lk_check(client.session, &grant) == LK_STATE_LOST &&
                lk_check(client.session, nullptr) == LK_STATE_LOST &&
                lk_acquire(client.session, "y", 1, 0, &none) == LK_STATUS_LOST &&
                lk_release(client.session, "forked", 6, grant.token) == LK_STATUS_LOST &&
                lk_cancel(client.session, 1) == LK_STATUS_LOST &&
                lk_deadline(client.session, &grant) == 0 &&
                lk_session_id(client.session) == 0;
        lk_close(client.handle);
        _exit(dead ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_HELD);
    EXPECT_EQ(client.release("forked", grant.token), LK_OK);
}

} // namespace
