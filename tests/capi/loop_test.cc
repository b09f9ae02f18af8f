/* The same calls for an event loop: one thread, one descriptor, thousands under way. */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "worlds/capi_client.h"
#include "worlds/stand_in.h"

namespace {

void with_loop(lk_options &options)
{
    options.flags = LK_FLAG_EXTERNAL_LOOP;
}

struct outcome {
    bool done = false;
    lk_result result = {};

    lk_done tell()
    {
        return {[](void *user, const struct lk_result *said) {
                    auto *self = static_cast<outcome *>(user);
                    EXPECT_FALSE(self->done) << "told twice";
                    self->done = true;
                    self->result = *said;
                },
                this};
    }
};

TEST(CapiLoop, OpensAcquiresReleases)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    ASSERT_EQ(client.status, LK_OK) << client.why;
    outcome acquired;
    /* The session is not open yet: it waits. */
    ASSERT_EQ(lk_acquire_async(client.session, "a", 1, nullptr, acquired.tell()), LK_OK);
    EXPECT_FALSE(acquired.done);
    ASSERT_TRUE(client.run_until([&] { return acquired.done; }));
    EXPECT_EQ(acquired.result.status, LK_OK) << lk_last_error();
    EXPECT_EQ(lk_check(client.session, &acquired.result.grant), LK_STATE_HELD);
    outcome released;
    uint64_t token = acquired.result.grant.token;
    ASSERT_EQ(lk_release_async(client.session, "a", 1, token, released.tell()), LK_OK);
    EXPECT_EQ(lk_check(client.session, &acquired.result.grant), LK_STATE_LOST);
    ASSERT_TRUE(client.run_until([&] { return released.done; }));
    EXPECT_EQ(released.result.status, LK_OK);
}

/* What the first session was refused with reaches what waits for it, and what comes later. */
TEST(CapiLoop, AFullClusterSaysWhatIsFull)
{
    stand_in cluster;
    cluster.full = true;
    outcome opened;
    test_client client(cluster.address(), [&](lk_options &options) {
        options.flags = LK_FLAG_EXTERNAL_LOOP;
        options.opened = opened.tell();
    });
    ASSERT_EQ(client.status, LK_OK) << client.why;
    outcome acquired;
    ASSERT_EQ(lk_acquire_async(client.session, "a", 1, nullptr, acquired.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return acquired.done; }));
    EXPECT_EQ(acquired.result.status, LK_STATUS_LIMIT);
    EXPECT_TRUE(opened.done);
    EXPECT_EQ(opened.result.status, LK_STATUS_LIMIT);
    EXPECT_EQ(lk_acquire_async(client.session, "a", 1, nullptr, acquired.tell()),
            LK_STATUS_LIMIT);
    EXPECT_NE(std::string(lk_last_error()).find("sessions"), std::string::npos);
}

TEST(CapiLoop, TheFirstSessionHasACallback)
{
    stand_in cluster;
    outcome opened;
    test_client client(cluster.address(), [&](lk_options &options) {
        options.flags = LK_FLAG_EXTERNAL_LOOP;
        options.opened = opened.tell();
    });
    EXPECT_FALSE(opened.done);
    ASSERT_TRUE(client.run_until([&] { return opened.done; }));
    EXPECT_EQ(opened.result.status, LK_OK);
    EXPECT_EQ(opened.result.session, client.session);
    EXPECT_NE(lk_session_id(client.session), 0u);
}

TEST(CapiLoop, TheFirstSessionsCallbackIsMadeWhenItIsClosed)
{
    stand_in cluster;
    cluster.mute = true;
    outcome opened;
    {
        test_client client(cluster.address(), [&](lk_options &options) {
            options.flags = LK_FLAG_EXTERNAL_LOOP;
            options.opened = opened.tell();
        });
        EXPECT_EQ(lk_process(client.handle), LK_OK);
    }
    EXPECT_TRUE(opened.done);
    EXPECT_EQ(opened.result.status, LK_STATUS_LOST);
}

TEST(CapiLoop, AllEntriesAreReleasedAtOnce)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.owner = 5;
    options.reentrant = true;
    outcome entered[2];
    for (outcome &one : entered)
        ASSERT_EQ(lk_acquire_async(client.session, "all", 3, &options, one.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return entered[0].done && entered[1].done; }));
    lk_grant grant = entered[1].result.grant;
    outcome released;
    ASSERT_EQ(lk_release_all_async(client.session, "all", 3, grant.token, released.tell()),
            LK_OK);
    EXPECT_EQ(lk_check(client.session, &grant), LK_STATE_LOST);
    ASSERT_TRUE(client.run_until([&] { return released.done; }));
    EXPECT_EQ(released.result.status, LK_OK);
}

TEST(CapiLoop, AskedTogetherLeavesTogether)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    outcome first;
    ASSERT_EQ(lk_acquire_async(client.session, "first", 5, nullptr, first.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return first.done; }));
    int before = cluster.received;
    std::vector<std::unique_ptr<outcome>> outcomes;
    for (int i = 0; i < 900; i++) {
        outcomes.push_back(std::make_unique<outcome>());
        std::string name = std::to_string(i);
        ASSERT_EQ(lk_acquire_async(client.session, name.data(), name.size(), nullptr,
                          outcomes.back()->tell()),
                LK_OK);
    }
    struct pollfd ready = {lk_fd(client.handle), POLLIN, 0};
    EXPECT_EQ(poll(&ready, 1, 1000), 1) << "something was asked for";
    ASSERT_TRUE(client.run_until([&] { return outcomes.back()->done; }));
    for (auto &one : outcomes)
        EXPECT_EQ(one->result.status, LK_OK);
    EXPECT_LE(cluster.received - before, 4);
}

TEST(CapiLoop, MoreThanTheWindowWaitsHere)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    int done = 0;
    lk_done count = {[](void *user, const struct lk_result *result) {
                         *static_cast<int *>(user) += result->status == LK_OK;
                     },
            &done};
    for (int i = 0; i < 4000; i++) {
        std::string name = std::to_string(i);
        ASSERT_EQ(
                lk_acquire_async(client.session, name.data(), name.size(), nullptr, count),
                LK_OK);
    }
    EXPECT_TRUE(client.run_until([&] { return done == 4000; }));
}

TEST(CapiLoop, RequestsMaxIsBusy)
{
    stand_in cluster;
    test_client client(cluster.address(), [](lk_options &options) {
        options.flags = LK_FLAG_EXTERNAL_LOOP;
        options.requests_max = 8; /* The session's own opening is one. */
    });
    lk_done nobody = {nullptr, nullptr};
    for (int i = 0; i < 7; i++)
        EXPECT_EQ(lk_acquire_async(client.session, "a", 1, nullptr, nobody), LK_OK);
    EXPECT_EQ(lk_acquire_async(client.session, "a", 1, nullptr, nobody), LK_STATUS_BUSY);
}

TEST(CapiLoop, CallbacksMayAskAgain)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    struct circle {
        lk_session *session;
        int rounds = 0;
        static void acquired(void *user, const struct lk_result *result)
        {
            auto *self = static_cast<circle *>(user);
            if (result->status == LK_STATUS_LOST)
                return; /* The client is being closed. */
            ASSERT_EQ(result->status, LK_OK);
            EXPECT_EQ(lk_release_async(
                              self->session, "c", 1, result->grant.token, {released, self}),
                    LK_OK);
        }
        static void released(void *user, const struct lk_result *result)
        {
            auto *self = static_cast<circle *>(user);
            if (result->status == LK_STATUS_LOST)
                return; /* The client is being closed. */
            ASSERT_EQ(result->status, LK_OK);
            self->rounds++;
            EXPECT_EQ(lk_acquire_async(self->session, "c", 1, nullptr, {acquired, self}),
                    LK_OK);
        }
    } circle = {client.session};
    ASSERT_EQ(
            lk_acquire_async(client.session, "c", 1, nullptr, {circle::acquired, &circle}),
            LK_OK);
    EXPECT_TRUE(client.run_until([&] { return circle.rounds >= 100; }));
}

/*
 * What a callback asks has its whole time for an answer, however long callbacks took
 * before.
 */
TEST(CapiLoop, ASlowCallbackTakesNoTimeFromWhatIsAskedInIt)
{
    stand_in cluster;
    test_client client(cluster.address(), [](lk_options &options) {
        with_loop(options);
        options.answer_wait_ns = LK_SECOND / 5;
    });
    struct slow {
        lk_session *session;
        outcome released;
    } slow = {client.session, {}};
    lk_done taken = {[](void *user, const struct lk_result *result) {
                         auto *self = static_cast<struct slow *>(user);
                         usleep(400000); /* The program is busy: nothing to wait for. */
                         EXPECT_EQ(lk_release_async(self->session, "a", 1,
                                           result->grant.token, self->released.tell()),
                                 LK_OK);
                     },
            &slow};
    ASSERT_EQ(lk_acquire_async(client.session, "a", 1, nullptr, taken), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return slow.released.done; }));
    EXPECT_EQ(slow.released.result.status, LK_OK);
}

TEST(CapiLoop, ManySessionsOnOneConnection)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    constexpr int count = 500;
    int opened = 0;
    std::vector<lk_session *> sessions(count);
    lk_done tell = {[](void *user, const struct lk_result *result) {
                        *static_cast<int *>(user) += result->status == LK_OK;
                    },
            &opened};
    for (auto &session : sessions)
        ASSERT_EQ(lk_session_open_async(client.handle, nullptr, &session, tell), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return opened == count; }));
    for (auto *session : sessions)
        EXPECT_EQ(lk_check(session, nullptr), LK_STATE_HELD);
    EXPECT_EQ(cluster.accepted, 1);
    int closed = 0;
    tell.user = &closed;
    for (auto *session : sessions)
        ASSERT_EQ(lk_session_close_async(session, tell), LK_OK);
    EXPECT_TRUE(client.run_until([&] { return closed == count; }));
}

TEST(CapiLoop, QueriesAndLists)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    outcome acquired;
    ASSERT_EQ(lk_acquire_async(client.session, "q", 1, nullptr, acquired.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return acquired.done; }));
    outcome queried;
    lk_lock lock = {};
    ASSERT_EQ(lk_query_async(client.handle, "q", 1, &lock, queried.tell()), LK_OK);
    outcome listed;
    std::vector<lk_lock> locks(8);
    lk_list page = LK_LIST_INIT;
    page.locks = locks.data();
    page.room = 8;
    ASSERT_EQ(lk_list_page_async(client.handle, &page, listed.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return queried.done && listed.done; }));
    EXPECT_EQ(lock.token, acquired.result.grant.token);
    EXPECT_EQ(page.count, 1u);
    EXPECT_STREQ(locks[0].name, "q");
}

TEST(CapiLoop, CancelByTag)
{
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("c");
    test_client client(cluster.address(), with_loop);
    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.tag = 5;
    outcome waited;
    ASSERT_EQ(lk_acquire_async(client.session, "c", 1, &options, waited.tell()), LK_OK);
    client.run_until([] { return false; }, 0);
    client.run_until([&] { return cluster.requests > 2; });
    EXPECT_EQ(lk_cancel(client.session, 5), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return waited.done; }));
    EXPECT_EQ(waited.result.status, LK_STATUS_CANCELLED);
    EXPECT_EQ(waited.result.tag, 5u);
}

TEST(CapiLoop, CloseTellsEverybody)
{
    stand_in cluster;
    test_client holder(cluster.address());
    holder.must_acquire("h");
    outcome waited;
    {
        test_client client(cluster.address(), with_loop);
        ASSERT_EQ(lk_acquire_async(client.session, "h", 1, nullptr, waited.tell()), LK_OK);
        client.run_until([&] { return cluster.requests > 2; });
        EXPECT_FALSE(waited.done);
    }
    EXPECT_TRUE(waited.done);
    EXPECT_EQ(waited.result.status, LK_STATUS_LOST);
}

TEST(CapiLoop, InAForkedChildEveryHandleIsDead)
{
    stand_in cluster;
    test_client client(cluster.address(), with_loop);
    outcome acquired;
    ASSERT_EQ(lk_acquire_async(client.session, "f", 1, nullptr, acquired.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return acquired.done; }));
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        lk_done nobody = {nullptr, nullptr};
        uint64_t token = acquired.result.grant.token;
        bool dead =
                lk_process(client.handle) == LK_STATUS_LOST &&
                lk_check(client.session, &acquired.result.grant) == LK_STATE_LOST &&
                lk_acquire_async(client.session, "g", 1, nullptr, nobody) ==
                        LK_STATUS_LOST &&
                lk_release_async(client.session, "f", 1, token, nobody) == LK_STATUS_LOST;
        lk_close(client.handle);
        _exit(dead ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    /* The parent's timers, sockets and lock are untouched. */
    EXPECT_EQ(lk_check(client.session, &acquired.result.grant), LK_STATE_HELD);
    outcome released;
    uint64_t token = acquired.result.grant.token;
    ASSERT_EQ(lk_release_async(client.session, "f", 1, token, released.tell()), LK_OK);
    ASSERT_TRUE(client.run_until([&] { return released.done; }));
    EXPECT_EQ(released.result.status, LK_OK);
}

TEST(CapiLoop, WhatDoesNotFitTheModeIsInvalid)
{
    stand_in cluster;
    test_client loop(cluster.address(), with_loop);
    test_client threads(cluster.address());
    lk_grant grant = {};
    EXPECT_EQ(loop.acquire("a", 0, &grant), LK_STATUS_INVALID);
    EXPECT_EQ(lk_process(threads.handle), LK_STATUS_INVALID);
    EXPECT_EQ(lk_fd(threads.handle), -1);
    EXPECT_EQ(lk_acquire_async(threads.session, "a", 1, nullptr, {nullptr, nullptr}),
            LK_STATUS_INVALID);
}

} // namespace
