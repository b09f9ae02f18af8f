/*
 * What `lockctl status` prints of real nodes in each condition that a node can be in, and how it
 * exits. A condition that no test reaches is one that operators are told wrong things about.
 */
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <memory>
#include <thread>

#include "process/status_reading.h"

namespace {

using process::Cluster;
using process::Command;
using process::expect_healthy;
using process::expect_line;
using process::line;
using process::load;
using process::read_status;
using process::Reading;
using process::wait_until;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Condition, Healthy)
{
    Cluster cluster;
    cluster.start_all();
    cluster.wait_for_leader();
    expect_healthy(cluster);
}

/* It may have forgotten a vote: it takes no part, though it hears its leader well. */
TEST(Condition, Blank)
{
    Cluster cluster;
    cluster.start_all();
    int emptied = cluster.wait_for_leader() % 3 + 1;
    cluster.kill(emptied);
    std::filesystem::remove_all(cluster.data(emptied));
    cluster.start(emptied);
    expect_line(cluster, emptied,
            "does not take part, because its data directory was emptied: put back the "
            "directory that it had last, or let this one take its place with lockctl members "
            "replace",
            1);
    EXPECT_NE(cluster.log(emptied).find("blank"), std::string::npos);
}

TEST(Condition, WaitsForMembersAndNamesThem)
{
    Cluster cluster;
    cluster.start(1);
    cluster.start(3);
    expect_line(cluster, 1,
            "waits for all members to bootstrap the cluster: start the members that are "
            "missing (2)",
            69);
    Reading json = read_status(cluster, "--json");
    EXPECT_TRUE(json.has("\"healthy\":false,\"condition\":\"not-bootstrapped\""))
            << json.said;
    EXPECT_TRUE(json.has("\"missing\":[2]")) << json.said;
    cluster.start(2);
    expect_healthy(cluster);
}

TEST(Condition, NoLeader)
{
    Cluster cluster;
    cluster.start_all();
    cluster.wait_for_leader();
    cluster.kill_all();
    cluster.start(2);
    expect_line(cluster, 2,
            "knows no leader: start the other nodes, or check the network between them",
            69);
}

/* What a command prints that finds no leader that serves. */
Reading refuse(std::vector<std::string> words)
{
    words.insert(words.begin(), process::lockctl_binary());
    Command command(words);
    Reading reading;
    reading.code = command.wait(seconds(20));
    reading.said = command.said();
    EXPECT_EQ(reading.code, 69) << words[1] << ": " << reading.said;
    return reading;
}

/* Who wants a lock and gets none is told what an operator has to do, not only that it failed. */
TEST(Condition, EveryCommandThatFindsNoLeaderNamesTheCause)
{
    Cluster cluster;
    cluster.start(1);
    cluster.start(3);
    std::string sentence =
            "waits for all members to bootstrap the cluster: start the members "
            "that are missing (2)";
    expect_line(cluster, 1, sentence, 69);
    expect_line(cluster, 3, sentence, 69);
    std::string list = cluster.nodes();
    for (const std::vector<std::string> &words : std::vector<std::vector<std::string>>{
                 {"run", "x", "--connect", "300ms", "--cluster", list, "--", "true"},
                 {"acquire", "x", "--connect", "300ms", "--cluster", list},
                 {"check", "x", "--token", "1", "--connect", "300ms", "--cluster", list},
                 {"query", "x", "--connect", "300ms", "--cluster", list},
                 {"list", "--connect", "300ms", "--cluster", list}}) {
        Reading reading = refuse(words);
        for (int id : {1, 3})
            EXPECT_TRUE(
                    reading.has("lockctl " + words[0] + ": " + line(cluster, id, sentence)))
                    << reading.said;
        EXPECT_FALSE(reading.has("node 2 at")) << reading.said;
    }
}

/* All that there is leads, and cannot write: a client finds a leader that does not answer. */
TEST(Condition, RefusalSaysThatTheDiskIsFull)
{
    Cluster cluster(1, {"--segment-size", "4MiB"});
    std::filesystem::create_directories(cluster.data(1) / "segment-000000000003.new");
    cluster.start_all();
    cluster.wait_for_leader();
    Command loader({process::lockbench_binary(), "--cluster", cluster.nodes(), "--warmup",
            "0s", "--time", "10s", "--inflight", "512", "--connections", "4", "--survive"});
    std::string sentence =
            "takes no new entries, because its disk is full and its log has no "
            "room left: free space on the disk of its data directory; the node "
            "takes part again by itself";
    expect_line(cluster, 1, sentence, 69);
    loader.program().signal(SIGKILL);
    (void)loader.wait();
    Reading reading = refuse(
            {"run", "x", "--connect", "1s", "--cluster", cluster.nodes(), "--", "true"});
    EXPECT_TRUE(reading.has(line(cluster, 1, sentence))) << reading.said;
    EXPECT_FALSE(reading.has("no leader found")) << reading.said;
}

/* From when the others may elect somebody else, until this one has given up leading. */
TEST(Condition, NoMajority)
{
    Cluster cluster(3, {"--election-min", "500ms", "--election-max", "8s"});
    cluster.start_all();
    int leader = cluster.wait_for_leader();
    ASSERT_NE(leader, 0);
    for (int id = 1; id <= 3; id++) {
        if (id != leader)
            cluster.program(id).signal(SIGSTOP);
    }
    expect_line(cluster, leader,
            "leads, but hears no majority: start the other nodes, or check the network "
            "between them",
            69);
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGCONT);
    expect_healthy(cluster);
}

/* A directory stands where the node would make its second segment: to it, a full disk. */
TEST(Condition, NoSpace)
{
    Cluster cluster;
    std::filesystem::path obstacle = cluster.data(2) / "segment-000000000002.new";
    std::filesystem::create_directories(obstacle);
    cluster.start_all();
    expect_line(cluster, 2,
            "cannot reserve the next segment of its log: free space on the disk of its data "
            "directory",
            1);
    std::filesystem::remove(obstacle);
    expect_healthy(cluster);
}

/*
 * A node that slept: it has received little of what the others committed meanwhile, and applied
 * all of that. The question waits in its socket, so it is answered when the node has just woken.
 */
TEST(Condition, Behind)
{
    Cluster cluster(3, {"--election-min", "5s", "--election-max", "20s"});
    cluster.start_all();
    int slow = cluster.wait_for_leader() % 3 + 1;
    Reading reading;
    bool seen = false;
    for (int round = 0; round < 3 && !seen; round++) {
        cluster.program(slow).signal(SIGSTOP);
        load(cluster, std::to_string(4 << round) + "s", "8");
        std::thread waker([&] {
            std::this_thread::sleep_for(milliseconds(300));
            cluster.program(slow).signal(SIGCONT);
        });
        reading = read_status(cluster, "--connect=10s");
        waker.join();
        seen = reading.has(line(cluster, slow,
                "has applied far less than the cluster has committed: wait until it has "
                "caught up; if it does not, check its disk and its load"));
    }
    EXPECT_TRUE(seen) << reading.said;
    EXPECT_EQ(reading.code, 1) << reading.said;
    expect_healthy(cluster);
}

std::filesystem::path obstacle_of(const Cluster &cluster, int id)
{
    return cluster.data(id) / "segment-000000000003.new";
}

/*
 * An obstacle for the leader's third segment, and load until its second is full: it has no room
 * and gives the lead to a member that has. When the obstacle is gone it takes part again.
 */
TEST(Condition, DiskFullLeaderHandsOver)
{
    Cluster cluster(3, {"--segment-size", "4MiB"});
    for (int id = 1; id <= 3; id++)
        std::filesystem::create_directories(obstacle_of(cluster, id));
    cluster.start_all();
    int full = cluster.wait_for_leader();
    for (int id = 1; id <= 3; id++) {
        if (id != full)
            std::filesystem::remove(obstacle_of(cluster, id));
    }
    Command loader({process::lockbench_binary(), "--cluster", cluster.nodes(), "--warmup",
            "0s", "--time", "10s", "--inflight", "512", "--connections", "4", "--survive"});
    expect_line(cluster, full,
            "takes no new entries, because its disk is full and its log has no room left: "
            "free space on the disk of its data directory; the node takes part again by "
            "itself",
            1);
    (void)loader.wait(seconds(60));
    Command grant({process::lockctl_binary(), "run", "x", "--cluster", cluster.nodes(),
            "--", "true"});
    EXPECT_EQ(grant.wait(seconds(20)), 0) << grant.said();
    EXPECT_NE(cluster.leader(), full);
    EXPECT_NE(cluster.log(full).find(" disk-full "), std::string::npos);
    std::filesystem::remove(obstacle_of(cluster, full));
    expect_healthy(cluster);
    EXPECT_TRUE(wait_until(
            [&] { return cluster.log(full).find("was=disk-full") != std::string::npos; }));
}

size_t count(const std::string &text, const std::string &part)
{
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        found++;
    return found;
}

/* Whose limit is nearly met is said, and how much of each is in use; then it is well again. */
TEST(Condition, NearlyFull)
{
    Cluster cluster(1, {"--sessions", "100"});
    cluster.start_all();
    cluster.wait_for_leader();
    Reading reading = read_status(cluster, "--json");
    EXPECT_TRUE(reading.has("\"sessions\":{\"used\":0,\"limit\":100}")) << reading.said;
    {
        Command loader({process::lockbench_binary(), "--cluster", cluster.nodes(),
                "--sessions", "92", "--warmup", "0s", "--time", "60s", "--inflight", "1",
                "--connections", "1"});
        EXPECT_TRUE(wait_until([&] {
            reading = read_status(cluster);
            return reading.code == 1 &&
                   reading.has("has nine tenths of something in use") &&
                   reading.has("; in use: sessions 9") &&
                   reading.has("largest shares: address 127.0.0.1 has sessions 9") &&
                   reading.has(" of the 97 that one may have");
        })) << reading.said;
        loader.program().signal(SIGTERM);
        (void)loader.wait();
    }
    EXPECT_TRUE(wait_until([&] { return read_status(cluster).code == 0; }));
}

/*
 * The logs use up their segments: one after the other gives up the lead, until too few can
 * write. Nothing is granted, and the status says so and names those that need help.
 */
TEST(Condition, LogFull)
{
    Cluster cluster(3, {"--segment-size", "4MiB", "--segments", "16"});
    cluster.start_all();
    cluster.wait_for_leader();
    Reading reading;
    {
        Command loader({process::lockbench_binary(), "--cluster", cluster.nodes(),
                "--warmup", "0s", "--time", "80s", "--inflight", "2048", "--connections",
                "8", "--survive"});
        EXPECT_TRUE(wait_until(
                [&] {
                    reading = read_status(cluster);
                    return reading.code == 69 &&
                           count(reading.said,
                                   " takes no new entries, because its log has used all "
                                   "segments that it may have: restart it with a larger "
                                   "--segments\n") >= 2;
                },
                seconds(90)))
                << reading.said;
        loader.program().signal(SIGKILL);
        (void)loader.wait();
    }
    EXPECT_EQ(cluster.leader(), 0);
    Reading json = read_status(cluster, "--json");
    EXPECT_TRUE(json.has("\"segments\":16,\"segments_max\":16")) << json.said;
    auto logged = [&](const std::string &event) {
        size_t found = 0;
        for (int id = 1; id <= 3; id++)
            found += count(cluster.log(id), event);
        return found;
    };
    EXPECT_TRUE(wait_until([&] { return logged(" log-full ") >= 2; }));
    size_t full = logged(" log-full ");
    size_t nearly = logged(" log-nearly-full ");
    EXPECT_LE(full, 6U) << "it is told again and again";
    EXPECT_GE(nearly, 1U);
    cluster.set("--segments", "32");
    cluster.kill_all();
    cluster.start_all();
    expect_healthy(cluster);
}

/* ext4 on a loop device in a namespace of its own, which can be frozen. Needs root. */
class FreezableDisk {
public:
    explicit FreezableDisk(const std::filesystem::path &data) : mount_(data)
    {
        std::filesystem::create_directories(data);
        image_ = data.string() + ".img";
        ready_ = shell("truncate -s 200M " + image_ + " && mkfs.ext4 -q -F -m 0 " + image_ +
                       " && mount -o loop " + image_ + " " + data.string());
    }
    ~FreezableDisk()
    {
        if (!ready_)
            return;
        freeze(false);
        (void)shell("umount -l " + mount_.string());
    }
    FreezableDisk(const FreezableDisk &) = delete;
    FreezableDisk &operator=(const FreezableDisk &) = delete;
    bool ready() const
    {
        return ready_;
    }
    bool freeze(bool on) const
    {
        return shell(std::string("fsfreeze ") + (on ? "-f " : "-u ") + mount_.string());
    }

private:
    static bool shell(const std::string &command)
    {
        return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
    }
    std::filesystem::path mount_;
    std::string image_;
    bool ready_ = false;
};

/* The others grant, and the node takes part again when its disk has finished the write. */
TEST(Condition, DiskStalledLeaderHandsOver)
{
    Cluster cluster;
    std::vector<std::unique_ptr<FreezableDisk>> disks;
    for (int id = 1; id <= 3; id++) {
        disks.push_back(std::make_unique<FreezableDisk>(cluster.data(id)));
        if (!disks.back()->ready())
            GTEST_SKIP() << "no file system could be mounted here";
    }
    cluster.start_all();
    int bad = cluster.wait_for_leader();
    FreezableDisk &disk = *disks.at(static_cast<size_t>(bad - 1));
    ASSERT_TRUE(disk.freeze(true));
    Command holder({process::lockctl_binary(), "run", "x", "--cluster", cluster.nodes(),
            "--", "sleep", "8"});
    expect_line(cluster, bad,
            "does not take part, because its disk does not finish a write: check or replace "
            "the disk of its data directory; the node takes part again when the write is "
            "done",
            1);
    EXPECT_NE(cluster.leader(), bad);
    /* Two of three stall: the third leads, and grants nothing. */
    int other = cluster.leader() % 3 + 1;
    if (other == bad)
        other = other % 3 + 1;
    FreezableDisk &second = *disks.at(static_cast<size_t>(other - 1));
    ASSERT_TRUE(second.freeze(true));
    EXPECT_TRUE(wait_until([&] {
        Reading reading = read_status(cluster);
        return reading.code == 69 && reading.has("no majority writes what it sends");
    })) << read_status(cluster).said;
    ASSERT_TRUE(second.freeze(false));
    ASSERT_TRUE(disk.freeze(false));
    expect_healthy(cluster);
    EXPECT_EQ(holder.wait(seconds(30)), 0) << holder.said();
    cluster.kill_all();
}

} // namespace
