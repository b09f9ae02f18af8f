/*
 * lockctl acquire, release and check: holds that outlive the command that asked for them.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "lockctl_cluster.h"

namespace {

using lockctl::LockctlCluster;
using lockctl::words;
using process::Command;
using process::number_behind;
using process::read_file;
using process::wait_until;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LockctlKeeper : public LockctlCluster {
protected:
    process::Scratch place;

    std::string file(const std::string &name) const
    {
        return (place.path() / name).string();
    }
    std::filesystem::path folder() const
    {
        return runtime.path() / "lockctl";
    }
    size_t files() const
    {
        size_t count = 0;
        for (const auto &entry : std::filesystem::directory_iterator(folder()))
            count += entry.exists();
        return count;
    }
    static std::string waiting(const std::string &lock)
    {
        Command query(words("query", {lock, "--json"}));
        query.wait();
        return std::to_string(number_behind(query.said(), "\"waiting\":"));
    }
    static pid_t keeper_of(const Command &acquired)
    {
        return static_cast<pid_t>(number_behind(acquired.said(), "process "));
    }
};

/* ---- Release ---- */

TEST_F(LockctlKeeper, ReleaseMeansItsOwnCluster)
{
    process::Cluster other(1);
    other.start_all();
    ASSERT_NE(other.wait_for_leader(), 0);
    std::string here = cluster.nodes();
    ASSERT_EQ(Command(words("acquire", {"a", "--background"})).wait(), 0);
    ASSERT_EQ(Command(words("acquire", {"a", "--background", "--cluster", other.nodes()}))
                      .wait(),
            0);
    /* The same cluster, named otherwise. */
    std::string named = "localhost" + here.substr(here.rfind(':'));
    EXPECT_EQ(Command(words("release", {"a", "--cluster", named})).wait(), 0);
    EXPECT_TRUE(is_free("a"));
    Command again(words("release", {"a"}));
    EXPECT_EQ(again.wait(), 1);
    EXPECT_NE(again.said().find(other.nodes()), std::string::npos) << again.said();
    Command query(words("query", {"a", "--json", "--cluster", other.nodes()}));
    EXPECT_EQ(query.wait(), 0);
    EXPECT_NE(query.said().find("\"held\":true"), std::string::npos);
    /* Without any list it is clear what is meant as long as there is only one. */
    ASSERT_EQ(Command(words("acquire", {"a", "--background"})).wait(), 0);
    unsetenv("LOCKD_CLUSTER");
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 64);
    EXPECT_EQ(Command(words("release", {"a", "--cluster", other.nodes()})).wait(), 0);
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 0);
    setenv("LOCKD_CLUSTER", here.c_str(), 1);
    EXPECT_TRUE(is_free("a"));
}

TEST_F(LockctlKeeper, ReleaseOfADeadKeeperRemovesItsFileAndNamesTheFolder)
{
    Command acquired(words("acquire", {"a", "--background"}));
    ASSERT_EQ(acquired.wait(), 0);
    EXPECT_EQ(files(), 1U);
    pid_t keeper = keeper_of(acquired);
    kill(keeper, SIGKILL);
    EXPECT_TRUE(wait_until([&] {
        std::string stat = read_file("/proc/" + std::to_string(keeper) + "/stat");
        return stat.empty() || stat.find(") Z") != std::string::npos;
    }));
    Command release(words("release", {"a"}));
    EXPECT_EQ(release.wait(), 1);
    EXPECT_NE(release.said().find(folder().string()), std::string::npos) << release.said();
    EXPECT_EQ(files(), 0U);
}

/* The process id of a keeper can mean anybody in another pid namespace, and after its end. */
TEST_F(LockctlKeeper, ReleaseSignalsNobody)
{
    Command victim({"/bin/sleep", "60"});
    Command acquired(words("acquire", {"a", "--background"}));
    ASSERT_EQ(acquired.wait(), 0);
    std::filesystem::rename(folder() / std::to_string(keeper_of(acquired)),
            folder() / std::to_string(victim.program().pid()));
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 0);
    EXPECT_TRUE(is_free("a"));
    EXPECT_TRUE(victim.program().running());
    std::filesystem::remove(folder() / std::to_string(victim.program().pid()));
}

TEST_F(LockctlKeeper, ReleaseIsTrueOrSaysThatItIsNotSure)
{
    Command acquired(words("acquire", {"a", "--background", "--connect", "500ms"}));
    ASSERT_EQ(acquired.wait(), 0);
    cluster.program(1).signal(SIGSTOP);
    Command release(words("release", {"a", "--connect", "500ms"}));
    EXPECT_EQ(release.wait(), 73) << release.said();
    cluster.program(1).signal(SIGCONT);
    EXPECT_NE(release.said().find("not confirmed"), std::string::npos) << release.said();
    ASSERT_TRUE(wait_until([] { return is_free("a"); }));
    /* One that does not run answers nothing. */
    Command stopped(words("acquire", {"b", "--background"}));
    ASSERT_EQ(stopped.wait(), 0);
    kill(keeper_of(stopped), SIGSTOP);
    Command silent(words("release", {"b"}));
    EXPECT_EQ(silent.wait(), 71) << silent.said();
    kill(keeper_of(stopped), SIGCONT);
    EXPECT_EQ(Command(words("release", {"b"})).wait(), 0);
}

/* ---- In the background ---- */

/* Who gives up takes the wait along, however it ends. */
TEST_F(LockctlKeeper, WaitEndsWithItsCaller)
{
    Command holder = shell("a", "echo ready; exec sleep 60");
    ASSERT_TRUE(holder.wait_for("ready"));
    for (int number : {SIGINT, SIGTERM, SIGKILL, SIGHUP}) {
        Command waiter(words("acquire", {"a", "--background"}));
        ASSERT_TRUE(wait_until([] { return waiting("a") == "1"; }));
        waiter.program().signal(number);
        EXPECT_EQ(waiter.wait(), 128 + number);
        EXPECT_TRUE(wait_until([] { return waiting("a") == "0"; }, seconds(3))) << number;
    }
    holder.program().signal(SIGTERM);
    holder.wait();
    EXPECT_TRUE(wait_until([] { return is_free("a"); }));
    EXPECT_EQ(files(), 0U);
}

/* The token was printed to nobody: nobody could release the lock. */
TEST_F(LockctlKeeper, GrantThatNobodyTakesIsGivenBack)
{
    std::string acquire = process::lockctl_binary() + " acquire a";
    for (const char *to : {" >/dev/full", " --background >/dev/full"}) {
        Command command({"/bin/sh", "-c", acquire + to});
        EXPECT_EQ(command.wait(), 71) << to << command.said();
        EXPECT_TRUE(is_free("a")) << to;
    }
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        execl(process::lockctl_binary().c_str(), "lockctl", "acquire", "a", nullptr);
        _exit(99);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), 71);
    EXPECT_TRUE(is_free("a"));
    close(ends[1]);
}

/* Nothing of its caller: no descriptor, no directory, no terminal, no umask. */
TEST_F(LockctlKeeper, KeepsNothingOfItsCaller)
{
    std::string lockctl = process::lockctl_binary();
    Command caller({"/bin/sh", "-c",
            "cd " + place.path().string() + "; exec 7>open 8<open; umask 0; " + "out=$(" +
                    lockctl + " acquire a --background 2>&1); echo \"$out\""});
    ASSERT_EQ(caller.wait(seconds(5)), 0) << "it holds the pipe of its caller";
    std::filesystem::path proc = "/proc/" + std::to_string(keeper_of(caller));
    EXPECT_EQ(std::filesystem::read_symlink(proc / "cwd"), "/");
    for (const auto &entry : std::filesystem::directory_iterator(proc / "fd")) {
        std::string target = std::filesystem::read_symlink(entry.path()).string();
        bool own = target == "/dev/null" || target.rfind("anon_inode:", 0) == 0 ||
                   target.rfind("socket:", 0) == 0 || target == folder().string();
        EXPECT_TRUE(own) << target;
    }
    for (const auto &entry : std::filesystem::directory_iterator(folder())) {
        struct stat status = {};
        ASSERT_EQ(lstat(entry.path().c_str(), &status), 0);
        EXPECT_TRUE(S_ISSOCK(status.st_mode));
        EXPECT_EQ(status.st_mode & 077, 0U) << "others can ask for the release";
    }
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 0);
}

/* ---- Bound to something ---- */

TEST_F(LockctlKeeper, HoldEndsWithTheProcessThatItIsBoundTo)
{
    Command script({"/bin/sh", "-c",
            process::lockctl_binary() + " acquire a --background --with-pid $$; sleep 60"});
    ASSERT_TRUE(script.wait_for("token "));
    EXPECT_FALSE(is_free("a"));
    script.program().signal(SIGKILL);
    script.wait();
    EXPECT_TRUE(wait_until([] { return is_free("a"); }, seconds(3)));
    Command none(
            words("acquire", {"a", "--with-pid", std::to_string(script.program().pid())}));
    EXPECT_EQ(none.wait(), 64) << none.said();
}

TEST_F(LockctlKeeper, WaitEndsWithTheProcessThatItIsBoundTo)
{
    Command holder = shell("a", "echo ready; exec sleep 60");
    ASSERT_TRUE(holder.wait_for("ready"));
    Command other({"/bin/sleep", "60"});
    Command waiter(
            words("acquire", {"a", "--with-pid", std::to_string(other.program().pid())}));
    ASSERT_TRUE(wait_until([] { return waiting("a") == "1"; }));
    other.program().signal(SIGKILL);
    other.wait();
    EXPECT_EQ(waiter.wait(), 75) << waiter.said();
    EXPECT_EQ(waiting("a"), "0");
}

TEST_F(LockctlKeeper, HoldEndsWithStandardInput)
{
    std::string lockctl = process::lockctl_binary();
    Command kept({"/bin/sh", "-c",
            "(sleep 1; echo more; sleep 1) | " + lockctl +
                    " acquire a --with-stdin; echo code $?"});
    ASSERT_TRUE(kept.wait_for("token "));
    std::this_thread::sleep_for(milliseconds(1300));
    EXPECT_FALSE(is_free("a")) << "input that comes is no end";
    EXPECT_EQ(kept.wait(), 0);
    EXPECT_NE(kept.said().find("code 0"), std::string::npos) << kept.said();
    EXPECT_TRUE(is_free("a"));
    Command closed({"/bin/sh", "-c", lockctl + " acquire a --with-stdin <&-"});
    EXPECT_EQ(closed.wait(), 64) << closed.said();
}

/* ---- Check ---- */

TEST_F(LockctlKeeper, CheckTellsWhetherATokenHolds)
{
    setenv("LOCKD_TEST_LOSE", "1", 1);
    Command lost(words("acquire", {"a", "--background"}));
    EXPECT_EQ(lost.wait(), 0);
    unsetenv("LOCKD_TEST_LOSE");
    std::string token = std::to_string(number_behind(lost.said(), "token "));
    EXPECT_EQ(Command(words("check", {"a", "--token", token})).wait(), 0);
    ASSERT_TRUE(wait_until([] { return is_free("a"); }));
    EXPECT_EQ(Command(words("check", {"a", "--token", token})).wait(), 74);
    /* It is not enough that somebody holds it. */
    Command next(words("acquire", {"a", "--background"}));
    EXPECT_EQ(next.wait(), 0);
    Command check(words("check", {"a", "--token", token, "--json"}));
    EXPECT_EQ(check.wait(), 74);
    EXPECT_NE(check.said().find("\"held\":false"), std::string::npos) << check.said();
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 0);
    /* Under run the token is known. */
    EXPECT_EQ(shell("b", process::lockctl_binary() + " check b").wait(), 0);
    EXPECT_EQ(shell("b", process::lockctl_binary() + " check c").wait(), 64);
    EXPECT_EQ(Command(words("check", {"a", "--token", "1", "--cluster", "127.0.0.1:1",
                                             "--connect", "100ms"}))
                      .wait(),
            69);
}

} // namespace
