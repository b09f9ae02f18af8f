/*
 * lockctl as its users have it: real processes, a real cluster. What it says, how it exits,
 * and that a command under `lockctl run` is gone before its lease can end.
 */
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <deque>
#include <sstream>
#include <thread>

#include "lockctl_cluster.h"
#include "worlds/ports.h"

namespace {

using lockctl::LockctlCluster;
using lockctl::words;
using process::Command;
using process::number_behind;
using process::wait_until;
using std::chrono::milliseconds;
using std::chrono::seconds;

uint64_t boottime_ms()
{
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000 +
           static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

/* ---- Without a cluster ---- */

/* An address where nobody listens. */
std::string nowhere()
{
    return "127.0.0.1:" + std::to_string(process::free_ports(1).front());
}

TEST(Lockctl, WrongUsageIsOneLineAndItsOwnCode)
{
    std::vector<std::vector<std::string>> wrong = {
            {"run"},
            {"run", "a"},
            {"run", "a", "make"},
            {"run", "a", "--wait", "soon", "--", "true"},
            {"run", "a", "--ttl", "1ms", "--", "true"},
            {"run", "a", "--ttl", "10s", "--kill-after", "5s", "--", "true"},
            {"run", "a", "--try", "--wait", "1s", "--", "true"},
            {"run", std::string(256, 'x'), "--", "true"},
            {"run", "", "--", "true"},
            {"run", "a", "--label", std::string(65, 'x'), "--", "true"},
            {"run", "a", "--cluster", "host:99999", "--", "true"},
            {"acquire"},
            {"release"},
            {"release", "a", "--token", "0"},
            {"query"},
            {"list", "a"},
            {"list", "--limit", "0"},
            {"status", "--json=yes"},
            {"nonsense"},
    };
    for (const std::vector<std::string> &arguments : wrong) {
        Command command(words(arguments[0], {arguments.begin() + 1, arguments.end()}));
        EXPECT_EQ(command.wait(), 64) << command.said();
        std::string said = command.said();
        EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    }
}

TEST(Lockctl, HelpAndVersionSucceed)
{
    for (const char *name : {"run", "acquire", "release", "status", "list", "query"}) {
        Command command(words(name, {"--help"}));
        EXPECT_EQ(command.wait(), 0);
        EXPECT_NE(command.said().find("usage: lockctl " + std::string(name)),
                std::string::npos);
        EXPECT_NE(command.said().find("exit: "), std::string::npos);
    }
    Command version(words("version", {}));
    EXPECT_EQ(version.wait(), 0);
    EXPECT_EQ(version.said().rfind("lockctl ", 0), 0U);
}

TEST(Lockctl, NoClusterHasItsOwnCodeAndRunsNothing)
{
    std::string there = nowhere();
    for (std::vector<std::string> arguments : std::vector<std::vector<std::string>>{
                 {"run", "a", "--connect", "300ms"}, {"acquire", "a", "--connect", "300ms"},
                 {"query", "a", "--connect", "300ms"}, {"list", "--connect", "300ms"},
                 {"status"}}) {
        arguments.insert(arguments.end(), {"--cluster", there});
        if (arguments[0] == "run")
            arguments.insert(arguments.end(), {"--", "echo", "it ran"});
        Command command(words(arguments[0], {arguments.begin() + 1, arguments.end()}));
        EXPECT_EQ(command.wait(), 69) << command.said();
        EXPECT_EQ(command.said().find("it ran"), std::string::npos);
        EXPECT_NE(command.said().find("refused"), std::string::npos) << command.said();
    }
}

/* ---- With a cluster of one ---- */

TEST_F(LockctlCluster, RunExitsAsTheCommandDid)
{
    EXPECT_EQ(shell("a", "exit 0").wait(), 0);
    EXPECT_EQ(shell("a", "exit 7").wait(), 7);
    EXPECT_EQ(shell("a", "kill -9 $$").wait(), 128 + SIGKILL);
    EXPECT_EQ(shell("a", "kill $$").wait(), 128 + SIGTERM);
    EXPECT_EQ(Command(words("run", {"a", "--", "/nonexistent/x"})).wait(), 127);
    EXPECT_EQ(Command(words("run", {"a", "--", "/etc/passwd"})).wait(), 126);
    EXPECT_TRUE(is_free("a"));
}

/* The tokens that commands see grow. */
TEST_F(LockctlCluster, G2_RunTellsTheCommandWhatItHolds)
{
    uint64_t before = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t now = boottime_ms();
        Command command = shell("a lock", "echo token=$LOCKD_TOKEN lock=$LOCKD_LOCK; "
                                          "echo deadline=$LOCKD_DEADLINE");
        ASSERT_EQ(command.wait(), 0);
        std::string said = command.said();
        EXPECT_NE(said.find("lock=a lock\n"), std::string::npos) << said;
        EXPECT_GT(number_behind(said, "token="), before);
        before = number_behind(said, "token=");
        uint64_t deadline = number_behind(said, "deadline=") / 1000000;
        EXPECT_GT(deadline, now + 5000);
        EXPECT_LT(deadline, boottime_ms() + 10000);
    }
}

TEST_F(LockctlCluster, HeldByOthersHasItsOwnCode)
{
    Command holder = shell("a", "echo ready; exec sleep 60", {"--label", "me"});
    ASSERT_TRUE(holder.wait_for("ready"));
    EXPECT_FALSE(is_free("a"));
    Command attempt = shell("a", "echo it ran", {"--try"});
    EXPECT_EQ(attempt.wait(), 75);
    Command waiter = shell("a", "echo it ran", {"--wait", "300ms"});
    EXPECT_EQ(waiter.wait(), 75);
    for (const Command *refused : {&attempt, &waiter}) {
        std::string said = refused->said();
        size_t last = said.rfind('\n', said.size() - 2);
        last = last == std::string::npos ? 0 : last + 1;
        EXPECT_EQ(said.find("lockctl run: another session holds \"a\": me (session ", last),
                last)
                << said;
    }
    Command patient = shell("a", "echo it ran");
    holder.program().signal(SIGTERM);
    EXPECT_EQ(holder.wait(), 128 + SIGTERM);
    EXPECT_EQ(patient.wait(), 0);
    EXPECT_NE(patient.said().find("it ran\n"), std::string::npos) << patient.said();
}

TEST_F(LockctlCluster, WaitingEndsOnSignalsAndQueuesNothing)
{
    Command holder = shell("a", "echo ready; exec sleep 60");
    ASSERT_TRUE(holder.wait_for("ready"));
    Command waiter = shell("a", "echo it ran");
    ASSERT_TRUE(wait_until([] {
        Command query(words("query", {"a", "--json"}));
        return query.wait() == 0 && query.said().find("\"waiting\":1") != std::string::npos;
    }));
    waiter.program().signal(SIGINT);
    EXPECT_EQ(waiter.wait(), 128 + SIGINT);
    Command query(words("query", {"a", "--json"}));
    EXPECT_EQ(query.wait(), 0);
    EXPECT_NE(query.said().find("\"waiting\":0"), std::string::npos) << query.said();
}

TEST_F(LockctlCluster, SignalsArePassedOn)
{
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH}) {
        std::string name = std::to_string(number);
        Command command = shell("a",
                "trap 'exit 42' " + name + "; echo ready; while :; do sleep 0.05; done");
        ASSERT_TRUE(command.wait_for("ready"));
        command.program().signal(number);
        EXPECT_EQ(command.wait(), 42) << "signal " << number;
    }
}

TEST_F(LockctlCluster, CommandDiesWithLockctl)
{
    Command command = shell("a", "echo pid=$$; exec sleep 60");
    ASSERT_TRUE(command.wait_for("pid="));
    pid_t child = static_cast<pid_t>(number_behind(command.said(), "pid="));
    command.program().signal(SIGKILL);
    command.wait();
    /* Whoever inherits it may take its time to bury it. */
    std::string stat = "/proc/" + std::to_string(child) + "/stat";
    EXPECT_TRUE(wait_until([&] {
        std::string said = process::read_file(stat);
        return said.empty() || said.find(") Z ") != std::string::npos;
    }));
}

/* Writes the time into a file as long as it lives, whatever it is told. */
std::string clockwork(const std::string &file)
{
    return "(trap '' TERM; while :; do date +%s%N >>" + file + "; sleep 0.02; done) & ";
}

uint64_t wall_ms()
{
    return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(
            std::chrono::system_clock::now().time_since_epoch())
                                         .count());
}

uint64_t last_ms_in(const std::string &file)
{
    std::istringstream times(process::read_file(file));
    uint64_t last = 0;
    for (uint64_t time = 0; times >> time;)
        last = time / 1000000;
    return last;
}

/*
 * The cluster falls silent: the command is told to end, then killed with all its group, and
 * the last of it is gone before the lease can end. The same when its first process goes when
 * told, and others stay.
 */
TEST_F(LockctlCluster, CommandIsGoneBeforeTheLeaseCanEnd)
{
    process::Scratch place;
    for (const char *told : {"echo told", "echo told; exit 0"}) {
        std::string alive = (place.path() / "alive").string();
        Command command = shell("a",
                "trap '" + std::string(told) + "' TERM; " + clockwork(alive) +
                        "echo ready; while :; do sleep 0.05; done",
                {"--ttl", "2s", "--kill-after", "500ms"});
        ASSERT_TRUE(command.wait_for("ready"));
        cluster.program(1).signal(SIGSTOP);
        uint64_t silent = wall_ms();
        EXPECT_EQ(command.wait(), 74) << command.said();
        cluster.program(1).signal(SIGCONT);
        uint64_t last = last_ms_in(alive);
        EXPECT_GT(last, silent + 200) << "it was ended too early";
        EXPECT_LT(last, silent + 2000) << "it outlived the lease";
        EXPECT_NE(command.said().find("told\n"), std::string::npos) << command.said();
        EXPECT_NE(command.said().find("lockctl run: the lock was lost"), std::string::npos);
        std::this_thread::sleep_for(milliseconds(200));
        EXPECT_EQ(last_ms_in(alive), last) << "something of the group still runs";
        ASSERT_TRUE(wait_until([] { return is_free("a"); }));
    }
}

/* The library's rehearsal of a loss, which users of lockctl have, too. */
TEST_F(LockctlCluster, RehearsedLossHasItsCode)
{
    setenv("LOCKD_TEST_LOSE", "1", 1);
    Command keeper(words("acquire", {"a"}));
    Command command = shell("b", "sleep 5; echo it went on");
    unsetenv("LOCKD_TEST_LOSE");
    EXPECT_EQ(keeper.wait(), 74);
    EXPECT_NE(keeper.said().find("lockctl acquire: \"a\" is lost"), std::string::npos);
    EXPECT_EQ(command.wait(), 74);
    EXPECT_EQ(command.said().find("it went on"), std::string::npos);
    EXPECT_TRUE(is_free("a") && is_free("b"));
}

TEST_F(LockctlCluster, KeepalivesKeepACommandRunningPastItsFirstLease)
{
    Command command =
            shell("a", "sleep 2.5; exit 5", {"--ttl", "1s", "--kill-after", "300ms"});
    EXPECT_EQ(command.wait(), 5) << command.said();
}

TEST_F(LockctlCluster, StandardInputIsTheCommands)
{
    std::string lockctl = process::lockctl_binary();
    Command command({"/bin/sh", "-c", "echo through | " + lockctl + " run a -- cat"});
    EXPECT_EQ(command.wait(), 0);
    EXPECT_EQ(command.said(), "through\n");
}

TEST_F(LockctlCluster, AcquireKeepsUntilReleased)
{
    Command first(words("acquire", {"a", "--label", "first"}));
    ASSERT_TRUE(first.wait_for("token "));
    Command second(words("acquire", {"a", "--json"}));
    Command query(words("query", {"a", "--json"}));
    EXPECT_EQ(query.wait(), 0);
    EXPECT_NE(query.said().find("\"label\":\"first\""), std::string::npos) << query.said();
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 0);
    EXPECT_EQ(first.wait(), 0);
    ASSERT_TRUE(second.wait_for("\"token\":"));
    EXPECT_GT(number_behind(second.said(), "\"token\":"),
            number_behind(first.said(), "token "));
    EXPECT_EQ(Command(words("release", {"a", "--token", "1000000"})).wait(), 1);
    second.program().signal(SIGTERM);
    EXPECT_EQ(second.wait(), 0);
    EXPECT_TRUE(is_free("a"));
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 1);
}

TEST_F(LockctlCluster, AcquireInTheBackgroundReturnsWhenHeld)
{
    Command first(words("acquire", {"a", "--background"}));
    EXPECT_EQ(first.wait(), 0);
    EXPECT_NE(first.said().find("token "), std::string::npos);
    EXPECT_FALSE(is_free("a"));
    Command second(words("acquire", {"a", "--background", "--try"}));
    EXPECT_EQ(second.wait(), 75);
    EXPECT_EQ(Command(words("release", {"a"})).wait(), 0);
    EXPECT_TRUE(is_free("a"));
}

TEST_F(LockctlCluster, NamesAreBytesAndListsArePaged)
{
    std::deque<Command> holders;
    for (const char *name : {"odd \"name\"\\", "bytes \xff\xfe", "plain"})
        holders.emplace_back(words("acquire", {name}));
    for (Command &holder : holders)
        ASSERT_TRUE(holder.wait_for("token ")) << holder.said();
    Command list(words("list", {"--json"}));
    EXPECT_EQ(list.wait(), 0);
    std::string said = list.said();
    EXPECT_NE(said.find(R"("name":"odd \"name\"\\")"), std::string::npos) << said;
    EXPECT_NE(said.find(R"("name":"bytes \ufffd\ufffd","name_hex":"627974657320fffe")"),
            std::string::npos)
            << said;
    EXPECT_NE(said.find("\"complete\":true"), std::string::npos);
    Command some(words("list", {"--prefix", "pl"}));
    EXPECT_EQ(some.wait(), 0);
    EXPECT_NE(some.said().find("plain"), std::string::npos);
    EXPECT_EQ(some.said().find("odd"), std::string::npos);
    Command one(words("list", {"--limit", "1"}));
    EXPECT_EQ(one.wait(), 0);
    said = one.said();
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
    for (Command &holder : holders)
        holder.program().signal(SIGTERM);
}

/* ---- A terminal ---- */

/* A program on a terminal of its own, as a shell starts it. */
class Terminal {
public:
    explicit Terminal(std::vector<std::string> arguments)
    {
        std::vector<char *> list;
        for (std::string &argument : arguments)
            list.push_back(argument.data());
        list.push_back(nullptr);
        pid_ = forkpty(&master_, nullptr, nullptr, nullptr);
        if (pid_ == 0) {
            execv(list[0], list.data());
            _exit(127);
        }
    }
    ~Terminal()
    {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        close(master_);
    }
    void type(const std::string &text) const
    {
        EXPECT_EQ(write(master_, text.data(), text.size()),
                static_cast<ssize_t>(text.size()));
    }
    /* Read on until the text was seen; false when it does not come, or the program ends. */
    bool shows(const std::string &text)
    {
        char bytes[512];
        pollfd polled = {master_, POLLIN, 0};
        while (seen_.find(text) == std::string::npos) {
            if (poll(&polled, 1, 10000) != 1)
                return false;
            ssize_t count = read(master_, bytes, sizeof(bytes));
            if (count <= 0)
                return false;
            seen_.append(bytes, static_cast<size_t>(count));
        }
        seen_.erase(0, seen_.find(text) + text.size());
        return true;
    }
    int exit_code() const
    {
        int status = 0;
        while (waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status))
            kill(pid_, SIGCONT);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    int master_ = -1;
    pid_t pid_ = -1;
    std::string seen_;
};

TEST_F(LockctlCluster, CommandMayReadFromTheTerminal)
{
    Terminal terminal(
            words("run", {"a", "--", "/bin/sh", "-c",
                                 "echo ready; read line; echo \"got <$line>\"; exit 3"}));
    ASSERT_TRUE(terminal.shows("ready"));
    terminal.type("hello\n");
    EXPECT_TRUE(terminal.shows("got <hello>"));
    EXPECT_EQ(terminal.exit_code(), 3);
}

TEST_F(LockctlCluster, InterruptFromTheTerminalReachesTheCommandOnce)
{
    for (const char *first : {"", "read line; "}) {
        Terminal terminal(
                words("run", {"a", "--", "/bin/sh", "-c",
                                     "trap 'echo caught; n=$((n+1))' INT; echo ready; " +
                                             std::string(first) +
                                             "echo set; sleep 0.5; sleep 0.5; exit $n"}));
        ASSERT_TRUE(terminal.shows("ready"));
        if (*first != '\0')
            terminal.type("hello\n");
        ASSERT_TRUE(terminal.shows("set"));
        terminal.type("\x03");
        EXPECT_TRUE(terminal.shows("caught"));
        EXPECT_EQ(terminal.exit_code(), 1);
    }
}

/* ^Z stops command and lockctl, the shell goes on; fg goes on where it was. */
TEST_F(LockctlCluster, JobControlOfAShellWorks)
{
    setenv("LOCKCTL", process::lockctl_binary().c_str(), 1);
    Terminal terminal({"/bin/bash", "--norc", "--noprofile", "-i"});
    terminal.type("PS1='$ '; $LOCKCTL run a --ttl 60s -- sh -c 'echo rea''dy; read x; echo "
                  "got-$x'\n");
    ASSERT_TRUE(terminal.shows("ready"));
    terminal.type("one");
    std::this_thread::sleep_for(milliseconds(300));
    terminal.type("\x1a");
    ASSERT_TRUE(terminal.shows("Stopped"));
    terminal.type("echo she''ll\n");
    ASSERT_TRUE(terminal.shows("shell"));
    terminal.type("fg\n");
    ASSERT_TRUE(terminal.shows("run a"));
    terminal.type("two\n");
    EXPECT_TRUE(terminal.shows("got-two"));
    terminal.type("echo code-$?; exit\n");
    EXPECT_TRUE(terminal.shows("code-0"));
}

/* ---- Three nodes ---- */

TEST(LockctlStatus, WorksWithoutAMajorityAndSaysWhatIsWrong)
{
    process::Cluster cluster(3);
    cluster.start_all();
    ASSERT_NE(cluster.wait_for_leader(), 0);
    std::vector<std::string> arguments = {"--cluster", cluster.nodes(), "--connect", "1s"};
    EXPECT_TRUE(
            wait_until([&] { return Command(words("status", arguments)).wait() == 0; }));
    int leader = cluster.leader();
    cluster.kill(leader % 3 + 1);
    Command limping(words("status", arguments));
    EXPECT_EQ(limping.wait(), 1) << limping.said();
    EXPECT_NE(limping.said().find("unreachable"), std::string::npos);
    cluster.kill((leader + 1) % 3 + 1);
    EXPECT_TRUE(
            wait_until([&] { return Command(words("status", arguments)).wait() == 69; }));
    Command alone(words("status", arguments));
    EXPECT_EQ(alone.wait(), 69);
    EXPECT_NE(alone.said().find("start the other nodes"), std::string::npos)
            << alone.said();
    arguments.push_back("--json");
    Command json(words("status", arguments));
    EXPECT_EQ(json.wait(), 69);
    EXPECT_NE(json.said().find("\"healthy\":false"), std::string::npos) << json.said();
    EXPECT_NE(json.said().find("\"reached\":false"), std::string::npos);
    arguments.back() = "--stale";
    Command stale(words("list", arguments));
    EXPECT_EQ(stale.wait(), 0) << stale.said();
}

TEST(LockctlStatus, ShowsWhereTheTimeGoes)
{
    process::Cluster cluster(3);
    cluster.start_all();
    ASSERT_NE(cluster.wait_for_leader(), 0);
    std::vector<std::string> run = {"--cluster", cluster.nodes(), "timed", "--", "true"};
    Command load(words("run", run));
    ASSERT_EQ(load.wait(), 0) << load.said();
    std::vector<std::string> arguments = {"--cluster", cluster.nodes(), "--latency"};
    Command all(words("status", arguments));
    EXPECT_EQ(all.wait(), 0) << all.said();
    for (const char *stage : {"queue", "write", "replicate", "apply", "answer", "turn",
                 "commands", "system calls", ", leader, within", ", follower, within"})
        EXPECT_NE(all.said().find(stage), std::string::npos) << stage << all.said();

    /* Within a span in which nobody wants anything, no entry has a command. */
    arguments.back() = "--for=20ms";
    arguments.emplace_back("--json");
    Command idle(words("status", arguments));
    EXPECT_EQ(idle.wait(), 0) << idle.said();
    EXPECT_NE(idle.said().find("\"queue_ns\":{\"count\":0,"), std::string::npos)
            << idle.said();
    EXPECT_NE(idle.said().find("\"turn_ns\":{\"count\":"), std::string::npos);
    EXPECT_EQ(idle.said().find("\"turn_ns\":{\"count\":0,"), std::string::npos);

    /* Again and again, until somebody has seen enough. */
    arguments.back() = "--watch=10ms";
    arguments[arguments.size() - 2] = "--json";
    Command watched(words("status", arguments));
    auto seen = [&] {
        std::string said = watched.said();
        return std::count(said.begin(), said.end(), '\n') >= 3;
    };
    EXPECT_TRUE(wait_until(seen)) << watched.said();
    watched.program().signal(SIGTERM);
    EXPECT_EQ(watched.wait(), 128 + SIGTERM);
}

} // namespace
