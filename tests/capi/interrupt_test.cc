/* Calls that wait and must end early: signals, lk_interrupt(), threads that are cancelled. */
#include <signal.h>

#include <atomic>
#include <thread>

#include "worlds/capi_client.h"
#include "worlds/pace.h"
#include "worlds/stand_in.h"

namespace {

struct row {
    const char *name;
    std::function<enum lk_status(lk_client *, lk_session *)> call;
};

const row ROWS[] = {
        {"acquire",
                [](lk_client *, lk_session *session) {
                    lk_grant grant;
                    return lk_acquire(session, "held", 4, LK_FOREVER, &grant);
                }},
        {"release",
                [](lk_client *, lk_session *session) {
                    return lk_release(session, "mine", 4, 1);
                }},
        {"query",
                [](lk_client *client, lk_session *) {
                    lk_lock lock = LK_LOCK_INIT;
                    return lk_query(client, "held", 4, &lock, nullptr);
                }},
        {"session_open",
                [](lk_client *client, lk_session *) {
                    lk_session *more = nullptr;
                    return lk_session_open(client, nullptr, &more);
                }},
        {"query_status",
                [](lk_client *client, lk_session *) {
                    auto status = std::make_unique<lk_node_status>();
                    return lk_query_status(client, 0, LK_FOREVER, status.get());
                }},
};

void forever(lk_options &options)
{
    options.answer_wait_ns = LK_FOREVER;
}

void interruptible(lk_options &options)
{
    options.answer_wait_ns = LK_FOREVER;
    options.flags = LK_FLAG_INTERRUPTIBLE;
}

std::atomic<int> handled = 0;

/* A handler for SIGUSR1 while it lives, which also restarts system calls. */
struct handler {
    handler()
    {
        struct sigaction action = {};
        action.sa_handler = [](int) {
            handled++;
        };
        action.sa_flags = SA_RESTART;
        sigaction(SIGUSR1, &action, &before);
    }
    ~handler()
    {
        sigaction(SIGUSR1, &before, nullptr);
    }
    struct sigaction before;
};

class CapiInterrupt : public testing::TestWithParam<row> {};

/* A thread in the call, and what it got. */
struct caller {
    caller(const row &row, lk_client *client, lk_session *session)
            : thread([this, &row, client, session] {
                  status = row.call(client, session);
                  done = true;
              })
    {
        poll(nullptr, 0, 50);
        EXPECT_FALSE(done) << "it was to wait";
    }
    std::atomic<int> status = -1;
    std::atomic<bool> done = false;
    std::thread thread;
};

TEST_P(CapiInterrupt, ASignalEndsTheCall)
{
    handler handler;
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("held");
    test_client client(cluster.address(), interruptible);
    ASSERT_EQ(client.status, LK_OK) << client.why;
    cluster.mute = true;
    caller caller(GetParam(), client.handle, client.session);
    /* The first may make an acquire ask the cluster, which is mute; the second ends that. */
    for (int i = 0; i < 2 && !caller.done; i++) {
        pthread_kill(caller.thread.native_handle(), SIGUSR1);
        eventually([&] { return caller.done == true; }, 1);
    }
    EXPECT_TRUE(caller.done);
    caller.thread.join();
    EXPECT_EQ(caller.status, LK_STATUS_INTERRUPTED);
    cluster.mute = false;
}

TEST_P(CapiInterrupt, WithoutTheFlagASignalDoesNot)
{
    handler handler;
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("held");
    test_client client(cluster.address(), forever);
    cluster.mute = true;
    caller caller(GetParam(), client.handle, client.session);
    pthread_kill(caller.thread.native_handle(), SIGUSR1);
    poll(nullptr, 0, 100);
    EXPECT_FALSE(caller.done);
    lk_interrupt(client.handle); /* But this does. */
    poll(nullptr, 0, 100);
    lk_interrupt(client.handle);
    caller.thread.join();
    EXPECT_EQ(caller.status, LK_STATUS_INTERRUPTED);
    cluster.mute = false;
}

/* What it asked for is undone, and the client works as before. */
TEST_P(CapiInterrupt, ACancelledThreadLeavesNothingBehind)
{
    stand_in cluster;
    test_client holder(cluster.address());
    lk_grant held = holder.must_acquire("held");
    test_client client(cluster.address(), forever);
    cluster.mute = true;
    caller caller(GetParam(), client.handle, client.session);
    pace::Stopwatch watch;
    pthread_cancel(caller.thread.native_handle());
    caller.thread.join();
    EXPECT_LT(watch.elapsed(), std::chrono::seconds(1));
    EXPECT_FALSE(caller.done);
    cluster.mute = false;
    client.must_acquire("other");
    EXPECT_EQ(holder.release("held", held.token), LK_OK);
    test_client third(cluster.address());
    third.must_acquire("held", LK_SECOND);
}

INSTANTIATE_TEST_SUITE_P(EachCall, CapiInterrupt, testing::ValuesIn(ROWS),
        [](const testing::TestParamInfo<row> &param) { return param.param.name; });

TEST(CapiInterruptAlone, AnInterruptedAcquireHoldsAndWaitsForNothing)
{
    handler handler;
    stand_in cluster;
    test_client holder(cluster.address());
    lk_grant held = holder.must_acquire("held");
    test_client client(cluster.address(), interruptible);
    caller caller(ROWS[0], client.handle, client.session);
    pthread_kill(caller.thread.native_handle(), SIGUSR1);
    caller.thread.join();
    EXPECT_EQ(caller.status, LK_STATUS_INTERRUPTED);
    lk_lock lock = LK_LOCK_INIT;
    ASSERT_EQ(lk_query(holder.handle, "held", 4, &lock, nullptr), LK_OK);
    EXPECT_EQ(lock.waits, 0u);
    EXPECT_EQ(holder.release("held", held.token), LK_OK);
    lk_grant grant = client.must_acquire("held");
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_HELD);
}

TEST(CapiInterruptAlone, OpeningToo)
{
    handler handler;
    stand_in cluster;
    cluster.mute = true;
    std::atomic<bool> done = false;
    std::thread thread([&] {
        test_client client(cluster.address(), interruptible);
        EXPECT_EQ(client.status, LK_STATUS_INTERRUPTED);
        done = true;
    });
    poll(nullptr, 0, 50);
    pthread_kill(thread.native_handle(), SIGUSR1);
    thread.join();
    EXPECT_TRUE(done);
}

/*
 * A signal between the beginning of the call and its sleep is not missed: one signal each
 * time, at any moment once the call has begun. Those that come before it begins do not count.
 */
TEST(CapiInterruptAlone, NoSignalIsMissed)
{
    handler handler;
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("held");
    test_client client(cluster.address(), interruptible);
    for (int round = 0; round < 100; round++) {
        int before = cluster.requests;
        std::atomic<bool> done = false;
        std::thread thread([&] {
            lk_grant grant;
            EXPECT_EQ(client.acquire("held", LK_FOREVER, &grant), LK_STATUS_INTERRUPTED);
            done = true;
        });
        while (cluster.requests == before)
            std::this_thread::yield(); /* It is under way as soon as it was sent. */
        pthread_kill(thread.native_handle(), SIGUSR1);
        EXPECT_TRUE(eventually([&] { return done == true; }, 5)) << round;
        if (!done)
            lk_interrupt(client.handle);
        thread.join();
    }
}

/* From the handler itself, as a program in C would do. */
TEST(CapiInterruptAlone, FromTheHandlerOfASignal)
{
    static lk_client *target;
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("held");
    test_client client(cluster.address());
    target = client.handle;
    struct sigaction action = {};
    struct sigaction before;
    action.sa_handler = [](int) {
        lk_interrupt(target);
    };
    sigaction(SIGUSR1, &action, &before);
    caller caller(ROWS[0], client.handle, client.session);
    pthread_kill(caller.thread.native_handle(), SIGUSR1);
    caller.thread.join();
    EXPECT_EQ(caller.status, LK_STATUS_INTERRUPTED);
    sigaction(SIGUSR1, &before, nullptr);
}

/* Only calls that wait now: the next one is not ended. */
TEST(CapiInterruptAlone, TheNextCallIsNotInterrupted)
{
    stand_in cluster;
    test_client client(cluster.address());
    for (int i = 0; i < 50; i++) {
        lk_interrupt(client.handle);
        lk_grant grant = client.must_acquire("next");
        EXPECT_EQ(client.release("next", grant.token), LK_OK);
    }
}

TEST(CapiInterruptAlone, TheSignalMaskIsAsBefore)
{
    stand_in cluster;
    test_client client(cluster.address(), interruptible);
    sigset_t mine;
    sigset_t after;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mine, nullptr);
    client.must_acquire("mask");
    pthread_sigmask(SIG_UNBLOCK, &mine, &after);
    EXPECT_EQ(sigismember(&after, SIGUSR2), 1);
    EXPECT_EQ(sigismember(&after, SIGUSR1), 0);
    EXPECT_EQ(sigismember(&after, SIGINT), 0);
}

} // namespace
