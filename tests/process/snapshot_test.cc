/*
 * Snapshots of real nodes on real disks: the log is compacted while clients work, nodes are
 * killed meanwhile and continue from a snapshot, and a member that was away for too long gets
 * the leader's. A hold that is older than every log keeps its token, and all nodes have the
 * same state at the end.
 */
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>

#include "liblock.h"
#include "process/status_reading.h"

namespace fs = std::filesystem;

namespace {

using process::Cluster;
using process::Command;
using process::wait_until;

constexpr char lock_name[] = "older than the log";

/* Of a node of the cluster; all is 0 if it does not answer. */
std::unique_ptr<lk_node_status> status_of(const Cluster &cluster, int id)
{
    auto status = std::make_unique<lk_node_status>();
    lk_options options = LK_OPTIONS_INIT;
    std::string nodes = cluster.nodes();
    options.nodes = nodes.c_str();
    options.flags = LK_FLAG_NO_SESSION;
    lk_client *client = nullptr;
    if (lk_open(&options, &client) != LK_OK)
        throw std::runtime_error(lk_last_error());
    if (lk_query_status(client, static_cast<uint32_t>(id - 1), LK_SECOND, status.get()) !=
            LK_OK)
        *status = lk_node_status{};
    lk_close(client);
    return status;
}

/* It answers, and is. */
bool is_healthy(const Cluster &cluster, int id)
{
    auto status = status_of(cluster, id);
    return status->node == id && status->condition == LK_CONDITION_HEALTHY;
}

/* Files in its data directory whose names begin so. */
size_t count_files(const Cluster &cluster, int id, const std::string &prefix)
{
    size_t count = 0;
    for (const auto &entry : fs::directory_iterator(cluster.data(id)))
        count += entry.path().filename().string().rfind(prefix, 0) == 0 ? 1 : 0;
    return count;
}

size_t count_lines(const std::string &text, const std::string &part)
{
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        count++;
    return count;
}

class Snapshot : public testing::Test {
protected:
    Cluster cluster{
            3, {"--segment-size", "4MiB", "--snapshot-log", "1MiB", "--log-keep", "1MiB"}};
    lk_client *holder = nullptr;
    lk_grant grant{};

    void SetUp() override
    {
        cluster.start_all();
        ASSERT_NE(cluster.wait_for_leader(), 0);
        lk_options options = LK_OPTIONS_INIT;
        std::string nodes = cluster.nodes();
        options.nodes = nodes.c_str();
        ASSERT_EQ(lk_open(&options, &holder), LK_OK) << lk_last_error();
        ASSERT_EQ(lk_acquire(lk_client_session(holder), lock_name, sizeof lock_name,
                          20 * LK_SECOND, &grant),
                LK_OK)
                << lk_last_error();
    }

    void TearDown() override
    {
        lk_close(holder);
    }

    size_t count(int id, const std::string &part) const
    {
        return count_lines(cluster.log(id), part);
    }

    void wait_for_another(int id, const std::string &part, size_t before) const
    {
        EXPECT_TRUE(wait_until([&] { return count(id, part) > before; }))
                << "node " << id << " does not log:" << part;
    }

    /* Clients work until the log of this node no longer has what it had when this began. */
    void work_until_compacted(int id)
    {
        uint64_t had = status_of(cluster, id)->last;
        for (int i = 0; i < 20 && status_of(cluster, id)->log_first <= had; i++)
            process::load(cluster, "1s", "16");
        EXPECT_GT(status_of(cluster, id)->log_first, had);
    }

    /* The hold is what it was, and all nodes have one state. */
    void expect_same_state()
    {
        lk_lock lock{};
        ASSERT_EQ(lk_query(holder, lock_name, sizeof lock_name, &lock, nullptr), LK_OK)
                << lk_last_error();
        EXPECT_EQ(lock.token, grant.token);
        std::map<uint64_t, std::set<uint64_t>> digests;
        std::map<uint64_t, std::set<int>> nodes;
        EXPECT_TRUE(wait_until([&] {
            for (int id = 1; id <= cluster.count(); id++) {
                auto status = status_of(cluster, id);
                digests[status->applied].insert(status->digest);
                nodes[status->applied].insert(id);
                if (nodes[status->applied].size() == 3)
                    return status->applied > 0;
            }
            return false;
        })) << "no index at which all three were seen";
        for (const auto &[index, different] : digests) {
            EXPECT_TRUE(index == 0 || different.size() == 1) << "at " << index;
        }
    }
};

TEST_F(Snapshot, LogIsCompactedAndStatusTellsIt)
{
    for (int id = 1; id <= 3; id++)
        work_until_compacted(id);
    for (int id = 1; id <= 3; id++) {
        auto status = status_of(cluster, id);
        EXPECT_GT(status->snapshot, 0U);
        EXPECT_GT(status->snapshot_bytes, 0U);
        EXPECT_LE(status->log_first, status->snapshot + 1);
        EXPECT_LE(count_files(cluster, id, "snapshot-"), 3U);
        /* What is kept, for slow members too, what is used, and what is made ahead. */
        EXPECT_LE(count_files(cluster, id, "segment-"), 6U) << "node " << id;
        process::Reading reading = process::read_status(cluster);
        EXPECT_TRUE(reading.has("node " + std::to_string(id) + ": snapshot at "))
                << reading.said;
        EXPECT_EQ(reading.code, 0) << reading.said;
    }
    expect_same_state();
}

TEST_F(Snapshot, NodesAreKilledWhileTheLogIsCompacted)
{
    work_until_compacted(1);
    Command load({process::lockbench_binary(), "--cluster", cluster.nodes(), "--warmup",
            "0s", "--time", "12s", "--inflight", "16", "--connections", "1"});
    for (int i = 0; i < 6; i++) {
        int id = i % 3 + 1;
        wait_for_another(id, " snapshot-taken ", count(id, " snapshot-taken "));
        size_t starts = count(id, " snapshot-read ");
        cluster.kill(id);
        cluster.start(id);
        wait_for_another(id, " snapshot-read ", starts);
        EXPECT_TRUE(wait_until([&] { return is_healthy(cluster, id); }));
    }
    (void)load.wait(std::chrono::seconds(60));
    expect_same_state();
}

TEST_F(Snapshot, AllNodesRestartFromTheirs)
{
    for (int id = 1; id <= 3; id++)
        work_until_compacted(id);
    cluster.kill_all();
    cluster.start_all();
    ASSERT_NE(cluster.wait_for_leader(), 0);
    for (int id = 1; id <= 3; id++) {
        EXPECT_GT(count(id, " snapshot-read "), 0U);
        EXPECT_GT(status_of(cluster, id)->snapshot, 0U);
    }
    expect_same_state();
}

TEST_F(Snapshot, MemberThatWasAwayForLongGetsTheLeaders)
{
    int leader = cluster.wait_for_leader();
    int away = leader % 3 + 1;
    cluster.kill(away);
    uint64_t had = status_of(cluster, leader)->last;
    /* The leader keeps four times as much for it. */
    work_until_compacted(leader);
    EXPECT_GT(status_of(cluster, leader)->log_first, had);
    cluster.start(away);
    wait_for_another(away, " snapshot-installed ", 0);
    EXPECT_GT(count(leader, " snapshot-sending "), 0U);
    EXPECT_TRUE(wait_until([&] { return is_healthy(cluster, away); }));
    EXPECT_GT(status_of(cluster, away)->snapshot, had);
    expect_same_state();
    /* Its log begins after that snapshot; so it does once more. */
    size_t starts = count(away, " snapshot-read ");
    cluster.kill(away);
    cluster.start(away);
    EXPECT_TRUE(wait_until([&] { return is_healthy(cluster, away); }));
    EXPECT_GT(count(away, " snapshot-read "), starts);
    expect_same_state();
}

const std::vector<std::string> &small_state()
{
    static const std::vector<std::string> flags{"--segment-size", "4MiB", "--snapshot-log",
            "2MiB", "--log-keep", "1MiB", "--sessions", "64", "--locks", "4096", "--holds",
            "4096", "--waits", "256", "--answers", "8192", "--changes", "1024",
            "--name-blocks", "40000"};
    return flags;
}

/* The most that `lockd --plan` says of the disk. */
double planned_bytes()
{
    std::vector<std::string> words{process::lockd_binary(), "--dev", "/nowhere", "--plan"};
    words.insert(words.end(), small_state().begin(), small_state().end());
    Command command(words);
    EXPECT_EQ(command.wait(), 0) << command.said();
    std::string plan = command.said();
    const std::string heading = "\nDisk, at most";
    size_t at = plan.find(heading);
    if (at == std::string::npos)
        throw std::runtime_error("no disk in the plan: " + plan);
    double number = 0;
    char unit[4] = {};
    if (sscanf(plan.c_str() + at + heading.size(), " %lf %3s", &number, unit) != 2)
        throw std::runtime_error("no number in the plan: " + plan);
    EXPECT_STREQ(unit, "MiB");
    return (number + 0.1) * 1024 * 1024;
}

/* A file that is renamed meanwhile may be found twice: it counts once. */
double used_bytes(const fs::path &folder)
{
    std::map<ino_t, off_t> files;
    for (const auto &entry : fs::directory_iterator(folder)) {
        struct stat info {};
        if (stat(entry.path().c_str(), &info) == 0) /* else it is gone */
            files[info.st_ino] = info.st_size;
    }
    double used = 0;
    for (const auto &file : files)
        used += static_cast<double>(file.second);
    return used;
}

/*
 * A state that is nearly as large as it may be, a member that is away, for which log is kept,
 * and load, for longer than it takes to fill what is planned: a directory holds no more.
 */
TEST(SnapshotPlan, ADirectoryHoldsNoMoreThanThePlanSays)
{
    double planned = planned_bytes();
    Cluster cluster(3, small_state());
    cluster.start_all();
    int leader = cluster.wait_for_leader();
    ASSERT_NE(leader, 0);
    lk_options options = LK_OPTIONS_INIT;
    std::string nodes = cluster.nodes();
    options.nodes = nodes.c_str();
    lk_client *client = nullptr;
    ASSERT_EQ(lk_open(&options, &client), LK_OK) << lk_last_error();
    std::string name(250, '.');
    for (int i = 0; i < 3800; i++) {
        lk_grant grant{};
        std::string own = std::to_string(i) + name.substr(8);
        ASSERT_EQ(lk_acquire(lk_client_session(client), own.data(), own.size(),
                          20 * LK_SECOND, &grant),
                LK_OK)
                << lk_last_error();
    }
    cluster.kill(leader % 3 + 1);
    Command load({process::lockbench_binary(), "--cluster", nodes, "--warmup", "0s",
            "--time", "20s", "--inflight", "16", "--connections", "1"});
    double most = 0;
    for (int i = 0; i < 200; i++) {
        most = std::max(most, used_bytes(cluster.data(leader)));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(load.wait(std::chrono::seconds(60)), 0) << load.said();
    EXPECT_LE(most, planned);
    EXPECT_GE(most, planned / 2) << "it was not filled";
    EXPECT_GT(status_of(cluster, leader)->log_first, 1U);
    lk_close(client);
}

} // namespace
