/*
 * Backups of real nodes, and what is made of them: restored twice from the same file, recovered
 * from a survivor, refused when they are damaged. Tokens grow through all of it.
 */
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "process/lockctl_cluster.h"
#include "process/status_reading.h"

namespace fs = std::filesystem;

namespace {

using lockctl::words;
using process::Command;
using process::wait_until;
using std::chrono::seconds;

struct Said {
    int code;
    std::string text;
};

Said run(const std::vector<std::string> &arguments)
{
    Command command(arguments);
    int code = command.wait(seconds(60));
    return {code, command.said()};
}

/* The number behind a word, as in "last token     42". */
uint64_t number_after(const std::string &text, const std::string &word)
{
    size_t at = text.find(word);
    EXPECT_NE(at, std::string::npos) << word << " in " << text;
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + word.size()));
}

class Backup : public testing::Test {
protected:
    process::Cluster cluster{3, {"--max-ttl", "8s", "--min-ttl", "100ms"}};
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

    std::string file(const std::string &name = "backup") const
    {
        return scratch.path() / name;
    }

    static Said backup(std::vector<std::string> what)
    {
        return run(words("backup", std::move(what)));
    }

    void take_backup() const
    {
        Said taken = backup({file()});
        ASSERT_EQ(taken.code, 0) << taken.text;
    }

    void load() const
    {
        Said loaded = run({process::lockbench_binary(), "--cluster", cluster.nodes(),
                "--ttl", "2s", "--warmup", "0s", "--time", "1s", "--inflight", "64"});
        ASSERT_EQ(loaded.code, 0) << loaded.text;
    }

    /* The token of a lock that is taken and given back at once. */
    static uint64_t grant()
    {
        Command acquire(words("acquire", {"a lock", "--ttl", "2s"}));
        EXPECT_TRUE(acquire.wait_for("token "));
        uint64_t token = number_after(acquire.said(), "token ");
        acquire.program().signal(SIGTERM);
        acquire.wait();
        return token;
    }

    /* lockd as the node's own settings say, to do something else than to run. */
    Said offline(int id, std::vector<std::string> what) const
    {
        std::vector<std::string> all = {process::lockd_binary(), "--id", std::to_string(id),
                "--cluster", cluster.nodes(), "--data", cluster.data(id)};
        all.insert(all.end(), what.begin(), what.end());
        return run(all);
    }

    Said inspect(const std::string &path) const
    {
        return run({process::lockd_binary(), "--inspect", path});
    }

    void wait_for_quarantine(int id) const
    {
        EXPECT_TRUE(wait_until([&] {
            return cluster.log(id).find(" quarantine ") != std::string::npos;
        })) << cluster.log(id);
    }

    /* The old cluster is gone for good; node `id` begins the new life alone. */
    void restore(int id)
    {
        cluster.kill_all();
        fs::remove_all(cluster.data(id));
        Said restored = offline(id, {"--restore", file()});
        ASSERT_EQ(restored.code, 0) << restored.text;
        cluster.start(id);
        wait_for_quarantine(id);
    }

    /* Nothing is granted until the quarantine is over, and then with a larger token. */
    void expect_new_life(uint64_t before)
    {
        Said at_once =
                run(words("run", {"a lock", "--ttl", "2s", "--wait", "0s", "--", "true"}));
        EXPECT_EQ(at_once.code, 75) << at_once.text;
        uint64_t after = grant();
        EXPECT_GE(after, before + (uint64_t{1} << 40) - 1);
        EXPECT_LT(after, uint64_t{1} << 53);
    }
};

TEST_F(Backup, IsWholeAndPrivateAndTakenFromAnyNode)
{
    load();
    Command holder(words("acquire", {"held", "--ttl", "2s"}));
    ASSERT_TRUE(holder.wait_for("token "));
    for (int id : {0, 1, 2, 3}) {
        std::vector<std::string> what = {file()};
        if (id != 0)
            what.insert(what.end(), {"--node", std::to_string(id)});
        Said taken = backup(what);
        EXPECT_EQ(taken.code, 0) << taken.text;
        Said verified = backup({"--verify", file()});
        EXPECT_EQ(verified.code, 0) << verified.text;
        struct stat status {};
        ASSERT_EQ(stat(file().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600U);
        EXPECT_FALSE(fs::exists(file("backup.new")));
        Said shown = inspect(file());
        EXPECT_EQ(shown.code, 0) << shown.text;
        EXPECT_EQ(number_after(shown.text, "locks held"), 1U) << shown.text;
    }
    Said listed = run({process::lockd_binary(), "--inspect", file(), "--list-holds"});
    EXPECT_NE(listed.text.find("held, token "), std::string::npos) << listed.text;
    EXPECT_EQ(backup({file(), "--node", "x"}).code, 64) << "this is no id";
    Said nobody = backup({file(), "--node", "9"});
    EXPECT_EQ(nobody.code, 69) << nobody.text;
}

TEST_F(Backup, ADamagedOneIsRefusedWhereverTheDamageIs)
{
    take_backup();
    std::string whole = process::read_file(file());
    ASSERT_GT(whole.size(), 5000U);
    for (size_t at :
            {size_t{0}, size_t{30}, size_t{4090}, size_t{4100}, whole.size() / 2}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        std::ofstream(file("damaged"), std::ios::binary) << damaged;
        bool in_padding = at == whole.size() / 2; /* Zeros behind the records */
        Said said = backup({"--verify", file("damaged")});
        if (!in_padding || said.code != 0) {
            EXPECT_EQ(said.code, 1) << at << said.text;
            EXPECT_EQ(inspect(file("damaged")).code, 1) << at;
        }
    }
    std::ofstream(file("short"), std::ios::binary) << whole.substr(0, whole.size() - 4096);
    std::ofstream(file("long"), std::ios::binary) << whole << "x";
    EXPECT_EQ(backup({"--verify", file("short")}).code, 1);
    EXPECT_EQ(backup({"--verify", file("long")}).code, 1);
    cluster.kill_all();
    fs::remove_all(cluster.data(1));
    Said refused = offline(1, {"--restore", file("short")});
    EXPECT_EQ(refused.code, 1) << refused.text;
    EXPECT_FALSE(fs::exists(cluster.data(1))) << "nothing is made of it";
}

TEST_F(Backup, TwoLivesFromOneFileGiveNoTokenTwice)
{
    take_backup();
    uint64_t last = grant(); /* After the backup: it does not know this one. */
    restore(1);
    expect_new_life(last);
    uint64_t second = grant();
    EXPECT_GT(second, last);
    Said again = offline(1, {"--restore", file()});
    EXPECT_EQ(again.code, 1) << "a directory with a life in it is not taken: "
                             << again.text;
    restore(2);
    expect_new_life(last);
    EXPECT_GT(grant(), second);
}

TEST_F(Backup, OtherNodesJoinTheNewLifeAndOldOnesAreRefused)
{
    take_backup();
    restore(1);
    cluster.start(2); /* With its directory of the old life. */
    EXPECT_TRUE(wait_until([&] {
        return cluster.log(2).find("is of another cluster") != std::string::npos;
    })) << cluster.log(2);
    cluster.kill(2);
    fs::remove_all(cluster.data(2));
    cluster.start(2);
    Said added = run(
            words("members", {"add", "2", "127.0.0.1:" + std::to_string(cluster.port(2))}));
    EXPECT_EQ(added.code, 0) << added.text << cluster.log(2);
    uint64_t token = grant();
    EXPECT_GT(token, 0U);
}

TEST_F(Backup, ASurvivorIsRecoveredWithAllThatItHad)
{
    load();
    uint64_t last = grant();
    cluster.kill_all();
    std::string survivor = file("survivor");
    fs::rename(cluster.data(3), survivor);
    Said shown = inspect(survivor);
    ASSERT_EQ(shown.code, 0) << shown.text;
    EXPECT_GE(number_after(shown.text, "last token"), last);
    EXPECT_EQ(number_after(shown.text, "node "), 3U);
    EXPECT_EQ(offline(3, {"--recover", survivor}).code, 1);
    EXPECT_EQ(offline(3, {"--recover", survivor, "--only-member", "3"}).code, 1);
    EXPECT_EQ(
            offline(3, {"--recover", survivor, "--only-member", "2", "--accept-loss"}).code,
            1);
    Said done = offline(3, {"--recover", survivor, "--only-member", "3", "--accept-loss"});
    ASSERT_EQ(done.code, 0) << done.text;
    EXPECT_EQ(inspect(survivor).text, shown.text) << "it was only read";
    cluster.start(3);
    wait_for_quarantine(3);
    expect_new_life(last);
}

/* True: both end with the same entry, so all of their state must be the same. */
bool are_equal(const Said &a, const Said &b)
{
    auto state = [](const Said &said) {
        return said.text.substr(said.text.find("last entry"));
    };
    if (number_after(a.text, "last entry") != number_after(b.text, "last entry"))
        return false;
    EXPECT_EQ(state(a), state(b));
    return true;
}

/* What is read offline is what the node had: the digest covers all of the state. */
TEST_F(Backup, InspectionFindsTheStateThatTheNodeHad)
{
    load();
    Command holder(words("acquire", {"held", "--ttl", "2s"}));
    ASSERT_TRUE(holder.wait_for("token "));
    ASSERT_EQ(backup({file(), "--node", "1"}).code, 0);
    Said before = inspect(file());
    /* Killed one after the other, each may have another last entry. */
    bool compared = false;
    for (int round = 0; round < 10 && !compared; round++) {
        cluster.kill_all();
        Said after[3];
        for (int id : {1, 2, 3}) {
            after[id - 1] = inspect(cluster.data(id));
            ASSERT_EQ(after[id - 1].code, 0) << after[id - 1].text;
        }
        EXPECT_GE(number_after(after[0].text, "last entry"),
                number_after(before.text, "last entry"));
        compared = are_equal(after[0], after[1]) || are_equal(after[1], after[2]);
        cluster.start_all();
        ASSERT_NE(cluster.wait_for_leader(), 0);
    }
    EXPECT_TRUE(compared) << "no two had the same last entry";
}

TEST_F(Backup, AFullOrMissingPlaceIsSaidAndLeavesNothing)
{
    Said nowhere = backup({file("no such folder/backup")});
    EXPECT_EQ(nowhere.code, 71) << nowhere.text;
    cluster.kill_all();
    Said nobody = backup({file(), "--connect", "200ms"});
    EXPECT_EQ(nobody.code, 69) << nobody.text;
    EXPECT_TRUE(fs::is_empty(scratch.path()));
}

} // namespace
