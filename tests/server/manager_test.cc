/* Under a service manager: readiness, state, watchdog, and settings that are read again. */
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <linux/magic.h>

#include "worlds/lockd.h"
#include "worlds/ports.h"

using process::wait_until;
using server::ended;
using server::has;
using server::run;
using server::Single;

namespace {

/* The socket of a manager, named in the environment of what is started meanwhile. */
class Manager {
public:
    explicit Manager(const std::string &name, const char *watchdog_us = nullptr)
    {
        struct sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path, sizeof address.sun_path - 1);
        size_t bytes = offsetof(struct sockaddr_un, sun_path) + name.size();
        if (name[0] == '@')
            address.sun_path[0] = 0;
        socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(socket_, reinterpret_cast<struct sockaddr *>(&address),
                          static_cast<socklen_t>(bytes + (name[0] == '@' ? 0 : 1))),
                0);
        setenv("NOTIFY_SOCKET", name.c_str(), 1);
        if (watchdog_us != nullptr)
            setenv("WATCHDOG_USEC", watchdog_us, 1);
    }
    ~Manager()
    {
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        close(socket_);
    }
    Manager(const Manager &) = delete;

    /* Until a message is this or begins so; it, or "". */
    std::string await(const std::string &begin)
    {
        char text[4096];
        struct pollfd readable = {socket_, POLLIN, 0};
        while (poll(&readable, 1, 10000) == 1) {
            ssize_t bytes = recv(socket_, text, sizeof text, 0);
            std::string message(text, bytes < 0 ? 0 : static_cast<size_t>(bytes));
            if (message.rfind(begin, 0) == 0)
                return message;
        }
        return "";
    }

private:
    int socket_;
};

std::string new_name(const process::Scratch &scratch)
{
    return (scratch.path() / "notify").string();
}

} // namespace

TEST(Manager, HearsThatANodeIsReadyWhatItDoesAndThatItStops)
{
    process::Scratch scratch;
    for (const std::string &name :
            {new_name(scratch), "@lockd-test-" + std::to_string(getpid())}) {
        Manager manager(name);
        Single single;
        single.start();
        EXPECT_EQ(manager.await("READY"), "READY=1");
        EXPECT_EQ(manager.await("STATUS=leads"), "STATUS=leads in term 1");
        single.lockd->program.signal(SIGTERM);
        EXPECT_EQ(manager.await("STOPPING"), "STOPPING=1");
        EXPECT_EQ(single.lockd->program.wait(), 0);
    }
}

/* Ready before it has a leader: the first node of a new cluster waits for the others. */
TEST(Manager, DoesNotWaitForOtherMembers)
{
    process::Scratch scratch;
    Manager manager(new_name(scratch));
    std::vector<int> ports = process::free_ports(2);
    server::Lockd lockd({"--id", "1", "--cluster",
            "1=127.0.0.1:" + std::to_string(ports[0]) +
                    ",2=127.0.0.1:" + std::to_string(ports[1]),
            "--data", scratch.path() / "data"});
    EXPECT_EQ(manager.await("READY"), "READY=1");
    EXPECT_TRUE(has(manager.await("STATUS="), "waits for all members"));
}

/* It hears at least three times within its limit, and is not told what did not change. */
TEST(Manager, WatchesTheLoop)
{
    process::Scratch scratch;
    Manager manager(new_name(scratch), "600000");
    Single single;
    single.start();
    ASSERT_NE(manager.await("STATUS=leads"), "");
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 6; i++)
        EXPECT_EQ(manager.await(""), "WATCHDOG=1");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
}

/* The signal of a watchdog: the node leaves its last events, and ends at once. */
TEST(Manager, EndsANodeWhoseLoopStands)
{
    Single single;
    single.start();
    ASSERT_TRUE(single.leads());
    std::string events = "events-" + std::to_string(single.lockd->program.pid()) + ".txt";
    single.lockd->program.signal(SIGABRT);
    EXPECT_EQ(single.lockd->program.wait(std::chrono::seconds(3)), 128 + SIGABRT);
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(single.data) / events));
}

/* A manager that reads nothing does not stop the node. */
TEST(Manager, MayBeDeaf)
{
    process::Scratch scratch;
    Manager manager(new_name(scratch), "1000");
    Single single;
    single.start();
    EXPECT_TRUE(single.leads());
    usleep(500000);
    EXPECT_TRUE(single.leads());
    EXPECT_EQ(single.stop(), 0);
}

TEST(Manager, MayHaveAnAddressThatLockdDoesNotKnow)
{
    setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
    Single single;
    single.start();
    unsetenv("NOTIFY_SOCKET");
    EXPECT_TRUE(single.leads());
    EXPECT_TRUE(single.lockd->says("no-service-manager"));
}

namespace {

struct Reload : testing::Test {
    void write(const std::string &more)
    {
        std::ofstream(file) << "segment-size = 4MiB\n" << more;
    }

    void start()
    {
        single = std::make_unique<Single>(server::words{"--config", file});
        single->start();
        ASSERT_TRUE(single->leads());
    }

    process::Scratch scratch;
    std::string file = scratch.path() / "lockd.conf";
    std::unique_ptr<Single> single;
};

} // namespace

TEST_F(Reload, SighupChangesTheLevelAndNamesWhatNeedsARestart)
{
    write("");
    start();
    write("log-level = warn\ntick = 200ms\nheartbeat = 40ms\n");
    single->lockd->program.signal(SIGHUP);
    EXPECT_TRUE(single->lockd->says(
            "reloaded path=\"" + file + "\" log_level=warn restart=heartbeat,tick: "))
            << single->lockd->said();
    EXPECT_EQ(single->stop(), 0);
    EXPECT_FALSE(has(single->lockd->said(), "stopping"))
            << "an info line, after the change";
}

/* Nothing of a wrong file is used, and the manager hears that it is over. */
TEST_F(Reload, AWrongFileChangesNothing)
{
    process::Scratch other;
    Manager manager(new_name(other));
    write("");
    start();
    write("log-level = error\ntick = soon\n");
    single->lockd->program.signal(SIGHUP);
    EXPECT_TRUE(single->lockd->says("warn  not-reloaded " + file + " line 3: tick"))
            << single->lockd->said();
    EXPECT_TRUE(has(manager.await("RELOADING"), "MONOTONIC_USEC="));
    EXPECT_EQ(manager.await("READY"), "READY=1");
    EXPECT_EQ(single->stop(), 0);
    EXPECT_TRUE(has(single->lockd->said(), "stopping"));
}

TEST_F(Reload, WithoutAFileNothingIsRead)
{
    Single plain;
    plain.start();
    ASSERT_TRUE(plain.leads());
    plain.lockd->program.signal(SIGHUP);
    EXPECT_TRUE(plain.lockd->says("not-reloaded"));
    EXPECT_TRUE(plain.leads());
}

/* A power cut takes what is in memory, so only a node to try lockd out may live there. */
TEST(Directory, InMemoryIsRefusedButForDev)
{
    struct statfs system;
    if (statfs("/dev/shm", &system) != 0 || system.f_type != TMPFS_MAGIC)
        GTEST_SKIP() << "/dev/shm is no tmpfs here";
    std::string path = "/dev/shm/lockd-test-" + std::to_string(getpid());
    int port = process::free_ports(1)[0];
    std::string listen = "127.0.0.1:" + std::to_string(port);
    ended got = run({"--id", "1", "--cluster", "1=" + listen, "--data", path});
    EXPECT_EQ(got.status, 1);
    EXPECT_TRUE(has(got.said, "it is in memory (tmpfs)")) << got.said;
    server::Lockd lockd({"--dev", path, "--listen", listen});
    EXPECT_TRUE(lockd.says("this node leads")) << lockd.said();
    lockd.program.signal(SIGTERM);
    EXPECT_EQ(lockd.program.wait(), 0);
    std::filesystem::remove_all(path);
}
