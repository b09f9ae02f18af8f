/*
 * lk_close() while other threads are in any call, for every call of liblock.h. These tests
 * find nothing without a sanitizer; all of tests/capi runs under ASan and TSan.
 */
#include <atomic>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "worlds/capi_client.h"
#include "worlds/stand_in.h"

namespace {

/* What a call is made with. */
struct handles {
    lk_client *client;
    lk_session *session;
    lk_grant grant;
};

enum row_kind {
    WAITS,    /* Waits for an answer: LK_STATUS_LOST when the client is closed */
    ASKS,     /* Does not wait, has a status */
    LOOKS,    /* Has no status */
    LOOP_ONLY /* For a client with LK_FLAG_EXTERNAL_LOOP, from its one thread */
};

struct row {
    const char *name;
    row_kind kind;
    std::function<int(const handles &)> call; /* A status, or whether it says "closed" */
};

const lk_done NOBODY = {nullptr, nullptr};

int open_another(const handles &with)
{
    lk_session *session = nullptr;
    enum lk_status status = lk_session_open(with.client, nullptr, &session);
    return status == LK_OK ? lk_session_close(session) : status;
}

int close_another(const handles &with)
{
    lk_session *session = nullptr;
    enum lk_status status = lk_session_open(with.client, nullptr, &session);
    return status == LK_OK ? lk_session_close(session) : status;
}

int list_all(const handles &with)
{
    lk_lock locks[4];
    lk_list list = LK_LIST_INIT;
    list.locks = locks;
    list.room = 4;
    return lk_list_page(with.client, &list);
}

int acquire_guarded(const handles &with)
{
    struct lk_guard guard = lk_guard_acquire(with.session, "held", 4, LK_FOREVER);
    enum lk_status status = guard.status;
    lk_guard_release(&guard);
    return status;
}

const row ROWS[] = {
        {"lk_session_open", WAITS, open_another},
        {"lk_session_close", WAITS, close_another},
        {"lk_acquire", WAITS,
                [](const handles &with) -> int {
                    lk_grant grant;
                    return lk_acquire(with.session, "held", 4, LK_FOREVER, &grant);
                }},
        {"lk_acquire_with", WAITS,
                [](const handles &with) -> int {
                    lk_grant grant;
                    lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
                    return lk_acquire_with(with.session, "held", 4, &options, &grant);
                }},
        {"lk_guard_acquire", WAITS, acquire_guarded},
        {"lk_guard_release", WAITS, acquire_guarded},
        {"lk_release", WAITS,
                [](const handles &with) -> int {
                    return lk_release(with.session, "other", 5, 99);
                }},
        {"lk_release_all", WAITS,
                [](const handles &with) -> int {
                    return lk_release_all(with.session, "other", 5, 99);
                }},
        {"lk_query", WAITS,
                [](const handles &with) -> int {
                    lk_lock lock = LK_LOCK_INIT;
                    return lk_query(with.client, "held", 4, &lock, nullptr);
                }},
        {"lk_list_page", WAITS, list_all},
        {"lk_query_status", WAITS,
                [](const handles &with) -> int {
                    auto status = std::make_unique<lk_node_status>();
                    return lk_query_status(with.client, 0, LK_FOREVER, status.get());
                }},
        {"lk_query_stages", WAITS,
                [](const handles &with) -> int {
                    auto stages = std::make_unique<lk_node_stages>();
                    return lk_query_stages(with.client, 0, LK_FOREVER, stages.get());
                }},
        {"lk_admin", WAITS,
                [](const handles &with) -> int {
                    lk_admin_request request{};
                    lk_admin_answer answer{};
                    request.size = sizeof(request);
                    request.kind = LK_ADMIN_UPGRADE_STATUS;
                    answer.size = sizeof(answer);
                    return lk_admin(with.client, LK_FOREVER, &request, &answer);
                }},
        {"lk_backup", WAITS,
                [](const handles &with) -> int {
                    auto piece = std::make_unique<lk_backup_piece>();
                    piece->size = sizeof(*piece);
                    return lk_backup(with.client, 0, LK_FOREVER, piece.get());
                }},
        {"lk_cancel", ASKS,
                [](const handles &with) -> int {
                    return lk_cancel(with.session, 7);
                }},
        {"lk_test_lose", ASKS,
                [](const handles &with) -> int {
                    return lk_test_lose(with.session);
                }},
        {"lk_check", LOOKS,
                [](const handles &with) -> int {
                    return lk_check(with.session, &with.grant) == LK_STATE_LOST &&
                           lk_check(with.session, nullptr) == LK_STATE_LOST;
                }},
        {"lk_deadline", LOOKS,
                [](const handles &with) -> int {
                    return lk_deadline(with.session, &with.grant) == 0 &&
                           lk_deadline(with.session, nullptr) == 0;
                }},
        {"lk_session_id", LOOKS,
                [](const handles &with) -> int {
                    return lk_session_id(with.session) == 0;
                }},
        {"lk_cluster_id", LOOKS,
                [](const handles &with) -> int {
                    return lk_cluster_id(with.client) == 0;
                }},
        {"lk_client_session", LOOKS,
                [](const handles &with) -> int {
                    return lk_client_session(with.client) == nullptr;
                }},
        {"lk_node_count", LOOKS,
                [](const handles &with) -> int {
                    return lk_node_count(with.client) == 0;
                }},
        {"lk_node_address", LOOKS,
                [](const handles &with) -> int {
                    return lk_node_address(with.client, 0) == nullptr;
                }},
        {"lk_interrupt", LOOKS,
                [](const handles &with) -> int {
                    lk_interrupt(with.client);
                    return lk_node_count(with.client) == 0;
                }},
        {"lk_fd", LOOKS,
                [](const handles &with) -> int {
                    return lk_fd(with.client) == -1;
                }},
        {"lk_process", LOOP_ONLY,
                [](const handles &with) -> int {
                    return lk_process(with.client);
                }},
        {"lk_session_open_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    lk_session *session;
                    return lk_session_open_async(with.client, nullptr, &session, NOBODY);
                }},
        {"lk_session_close_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    return lk_session_close_async(with.session, NOBODY);
                }},
        {"lk_acquire_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    return lk_acquire_async(with.session, "a", 1, nullptr, NOBODY);
                }},
        {"lk_release_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    return lk_release_async(with.session, "a", 1, 1, NOBODY);
                }},
        {"lk_release_all_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    return lk_release_all_async(with.session, "a", 1, 1, NOBODY);
                }},
        {"lk_query_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    static lk_lock lock;
                    return lk_query_async(with.client, "a", 1, &lock, NOBODY);
                }},
        {"lk_list_page_async", LOOP_ONLY,
                [](const handles &with) -> int {
                    static lk_lock locks[4];
                    lk_list list = LK_LIST_INIT;
                    list.locks = locks;
                    list.room = 4;
                    return lk_list_page_async(with.client, &list, NOBODY);
                }},
};

/* A client whose lock "held" somebody else holds. */
struct scene {
    explicit scene(uint32_t flags = 0) : holder(cluster.address())
    {
        holder.must_acquire("held");
        lk_options options = LK_OPTIONS_INIT;
        std::string nodes = cluster.address();
        options.nodes = nodes.c_str();
        options.flags = flags;
        options.answer_wait_ns = LK_FOREVER;
        EXPECT_EQ(lk_open(&options, &with.client), LK_OK) << lk_last_error();
        with.session = lk_client_session(with.client);
        if (flags == 0) {
            EXPECT_EQ(lk_acquire(with.session, "mine", 4, LK_SECOND, &with.grant), LK_OK);
        }
    }

    bool says_closed(const row &row) const
    {
        int said = row.call(with);
        return row.kind == LOOKS ? said != 0 : said == LK_STATUS_LOST;
    }

    stand_in cluster;
    test_client holder;
    handles with = {};
};

class CapiClose : public testing::TestWithParam<row> {};

TEST_P(CapiClose, WhileThreadsWaitInIt)
{
    const row &row = GetParam();
    if (row.kind != WAITS)
        return;
    scene scene;
    scene.cluster.mute = true;
    std::atomic<int> lost = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back([&] { lost += row.call(scene.with) == LK_STATUS_LOST; });
    poll(nullptr, 0, 30);
    std::thread waker([&] {
        poll(nullptr, 0, 30);
        scene.cluster.mute = false; /* Answers come while it is being closed. */
    });
    lk_close(scene.with.client);
    for (auto &thread : threads)
        thread.join();
    waker.join();
    EXPECT_EQ(lost, 3);
}

TEST_P(CapiClose, WhileThreadsCallItAgainAndAgain)
{
    const row &row = GetParam();
    if (row.kind == LOOP_ONLY)
        return;
    scene scene;
    std::atomic<int> begun = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++) {
        threads.emplace_back([&] {
            begun++;
            /* The last call comes when the client has been closed. */
            while (!scene.says_closed(row))
                std::this_thread::yield();
        });
    }
    EXPECT_TRUE(eventually([&] { return begun == 3; }));
    poll(nullptr, 0, 5);
    lk_close(scene.with.client);
    for (auto &thread : threads)
        thread.join();
}

TEST_P(CapiClose, ACallThatComesTooLateHarmsNobody)
{
    const row &row = GetParam();
    scene scene(row.kind == LOOP_ONLY ? LK_FLAG_EXTERNAL_LOOP : 0);
    lk_close(scene.with.client);
    EXPECT_TRUE(scene.says_closed(row));
    scene.holder.must_acquire("other");
}

TEST_P(CapiClose, NullIsRefused)
{
    const row &row = GetParam();
    handles with = {};
    int said = row.call(with);
    EXPECT_TRUE(row.kind == LOOKS ? said != 0 : said == LK_STATUS_INVALID) << said;
}

INSTANTIATE_TEST_SUITE_P(EachCall, CapiClose, testing::ValuesIn(ROWS),
        [](const testing::TestParamInfo<row> &param) { return param.param.name; });

/* A call that is new in the header must be in the table. */
TEST(CapiCloseTable, HasEveryCallWithAHandle)
{
    std::ifstream file(HEADER_PATH);
    std::stringstream header;
    header << file.rdbuf();
    std::string text = header.str();
    std::set<std::string> missing;
    std::regex call("LK_API[^;]*?\\b(lk_[a-z_]+)\\(([^;]*)\\);");
    std::sregex_iterator at(text.begin(), text.end(), call);
    for (; at != std::sregex_iterator(); at++) {
        std::string arguments = (*at)[2];
        bool handle = arguments.find("lk_client *") != std::string::npos ||
                      arguments.find("lk_session *") != std::string::npos ||
                      arguments.find("lk_guard *") != std::string::npos;
        if (handle)
            missing.insert((*at)[1]);
    }
    EXPECT_GT(missing.size(), 20u);
    for (const row &row : ROWS)
        EXPECT_EQ(missing.erase(row.name), 1u) << row.name;
    missing.erase("lk_close");
    missing.erase("lk_open"); /* There is no client yet. */
    EXPECT_EQ(missing, std::set<std::string>());
}

TEST(CapiCloseAlone, ALoopIsClosedWithoutSpinning)
{
    scene scene(LK_FLAG_EXTERNAL_LOOP);
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(lk_process(scene.with.client), LK_OK);
        return lk_session_id(scene.with.session) != 0;
    }));
    scene.cluster.deaf = true;
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    lk_close(scene.with.client); /* For a second, as nobody answers. */
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    double took = static_cast<double>(after.tv_sec - before.tv_sec) +
                  static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9;
    EXPECT_LT(took, 0.2);
}

/* More than the library keeps of closed clients; the memory goes back all the same. */
TEST(CapiCloseAlone, ManyClientsOneAfterTheOther)
{
    stand_in cluster;
    auto mapped = [] {
        std::ifstream file("/proc/self/statm");
        size_t pages = 0;
        size_t resident = 0;
        file >> pages >> resident;
        return resident;
    };
    size_t middle = 0;
    for (int i = 0; i < 150; i++) {
        test_client client(cluster.address());
        client.must_acquire("one");
        if (i == 75)
            middle = mapped();
    }
    /* AddressSanitizer keeps freed memory for a while, to find its later use. */
#if !defined(__SANITIZE_ADDRESS__)
    EXPECT_LT(mapped(), middle + 4096) << "pages";
#else
    EXPECT_GT(mapped(), 0U);
    EXPECT_GT(middle, 0U);
#endif
}

} // namespace
