/*
 * A whole upgrade with real processes: some run a lockd that also knows the next version. Under
 * load all members go to it one by one, back, and to it again; then the upgrade is finished, and
 * no one can go back. lockcheck judges what the clients saw.
 */
#include <gtest/gtest.h>

#include "worlds/commands.h"

namespace {

using process::Command;

class Upgrade : public testing::Test {
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

    struct Said {
        int code;
        std::string text;
    };

    static Said lockctl(std::vector<std::string> words)
    {
        words.insert(words.begin(), process::lockctl_binary());
        Command command(words);
        int code = command.wait();
        return {code, command.said()};
    }

    /* The members are connected, and know these versions. */
    static bool all_know(const std::string &versions)
    {
        Said said = lockctl({"upgrade", "--json"});
        int count = 0;
        for (size_t at = said.text.find(versions); at != std::string::npos;
                at = said.text.find(versions, at + 1))
            count++;
        return said.code == 0 && count == 3 &&
               said.text.find("\"connected\":false") == std::string::npos;
    }

    static bool wait_until_all_know(const std::string &versions)
    {
        return process::wait_until([&] { return all_know(versions); });
    }

    /* One node after the other, each when the one before is back. */
    void roll(const std::string &binary, const std::string &versions)
    {
        for (int id = 1; id <= cluster.count(); id++) {
            cluster.run_program(id, binary);
            EXPECT_EQ(cluster.stop(id), 0);
            cluster.start(id);
            EXPECT_TRUE(process::wait_until([&] {
                return lockctl({"upgrade"}).text.find(" no ") == std::string::npos &&
                       cluster.leader() != 0;
            }));
        }
        EXPECT_TRUE(wait_until_all_know(versions));
    }
};

constexpr auto OLD = "\"version_least\":1,\"version_most\":1";
constexpr auto NEXT = "\"version_least\":1,\"version_most\":2";

} // namespace

TEST_F(Upgrade, RollsForwardAndBackUnderLoadAndThenOnlyForward)
{
    std::string history = (scratch.path() / "history").string();
    Command bench({process::lockbench_binary(), "--cluster", cluster.nodes(), "--survive",
            "--history", history, "--time", "20s", "--inflight", "8", "--rate", "300"});
    ASSERT_TRUE(wait_until_all_know(OLD));

    roll(LOCKD_NEXT_PATH, NEXT);
    Said said = lockctl({"upgrade"});
    EXPECT_NE(said.text.find("the cluster uses version 1; all members know version 2"),
            std::string::npos)
            << said.text;
    roll(process::lockd_binary(), OLD);
    roll(LOCKD_NEXT_PATH, NEXT);

    said = lockctl({"upgrade", "finish"});
    EXPECT_EQ(said.code, 0) << said.text;
    EXPECT_NE(said.text.find("the cluster uses version 2"), std::string::npos) << said.text;
    for (int id = 1; id <= 3; id++)
        EXPECT_TRUE(process::wait_until([&] {
            return cluster.log(id).find("upgraded version=2") != std::string::npos;
        })) << id;
    /* What only the next version has is used now, and all agree on it. */
    EXPECT_TRUE(process::wait_until([&] { return lockctl({"status"}).code == 0; }));

    EXPECT_EQ(bench.wait(std::chrono::seconds(120)), 0) << bench.said();
    Command check({LOCKCHECK_PATH, history});
    EXPECT_EQ(check.wait(), 0) << check.said();
}

TEST_F(Upgrade, IsRefusedUntilAllKnowItAndNobodyGoesBackAfterwards)
{
    cluster.run_program(1, LOCKD_NEXT_PATH);
    cluster.stop(1);
    cluster.start(1);
    ASSERT_TRUE(process::wait_until([&] {
        return lockctl({"status", "--json"}).text.find("upgrade-open") != std::string::npos;
    }));
    EXPECT_TRUE(process::wait_until([&] { return lockctl({"status"}).code == 0; }))
            << "an upgrade that is open is no problem";
    Said said = lockctl({"upgrade", "finish"});
    EXPECT_EQ(said.code, 70);
    EXPECT_NE(said.text.find("nodes 2 and 3"), std::string::npos) << said.text;

    for (int id : {2, 3}) {
        cluster.run_program(id, LOCKD_NEXT_PATH);
        cluster.stop(id);
        cluster.start(id);
    }
    ASSERT_TRUE(wait_until_all_know(NEXT));
    /* Node 3 is away when it happens, so its log does not tell it. */
    ASSERT_EQ(lockctl({"upgrade", "finish"}).code, 0);

    cluster.run_program(1, process::lockd_binary());
    cluster.stop(1);
    cluster.start(1);
    EXPECT_EQ(cluster.program(1).wait(), 1);
    EXPECT_NE(cluster.log(1).find("log-refused"), std::string::npos);
    EXPECT_NE(cluster.log(1).find("cluster-version=2 least=1 most=1"), std::string::npos)
            << cluster.log(1);
    cluster.run_program(1, LOCKD_NEXT_PATH);
    cluster.start(1);
    EXPECT_TRUE(wait_until_all_know(NEXT));
}

/* Its log does not say that the cluster was upgraded, because it is an older copy. */
TEST_F(Upgrade, AMemberThatSleptThroughItIsRefusedByTheOthers)
{
    for (int id = 1; id <= 3; id++) {
        cluster.run_program(id, LOCKD_NEXT_PATH);
        cluster.stop(id);
        cluster.start(id);
    }
    ASSERT_TRUE(wait_until_all_know(NEXT));
    cluster.stop(3);
    auto copy = scratch.path() / "copy";
    std::filesystem::copy(cluster.data(3), copy, std::filesystem::copy_options::recursive);
    cluster.start(3);
    ASSERT_TRUE(wait_until_all_know(NEXT));
    ASSERT_EQ(lockctl({"upgrade", "finish"}).code, 0);
    cluster.stop(3);
    std::filesystem::remove_all(cluster.data(3));
    std::filesystem::rename(copy, cluster.data(3));
    cluster.run_program(3, process::lockd_binary());
    cluster.start(3);
    EXPECT_TRUE(process::wait_until([&] {
        std::string text = lockctl({"status"}).text;
        return text.find("does not know the version that the cluster uses") !=
               std::string::npos;
    }));
    EXPECT_NE(
            cluster.log(3).find(
                    "this lockd knows version 1, the other one 1 to 2, and the cluster uses 2"),
            std::string::npos)
            << cluster.log(3);
}
