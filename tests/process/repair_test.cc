/*
 * Logs that are damaged while their nodes are down. A node puts such a log aside and joins
 * again, while clients use the cluster; if most logs are damaged, the cluster stops and says
 * whose they are.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "process/status_reading.h"

namespace {

using process::Cluster;
using process::Command;
using process::expect_healthy;
using process::line;
using process::read_status;
using process::Reading;
using process::wait_until;
using std::chrono::seconds;

constexpr char gave_up[] =
        "found its log damaged, put it aside, and gets a new copy of the state before it votes "
        "again: wait; if there is no leader, start the other members; if most members are in "
        "this condition, only the files that they put aside or a backup can help";

bool says(const Cluster &cluster, int id, const std::string &part)
{
    return wait_until(
            [&] { return cluster.log(id).find(part) != std::string::npos; }, seconds(30));
}

/* Other bits in the record that begins at that block. */
void rot(const std::filesystem::path &segment, off_t block)
{
    int file = open(segment.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(file, 0) << segment;
    char byte = 0;
    ASSERT_EQ(pread(file, &byte, 1, block * 4096 + 20), 1);
    byte ^= 1;
    ASSERT_EQ(pwrite(file, &byte, 1, block * 4096 + 20), 1);
    ASSERT_EQ(fsync(file), 0);
    close(file);
}

class Repair : public testing::Test {
protected:
    Cluster cluster{3, {"--segment-size", "4MiB"}};
    process::Scratch scratch;

    void SetUp() override
    {
        cluster.start_all();
        ASSERT_NE(cluster.wait_for_leader(), 0);
    }

    /* Notes all that it does and hears; the history is judged when it has ended. */
    std::unique_ptr<Command> load(const std::string &time)
    {
        return std::make_unique<Command>(std::vector<std::string>{
                process::lockbench_binary(), "--cluster", cluster.nodes(), "--history",
                history().string(), "--survive", "--inflight", "8", "--connections", "2",
                "--locks", "3", "--workload", "contended", "--time", time});
    }

    void judge(Command &load)
    {
        EXPECT_EQ(load.wait(seconds(100)), 0) << load.said();
        Command judge({LOCKCHECK_PATH, history().string()});
        EXPECT_EQ(judge.wait(seconds(60)), 0) << judge.said();
        EXPECT_GT(std::filesystem::file_size(history()), 10000U);
    }

    std::filesystem::path history() const
    {
        return scratch.path() / "history";
    }

    std::filesystem::path first_segment(int id) const
    {
        return cluster.data(id) / "segment-000000000001";
    }
};

TEST_F(Repair, ADamagedNodeBecomesAVoterAgain)
{
    auto load = this->load("20s");
    std::this_thread::sleep_for(seconds(1));
    int leader = cluster.wait_for_leader();
    for (int id : {leader, leader % 3 + 1}) {
        cluster.kill(id);
        rot(first_segment(id), id == leader ? 1 : 20);
        cluster.start(id);
        EXPECT_TRUE(says(cluster, id, " log-given-up ")) << cluster.log(id);
        EXPECT_TRUE(says(cluster, id, " repaired ")) << cluster.log(id);
        EXPECT_TRUE(std::filesystem::exists(
                cluster.data(id) / "damaged-1" / "segment-000000000001"));
    }
    judge(*load);
    expect_healthy(cluster);
    /* It needs no other to say so when it is started the next time. */
    cluster.kill(leader);
    cluster.start(leader);
    expect_healthy(cluster);
    EXPECT_FALSE(std::filesystem::exists(cluster.data(leader) / "repair"));
}

/* Neither a new cluster is made nor does the one that is left lead; and nothing is lost. */
TEST_F(Repair, DamageOnAMajorityStopsTheCluster)
{
    auto load = this->load("2s");
    judge(*load);
    for (int id = 1; id <= 3; id++)
        cluster.kill(id);
    for (int id : {1, 2}) {
        std::filesystem::copy_file(first_segment(id), cluster.data(id) / "copy");
        rot(first_segment(id), 20);
    }
    for (int round = 0; round < 2; round++) {
        for (int id = 1; id <= 3; id++)
            cluster.start(id);
        Reading reading;
        EXPECT_TRUE(wait_until([&] {
            reading = read_status(cluster);
            return reading.has(line(cluster, 1, gave_up)) &&
                   reading.has(line(cluster, 2, gave_up)) &&
                   reading.has("node 3 at 127.0.0.1:" + std::to_string(cluster.port(3)));
        })) << reading.said;
        std::this_thread::sleep_for(seconds(3));
        EXPECT_EQ(cluster.leader(), 0);
        for (int id = 1; id <= 3; id++)
            cluster.kill(id);
    }
    Command inspect({process::lockd_binary(), "--inspect", cluster.data(1)});
    EXPECT_EQ(inspect.wait(), 0) << inspect.said();
    EXPECT_NE(inspect.said().find(
                      "this node gave up its log, which was damaged: its files are "
                      "in the folder damaged-1;"),
            std::string::npos)
            << inspect.said();
    for (int id : {1, 2}) {
        const std::filesystem::path data = cluster.data(id);
        std::filesystem::path aside = data / "damaged-1";
        EXPECT_FALSE(std::filesystem::exists(data / "damaged-2"));
        std::filesystem::rename(data / "copy", aside / "segment-000000000001");
        for (const auto &file : std::filesystem::directory_iterator(aside))
            std::filesystem::rename(file.path(), data / file.path().filename());
        std::filesystem::remove(data / "repair");
    }
    for (int id = 1; id <= 3; id++)
        cluster.start(id);
    expect_healthy(cluster);
}

} // namespace
