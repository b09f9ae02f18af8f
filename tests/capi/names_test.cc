/*
 * Names of nodes: slow, dead and lying name servers, and addresses where nobody answers. This
 * program has its own getaddrinfo(), which stands before that of the C library.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <thread>

extern "C" {
#include "shell/lk_connect.h"
}
#include "worlds/capi_client.h"
#include "worlds/pace.h"
#include "worlds/stand_in.h"

namespace {

using clock_type = std::chrono::steady_clock;
using std::chrono::milliseconds;

/* What the name servers say of a name. */
struct record {
    std::vector<std::string> addresses; /* IPv4, one after the other as they are sorted */
    milliseconds delay{0};
    int failures = 0; /* So many times EAI_AGAIN first */
    bool dead = false;
};

class name_servers {
public:
    void set(const std::string &name, const record &record)
    {
        std::lock_guard<std::mutex> guard(mutex);
        records[name] = record;
        counts[name] = 0;
    }

    void clear()
    {
        std::lock_guard<std::mutex> guard(mutex);
        records.clear();
        revived.notify_all();
    }

    int count(const std::string &name)
    {
        std::lock_guard<std::mutex> guard(mutex);
        return counts[name];
    }

    int asking_now()
    {
        std::lock_guard<std::mutex> guard(mutex);
        return asking;
    }

    /* The real one is to answer if this is false. */
    bool answer(const std::string &name, record *found, int *error)
    {
        std::unique_lock<std::mutex> lock(mutex);
        if (records.count(name) == 0)
            return false;
        counts[name]++;
        asking++;
        most = std::max(most, asking);
        auto until = clock_type::now() + records[name].delay;
        while (records.count(name) != 0 &&
                (records[name].dead || clock_type::now() < until)) {
            if (records[name].dead)
                revived.wait(lock);
            else
                revived.wait_until(lock, until);
        }
        asking--;
        *error = EAI_AGAIN;
        if (records.count(name) == 0)
            return true;
        if (records[name].failures > 0) {
            records[name].failures--;
            return true;
        }
        *found = records[name];
        *error = 0;
        return true;
    }

    int most = 0;

private:
    std::mutex mutex;
    std::condition_variable revived;
    std::map<std::string, record> records;
    std::map<std::string, int> counts;
    int asking = 0;
};

name_servers servers;

using real_getaddrinfo = int (*)(
        const char *, const char *, const struct addrinfo *, struct addrinfo **);

int ask_the_system(const char *node, const char *service, const struct addrinfo *hints,
        struct addrinfo **result)
{
    auto real = reinterpret_cast<real_getaddrinfo>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, result);
}

} // namespace

extern "C" int getaddrinfo(const char *node, const char *service,
        const struct addrinfo *hints, struct addrinfo **result)
{
    record found;
    int error = 0;
    if ((hints->ai_flags & AI_NUMERICHOST) != 0 || !servers.answer(node, &found, &error))
        return ask_the_system(node, service, hints, result);
    if (error != 0)
        return error;
    struct addrinfo numbers = *hints;
    numbers.ai_flags |= AI_NUMERICHOST;
    struct addrinfo **end = result;
    *result = nullptr;
    for (const std::string &address : found.addresses) {
        if (ask_the_system(address.c_str(), service, &numbers, end) == 0)
            end = &(*end)->ai_next;
    }
    return *result == nullptr ? EAI_NONAME : 0;
}

namespace {

/*
 * An address where connections are neither accepted nor refused: the queue of its listener is
 * full.
 */
class black_hole {
public:
    black_hole(const std::string &ip, int port)
    {
        struct sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(port));
        inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
        for (int i = 0; i < 4; i++) {
            int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            fds.push_back(fd);
            auto *to = reinterpret_cast<struct sockaddr *>(&address);
            if (i == 0) {
                EXPECT_EQ(bind(fd, to, sizeof(address)), 0);
                EXPECT_EQ(listen(fd, 0), 0);
            } else {
                (void)!connect(fd, to, sizeof(address));
            }
        }
    }
    ~black_hole()
    {
        for (int fd : fds)
            close(fd);
    }
    black_hole(const black_hole &) = delete;

private:
    std::vector<int> fds;
};

class CapiNames : public testing::Test {
protected:
    ~CapiNames() override
    {
        servers.clear(); /* Threads that wait for a dead name server end, too. */
        EXPECT_TRUE(eventually([] { return servers.asking_now() == 0; }));
    }

    int port() const
    {
        std::string address = cluster.address();
        return std::stoi(address.substr(address.find(':') + 1));
    }

    /* A name of this test alone: what was found of a name outlives a client. */
    std::string name(const std::string &first, const record &record)
    {
        std::string host = first + "." + std::to_string(port()) + ".test";
        servers.set(host, record);
        return host;
    }

    std::string with_port(const std::string &host) const
    {
        return host + ":" + std::to_string(port());
    }

    static milliseconds since(clock_type::time_point begin)
    {
        return std::chrono::duration_cast<milliseconds>(clock_type::now() - begin);
    }

    stand_in cluster;
};

TEST_F(CapiNames, ANameThatTakesLongerThanConnecting)
{
    std::string host = name("slow", {{"127.0.0.1"}, milliseconds(1500)});
    pace::Stopwatch watch;
    test_client client(with_port(host));
    ASSERT_EQ(client.status, LK_OK) << client.why;
    /* Two lookups, one after the other, would have taken longer. */
    EXPECT_LT(watch.elapsed(), milliseconds(3000)) << "the late result was not used";
    client.must_acquire("a");
}

TEST_F(CapiNames, ALateResultServesTheNextClient)
{
    std::string host = name("late", {{"127.0.0.1"}, milliseconds(900)});
    auto shortly = [](lk_options &options) {
        options.answer_wait_ns = 300 * LK_MILLISECOND;
    };
    test_client first(with_port(host), shortly);
    EXPECT_EQ(first.status, LK_STATUS_UNKNOWN);
    EXPECT_NE(first.why.find("no name server"), std::string::npos) << first.why;
    int tries = 0;
    while (tries++ < 10) {
        test_client next(with_port(host), shortly);
        if (next.status == LK_OK)
            break;
    }
    EXPECT_LT(tries, 6);
    /* A client that gives up while it connects distrusts the address: one more lookup. */
    EXPECT_LE(servers.count(host), 2) << "each client asked for itself";
}

TEST_F(CapiNames, ANameThatIsNotThereYetIsAskedForAgain)
{
    std::string host = name("soon", {{"127.0.0.1"}, milliseconds(0), 3});
    test_client client(with_port(host));
    EXPECT_EQ(client.status, LK_OK) << client.why;
    EXPECT_GE(servers.count(host), 4);
}

TEST_F(CapiNames, ADeadNameServerCostsAWait)
{
    std::string host = name("dead", {{}, milliseconds(0), 0, true});
    pace::Stopwatch watch;
    test_client client(with_port(host) + "," + cluster.address());
    ASSERT_EQ(client.status, LK_OK) << client.why;
    EXPECT_LT(watch.elapsed(), milliseconds(1500));
}

TEST_F(CapiNames, ThreadsForNamesAreFewAndEnd)
{
    std::string list;
    for (int client = 0; client < 4; client++) {
        list.clear();
        for (int i = 0; i < 12; i++) {
            std::string first = "d" + std::to_string(client) + "x" + std::to_string(i);
            list += (i == 0 ? "" : ",") +
                    with_port(name(first, {{}, milliseconds(0), 0, true}));
        }
        test_client never(list, [](lk_options &options) {
            options.answer_wait_ns = 300 * LK_MILLISECOND;
            options.connect_wait_ns = 10 * LK_MILLISECOND;
        });
        EXPECT_EQ(never.status, LK_STATUS_UNKNOWN);
    }
    EXPECT_LE(servers.most, 16);
    EXPECT_GE(servers.most, 8);
}

TEST_F(CapiNames, ARefusedAddressIsPassedOver)
{
    std::string host = name("refused", {{"127.0.0.99", "127.0.0.98", "127.0.0.1"}});
    pace::Stopwatch watch;
    test_client client(with_port(host));
    ASSERT_EQ(client.status, LK_OK) << client.why;
    EXPECT_LT(watch.elapsed(), milliseconds(500));
}

TEST_F(CapiNames, ASilentAddressDelaysTheNextOnlyALittle)
{
    black_hole hole("127.0.0.77", port());
    std::string host = name("hole", {{"127.0.0.77", "127.0.0.1"}});
    pace::Stopwatch watch;
    test_client client(with_port(host));
    ASSERT_EQ(client.status, LK_OK) << client.why;
    EXPECT_LT(watch.elapsed(), milliseconds(800));
    /* The one that worked is tried first from now on. */
    pace::Stopwatch second;
    test_client again(with_port(host));
    ASSERT_EQ(again.status, LK_OK) << again.why;
    EXPECT_LT(second.elapsed(), milliseconds(150));
}

TEST_F(CapiNames, TheLastOfManyAddressesIsReached)
{
    std::vector<std::unique_ptr<black_hole>> holes;
    record many;
    for (int i = 0; i < 9; i++) {
        std::string ip = "127.0.1." + std::to_string(i + 1);
        holes.push_back(std::make_unique<black_hole>(ip, port()));
        many.addresses.push_back(ip);
    }
    many.addresses.push_back("127.0.0.1");
    std::string host = name("many", many);
    test_client client(with_port(host));
    EXPECT_EQ(client.status, LK_OK) << client.why;
}

TEST_F(CapiNames, AQueryOfANodeTriesAllAddresses)
{
    black_hole hole("127.0.0.77", port());
    std::string slow = name("q1", {{"127.0.0.1"}, milliseconds(1200)});
    std::string silent = name("q2", {{"127.0.0.77", "127.0.0.1"}});
    std::string dead = name("q3", {{}, milliseconds(0), 0, true});
    test_client client(with_port(slow) + "," + with_port(silent) + "," + with_port(dead),
            [](lk_options &options) { options.flags = LK_FLAG_NO_SESSION; });
    ASSERT_EQ(client.status, LK_OK) << client.why;
    auto status = std::make_unique<lk_node_status>();
    /* The stand-in reports no status, so what is reached closes the connection. */
    for (uint32_t node = 0; node < 2; node++) {
        EXPECT_EQ(lk_query_status(client.handle, node, 3 * LK_SECOND, status.get()),
                LK_STATUS_UNKNOWN);
        std::string why = lk_last_error();
        EXPECT_EQ(why.find("name server"), std::string::npos) << why;
    }
    EXPECT_GE(cluster.accepted, 2);
    EXPECT_EQ(lk_query_status(client.handle, 2, LK_SECOND / 5, status.get()),
            LK_STATUS_UNKNOWN);
    EXPECT_NE(std::string(lk_last_error()).find("name server"), std::string::npos)
            << lk_last_error();
}

/* Another address than the one that was found a moment ago. */
TEST_F(CapiNames, ANameThatMovesIsFoundAgain)
{
    std::string host = name("moves", {{"127.0.0.99"}});
    auto shortly = [](lk_options &options) {
        options.answer_wait_ns = 200 * LK_MILLISECOND;
    };
    test_client before(with_port(host), shortly);
    EXPECT_EQ(before.status, LK_STATUS_UNKNOWN);
    servers.set(host, {{"127.0.0.1"}});
    pace::Stopwatch watch;
    test_client after(with_port(host));
    ASSERT_EQ(after.status, LK_OK) << after.why;
    EXPECT_LT(watch.elapsed(), milliseconds(1500));
}

/* Who knows the addresses needs no name server to come back. */
TEST_F(CapiNames, OldAddressesAreUsedWhileTheNameServerIsDead)
{
    std::string host = name("old", {{"127.0.0.1"}});
    test_client client(with_port(host));
    ASSERT_EQ(client.status, LK_OK) << client.why;
    servers.set(host, {{}, milliseconds(0), 0, true});
    lookup_distrust(with_port(host).c_str()); /* As if it had been found long ago. */
    int before = cluster.accepted;
    cluster.hang_up();
    pace::Stopwatch watch;
    client.must_acquire("old");
    EXPECT_LT(watch.elapsed(), milliseconds(1500));
    EXPECT_GT(cluster.accepted, before);
    EXPECT_EQ(servers.count(host), 1) << "it was to be looked up again";
}

/* lk_close() does not wait for a name, and the thread that does harms nobody. */
TEST_F(CapiNames, ClosingWhileANameIsLookedUp)
{
    std::string host = name("close", {{"127.0.0.1"}, milliseconds(700)});
    pace::Stopwatch watch;
    for (uint32_t flags : {0u, 1u}) {
        lk_options options = LK_OPTIONS_INIT;
        std::string nodes = with_port(host);
        options.nodes = nodes.c_str();
        options.flags = flags == 0 ? LK_FLAG_NO_SESSION : LK_FLAG_EXTERNAL_LOOP;
        lk_client *client = nullptr;
        ASSERT_EQ(lk_open(&options, &client), LK_OK);
        poll(nullptr, 0, 20);
        if (flags == 1) {
            EXPECT_EQ(lk_process(client), LK_OK);
        }
        lk_close(client);
    }
    EXPECT_LT(watch.elapsed(), milliseconds(1500));
}

/* The descriptor of a loop is not readable for nothing once the name was found. */
TEST_F(CapiNames, ALoopDoesNotSpinAfterALookup)
{
    std::string host = name("loop", {{"127.0.0.1"}, milliseconds(300)});
    test_client client(with_port(host),
            [](lk_options &options) { options.flags = LK_FLAG_EXTERNAL_LOOP; });
    ASSERT_TRUE(client.run_until([&] { return lk_session_id(client.session) != 0; }));
    int ready = 0;
    auto begin = clock_type::now();
    while (since(begin) < milliseconds(500)) {
        struct pollfd fd = {lk_fd(client.handle), POLLIN, 0};
        ready += poll(&fd, 1, 10);
        EXPECT_EQ(lk_process(client.handle), LK_OK);
    }
    EXPECT_LT(ready, 20);
}

} // namespace
