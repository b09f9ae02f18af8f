/*
 * Ranges of options, structs of other versions, and descriptors: what a program may hand over,
 * and the state that it may be in.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "worlds/capi_client.h"
#include "worlds/stand_in.h"

namespace {

/* ---- Options ---- */

struct range_row {
    const char *option;
    uint64_t value;
    const char *allowed; /* A part of the text; NULL: it is allowed */
    std::function<void(lk_options &, uint64_t)> set;
};

template <class Number>
std::function<void(lk_options &, uint64_t)> set(Number lk_options::*member)
{
    return [member](lk_options &options, uint64_t value) {
        options.*member = static_cast<Number>(value);
    };
}

const range_row RANGES[] = {
        {"flags", 8, "lk_flag", set(&lk_options::flags)},
        {"flags", UINT32_MAX, "lk_flag", set(&lk_options::flags)},
        {"sessions_max", 0, "1 to 4000000", set(&lk_options::sessions_max)},
        {"sessions_max", 4000001, "1 to 4000000", set(&lk_options::sessions_max)},
        {"sessions_max", 1, nullptr, set(&lk_options::sessions_max)},
        {"requests_max", 0, "1 to 2000000", set(&lk_options::requests_max)},
        {"requests_max", UINT32_MAX, "1 to 2000000", set(&lk_options::requests_max)},
        {"holds_max", 0, "1 to 16000000", set(&lk_options::holds_max)},
        {"holds_max", 16000001, "1 to 16000000", set(&lk_options::holds_max)},
        {"ttl_ns", 0, "100 ms to 24 h", set(&lk_options::ttl_ns)},
        {"ttl_ns", LK_SECOND / 10 - 1, "100 ms to 24 h", set(&lk_options::ttl_ns)},
        {"ttl_ns", LK_FOREVER, "100 ms to 24 h", set(&lk_options::ttl_ns)},
        {"ttl_ns", 86400 * LK_SECOND, "is 86400s: this cluster allows a ttl from 1s to 60s",
                set(&lk_options::ttl_ns)},
        {"grace_ns", 0, nullptr, set(&lk_options::grace_ns)},
        {"grace_ns", LK_FOREVER, nullptr, set(&lk_options::grace_ns)},
        {"min_usable_ns", 0, nullptr, set(&lk_options::min_usable_ns)},
        {"min_usable_ns", 5 * LK_SECOND, nullptr, set(&lk_options::min_usable_ns)},
        {"min_usable_ns", 5 * LK_SECOND + 1, "half of ttl_ns",
                set(&lk_options::min_usable_ns)},
        {"min_usable_ns", LK_FOREVER, "half of ttl_ns", set(&lk_options::min_usable_ns)},
        {"answer_wait_ns", 0, "at least 1 ms", set(&lk_options::answer_wait_ns)},
        {"answer_wait_ns", LK_FOREVER, nullptr, set(&lk_options::answer_wait_ns)},
        {"connect_wait_ns", 0, "at least 1 ms", set(&lk_options::connect_wait_ns)},
        {"connect_wait_ns", LK_FOREVER, nullptr, set(&lk_options::connect_wait_ns)},
        {"log_level", 4, "lk_log_level", set(&lk_options::log_level)},
        {"log_level", LK_LOG_LEVEL_DEBUG, nullptr, set(&lk_options::log_level)},
};

TEST(CapiEdges, EachOptionHasARangeThatItsRefusalNames)
{
    stand_in cluster;
    for (const range_row &row : RANGES) {
        SCOPED_TRACE(std::string(row.option) + " = " + std::to_string(row.value));
        test_client client(cluster.address(),
                [&](lk_options &options) { row.set(options, row.value); });
        if (row.allowed == nullptr) {
            ASSERT_EQ(client.status, LK_OK) << client.why;
            client.must_acquire("range");
            continue;
        }
        EXPECT_EQ(client.status, LK_STATUS_INVALID);
        EXPECT_NE(client.why.find(row.option), std::string::npos) << client.why;
        EXPECT_NE(client.why.find(row.allowed), std::string::npos) << client.why;
        if (std::string(row.allowed).starts_with("is "))
            continue;
        bool flags = std::string(row.option) == "flags";
        EXPECT_NE(client.why.find(flags ? "0x" : std::to_string(row.value).c_str()),
                std::string::npos)
                << client.why;
    }
}

std::string last_error()
{
    return lk_last_error();
}

/* What an address, or a cluster, brings along must not command a terminal. */
TEST(CapiEdges, ErrorsAndLogLinesShowNoControlCharacters)
{
    auto is_plain = [](const std::string &text) {
        return std::none_of(text.begin(), text.end(),
                [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    };
    lk_options options = LK_OPTIONS_INIT;
    lk_client *client = nullptr;
    options.nodes = "red\x1b[31m";
    options.connect_wait_ns = 100 * LK_MILLISECOND;
    options.log_level = LK_LOG_LEVEL_DEBUG;
    std::vector<std::string> lines;
    options.user = &lines;
    options.on_log = [](void *user, enum lk_log_level, const char *line) {
        static_cast<std::vector<std::string> *>(user)->push_back(line);
    };
    ASSERT_NE(lk_open(&options, &client), LK_OK);
    std::string why = lk_last_error();
    EXPECT_NE(why.find("red\\x1b[31m"), std::string::npos) << why;
    EXPECT_TRUE(is_plain(why));
    for (const std::string &line : lines)
        EXPECT_TRUE(is_plain(line));
}

TEST(CapiEdges, OptionsOfSessionsAndAcquiresAreNamedToo)
{
    stand_in cluster;
    test_client client(cluster.address());
    lk_session *session = nullptr;
    lk_session_options options = LK_SESSION_OPTIONS_INIT;
    for (uint64_t ttl : {uint64_t{1}, LK_FOREVER}) {
        options.ttl_ns = ttl;
        EXPECT_EQ(lk_session_open(client.handle, &options, &session), LK_STATUS_INVALID);
        EXPECT_NE(last_error().find("ttl_ns is " + std::to_string(ttl)), std::string::npos)
                << last_error();
    }
    /* Within the library's range, but not within this cluster's; in the unit that is exact. */
    for (auto [ttl, text] :
            {std::pair{61 * LK_SECOND, "61s"}, {uint64_t{999} * LK_MILLISECOND, "999ms"},
                    {LK_SECOND - 1, "999999999ns"}}) {
        options.ttl_ns = ttl;
        EXPECT_EQ(lk_session_open(client.handle, &options, &session), LK_STATUS_INVALID);
        EXPECT_EQ(last_error(), "ttl_ns is " + std::string(text) +
                                        ": this cluster allows a ttl from 1s to 60s");
    }
    std::string label(LK_LABEL_MAX + 1, 'x');
    options = LK_SESSION_OPTIONS_INIT;
    options.label = label.c_str();
    EXPECT_EQ(lk_session_open(client.handle, &options, &session), LK_STATUS_INVALID);
    EXPECT_NE(last_error().find("label has 65 bytes"), std::string::npos) << last_error();
    lk_acquire_options acquire = LK_ACQUIRE_OPTIONS_INIT;
    acquire.owner = uint64_t{1} << 63;
    lk_grant grant = {};
    EXPECT_EQ(lk_acquire_with(client.session, "a", 1, &acquire, &grant), LK_STATUS_INVALID);
    EXPECT_NE(last_error().find("owner"), std::string::npos) << last_error();
    EXPECT_EQ(lk_release(client.session, "", 0, 1), LK_STATUS_INVALID);
    EXPECT_NE(last_error().find("0 bytes"), std::string::npos) << last_error();
    EXPECT_EQ(lk_release(client.session, nullptr, 4, 1), LK_STATUS_INVALID);
    lk_lock lock = LK_LOCK_INIT;
    EXPECT_EQ(lk_query(client.handle, std::string(300, 'q').data(), 300, &lock, nullptr),
            LK_STATUS_INVALID);
    EXPECT_NE(last_error().find("300 bytes"), std::string::npos) << last_error();
    lk_node_status status = {};
    EXPECT_EQ(lk_query_status(client.handle, 9, LK_SECOND, &status), LK_STATUS_INVALID);
    EXPECT_NE(last_error().find("node 9"), std::string::npos) << last_error();
}

/* ---- Structs of other versions ---- */

/* Memory of the program behind a struct that it knows to be smaller. */
template <class type> struct fenced {
    explicit fenced(size_t bytes) : size(bytes), memory(sizeof(type) + 64, 0xAA)
    {
        memset(memory.data(), 0, bytes);
        memcpy(memory.data(), &bytes, sizeof(bytes));
    }
    type *get()
    {
        return reinterpret_cast<type *>(memory.data());
    }
    bool is_whole() const
    {
        for (size_t i = size; i < memory.size(); i++) {
            if (memory[i] != 0xAA)
                return false;
        }
        return true;
    }
    size_t size;
    std::vector<unsigned char> memory;
};

TEST(CapiEdges, AnOlderProgramsStructsAreNotOverrun)
{
    stand_in cluster;
    test_client client(cluster.address());
    client.must_acquire("older");
    fenced<lk_lock> lock(offsetof(lk_lock, held_ns));
    ASSERT_EQ(lk_query(client.handle, "older", 5, lock.get(), nullptr), LK_OK);
    EXPECT_TRUE(lock.is_whole());
    EXPECT_EQ(lock.get()->session, lk_session_id(client.session));
    EXPECT_EQ(lock.get()->size, lock.size);

    /* Two locks, as far apart as the program knows them. */
    client.must_acquire("older/2");
    size_t stride = offsetof(lk_lock, held_ns);
    std::vector<unsigned char> room(2 * stride + 64, 0xAA);
    lk_list list = LK_LIST_INIT;
    list.locks = reinterpret_cast<lk_lock *>(room.data());
    list.room = 2;
    list.lock_size = stride;
    ASSERT_EQ(lk_list_page(client.handle, &list), LK_OK);
    ASSERT_EQ(list.count, 2u);
    std::string first = reinterpret_cast<lk_lock *>(room.data())->name;
    std::string second = reinterpret_cast<lk_lock *>(room.data() + stride)->name;
    EXPECT_EQ(std::min(first, second), "older");
    EXPECT_EQ(std::max(first, second), "older/2");
    EXPECT_EQ(room[2 * stride], 0xAA);
}

TEST(CapiEdges, ZeroIsTheStructOfTheFirstVersion)
{
    stand_in cluster;
    test_client client(cluster.address());
    client.must_acquire("zero");
    lk_lock lock = {};
    ASSERT_EQ(lk_query(client.handle, "zero", 4, &lock, nullptr), LK_OK);
    EXPECT_EQ(lock.session, lk_session_id(client.session));
    EXPECT_STREQ(lock.name, "zero");
}

TEST(CapiEdges, ANewerProgramsOptionsAreTakenIfTheyAreUnused)
{
    stand_in cluster;
    std::string nodes = cluster.address();
    std::vector<unsigned char> memory(sizeof(lk_options) + 16, 0);
    lk_options options = LK_OPTIONS_INIT;
    options.nodes = nodes.c_str();
    options.size = memory.size();
    memcpy(memory.data(), &options, sizeof(options));
    lk_client *client = nullptr;
    auto *given = reinterpret_cast<lk_options *>(memory.data());
    ASSERT_EQ(lk_open(given, &client), LK_OK) << lk_last_error();
    lk_close(client);
    memory.back() = 1;
    EXPECT_EQ(lk_open(given, &client), LK_STATUS_INVALID);
    EXPECT_NE(last_error().find("LK_OPTIONS_INIT"), std::string::npos);
}

TEST(CapiEdges, AnOlderProgramsOptionsKeepTheDefaults)
{
    stand_in cluster;
    std::string nodes = cluster.address();
    lk_options options;
    memset(&options, 0xFF, sizeof(options));
    options.size = offsetof(lk_options, flags);
    options.nodes = nodes.c_str();
    lk_client *client = nullptr;
    ASSERT_EQ(lk_open(&options, &client), LK_OK) << lk_last_error();
    lk_close(client);
}

/* ---- Descriptors ---- */

/*
 * ThreadSanitizer ends a child that starts a thread. A child under AddressSanitizer can inherit
 * a lock of its allocator that another thread held. The release build runs these tests.
 */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool FORK_IS_POSSIBLE = false;
#else
constexpr bool FORK_IS_POSSIBLE = true;
#endif

/* What the child says, as its exit status; 0: all is well. */
int in_child(const std::function<int()> &what)
{
    if (!FORK_IS_POSSIBLE)
        return 0;
    pid_t child = fork();
    if (child == 0)
        _exit(what());
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

bool is_closed(int fd)
{
    return fcntl(fd, F_GETFD) == -1;
}

TEST(CapiEdges, StandardDescriptorsThatAreClosedStayClosed)
{
    stand_in cluster;
    std::string nodes = cluster.address();
    for (uint32_t flags : {0u, uint32_t(LK_FLAG_INTERRUPTIBLE)}) {
        EXPECT_EQ(in_child([&] {
            alarm(20);
            for (int fd = 0; fd < 3; fd++)
                close(fd);
            lk_options options = LK_OPTIONS_INIT;
            options.nodes = nodes.c_str();
            options.flags = flags;
            lk_client *client = nullptr;
            if (lk_open(&options, &client) != LK_OK)
                return 1;
            lk_grant grant;
            if (lk_acquire(lk_client_session(client), "std", 3, LK_SECOND, &grant) != LK_OK)
                return 2;
            lk_node_status *status =
                    static_cast<lk_node_status *>(calloc(1, sizeof(lk_node_status)));
            std::thread query(
                    [&] { (void)!lk_query_status(client, 0, LK_SECOND / 10, status); });
            bool closed = true;
            for (int i = 0; i < 100; i++) {
                closed = closed && is_closed(0) && is_closed(1) && is_closed(2);
                usleep(1000);
            }
            query.join();
            lk_close(client);
            return closed ? 0 : 3;
        }),
                0);
    }
}

size_t open_descriptors()
{
    size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
        count += entry.path().empty() ? 0 : 1;
    return count;
}

TEST(CapiEdges, NoDescriptorIsLost)
{
    stand_in cluster;
    {
        test_client warm(cluster.address());
    }
    size_t before = open_descriptors();
    for (int i = 0; i < 20; i++) {
        test_client client(cluster.address());
        client.must_acquire("fd");
        auto status = std::make_unique<lk_node_status>();
        (void)!lk_query_status(client.handle, 0, LK_SECOND / 100, status.get());
        test_client nobody("127.0.0.1:1,localhost:2",
                [](lk_options &options) { options.answer_wait_ns = 20 * LK_MILLISECOND; });
        test_client loop(cluster.address(),
                [](lk_options &options) { options.flags = LK_FLAG_EXTERNAL_LOOP; });
    }
    EXPECT_TRUE(eventually([&] { return open_descriptors() <= before + 2; }))
            << open_descriptors() << " against " << before;
}

TEST(CapiEdges, TooFewDescriptorsAreAnErrorAndNoMore)
{
    stand_in cluster;
    std::string nodes = cluster.address();
    EXPECT_EQ(in_child([&] {
        alarm(30);
        lk_options options = LK_OPTIONS_INIT;
        options.nodes = nodes.c_str();
        options.answer_wait_ns = LK_SECOND / 5;
        int first = dup(1);
        close(first);
        for (int more = 0; more < 8; more++) {
            struct rlimit limit = {rlim_t(first + more), 4096};
            setrlimit(RLIMIT_NOFILE, &limit);
            lk_client *client = nullptr;
            enum lk_status status = lk_open(&options, &client);
            if (status != LK_OK && status != LK_STATUS_BUSY && status != LK_STATUS_UNKNOWN)
                return 1;
            if (status == LK_OK)
                lk_close(client);
            else if (strstr(lk_last_error(), "Too many open files") == nullptr)
                return 2;
        }
        struct rlimit enough = {1024, 4096};
        setrlimit(RLIMIT_NOFILE, &enough);
        lk_client *client = nullptr;
        if (lk_open(&options, &client) != LK_OK)
            return 3;
        lk_close(client);
        return 0;
    }),
            0);
}

/* Only such a timer rings in time after a suspend of the machine. */
TEST(CapiEdges, TheKeeperSleepsByTheClockThatCountsSuspends)
{
    stand_in cluster;
    test_client client(cluster.address());
    int timers = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream file(entry.path());
        std::string text((std::istreambuf_iterator<char>(file)), {});
        bool armed = text.find("it_value: (0, 0)") == std::string::npos;
        timers += text.find("clockid: 7") != std::string::npos && armed; /* BOOTTIME */
    }
    EXPECT_EQ(timers, 1);
}

} // namespace
