/*
 * What lockctl shows, and how it takes what people type: names of any bytes, who is in the
 * way, output that cannot be written, and clusters that are mixed up. Real processes.
 */
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <regex>

#include "lockctl_cluster.h"

namespace {

using process::Command;
using process::wait_until;
using std::chrono::seconds;

std::vector<std::string> words(std::vector<std::string> more)
{
    more.insert(more.begin(), process::lockctl_binary());
    return more;
}

/* A shell line that finds lockctl in $L. */
Command shell(const std::string &line)
{
    setenv("L", process::lockctl_binary().c_str(), 1);
    return Command({"/bin/sh", "-c", line});
}

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

class Look : public lockctl::OneNode {
protected:
    static std::string query(const std::string &name)
    {
        Command command(words({"query", "--json", "--", name}));
        EXPECT_EQ(command.wait(), 0) << command.said();
        return command.said();
    }
};

TEST_F(Look, NamesMayBeginWithADash)
{
    for (std::string name : {"-x", "--try", "--cluster=evil:1", "--help"}) {
        Command behind(words({"run", "--wait", "5s", "--", name, "/bin/sh", "-c",
                "echo got=$LOCKD_LOCK.; exit 3"}));
        EXPECT_EQ(behind.wait(), 3) << behind.said();
        EXPECT_TRUE(has(behind.said(), "got=" + name + ".\n")) << behind.said();
        Command holder(words({"acquire", "--", name}));
        ASSERT_TRUE(holder.wait_for("token ")) << holder.said();
        EXPECT_TRUE(has(query(name), "\"held\":true"));
        Command release(words({"release", "--", name}));
        EXPECT_EQ(release.wait(), 0) << release.said();
        EXPECT_EQ(holder.wait(), 0);
    }
    Command alone(words({"run", "-x", "--", "/bin/sh", "-c", "echo got=$LOCKD_LOCK."}));
    EXPECT_EQ(alone.wait(), 0);
    EXPECT_TRUE(has(alone.said(), "got=-x.\n")) << alone.said();
    Command wrong(words({"query", "-x"}));
    EXPECT_EQ(wrong.wait(), 64);
    EXPECT_TRUE(has(wrong.said(), "behind --")) << wrong.said();
}

/* Nothing that a name or a label contains reaches the terminal as a command. */
TEST_F(Look, NamesAndLabelsPlayNoTricks)
{
    std::string name = "a\x1b[31m\xc2\x9b\xff\nb";
    Command holder(words({"acquire", name, "--label", "me\x1b[2J\r"}));
    ASSERT_TRUE(holder.wait_for("token "));
    std::string all;
    for (std::vector<std::string> arguments : std::vector<std::vector<std::string>>{
                 {"run", name, "--try", "--", "true"}, {"acquire", name, "--wait", "600ms"},
                 {"query", name}, {"list"}, {"list", "--json"}, {"query", name, "--json"},
                 {"release", name + "c"}, {name}, {"run", "a", "--wait", name, "--", "b"},
                 {"list", name}, {"run", "a", "--cluster", name, "--", "b"},
                 {"acquire", "a", "--label", std::string(60, 'x') + name}}) {
        Command command(words(arguments));
        command.wait();
        all += command.said();
    }
    for (char c : all)
        ASSERT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f))
                << all;
    EXPECT_FALSE(has(all, "\xc2\x9b")) << all;
    EXPECT_FALSE(has(all, "\xff")) << all;
    EXPECT_TRUE(has(all, "a\\x1b[31m\\xc2\\x9b\\xff\\x0ab")) << all;
    EXPECT_TRUE(has(all, "me\\x1b[2J\\x0d")) << all;
    EXPECT_TRUE(has(all, "\"name_hex\":\"611b5b33316dc29bff0a62\"")) << all;
}

TEST_F(Look, WaitersSayWhoHoldsTheLockAndHowManyAreAhead)
{
    Command holder(words({"run", "a", "--", "/bin/sh", "-c", "echo ready; exec sleep 60"}));
    ASSERT_TRUE(holder.wait_for("ready"));
    Command first(words({"run", "a", "--", "true"}));
    ASSERT_TRUE(first.wait_for("this request is next")) << first.said();
    char host[256] = "";
    ASSERT_EQ(gethostname(host, sizeof(host) - 1), 0);
    std::string label = "@" + std::string(host).substr(0, 20);
    EXPECT_TRUE(has(first.said(), label)) << first.said();
    EXPECT_TRUE(has(first.said(), ":" + std::to_string(holder.program().pid()) + " sh "))
            << first.said();
    EXPECT_TRUE(std::regex_search(
            first.said(), std::regex(" since (....-..-.. )?..:..:.., for ")))
            << first.said();
    Command second(words({"acquire", "a", "--wait", "1s"}));
    EXPECT_EQ(second.wait(), 75);
    EXPECT_TRUE(has(second.said(), "1 request is ahead")) << second.said();
    /* Once, as this is no terminal, and the refusal. */
    std::string said = second.said();
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
    for (const char *quiet : {"--quiet", "-q"}) {
        Command silent(words({"run", "a", "--wait", "600ms", quiet, "--", "true"}));
        EXPECT_EQ(silent.wait(), 75);
        EXPECT_EQ(silent.said(), "");
    }
    Command wrong(words({"run", "a", "--quiet", "--ttl", "1ms", "--", "true"}));
    EXPECT_EQ(wrong.wait(), 64);
    EXPECT_NE(wrong.said(), "");
    holder.program().signal(SIGTERM);
    EXPECT_EQ(first.wait(), 0);
}

TEST_F(Look, QueryAnswersByItsExitCode)
{
    EXPECT_EQ(Command(words({"query", "a", "--exit-code"})).wait(), 1);
    EXPECT_EQ(Command(words({"query", "a"})).wait(), 0);
    Command holder(words({"acquire", "a"}));
    ASSERT_TRUE(holder.wait_for("token "));
    EXPECT_EQ(Command(words({"query", "a", "--exit-code"})).wait(), 0);
    EXPECT_EQ(Command(words({"query", "a", "--exit-code", "--json"})).wait(), 0);
    Command nowhere(words({"query", "a", "--exit-code", "--cluster", "127.0.0.1:1",
            "--connect", "200ms"}));
    EXPECT_EQ(nowhere.wait(), 69);
}

/* More than a page, and the widest name on the last one. */
TEST_F(Look, AListIsOneTable)
{
    std::vector<std::unique_ptr<Command>> holders;
    for (int i = 0; i < 70; i++) {
        std::string name = "n" + std::string(static_cast<size_t>(i), 'x');
        holders.push_back(std::make_unique<Command>(words({"acquire", name})));
    }
    for (auto &holder : holders)
        ASSERT_TRUE(holder->wait_for("token ")) << holder->said();
    Command list(words({"list"}));
    EXPECT_EQ(list.wait(), 0);
    std::istringstream lines(list.said());
    std::string line;
    size_t count = 0;
    size_t label_at = 0;
    while (std::getline(lines, line)) {
        size_t at = count == 0 ? line.find("label")
                    : line.find("@") == std::string::npos
                            ? std::string::npos
                            : line.rfind("  ", line.find("@")) + 2;
        if (count == 0)
            label_at = at;
        EXPECT_EQ(at, label_at) << line;
        count++;
    }
    EXPECT_EQ(count, 71U);
}

TEST_F(Look, OutputThatCannotBeWrittenIsAnError)
{
    Command holder(words({"acquire", "a"}));
    ASSERT_TRUE(holder.wait_for("token "));
    for (const char *line :
            {"list", "list --json", "query a", "query b --exit-code", "status",
                    "status --json", "status --latency", "version", "help", "run --help"}) {
        Command full = shell("$L " + std::string(line) + " >/dev/full");
        EXPECT_EQ(full.wait(), 71) << line;
        EXPECT_TRUE(has(full.said(), "cannot write the output")) << full.said();
        Command cut = shell("$L " + std::string(line) + " | true");
        EXPECT_EQ(cut.wait(), 0) << line;
        EXPECT_FALSE(has(cut.said(), "cannot write")) << cut.said();
    }
}

TEST_F(Look, StatusTellsClustersApart)
{
    process::Cluster other(1);
    other.start_all();
    ASSERT_NE(other.wait_for_leader(), 0);
    std::string mixed = cluster.nodes() + "," + other.nodes();
    Command status(words({"status", "--cluster", mixed}));
    EXPECT_EQ(status.wait(), 1) << status.said();
    EXPECT_TRUE(has(status.said(), "belongs to another cluster")) << status.said();
    Command json(words({"status", "--json", "--cluster", mixed}));
    EXPECT_EQ(json.wait(), 1);
    EXPECT_TRUE(has(json.said(), "\"other_cluster\":true")) << json.said();
    EXPECT_TRUE(has(json.said(), "\"other_cluster\":false")) << json.said();
    /* One process behind two addresses is not two. */
    std::string port = cluster.nodes().substr(cluster.nodes().rfind(':'));
    Command same(words({"status", "--cluster", cluster.nodes() + ",localhost" + port}));
    EXPECT_EQ(same.wait(), 0) << same.said();
    EXPECT_FALSE(has(same.said(), "runs twice")) << same.said();
}

} // namespace
