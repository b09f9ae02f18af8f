/*
 * The members of a cluster of real processes change while clients use it: machines are
 * replaced, added and removed. What the clients saw is judged by lockcheck.
 */
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "liblock.h"
#include "process/lockctl_cluster.h"

namespace {

using lockctl::words;

class Members : public testing::Test {
protected:
    process::Cluster cluster{3};
    process::Scratch scratch;

    void SetUp() override
    {
        setenv("LOCKD_CLUSTER", cluster.nodes().c_str(), 1);
        cluster.start_all();
        ASSERT_NE(cluster.wait_for_leader(), 0);
    }

    void TearDown() override
    {
        unsetenv("LOCKD_CLUSTER");
    }

    static std::pair<int, std::string> members(std::vector<std::string> what)
    {
        process::Command command(words("members", std::move(what)));
        int code = command.wait(std::chrono::seconds(60));
        return {code, command.said()};
    }

    static void expect_done(const std::vector<std::string> &what)
    {
        auto [code, said] = members(what);
        EXPECT_EQ(code, 0) << said;
    }

    static size_t voters()
    {
        auto [code, said] = members({"--json"});
        EXPECT_EQ(code, 0) << said;
        size_t count = 0;
        for (size_t at = 0; (at = said.find("\"role\":\"voter\"", at)) != std::string::npos;
                at++)
            count++;
        return count;
    }

    /* The machine is gone with its disk; another one takes its name. */
    void replace(int id)
    {
        cluster.stop(id);
        std::filesystem::rename(cluster.data(id), scratch.path() / std::to_string(id));
        cluster.start(id);
        ASSERT_TRUE(process::wait_until([&] {
            auto [code, said] = members({"replace", std::to_string(id)});
            return code == 0;
        })) << cluster.log(id);
    }
};

/* A load that notes all that it does and hears, until it is stopped. */
class Load {
public:
    explicit Load(const std::filesystem::path &history, const std::string &time)
            : history_(history),
              command_({process::lockbench_binary(), "--history", history.string(),
                      "--survive", "--inflight", "8", "--connections", "2", "--locks", "3",
                      "--time", time, "--workload", "contended"})
    {
    }

    void judge()
    {
        EXPECT_EQ(command_.wait(std::chrono::seconds(100)), 0) << command_.said();
        process::Command judge({LOCKCHECK_PATH, history_.string()});
        EXPECT_EQ(judge.wait(std::chrono::seconds(60)), 0) << judge.said();
        EXPECT_GT(std::filesystem::file_size(history_), 10000U);
    }

private:
    std::filesystem::path history_;
    process::Command command_;
};

} // namespace

TEST_F(Members, AllMachinesAreReplacedOneAfterTheOther)
{
    Load load(scratch.path() / "history", "20s");
    for (int id = 1; id <= 3; id++)
        replace(id);
    EXPECT_EQ(voters(), 3U);
    load.judge();

    /* The machine that was replaced comes back with its old disk, and learns of it. */
    cluster.stop(2);
    std::filesystem::remove_all(cluster.data(2));
    std::filesystem::rename(scratch.path() / "2", cluster.data(2));
    cluster.start(2);
    EXPECT_EQ(cluster.program(2).wait(), 1);
    EXPECT_NE(
            cluster.log(2).find("this node was replaced (or removed)"), std::string::npos);
}

TEST_F(Members, TwoAreAddedAndTwoAreRemoved)
{
    process::Cluster more(5);
    Load load(scratch.path() / "history", "20s");
    std::vector<process::Program> added;
    for (int id = 4; id <= 5; id++) {
        std::string address = "127.0.0.1:" + std::to_string(more.port(id));
        std::string own = std::to_string(id);
        added.emplace_back(
                std::vector<std::string>{process::lockd_binary(), "--id", own, "--cluster",
                        cluster.nodes() + "," + own + "=" + address, "--data",
                        (scratch.path() / ("n" + own)).string(), "--segment-size", "8MiB"},
                scratch.path() / ("log" + own));
        expect_done({"add", own, address});
    }
    EXPECT_EQ(voters(), 5U);
    auto [again, said] = members({"add", "4", "127.0.0.1:1"});
    EXPECT_EQ(again, 70) << said;
    for (int id = 1; id <= 2; id++) {
        expect_done({"remove", std::to_string(id)});
        EXPECT_EQ(cluster.program(id).wait(), 1) << "it ends by itself";
    }
    EXPECT_EQ(voters(), 3U);
    load.judge();
}

TEST_F(Members, AChangeThatWouldStopTheClusterIsRefused)
{
    cluster.kill(3);
    ASSERT_NE(cluster.wait_for_leader(), 0);
    int other = cluster.leader() == 1 ? 2 : 1;
    auto [code, said] = members({"remove", std::to_string(other)});
    EXPECT_EQ(code, 70);
    EXPECT_NE(said.find("start node 3 first"), std::string::npos) << said;
    expect_done({"remove", "3"});
    EXPECT_EQ(voters(), 2U);
}

TEST_F(Members, OneThatWasNeverStartedCanBeRemoved)
{
    auto [code, said] = members({"add", "9", "127.0.0.1:9", "--no-wait"});
    EXPECT_EQ(code, 0) << said;
    ASSERT_TRUE(process::wait_until(
            [&] { return members({}).second.find("not started") != std::string::npos; }));
    expect_done({"remove", "9"});
    EXPECT_EQ(members({}).second.find("not started"), std::string::npos);
}

TEST_F(Members, ALearnerStaysOneUntilItIsPromoted)
{
    process::Cluster more(4);
    std::string address = "127.0.0.1:" + std::to_string(more.port(4));
    process::Program learner(
            {process::lockd_binary(), "--id", "4", "--cluster",
                    cluster.nodes() + ",4=" + address, "--data",
                    (scratch.path() / "n4").string(), "--segment-size", "8MiB"},
            scratch.path() / "log4");
    expect_done({"add", "4", address, "--learner"});
    std::this_thread::sleep_for(std::chrono::seconds(3));
    EXPECT_EQ(voters(), 3U);
    expect_done({"promote", "4"});
    EXPECT_EQ(voters(), 4U);
}

/* At another address; the others were started with lists that have the old one. */
TEST_F(Members, AMemberMovesToAnotherAddress)
{
    process::Cluster more(4);
    Load load(scratch.path() / "history", "15s");
    std::string address = "127.0.0.1:" + std::to_string(more.port(4));
    std::string other = "127.0.0.1:" + std::to_string(cluster.port(1));
    std::string list = "1=" + other + ",2=" + address +
                       ",3=127.0.0.1:" + std::to_string(cluster.port(3));
    EXPECT_EQ(cluster.stop(2), 0);
    auto [taken, said] = members({"move", "2", other});
    EXPECT_EQ(taken, 70);
    EXPECT_NE(said.find("that is the address of node 1"), std::string::npos) << said;
    expect_done({"move", "2", address});
    process::Program moved(
            {process::lockd_binary(), "--id", "2", "--cluster", list, "--data",
                    cluster.data(2).string(), "--segment-size", "8MiB"},
            scratch.path() / "log2");
    /* Who starts now knows the old address only by its flags, and the new one by its log. */
    cluster.stop(3);
    cluster.start(3);
    EXPECT_TRUE(process::wait_until([] {
        process::Command transfer(words("transfer", {"2"}));
        return transfer.wait(std::chrono::seconds(30)) == 0;
    })) << cluster.log(3);
    EXPECT_NE(members({}).second.find(address), std::string::npos);
    load.judge();
}

TEST_F(Members, TheLeadMovesOnRequest)
{
    int leader = cluster.leader();
    int next = leader % 3 + 1;
    process::Command transfer(words("transfer", {std::to_string(next)}));
    EXPECT_EQ(transfer.wait(), 0) << transfer.said();
    EXPECT_EQ(cluster.wait_for_leader(), next);
    process::Command any(words("transfer", {}));
    EXPECT_EQ(any.wait(), 0) << any.said();
    EXPECT_NE(cluster.wait_for_leader(), next);
}
