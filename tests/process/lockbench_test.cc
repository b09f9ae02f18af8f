/* lockbench against a real cluster: its figures, its verdicts, its history. */
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string_view>
#include <thread>

#include "worlds/commands.h"
#include "worlds/ports.h"

namespace {

using process::Command;
using process::number_behind;

class Lockbench : public testing::Test {
protected:
    process::Cluster cluster{3};
    process::Scratch scratch;

    void SetUp() override
    {
        cluster.start_all();
        ASSERT_NE(cluster.wait_for_leader(), 0);
    }

    Command bench(std::vector<std::string> options)
    {
        options.insert(
                options.begin(), {process::lockbench_binary(), "--cluster", cluster.nodes(),
                                         "--warmup", "100ms", "--json"});
        return Command(options);
    }

    std::string history() const
    {
        return (scratch.path() / "history").string();
    }

    /* Its load runs: its history grows, however slow the machine is. */
    bool is_under_way() const
    {
        return process::wait_until([&] {
            std::error_code none;
            auto size = std::filesystem::file_size(history(), none);
            return !none && size > 1000;
        });
    }
};

/* How many acquires that were due within the measured time were granted. */
uint64_t granted_of(const std::string &said)
{
    return number_behind(said.substr(said.find("\"acquire\":")), "\"count\":");
}

/* ---- The rules of the format lockhist/1 that a writer can break ---- */

struct Operation {
    std::string line;
    uint64_t number(const std::string &key) const
    {
        return number_behind(line, "\"" + key + "\":");
    }
    std::string text(const std::string &key) const
    {
        size_t at = line.find("\"" + key + "\":\"");
        if (at == std::string::npos)
            return "";
        at += key.size() + 4;
        return line.substr(at, line.find('"', at) - at);
    }
    bool has(const std::string &key) const
    {
        return line.find("\"" + key + "\":") != std::string::npos;
    }
    bool is_unknown() const
    {
        return text("res") == "info";
    }
};

const std::map<std::string, std::set<std::string>> claims = {
        {"open", {"ok", "fail", "info"}},
        {"keepalive", {"ok", "expired"}},
        {"query", {"ok", "fail", "info"}},
        {"close", {"ok", "expired", "fail", "info"}},
        {"acquire", {"ok", "timeout", "expired", "fail", "info"}},
        {"try", {"ok", "held", "expired", "fail", "info"}},
        {"release", {"ok", "not_owner", "expired", "fail", "info"}},
};

/* Takes a run of the characters, at least one, at the front of the text. */
bool take(std::string_view &text, const char *characters)
{
    size_t count = std::min(text.find_first_not_of(characters), text.size());
    text.remove_prefix(count);
    return count > 0;
}

bool take_word(std::string_view &text)
{
    size_t end = text.find_first_of("\"\\", 1);
    bool good = text.starts_with('"') && end != text.npos && text[end] == '"';
    text.remove_prefix(good ? end + 1 : 0);
    return good;
}

bool take_value(std::string_view &text)
{
    bool is_null = text.starts_with("null");
    text.remove_prefix(is_null ? 4 : 0);
    return is_null || take(text, "0123456789") || take_word(text);
}

/* One flat object of words, whole numbers and null. */
bool has_shape(std::string_view text)
{
    bool good = text.starts_with('{');
    char before = '{';
    while (good && (before == '{' || before == ',')) {
        text.remove_prefix(1);
        good = take_word(text) && text.starts_with(':');
        text.remove_prefix(good ? 1 : 0);
        good = good && take_value(text) && !text.empty();
        before = good ? text.front() : ' ';
    }
    return good && text == "}";
}

std::vector<Operation> read_history(const std::string &path)
{
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line.rfind("{\"format\":\"lockhist/1\",", 0), 0U) << line;
    std::vector<Operation> operations;
    while (std::getline(file, line)) {
        EXPECT_TRUE(has_shape(line)) << line;
        operations.push_back({line});
    }
    return operations;
}

void check_operation(const Operation &operation)
{
    std::string op = operation.text("op");
    ASSERT_TRUE(claims.contains(op)) << operation.line;
    ASSERT_TRUE(claims.at(op).contains(operation.text("res"))) << operation.line;
    ASSERT_TRUE(operation.has("proc")) << operation.line;
    ASSERT_EQ(operation.has("session"), op != "query") << operation.line;
    bool of_session = op == "open" || op == "close" || op == "keepalive";
    ASSERT_EQ(operation.has("lock"), !of_session) << operation.line;
    bool open_end = operation.line.find("\"ret\":null") != std::string::npos;
    ASSERT_EQ(open_end, operation.is_unknown()) << operation.line;
    ASSERT_TRUE(open_end || operation.number("ret") >= operation.number("call"))
            << operation.line;
    bool grant = (op == "acquire" || op == "try") && operation.text("res") == "ok";
    ASSERT_TRUE(!grant || (operation.has("token") && operation.has("deadline")))
            << operation.line;
}

/* A proc does one thing at a time, and nothing after an unknown outcome. */
void check_procs(std::vector<Operation> operations)
{
    std::stable_sort(operations.begin(), operations.end(),
            [](const Operation &a, const Operation &b) {
                return a.number("call") < b.number("call");
            });
    std::map<uint64_t, uint64_t> busy_until;
    for (const Operation &operation : operations) {
        uint64_t proc = operation.number("proc");
        ASSERT_LE(busy_until[proc], operation.number("call")) << operation.line;
        busy_until[proc] = operation.is_unknown() ? UINT64_MAX : operation.number("ret");
    }
}

/* No token twice; larger, if later, on each lock. */
void check_tokens(const std::vector<Operation> &operations)
{
    std::set<uint64_t> tokens;
    std::map<std::string, std::map<uint64_t, uint64_t>> by_return;
    for (const Operation &operation : operations) {
        bool grant = operation.text("res") == "ok" && operation.has("deadline") &&
                     operation.has("token");
        if (!grant)
            continue;
        ASSERT_TRUE(tokens.insert(operation.number("token")).second) << operation.line;
        by_return[operation.text("lock")][operation.number("ret")] =
                operation.number("token");
    }
    for (const auto &[lock, grants] : by_return) {
        uint64_t last = 0;
        for (const auto &[ret, token] : grants) {
            ASSERT_GT(token, last) << lock;
            last = token;
        }
    }
}

void check_history(const std::vector<Operation> &operations)
{
    for (const Operation &operation : operations)
        check_operation(operation);
    check_procs(operations);
    check_tokens(operations);
}

TEST_F(Lockbench, ClosedLoopMeasuresAndIsRight)
{
    for (const char *load : {"uncontended", "contended", "mixed"}) {
        Command command = bench({"--workload", load, "--time", "500ms", "--inflight", "16",
                "--connections", "4", "--history", history()});
        EXPECT_EQ(command.wait(), 0) << command.said();
        std::string said = command.said();
        EXPECT_EQ(number_behind(said, "\"wrong\":"), 0U);
        EXPECT_GT(number_behind(said, "\"acquire\":{\"per_second\":"), 0U) << said;
        EXPECT_GT(number_behind(said, "\"entries_per_second\":"), 0U) << said;
        EXPECT_NE(said.find("\"commands_per_entry\""), std::string::npos);
        EXPECT_NE(said.find("\"replicate_ns\""), std::string::npos);
        EXPECT_NE(said.find("\"system_calls\""), std::string::npos);
        std::vector<Operation> operations = read_history(history());
        EXPECT_GT(operations.size(), 20U);
        check_history(operations);
    }
}

TEST_F(Lockbench, DrawsLatencyTimelineAndSweep)
{
    std::string folder = (scratch.path() / "pictures").string();
    Command command = bench({"--time", "200ms", "--inflight", "1,8", "--plot", folder});
    ASSERT_EQ(command.wait(), 0) << command.said();
    for (const char *name : {"latency", "timeline", "sweep"}) {
        std::ifstream file(folder + "/" + name + ".svg");
        std::string text{std::istreambuf_iterator<char>(file), {}};
        EXPECT_NE(text.find("</svg>"), std::string::npos) << name;
        EXPECT_NE(text.find("lockbench --"), std::string::npos) << name;
    }
    std::ifstream timeline(folder + "/timeline.dat");
    auto lines = std::count(std::istreambuf_iterator<char>(timeline), {}, '\n');
    EXPECT_EQ(lines, 1 + 200 / 10 + 1);
}

TEST_F(Lockbench, SaysThatGnuplotIsMissing)
{
    std::string folder = (scratch.path() / "pictures").string();
    Command command({"/usr/bin/env", "PATH=/nowhere", process::lockbench_binary(),
            "--cluster", cluster.nodes(), "--warmup", "0s", "--time", "100ms", "--plot",
            folder});
    EXPECT_EQ(command.wait(), 1);
    EXPECT_NE(command.said().find("gnuplot is not installed"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(folder + "/latency.gp"));
}

/* All that were due are started, on a slow machine late: neither fewer nor more. */
TEST_F(Lockbench, OpenLoopKeepsItsRate)
{
    Command command = bench({"--rate", "200", "--time", "1s", "--hold", "20ms"});
    EXPECT_EQ(command.wait(), 0) << command.said();
    EXPECT_EQ(granted_of(command.said()), 200U) << command.said();
}

/* The other half of liblock: a thread for each slot, blocking calls. */
TEST_F(Lockbench, G1_G2_BlockingCallsAreMeasuredAndRight)
{
    for (const char *workload : {"uncontended", "contended", "mixed"}) {
        Command command = bench({"--blocking", "--workload", workload, "--inflight", "32",
                "--connections", "4", "--time", "500ms"});
        EXPECT_EQ(command.wait(), 0) << command.said();
        EXPECT_EQ(number_behind(command.said(), "\"wrong\":"), 0U);
        EXPECT_NE(command.said().find("\"calls\":\"blocking\""), std::string::npos);
        EXPECT_GT(number_behind(command.said(), "\"acquire\":{\"per_second\":"), 0U);
    }
    Command wrong = bench({"--blocking", "--rate", "100"});
    EXPECT_EQ(wrong.wait(), 2) << wrong.said();
}

/* An option that would do nothing is a misunderstanding. */
TEST_F(Lockbench, OptionsThatDoNothingAreRefused)
{
    for (std::vector<std::string> flags :
            std::vector<std::vector<std::string>>{{"--late", "30ms"}, {"--locks", "3"},
                    {"--seed", "7"}, {"--workload", "contended", "--seed", "7"}}) {
        Command command = bench(flags);
        EXPECT_EQ(command.wait(), 2) << command.said();
        EXPECT_NE(command.said().find("does nothing here"), std::string::npos)
                << command.said();
    }
}

/*
 * One slot at 20 ms a round cannot begin 500 a second: what is late is left out, and said.
 */
TEST_F(Lockbench, WhatIsTooLateIsLeftOutAndCounted)
{
    Command command = bench({"--rate", "500", "--time", "1s", "--hold", "20ms",
            "--inflight", "1", "--late", "30ms"});
    EXPECT_EQ(command.wait(), 0) << command.said();
    std::string said = command.said();
    uint64_t left_out = number_behind(said, "\"left_out\":");
    EXPECT_GT(left_out, 400U);
    EXPECT_EQ(left_out + granted_of(said), 500U) << said;
    /* Nothing was started that was later than 30 ms, as far as the histogram can tell. */
    std::string lateness = said.substr(said.find("\"lateness_ns\""));
    EXPECT_LT(number_behind(lateness, "\"p50\":"), 33000000U) << said;
}

/*
 * A stall of the cluster shows in each request that it delayed, also in those that found no
 * slot to begin with.
 */
TEST_F(Lockbench, OpenLoopDoesNotHideAStall)
{
    Command command = bench({"--rate", "500", "--time", "2s", "--ttl", "30s", "--inflight",
            "16", "--history", history()});
    ASSERT_TRUE(is_under_way());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGCONT);
    EXPECT_EQ(command.wait(), 0) << command.said();
    std::string said = command.said();
    /* 600 ms of 2 s: three in ten waited, so one in ten waited for some hundred ms. */
    std::string acquire = said.substr(said.find("\"acquire\""));
    EXPECT_GT(number_behind(acquire, "\"p90\":"), 100000000U) << said;
    EXPECT_GT(number_behind(said, "\"longest_gap_ns\":"), 400000000U) << said;
}

/* ^C: what was measured is reported, as partial, and the history is whole. */
TEST_F(Lockbench, ASignalEndsTheRunWithWhatWasMeasured)
{
    for (std::vector<std::string> more : std::vector<std::vector<std::string>>{
                 {"--history", history()}, {"--rate", "100"}, {"--blocking"}}) {
        more.insert(more.end(), {"--time", "300s", "--warmup", "0s", "--inflight", "8"});
        Command command = bench(more);
        /* Long enough for a few grants on any machine; less shows below. */
        std::this_thread::sleep_for(std::chrono::seconds(2));
        command.program().signal(SIGINT);
        EXPECT_EQ(command.wait(), 128 + SIGINT) << command.said();
        std::string said = command.said();
        EXPECT_NE(said.find("\"partial\":true"), std::string::npos) << said;
        EXPECT_GT(number_behind(said, "\"acquire\":{\"per_second\":"), 0U) << said;
        EXPECT_LT(number_behind(said, "\"measured_ns\":"), 300000000000U) << said;
        EXPECT_EQ(number_behind(said, "\"wrong\":"), 0U) << said;
    }
    std::vector<Operation> operations = read_history(history());
    EXPECT_GT(operations.size(), 0U);
    check_history(operations);
}

/* A cluster that does not answer: the first signal waits for it a little, the second not. */
TEST_F(Lockbench, ASecondSignalEndsItAtOnce)
{
    Command command = bench({"--time", "300s", "--ttl", "60s", "--warmup", "0s"});
    std::this_thread::sleep_for(std::chrono::seconds(1));
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGSTOP);
    command.program().signal(SIGINT);
    command.program().signal(SIGTERM);
    int code = command.wait();
    EXPECT_TRUE(code == 128 + SIGINT || code == 128 + SIGTERM) << code;
    EXPECT_EQ(command.said().find("partial"), std::string::npos) << command.said();
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGCONT);
}

/* With the leader killed under load nothing is wrong, and work continues. */
TEST_F(Lockbench, G1_G2_G3_G6_LeaderKilledUnderLoadIsNoError)
{
    Command command = bench({"--workload", "mixed", "--time", "3s", "--inflight", "16",
            "--hold", "2ms", "--history", history()});
    ASSERT_TRUE(is_under_way());
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    cluster.kill(cluster.wait_for_leader());
    EXPECT_EQ(command.wait(), 0) << command.said();
    EXPECT_EQ(number_behind(command.said(), "\"wrong\":"), 0U);
    std::vector<Operation> operations = read_history(history());
    check_history(operations);
}

size_t count_of(const std::vector<Operation> &operations, const char *op, const char *res)
{
    return static_cast<size_t>(std::count_if(
            operations.begin(), operations.end(), [&](const Operation &operation) {
                return operation.text("op") == op && operation.text("res") == res;
            }));
}

/* A client that slept for longer than its lease goes on in a new session. */
TEST_F(Lockbench, LostSessionsAreOpenedAgain)
{
    Command command = bench({"--workload", "contended", "--time", "6s", "--inflight", "6",
            "--connections", "3", "--ttl", "1s", "--hold", "5ms", "--survive", "--history",
            history()});
    ASSERT_TRUE(is_under_way());
    command.program().signal(SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(3000));
    command.program().signal(SIGCONT);
    EXPECT_EQ(command.wait(), 0) << command.said();
    std::vector<Operation> operations = read_history(history());
    check_history(operations);
    EXPECT_EQ(count_of(operations, "open", "ok"), 6U);
    EXPECT_GT(count_of(operations, "keepalive", "ok"), 2U);
}

/* Looks see holders that the history knows, or nobody. */
TEST_F(Lockbench, G8_LooksAreInTheHistory)
{
    Command command = bench({"--workload", "contended", "--time", "1s", "--inflight", "8",
            "--hold", "2ms", "--look", "50", "--history", history()});
    EXPECT_EQ(command.wait(), 0) << command.said();
    std::vector<Operation> operations = read_history(history());
    check_history(operations);
    EXPECT_GT(count_of(operations, "query", "ok"), 0U);
    std::set<uint64_t> tokens;
    for (const Operation &operation : operations)
        tokens.insert(operation.text("op") == "acquire" ? operation.number("token") : 0);
    for (const Operation &operation : operations) {
        bool saw = operation.text("op") == "query" && operation.has("token");
        ASSERT_TRUE(!saw || tokens.contains(operation.number("token"))) << operation.line;
    }
}

/* Without a majority, acquires and releases with a limit end as unknown. */
TEST_F(Lockbench, G11_StandstillMakesUnknownOutcomes)
{
    Command command = bench({"--workload", "contended", "--time", "5s", "--inflight", "6",
            "--connections", "3", "--hold", "5ms", "--wait", "300ms", "--answer", "300ms",
            "--history", history()});
    ASSERT_TRUE(is_under_way());
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    for (int id = 1; id <= 3; id++)
        cluster.program(id).signal(SIGCONT);
    EXPECT_EQ(command.wait(), 0) << command.said();
    std::vector<Operation> operations = read_history(history());
    check_history(operations);
    EXPECT_GT(count_of(operations, "acquire", "info"), 2U);
    EXPECT_GT(count_of(operations, "release", "info"), 0U);
}

TEST(LockbenchUsage, WrongUsageAndNoClusterHaveTheirCodes)
{
    for (std::vector<std::string> wrong : std::vector<std::vector<std::string>>{
                 {"--workload", "heavy"}, {"--inflight", "0"}, {"--time", "1ms"},
                 {"--inflight", "2", "--connections", "3"}, {"--prefix", "a\"b"}, {"extra"},
                 {"--history", "/nonexistent/file"}, {"--cluster", ","}}) {
        wrong.insert(wrong.begin(), process::lockbench_binary());
        if (wrong[1] != "--cluster")
            wrong.insert(wrong.end(), {"--cluster", "127.0.0.1"});
        Command command(wrong);
        EXPECT_EQ(command.wait(), 2) << command.said();
        std::string said = command.said();
        EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    }
    std::string nowhere = "127.0.0.1:" + std::to_string(process::free_ports(1).front());
    Command command(
            {process::lockbench_binary(), "--cluster", nowhere, "--connect", "300ms"});
    EXPECT_EQ(command.wait(), 3) << command.said();
}

} // namespace
