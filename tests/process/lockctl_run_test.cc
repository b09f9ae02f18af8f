/*
 * lockctl run against everything that may keep it from ending its command in time: what its
 * caller handed over by exec, signals that nobody survives, messages that nobody reads. And
 * whether what it says and how it exits is true.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
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

class LockctlRun : public LockctlCluster {
protected:
    /* The programs' own signals count, not those that a sanitizer would handle. */
    static void SetUpTestSuite()
    {
        const char *set = getenv("ASAN_OPTIONS");
        std::string options = set != nullptr ? std::string(set) + ":" : "";
        options += "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0";
        setenv("ASAN_OPTIONS", options.c_str(), 1);
    }

    process::Scratch place;

    std::string file(const std::string &name) const
    {
        return (place.path() / name).string();
    }
};

/* ---- What a caller hands over by exec ---- */

/* Runs in the child before exec. */
using Prepare = std::function<void()>;

/* Its exit status, 128 + signal, or -1 when it does not end; it is killed then. */
int run_prepared(const Prepare &prepare, std::vector<std::string> arguments)
{
    std::vector<char *> list;
    for (std::string &argument : arguments)
        list.push_back(argument.data());
    list.push_back(nullptr);
    pid_t pid = fork();
    if (pid == 0) {
        prepare();
        execvp(list[0], list.data());
        _exit(99);
    }
    int status = 0;
    if (!wait_until([&] { return waitpid(pid, &status, WNOHANG) == pid; }, seconds(10))) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ignore(int number)
{
    signal(number, SIG_IGN);
}

void block_all()
{
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, nullptr);
}

void limit(__rlimit_resource resource, rlim_t most)
{
    rlimit both = {most, most};
    setrlimit(resource, &both);
}

/* A directory that is gone. */
void go_nowhere()
{
    char path[] = "/tmp/lockctl-gone-XXXXXX";
    if (mkdtemp(path) != nullptr && chdir(path) == 0)
        rmdir(path);
}

/* Standard error is a file that may not grow: a message there must not end lockctl. */
void no_file_may_grow()
{
    dup2(open("/tmp", O_TMPFILE | O_RDWR, 0600), 2);
    dup2(open("/dev/null", O_RDWR), 1);
    limit(RLIMIT_FSIZE, 0);
}

struct Handed {
    const char *what;
    Prepare prepare;
};

const std::vector<Handed> &handed_over()
{
    static const std::vector<Handed> all = {
            {"nothing special",
                    [] {
                    }},
            {"SIGCHLD ignored",
                    [] {
                        ignore(SIGCHLD);
                    }},
            {"SIGPIPE ignored",
                    [] {
                        ignore(SIGPIPE);
                    }},
            {"SIGHUP ignored, as nohup does",
                    [] {
                        ignore(SIGHUP);
                    }},
            {"INT and QUIT ignored, as & does",
                    [] {
                        ignore(SIGINT);
                        ignore(SIGQUIT);
                    }},
            {"every signal ignored",
                    [] {
                        for (int i = 1; i < NSIG; i++)
                            ignore(i);
                    }},
            {"every signal blocked", block_all},
            {"stdin closed",
                    [] {
                        close(0);
                    }},
            {"stdout closed",
                    [] {
                        close(1);
                    }},
            {"stderr closed",
                    [] {
                        close(2);
                    }},
            {"0, 1 and 2 closed",
                    [] {
                        close(0);
                        close(1);
                        close(2);
                    }},
            {"a umask that forbids all",
                    [] {
                        umask(0777);
                    }},
            {"no umask",
                    [] {
                        umask(0);
                    }},
            {"no controlling terminal",
                    [] {
                        setsid();
                    }},
            {"a directory that is gone", go_nowhere},
            {"few descriptors",
                    [] {
                        limit(RLIMIT_NOFILE, 32);
                    }},
            {"no file may grow", no_file_may_grow},
            {"no core files",
                    [] {
                        limit(RLIMIT_CORE, 0);
                    }},
            {"a child subreaper",
                    [] {
                        prctl(PR_SET_CHILD_SUBREAPER, 1);
                    }},
            {"a signal when its parent dies",
                    [] {
                        prctl(PR_SET_PDEATHSIG, SIGTERM);
                    }},
            {"an alarm that is far away",
                    [] {
                        alarm(3600);
                    }},
    };
    return all;
}

TEST_F(LockctlRun, WorksWhateverItsCallerHandsOver)
{
    for (const Handed &handed : handed_over()) {
        EXPECT_EQ(run_prepared(handed.prepare,
                          words("run", {"a", "--", "/bin/sh", "-c", "exit 7"})),
                7)
                << handed.what;
        EXPECT_EQ(run_prepared(handed.prepare,
                          words("run", {"a", "--", "/bin/sh", "-c", "sleep 0.1; exit 7"})),
                7)
                << handed.what;
        EXPECT_EQ(run_prepared(handed.prepare, words("acquire", {"k", "--background"})), 0)
                << handed.what;
        EXPECT_EQ(run_prepared(handed.prepare, words("release", {"k"})), 0) << handed.what;
        EXPECT_TRUE(is_free("a") && is_free("k")) << handed.what;
    }
}

/* Signals, mask, umask and limits are for the command, not for lockctl. */
TEST_F(LockctlRun, CommandGetsWhatTheCallerHandedOver)
{
    for (const Handed &handed : handed_over()) {
        std::string seen[2];
        for (int i = 0; i < 2; i++) {
            std::string to = file("seen" + std::to_string(i));
            std::string script = "{ grep -E '^Sig(Ign|Blk|Cgt)|^Umask' /proc/self/status; "
                                 "ulimit -n; ulimit -c; } >" +
                                 to + " 2>/dev/null";
            std::vector<std::string> plain = {"/bin/sh", "-c", script};
            std::vector<std::string> under = words("run", {"a", "--"});
            under.insert(under.end(), plain.begin(), plain.end());
            run_prepared(handed.prepare, i == 0 ? plain : under);
            seen[i] = read_file(to);
        }
        EXPECT_EQ(seen[0], seen[1]) << handed.what;
    }
}

/* A signal that the caller ignores is not obeyed, and one that it blocked is. */
TEST_F(LockctlRun, IgnoredSignalsStayIgnored)
{
    Command kept({"/bin/sh", "-c",
            "trap '' HUP; exec " + process::lockctl_binary() + " acquire a"});
    ASSERT_TRUE(kept.wait_for("token "));
    kept.program().signal(SIGHUP);
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_TRUE(kept.program().running());
    EXPECT_FALSE(is_free("a"));
    kept.program().signal(SIGTERM);
    EXPECT_EQ(kept.wait(), 0);
}

TEST_F(LockctlRun, AlarmReachesTheCommand)
{
    EXPECT_EQ(run_prepared([] { alarm(1); },
                      words("run", {"a", "--", "/bin/sh", "-c",
                                           "trap 'exit 5' ALRM; "
                                           "while :; do sleep 0.05; done"})),
            5);
    EXPECT_TRUE(is_free("a"));
}

/* The first process of a container: orphans are its own to reap. */
TEST_F(LockctlRun, ReapsOrphansAsProcessOne)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "needs root";
    std::string script = "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.5; "
                         "grep -h ^State /proc/[0-9]*/status >" +
                         file("states") + "; exit 7";
    std::vector<std::string> arguments = {
            "/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
    for (const std::string &word : words("run", {"a", "--", "/bin/sh", "-c", script}))
        arguments.push_back(word);
    Command command(arguments);
    EXPECT_EQ(command.wait(), 7) << command.said();
    std::string states = read_file(file("states"));
    EXPECT_NE(states.find("State"), std::string::npos);
    EXPECT_EQ(states.find("zombie"), std::string::npos) << states;
}

/* ---- The command dies before the lock is free ---- */

struct Process {
    pid_t pid;
    pid_t parent;
    char state;
    std::string name;
};

std::vector<Process> processes()
{
    std::vector<Process> all;
    for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
        std::string text = read_file(entry.path() / "stat");
        size_t open = text.find('(');
        size_t behind = text.rfind(')');
        if (open == std::string::npos || behind == std::string::npos)
            continue;
        Process process = {std::stoi(text), 0, 0, text.substr(open + 1, behind - open - 1)};
        std::istringstream rest(text.substr(behind + 1));
        rest >> process.state >> process.parent;
        all.push_back(process);
    }
    return all;
}

bool is_alive(pid_t pid)
{
    std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
    size_t behind = text.rfind(')');
    return behind != std::string::npos && text.compare(behind, 3, ") Z") != 0;
}

pid_t child_of(pid_t parent)
{
    for (const Process &process : processes()) {
        if (process.parent == parent)
            return process.pid;
    }
    return -1;
}

/*
 * A command that does not want to die: it has a child in its group, one in a session of its
 * own, and one whose parent has gone; all ignore what can be ignored. Each writes its id.
 */
std::string stubborn(const std::string &folder)
{
    std::string stay = "trap \"\" TERM HUP INT; echo $$ >" + folder + "/";
    std::string on = "; while :; do sleep 0.05; done";
    return "sh -c '" + stay + "group" + on + "' & setsid sh -c '" + stay + "session" + on +
           "' & (setsid sh -c '" + stay + "orphan" + on + "' &) ; " + "echo $$ >" + folder +
           "/first; trap '' TERM HUP INT; while :; do sleep 0.05; done";
}

std::vector<pid_t> all_of(const std::string &folder)
{
    std::vector<pid_t> pids;
    for (const char *name : {"first", "group", "session", "orphan"}) {
        std::string path = folder + "/" + name;
        EXPECT_TRUE(wait_until([&] {
            return read_file(path).find('\n') != std::string::npos;
        })) << name;
        pids.push_back(std::stoi(read_file(path)));
    }
    return pids;
}

bool none_is_alive(const std::vector<pid_t> &pids)
{
    return std::none_of(pids.begin(), pids.end(), is_alive);
}

struct Deed {
    const char *what;
    std::function<void(Command &command)> deed;
    int code; /* Of lockctl; 0: whatever */
};

TEST_F(LockctlRun, EverythingOfTheCommandDiesBeforeTheLease)
{
    const std::vector<Deed> deeds = {
            {"lockctl is killed", [](Command &c) { c.program().signal(SIGKILL); }, 137},
            {"lockctl dies of a fault", [](Command &c) { c.program().signal(SIGSEGV); },
                    139},
            {"its warden is killed",
                    [](Command &c) { kill(child_of(c.program().pid()), SIGKILL); }, 137},
            {"the cluster falls silent",
                    [this](Command &) { cluster.program(1).signal(SIGSTOP); }, 74},
            {"lockctl is stopped", [](Command &c) { kill(c.program().pid(), SIGSTOP); },
                    74},
    };
    for (const Deed &deed : deeds) {
        process::Scratch folder;
        std::string at = folder.path().string();
        Command command = shell("a", stubborn(at), {"--ttl", "3s"});
        std::vector<pid_t> pids = all_of(at);
        auto begin = std::chrono::steady_clock::now();
        deed.deed(command);
        EXPECT_TRUE(wait_until([&] { return none_is_alive(pids); }, seconds(5)))
                << deed.what;
        EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(3)) << deed.what;
        kill(command.program().pid(), SIGCONT);
        EXPECT_EQ(command.wait(), deed.code) << deed.what << ": " << command.said();
        cluster.program(1).signal(SIGCONT);
        for (pid_t pid : pids)
            kill(pid, SIGKILL);
        ASSERT_TRUE(wait_until([] { return is_free("a"); })) << deed.what;
    }
}

/* A message that nobody reads, or that has no room, keeps lockctl from nothing. */
TEST_F(LockctlRun, MessagesNeverBlockAndNeverKill)
{
    for (bool full : {false, true}) {
        process::Scratch folder;
        std::string at = folder.path().string();
        int ends[2];
        ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
        if (full) {
            fcntl(ends[1], F_SETFL, O_NONBLOCK);
            while (write(ends[1], "x", 1) == 1)
                continue;
            fcntl(ends[1], F_SETFL, 0);
        } else {
            close(ends[0]);
        }
        setenv("LOCKD_TEST_LOSE", "2", 1);
        int code = run_prepared([&] { dup2(ends[1], 2); },
                words("run", {"a", "--ttl", "4s", "--", "/bin/sh", "-c", stubborn(at)}));
        unsetenv("LOCKD_TEST_LOSE");
        EXPECT_EQ(code, 74) << (full ? "full" : "broken");
        EXPECT_TRUE(none_is_alive(all_of(at))) << (full ? "full" : "broken");
        close(ends[1]);
        if (full)
            close(ends[0]);
    }
}

/* Every child of lockctl and of the warden has been waited for when lockctl has ended. */
TEST_F(LockctlRun, LeavesNoProcessBehind)
{
    Command command = shell("a", "echo pid=$$; (sleep 0.01 &); exec sleep 0.3");
    ASSERT_TRUE(command.wait_for("pid="));
    pid_t warden = child_of(command.program().pid());
    pid_t first = static_cast<pid_t>(number_behind(command.said(), "pid="));
    EXPECT_EQ(child_of(warden), first);
    EXPECT_EQ(command.wait(), 0);
    EXPECT_FALSE(is_alive(warden));
    EXPECT_FALSE(is_alive(first));
}

/* The standard output of a pipeline ends with the command, not with some helper. */
TEST_F(LockctlRun, PipelinesEnd)
{
    Command command({"/bin/sh", "-c",
            process::lockctl_binary() + " run a -- echo through | cat; echo over"});
    EXPECT_EQ(command.wait(seconds(5)), 0);
    EXPECT_EQ(command.said(), "through\nover\n");
}

/* ---- What it says is true ---- */

/* Stops the node when the command says so, and lets it go on after the test. */
TEST_F(LockctlRun, UnconfirmedReleaseHasItsCodeAndALine)
{
    for (int own : {0, 5}) {
        Command command = shell("a",
                "echo ready; while [ ! -e " + file("go") +
                        " ]; do sleep 0.02; done; exit " + std::to_string(own),
                {"--connect", "500ms"});
        ASSERT_TRUE(command.wait_for("ready"));
        cluster.program(1).signal(SIGSTOP);
        std::ofstream(file("go")) << "go";
        EXPECT_EQ(command.wait(), own == 0 ? 73 : own);
        cluster.program(1).signal(SIGCONT);
        EXPECT_NE(command.said().find("not confirmed that \"a\" is released"),
                std::string::npos)
                << command.said();
        std::filesystem::remove(file("go"));
        ASSERT_TRUE(wait_until([] { return is_free("a"); }));
    }
}

TEST_F(LockctlRun, ConflictCodeCanBeChosen)
{
    Command holder = shell("a", "echo ready; exec sleep 60");
    ASSERT_TRUE(holder.wait_for("ready"));
    EXPECT_EQ(shell("a", "true", {"--try"}).wait(), 75);
    EXPECT_EQ(shell("a", "true", {"--try", "-E", "9"}).wait(), 9);
    EXPECT_EQ(
            shell("a", "true", {"--wait", "50ms", "--conflict-exit-code", "0"}).wait(), 0);
    EXPECT_EQ(Command(words("acquire", {"a", "--try", "-E", "9"})).wait(), 9);
    EXPECT_EQ(
            Command(words("acquire", {"a", "--try", "--background", "-E", "9"})).wait(), 9);
    EXPECT_EQ(shell("a", "true", {"-E", "256"}).wait(), 64);
    /* Only this code: the command's own, and other failures, stay what they are. */
    EXPECT_EQ(shell("b", "exit 75", {"-E", "9"}).wait(), 75);
    EXPECT_EQ(shell("b", "true",
                      {"-E", "9", "--cluster", "127.0.0.1:1", "--connect", "100ms"})
                      .wait(),
            69);
}

/* --connect also holds for a request that is queued already. */
TEST_F(LockctlRun, GivesUpWaitingWhenTheClusterIsGone)
{
    Command holder = shell("a", "echo ready; exec sleep 60", {"--ttl", "60s"});
    ASSERT_TRUE(holder.wait_for("ready"));
    Command waiter = shell("a", "echo it ran", {"--ttl", "3s", "--connect", "500ms"});
    ASSERT_TRUE(wait_until([] {
        Command query(words("query", {"a", "--json"}));
        return query.wait() == 0 && query.said().find("\"waiting\":1") != std::string::npos;
    }));
    cluster.program(1).signal(SIGSTOP);
    EXPECT_EQ(waiter.wait(seconds(10)), 69) << waiter.said();
    cluster.program(1).signal(SIGCONT);
    EXPECT_NE(waiter.said().find("--connect 500ms"), std::string::npos) << waiter.said();
    EXPECT_EQ(waiter.said().find("it ran"), std::string::npos);
}

/* What the cluster refuses has a code for each reason, and value and limit are named. */
TEST(LockctlRefused, LimitAndTtlHaveTheirCodes)
{
    process::Cluster small(1, {"--sessions", "1"});
    small.start_all();
    ASSERT_NE(small.wait_for_leader(), 0);
    for (const char *name : {"run", "acquire"}) {
        std::vector<std::string> arguments = {
                "a", "--cluster", small.nodes(), "--ttl", "1h"};
        if (std::string(name) == "run")
            arguments.insert(arguments.end(), {"--", "true"});
        Command command(words(name, arguments));
        EXPECT_EQ(command.wait(), 78) << command.said();
        EXPECT_NE(command.said().find("ttl"), std::string::npos) << command.said();
    }
    Command holder(words("run", {"a", "--cluster", small.nodes(), "--", "/bin/sh", "-c",
                                        "echo ready; sleep 60"}));
    ASSERT_TRUE(holder.wait_for("ready")) << holder.said();
    Command second(words("run", {"b", "--cluster", small.nodes(), "--", "true"}));
    EXPECT_EQ(second.wait(), 72) << second.said();
    EXPECT_NE(second.said().find("limit"), std::string::npos) << second.said();
}

/* ---- A run within a run ---- */

TEST_F(LockctlRun, DoesNotWaitForItself)
{
    std::string lockctl = process::lockctl_binary();
    for (const char *inner : {" run a -- echo inner", " run a --try -- echo inner",
                 " acquire a", " run b -- " /* and within that, a again */}) {
        std::string script = lockctl + inner;
        if (script.back() == ' ')
            script += lockctl + " run a -- echo inner";
        Command outer = shell("a", script);
        EXPECT_EQ(outer.wait(seconds(5)), 75) << inner << ": " << outer.said();
        EXPECT_EQ(outer.said().find("inner\n"), std::string::npos);
        EXPECT_NE(outer.said().find("it would wait for itself"), std::string::npos)
                << outer.said();
    }
    EXPECT_EQ(shell("a", lockctl + " run b -- true").wait(), 0);
}

/* A daemon that was started under the lock may ask for it when the lock is another's. */
TEST_F(LockctlRun, MayAskForALockThatWasHeldOnce)
{
    std::string lockctl = process::lockctl_binary();
    Command first = shell("a", "env >" + file("environment"));
    ASSERT_EQ(first.wait(), 0);
    Command later({"/bin/sh", "-c",
            "export $(grep ^LOCKD_HELD= " + file("environment") +
                    "); [ -n \"$LOCKD_HELD\" ] && " + lockctl + " run a -- echo inner"});
    EXPECT_EQ(later.wait(), 0) << later.said();
    EXPECT_EQ(later.said(), "inner\n");
}

} // namespace
