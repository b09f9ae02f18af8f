/*
 * What a node survives: kills, signals, strangers and low limits.
 */
#include <gtest/gtest.h>
#include <signal.h>

#include <random>

#include "protocol/node_status.h"
#include "worlds/lockd.h"
#include "worlds/ports.h"

using server::has;
using server::Lockd;
using server::make_frame;
using server::Single;
using server::state_of;
using server::Talker;
using server::words;

namespace {

/* Three nodes with ports and directories of their own. */
struct Three {
    Three() : ports(process::free_ports(3))
    {
        for (int id = 1; id <= 3; id++)
            start(id);
    }
    void start(int id)
    {
        std::string list;
        for (int i = 1; i <= 3; i++)
            list += (i > 1 ? "," : "") + std::to_string(i) +
                    "=127.0.0.1:" + std::to_string(ports[static_cast<size_t>(i - 1)]);
        node(id) = std::make_unique<Lockd>(
                words{"--id", std::to_string(id), "--cluster", list, "--data",
                        scratch.path() / std::to_string(id), "--segment-size", "4MiB"});
    }
    std::unique_ptr<Lockd> &node(int id)
    {
        return nodes[static_cast<size_t>(id - 1)];
    }
    /* Who leads and can serve. */
    int leader()
    {
        int found = 0;
        process::wait_until([&] {
            uint64_t term = 0;
            found = 0;
            for (int id = 1; id <= 3; id++) {
                if (!node(id) || !node(id)->program.running())
                    continue;
                auto state = state_of(ports[static_cast<size_t>(id - 1)]);
                if (state && state->role == ROLE_LEADER &&
                        state->condition == CONDITION_HEALTHY && state->term > term) {
                    term = state->term;
                    found = id;
                }
            }
            return found != 0;
        });
        return found;
    }
    process::Scratch scratch;
    std::vector<int> ports;
    std::unique_ptr<Lockd> nodes[3];
};

std::string noise(std::mt19937 &random, size_t count)
{
    std::string bytes(count, '\0');
    for (char &byte : bytes)
        byte = static_cast<char>(random());
    return bytes;
}

} // namespace

/* The log outlives kill -9, any number of times, and a restart at once finds its port. */
TEST(Service, KillAndRestartKeepTheLog)
{
    Single single;
    uint64_t cluster = 0;
    uint64_t last = 0;
    for (int round = 0; round < 5; round++) {
        single.start();
        ASSERT_TRUE(single.leads()) << single.lockd->said();
        auto state = state_of(single.port);
        ASSERT_TRUE(state);
        EXPECT_GT(state->last, last) << "each term begins with an entry";
        EXPECT_NE(state->cluster, 0u);
        EXPECT_TRUE(round == 0 || state->cluster == cluster);
        cluster = state->cluster;
        last = state->last;
        single.kill();
    }
}

TEST(Service, SignalsStopItWithStatus0)
{
    for (int number : {SIGTERM, SIGINT}) {
        Single single;
        single.start();
        ASSERT_TRUE(single.leads());
        single.lockd->program.signal(number);
        EXPECT_EQ(single.lockd->program.wait(), 0) << single.lockd->said();
        EXPECT_TRUE(has(single.lockd->said(), " stopped "));
    }
}

/* Whoever cannot wait for the handing over sends the signal again. */
TEST(Service, ASecondSignalEndsItAtOnce)
{
    Three three;
    int leader = three.leader();
    ASSERT_NE(leader, 0);
    for (int id = 1; id <= 3; id++) {
        if (id != leader)
            three.node(id)->program.signal(SIGKILL);
    }
    process::Program &program = three.node(leader)->program;
    program.signal(SIGTERM);
    ASSERT_TRUE(three.node(leader)->says(" stopping "));
    program.signal(SIGTERM);
    int status = program.wait(std::chrono::seconds(1));
    EXPECT_EQ(status, 1) << three.node(leader)->said();
}

TEST(Service, ThreeNodesElectFailOverAndComeBack)
{
    Three three;
    int first = three.leader();
    ASSERT_NE(first, 0);
    three.node(first)->program.signal(SIGKILL);
    three.node(first)->program.wait();
    int second = three.leader();
    ASSERT_NE(second, 0);
    EXPECT_NE(second, first);
    three.start(first);
    uint64_t commit = state_of(three.ports[static_cast<size_t>(second - 1)])->commit;
    EXPECT_TRUE(process::wait_until([&] {
        auto state = state_of(three.ports[static_cast<size_t>(first - 1)]);
        return state && state->condition == CONDITION_HEALTHY && state->applied >= commit;
    }));
}

/* A leader that is stopped hands over first: the next leads before it is gone. */
TEST(Service, SigtermOfALeaderHandsOver)
{
    Three three;
    int first = three.leader();
    ASSERT_NE(first, 0);
    three.node(first)->program.signal(SIGTERM);
    EXPECT_EQ(three.node(first)->program.wait(), 0);
    EXPECT_TRUE(has(three.node(first)->said(), "handed-over")) << three.node(first)->said();
    EXPECT_NE(three.leader(), first);
}

/* Random bytes, and every damage of a good frame: that connection ends, nobody else's. */
TEST(Service, NonsenseOnThePortDisturbsNobody)
{
    Single single;
    single.start();
    ASSERT_TRUE(single.leads());
    Talker good(single.port);
    ASSERT_TRUE(good.hello());
    ASSERT_TRUE(good.ask_state());
    std::mt19937 random(1);
    uint64_t sent = 0;
    for (size_t count : {16, 17, 100, 5000, 300000}) {
        Talker bad(single.port);
        bad.send(noise(random, count));
        EXPECT_TRUE(bad.ended()) << count;
        sent++;
    }
    struct {
        frame_kind kind;
        std::string body;
    } rows[] = {
            {FRAME_HELLO, ""},
            {FRAME_HELLO, "short"},
            {FRAME_HELLO, std::string(1000, '\0')},  /* Version 0 */
            {FRAME_REQUESTS, std::string(40, '\0')}, /* Before any hello */
            {FRAME_WELCOME, std::string(40, '\0')},
            {FRAME_PEER_APPEND, std::string(200, 'x')},
    };
    for (const auto &row : rows) {
        Talker bad(single.port);
        bad.send(make_frame(row.kind, row.body));
        EXPECT_TRUE(bad.ended()) << row.kind;
        sent++;
    }
    for (size_t at : {3, 4, 6, 7, 10}) { /* Length, kind, version, zero, sum */
        std::string frame = make_frame(FRAME_HELLO, std::string(20, '\0'));
        frame[at] = static_cast<char>(frame[at] ^ 0x55);
        Talker bad(single.port);
        bad.send(frame);
        EXPECT_TRUE(bad.ended());
        sent++;
    }
    for (int kind : {FRAME_REQUESTS, FRAME_READ, FRAME_HELLO}) {
        Talker bad(single.port);
        ASSERT_TRUE(bad.hello());
        bad.send(make_frame(static_cast<frame_kind>(kind), std::string(77, '\xee')));
        EXPECT_TRUE(bad.ended()) << kind;
        sent++;
    }
    auto state = good.ask_state();
    ASSERT_TRUE(state) << "another client was disturbed";
    EXPECT_EQ(state->bad_frames, sent);
    EXPECT_TRUE(has(single.lockd->said(), "bad-frame"));
    EXPECT_EQ(single.stop(), 0);
}

/*
 * Half a frame that never ends, and a client that never reads: both cost only themselves.
 */
TEST(Service, StalledClientsDisturbNobody)
{
    Single single;
    single.start();
    ASSERT_TRUE(single.leads());
    Talker half(single.port);
    half.send(make_frame(FRAME_HELLO, std::string(20, '\0')).substr(0, 10));
    Talker deaf(single.port);
    ASSERT_TRUE(deaf.hello());
    std::string many;
    for (int i = 0; i < 20000; i++)
        many += make_frame(FRAME_STATUS, "");
    deaf.send(many);
    Talker good(single.port);
    ASSERT_TRUE(good.hello());
    EXPECT_TRUE(good.ask_state());
    EXPECT_TRUE(single.lockd->says("slow-reader")) << single.lockd->said();
    EXPECT_TRUE(good.ask_state());
    EXPECT_EQ(single.stop(), 0);
}

TEST(Service, ManyConnectionsAtOnce)
{
    Single single({"--connections", "64"});
    single.start();
    ASSERT_TRUE(single.leads());
    std::vector<std::unique_ptr<Talker>> talkers;
    size_t welcome = 0;
    for (int i = 0; i < 100; i++) {
        talkers.push_back(std::make_unique<Talker>(single.port));
        welcome += talkers.back()->hello();
    }
    EXPECT_GE(welcome, 50u);
    EXPECT_LE(welcome, 64u + 8u) << "an eighth more may ask for the status";
    EXPECT_TRUE(single.lockd->says("connections-full"));
    talkers.clear();
    EXPECT_TRUE(single.leads()) << "slots are free again";
    EXPECT_EQ(single.stop(), 0);
}

TEST(Service, SaysWhenOthersCanReachIt)
{
    int port = process::free_ports(1)[0];
    process::Scratch scratch;
    for (const char *host : {"127.0.0.1", "0.0.0.0"}) {
        Lockd lockd({"--dev", scratch.path() / host, "--segment-size", "4MiB", "--listen",
                std::string(host) + ":" + std::to_string(port)});
        EXPECT_TRUE(lockd.says(" leader "));
        EXPECT_EQ(has(lockd.said(), "not-authenticated"), std::string(host) == "0.0.0.0");
        lockd.program.signal(SIGTERM);
        EXPECT_EQ(lockd.program.wait(), 0);
    }
}

/* A thread of the node writes its log, so a line may come later than what it tells about. */
bool logs(const std::string &file, const std::string &line)
{
    return process::wait_until([&] { return has(process::read_file(file), line); });
}

static process::Program start_limited(
        const std::string &limits, const std::filesystem::path &data, int port)
{
    std::string shell = limits + process::lockd_binary() + " --segment-size 4MiB --dev " +
                        data.string() + " --listen 127.0.0.1:" + std::to_string(port);
    return process::Program({"/bin/sh", "-c", shell}, data.string() + ".log");
}

/* With few descriptors allowed there are fewer connections, and that is said. */
TEST(Service, LivesWithFewDescriptors)
{
    int port = process::free_ports(1)[0];
    process::Scratch scratch;
    process::Program program = start_limited(
            "ulimit -Sn 100; ulimit -Hn 200; exec ", scratch.path() / "d", port);
    ASSERT_TRUE(process::wait_until([&] { return state_of(port).has_value(); }));
    std::string log = scratch.path() / "d.log";
    EXPECT_TRUE(logs(log, "fewer-connections connections=136 wanted=4096"));
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait(), 0) << process::read_file(log);
}

/*
 * What one node would only like to have locked is not taken from what others need, and with
 * less than a whole ring's worth a node still serves. Root's memory is counted only where it is
 * kept from locking any amount; a plain user's together with all else that runs for it, so for
 * such a user this would be about the tests beside it.
 */
TEST(Service, NodesOfAUserShareItsLockedMemory)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "only root's locked memory is counted for this test alone";
    constexpr size_t count = 8;
    const std::string counted = "exec setpriv --bounding-set=-ipc_lock ";
    std::vector<int> ports = process::free_ports(count);
    process::Scratch scratch;
    std::vector<process::Program> programs;
    for (size_t i = 0; i < count; i++) {
        std::filesystem::path data = scratch.path() / std::to_string(i);
        std::string limit = i == 0 ? "ulimit -l 64; " : "ulimit -l 8192; ";
        programs.push_back(start_limited(limit + counted, data, ports[i]));
        EXPECT_TRUE(process::wait_until([&] { return state_of(ports[i]).has_value(); }))
                << process::read_file(data.string() + ".log");
        EXPECT_TRUE(logs(data.string() + ".log", "log-buffer-not-registered"));
    }
}

/* The slower method of writing is as durable. */
TEST(Service, WritesWithFsyncToo)
{
    Single single({"--write", "fsync"});
    single.start();
    ASSERT_TRUE(single.leads());
    uint64_t last = state_of(single.port)->last;
    single.kill();
    single.start();
    ASSERT_TRUE(single.leads());
    EXPECT_GT(state_of(single.port)->last, last);
}

#ifdef LOCKD_SEALED_PATH
/* All memory is taken at start: lockd_sealed dies of the first allocation while serving. */
TEST(Service, AllocatesNothingWhileServing)
{
    Single single({"--log-level", "debug"}, LOCKD_SEALED_PATH);
    single.start();
    ASSERT_TRUE(single.leads()) << single.lockd->said();
    std::mt19937 random(2);
    for (int i = 0; i < 20; i++) {
        Talker bad(single.port);
        bad.send(noise(random, 1000));
        EXPECT_TRUE(bad.ended());
        EXPECT_TRUE(state_of(single.port));
    }
    EXPECT_EQ(single.stop(), 0) << single.lockd->said();
}
#endif
