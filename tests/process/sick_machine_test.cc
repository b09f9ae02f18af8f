/*
 * Conditions of a node that need a machine in trouble: one that is slow as it starts, whose
 * clock runs too fast, or whose disk has forgotten what was written.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "process/status_reading.h"

namespace {

using process::Cluster;
using process::Command;
using process::expect_healthy;
using process::expect_line;
using process::expect_status;
using process::line;
using process::read_status;
using process::Reading;
using process::wait_until;
using std::chrono::milliseconds;
using std::chrono::seconds;

void expect_logged(
        const Cluster &cluster, int id, const std::string &part, seconds most = seconds(20))
{
    EXPECT_TRUE(wait_until(
            [&] { return cluster.log(id).find(part) != std::string::npos; }, most))
            << "node " << id << " does not log: " << part;
}

void fill_log(const Cluster &cluster, const std::string &time)
{
    Command loader({process::lockbench_binary(), "--cluster", cluster.nodes(), "--warmup",
            "0s", "--time", time, "--inflight", "512", "--connections", "4"});
    EXPECT_EQ(loader.wait(seconds(60)), 0) << loader.said();
}

/* Most of the time it stands still, as on a machine that has too much to do. */
class Slowed {
public:
    explicit Slowed(process::Program &program)
            : program_(program), thread_([this] {
                  while (!over_) {
                      program_.signal(SIGSTOP);
                      std::this_thread::sleep_for(milliseconds(40));
                      program_.signal(SIGCONT);
                      std::this_thread::sleep_for(milliseconds(2));
                  }
              })
    {
    }
    ~Slowed()
    {
        over_ = true;
        thread_.join();
    }
    Slowed(const Slowed &) = delete;

private:
    process::Program &program_;
    std::atomic<bool> over_{false};
    std::thread thread_;
};

/* It leads, and has not applied what it knows to be committed. */
TEST(Condition, Replaying)
{
    Cluster cluster(1);
    cluster.start_all();
    cluster.wait_for_leader();
    fill_log(cluster, "6s");
    std::string sentence =
            "applies its log after its start and serves nobody yet: wait until it has "
            "applied what is committed";
    bool seen = false;
    for (int round = 0; round < 25 && !seen; round++) {
        cluster.kill(1);
        cluster.start(1);
        Slowed slowed(cluster.program(1));
        Reading reading;
        do {
            reading = read_status(cluster, "--connect=5s");
            seen = reading.has(line(cluster, 1, sentence)) && reading.code == 69;
        } while (!seen && reading.code != 0);
    }
    EXPECT_TRUE(seen);
    expect_healthy(cluster);
}

/*
 * One follower alone sees it and cannot prove it; with a second one that sees it, too, the
 * leader hands over and says so.
 */
TEST(Condition, ClockSuspect)
{
    if (std::string(FAST_CLOCK_PATH).empty())
        GTEST_SKIP() << "nothing is preloaded into sanitizers' programs";
    Cluster cluster;
    int fast = 1;
    cluster.start(2);
    cluster.start(3);
    setenv("LD_PRELOAD", FAST_CLOCK_PATH, 1);
    setenv("FAST_CLOCK_PPM", "50000", 1);
    cluster.start(fast);
    unsetenv("LD_PRELOAD");
    unsetenv("FAST_CLOCK_PPM");
    for (int leader = cluster.wait_for_leader(); leader != fast;
            leader = cluster.wait_for_leader()) {
        EXPECT_EQ(cluster.stop(leader), 0);
        cluster.wait_for_leader();
        cluster.start(leader);
        expect_healthy(cluster);
    }
    cluster.kill(3);
    std::string sentence =
            "sees that its leader's clock and its own run at different rates: check the "
            "clock source of both machines, because leases depend on it";
    expect_status(cluster.nodes(), line(cluster, 2, sentence), 1, seconds(60));
    expect_logged(cluster, 2, " clock-suspect ");
    EXPECT_EQ(cluster.leader(), fast);
    cluster.start(3);
    expect_logged(cluster, fast, " clock-suspect ", seconds(60));
    EXPECT_TRUE(wait_until([&] {
        int leader = cluster.leader();
        return leader != 0 && leader != fast;
    }));
}

/*
 * Bits of what was written long ago are other ones now. One of them could lie between two
 * entries, where nothing is: an entry ends anywhere, and the next one begins with a block.
 */
void rot(const Cluster &cluster, int id)
{
    std::string path = cluster.data(id) / "segment-000000000002";
    int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(file, 0) << path;
    for (off_t block = 0; block < 64; block++) {
        char byte = 0;
        off_t at = (2 << 20) + block * 4096 + 300;
        ASSERT_EQ(pread(file, &byte, 1, at), 1);
        byte ^= 1;
        ASSERT_EQ(pwrite(file, &byte, 1, at), 1);
    }
    ASSERT_EQ(fsync(file), 0);
    close(file);
}

/* A cluster with a log of several segments, of which `away` lacks some. */
struct LongLog {
    explicit LongLog(std::vector<std::string> flags) : cluster(3, std::move(flags))
    {
        cluster.start_all();
        leader = cluster.wait_for_leader();
        away = leader % 3 + 1;
        cluster.kill(away);
        for (int round = 0; round < 20 && !is_written(); round++)
            fill_log(cluster, "3s");
        EXPECT_TRUE(is_written());
        leader = cluster.wait_for_leader();
    }

    bool is_written() const
    {
        return std::filesystem::exists(cluster.data(leader) / "segment-000000000005");
    }

    /* Mended without a restart; and what is on the disk then is enough for one. */
    void expect_mended()
    {
        expect_logged(cluster, leader, " log-damaged ");
        expect_logged(cluster, leader, " log-mended ", seconds(60));
        std::filesystem::path damaged = cluster.data(leader) / "segment-000000000002";
        EXPECT_TRUE(wait_until([&] { return !std::filesystem::exists(damaged); }));
        expect_healthy(cluster);
        EXPECT_EQ(cluster.stop(leader), 0);
        cluster.start(leader);
        expect_healthy(cluster);
        EXPECT_FALSE(std::filesystem::exists(cluster.data(leader) / "damaged-1"));
    }

    Cluster cluster;
    int leader = 0;
    int away = 0;
};

/*
 * The leader finds it when a member that was away needs it. Another one leads then. The entries
 * are gone, so that member gets a snapshot.
 */
TEST(Condition, ReadError)
{
    LongLog scene({"--segment-size", "4MiB"});
    rot(scene.cluster, scene.leader);
    scene.cluster.start(scene.away);
    expect_logged(scene.cluster, scene.leader, " log-damaged ");
    EXPECT_TRUE(wait_until([&] {
        int other = scene.cluster.leader();
        return other != 0 && other != scene.leader;
    }));
    Command grant({process::lockctl_binary(), "run", "x", "--cluster",
            scene.cluster.nodes(), "--", "true"});
    EXPECT_EQ(grant.wait(seconds(20)), 0) << grant.said();
    scene.expect_mended();
}

/* Nobody needs what is damaged. */
TEST(Condition, ReadErrorThatTheScrubberFinds)
{
    LongLog scene(
            {"--segment-size", "4MiB", "--scrub-every", "1s", "--scrub-rate", "64MiB"});
    scene.cluster.start(scene.away);
    expect_healthy(scene.cluster);
    rot(scene.cluster, scene.leader);
    scene.expect_mended();
}

} // namespace
