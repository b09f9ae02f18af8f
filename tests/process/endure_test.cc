/*
 * What must not disturb a node: signals of a terminal that goes away, a log that nobody reads,
 * names that have no address yet.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "process/status_reading.h"
#include "worlds/ports.h"

namespace {

using process::Cluster;
using process::Command;
using process::expect_healthy;
using process::free_ports;
using process::Program;
using process::read_status_of;
using process::Reading;
using process::Scratch;
using process::wait_until;
using std::chrono::seconds;

TEST(Endure, SighupAndSigpipeEndNothing)
{
    Cluster cluster(1);
    cluster.start_all();
    cluster.wait_for_leader();
    for (int number : {SIGHUP, SIGPIPE, SIGHUP})
        cluster.program(1).signal(number);
    expect_healthy(cluster);
    EXPECT_TRUE(cluster.program(1).running());
    EXPECT_EQ(cluster.log(1).find("stopping"), std::string::npos) << cluster.log(1);
    EXPECT_EQ(cluster.stop(1), 0);
}

/* "lines_dropped":N of the JSON; -1: it is not there. */
long lines_dropped(const Reading &json)
{
    const std::string key = "\"lines_dropped\":";
    size_t at = json.said.find(key);
    return at == std::string::npos ? -1 : std::stol(json.said.substr(at + key.size()));
}

/* It logs much, as six members are missing, and goes on to answer; later all is told. */
TEST(Endure, StandardErrorThatNobodyReads)
{
    Scratch scratch;
    std::filesystem::path log = scratch.path() / "log";
    ASSERT_EQ(mkfifo(log.c_str(), 0600), 0);
    int reader = open(log.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    ASSERT_GE(fcntl(reader, F_SETPIPE_SZ, 4096), 0);
    std::vector<int> ports = free_ports(7);
    std::string list;
    for (size_t i = 0; i < ports.size(); i++)
        list += (i > 0 ? "," : "") + std::to_string(i + 1) +
                "=127.0.0.1:" + std::to_string(ports[i]);
    Program node({process::lockd_binary(), "--id", "1", "--cluster", list, "--data",
                         scratch.path() / "data", "--segment-size", "8MiB", "--log-level",
                         "debug"},
            log);
    std::string only = "1=127.0.0.1:" + std::to_string(ports[0]);
    Reading reading;
    EXPECT_TRUE(wait_until(
            [&] {
                reading = read_status_of(only, "--json");
                return lines_dropped(reading) > 0;
            },
            seconds(60)))
            << reading.said;
    EXPECT_TRUE(reading.has("not-bootstrapped")) << reading.said;
    std::string read_back;
    EXPECT_TRUE(wait_until([&] {
        char bytes[65536];
        ssize_t count = read(reader, bytes, sizeof bytes);
        if (count > 0)
            read_back.append(bytes, static_cast<size_t>(count));
        return read_back.find(" lines-dropped ") != std::string::npos;
    }));
    close(reader);
    EXPECT_TRUE(node.running());
    node.signal(SIGTERM);
    EXPECT_EQ(node.wait(), 0);
}

/* Its own /etc/hosts, in a mount namespace of its own. Needs root. */
std::vector<std::string> with_hosts(
        const std::filesystem::path &hosts, const std::vector<std::string> &command)
{
    std::vector<std::string> words = {"/usr/bin/unshare", "-m", "/bin/sh", "-c",
            "mount --bind \"$0\" /etc/hosts && exec \"$@\"", hosts};
    words.insert(words.end(), command.begin(), command.end());
    return words;
}

bool can_have_hosts(const std::filesystem::path &hosts)
{
    Command probe(with_hosts(hosts, {"/bin/true"}));
    return probe.wait() == 0;
}

void write_hosts(const std::filesystem::path &hosts, const std::string &more)
{
    std::ofstream file(hosts, std::ios::out | std::ios::trunc);
    file << "127.0.0.1 localhost\n" << more;
}

/* The name server comes up last: nodes find their own names and the others' when it has. */
TEST(Endure, NamesThatHaveNoAddressYet)
{
    Scratch scratch;
    std::filesystem::path hosts = scratch.path() / "hosts";
    write_hosts(hosts, "");
    if (!can_have_hosts(hosts))
        GTEST_SKIP() << "no file can be mounted over /etc/hosts here";
    std::vector<int> ports = free_ports(2);
    std::string list = "1=node-one.invalid:" + std::to_string(ports[0]) +
                       ",2=node-two.invalid:" + std::to_string(ports[1]);
    auto log_of = [&](int id) {
        return scratch.path() / ("log" + std::to_string(id));
    };
    auto start = [&](int id) {
        std::vector<std::string> words = {process::lockd_binary(), "--id",
                std::to_string(id), "--cluster", list, "--data",
                scratch.path() / ("n" + std::to_string(id)), "--segment-size", "8MiB"};
        return Program(with_hosts(hosts, words), log_of(id));
    };
    auto logs = [&](int id, const std::string &part) {
        return wait_until([&] {
            return process::read_file(log_of(id)).find(part) != std::string::npos;
        });
    };
    Program one = start(1);
    EXPECT_TRUE(logs(1, " cannot-listen ")) << process::read_file(log_of(1));
    write_hosts(hosts, "127.0.0.1 node-one.invalid\n");
    EXPECT_TRUE(logs(1, " serving ")) << process::read_file(log_of(1));
    EXPECT_TRUE(logs(1, " name-not-resolved ")) << process::read_file(log_of(1));
    write_hosts(hosts, "127.0.0.1 node-one.invalid\n127.0.0.1 node-two.invalid\n");
    Program two = start(2);
    std::string known = "1=127.0.0.1:" + std::to_string(ports[0]) +
                        ",2=127.0.0.1:" + std::to_string(ports[1]);
    Reading reading;
    EXPECT_TRUE(wait_until(
            [&] { return (reading = read_status_of(known)).code == 0; }, seconds(40)))
            << reading.said << process::read_file(log_of(1));
    for (Program *program : {&one, &two}) {
        program->signal(SIGTERM);
        EXPECT_EQ(program->wait(), 0);
    }
}

} // namespace
