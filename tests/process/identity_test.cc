/*
 * Processes that are not the member that they say to be: what `lockctl status` prints of them
 * and of those who refuse them, how it exits, what the logs say, and that nobody else is
 * disturbed.
 */
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>

#include "base/hash.h"
#include "process/status_reading.h"
#include "protocol/peer.h"
#include "worlds/ports.h"
#include "worlds/talker.h"

namespace fs = std::filesystem;

namespace {

using process::Cluster;
using process::Command;
using process::expect_healthy;
using process::expect_line;
using process::expect_status;
using process::line_at;
using process::Program;
using process::read_status;
using process::wait_until;
using std::chrono::seconds;

constexpr const char *stranger =
        "refuses a process that has another member's id, but is of another cluster, has "
        "another data directory, or is a second one: see the line peer-refused in its log, "
        "which has the address; stop that process or correct its settings";

void copy_directory(const fs::path &from, const fs::path &to)
{
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
}

void expect_logged(const Cluster &cluster, int id, const std::string &part)
{
    EXPECT_TRUE(wait_until([&] { return cluster.log(id).find(part) != std::string::npos; }))
            << "node " << id << " does not log: " << part;
}

/* A client that comes now is served soon. */
void expect_grant(const Cluster &cluster)
{
    Command run({process::lockctl_binary(), "run", "x", "--cluster", cluster.nodes(), "--",
            "true"});
    EXPECT_EQ(run.wait(seconds(20)), 0) << run.said();
}

/* One more lockd, which listens elsewhere than its list says. */
class Extra {
public:
    Extra(int id, const std::string &list, const fs::path &data)
            : id_(id), port_(process::free_ports(1).front()), log_(scratch_.path() / "log")
    {
        program_ =
                Program({process::lockd_binary(), "--id", std::to_string(id), "--cluster",
                                list, "--listen", "127.0.0.1:" + std::to_string(port_),
                                "--data", data.string(), "--segment-size", "8MiB"},
                        log_);
    }
    std::string list() const
    {
        return std::to_string(id_) + "=127.0.0.1:" + std::to_string(port_);
    }
    std::string line(const std::string &sentence) const
    {
        return line_at(port_, id_, sentence);
    }
    std::string said() const
    {
        return process::read_file(log_);
    }

private:
    process::Scratch scratch_;
    int id_;
    int port_;
    fs::path log_;
    Program program_;
};

/* It is told so by the others, and they tell their operators. */
TEST(Condition, OtherClusterAndStranger)
{
    Cluster cluster;
    cluster.start_all();
    cluster.wait_for_leader();
    cluster.kill(3);
    {
        Cluster other;
        other.start_all();
        other.wait_for_leader();
        other.kill_all();
        copy_directory(other.data(3), cluster.data(3));
    }
    cluster.start(3);
    expect_line(cluster, 3,
            "is of another cluster than the other members: start it with the data directory "
            "that it had in this cluster, or correct its --cluster and --data",
            1);
    for (int id : {1, 2}) {
        expect_line(cluster, id, stranger, 1);
        expect_logged(cluster, id, " peer-refused ");
    }
    expect_logged(cluster, 3, " peer-refused ");
    expect_grant(cluster);
}

/* As the other member says it: the vote of an empty log, which makes the log not empty. */
std::string vote_of_stranger(uint8_t to)
{
    struct peer_message vote {};
    vote.kind = PEER_VOTE;
    vote.from = 1;
    vote.to = to;
    vote.term = 1;
    vote.bootstrap = true;
    std::string body(128, '\0');
    struct wire wire =
            wire_writer(reinterpret_cast<unsigned char *>(body.data()), body.size());
    wire_peer_message(&wire, &vote);
    body.resize(wire.at);
    return server::make_frame(FRAME_PEER_VOTE, body);
}

/*
 * Its directory is one in which it has voted, for a cluster that never came to be; then it was
 * given another one, and the cluster knows that.
 */
TEST(Condition, OtherDirectory)
{
    Cluster cluster;
    process::Scratch scratch;
    cluster.start(3);
    {
        server::Talker talker(cluster.port(3));
        struct hello hello {};
        hello.role = HELLO_PEER;
        hello.versions = versions_known();
        hello.node = 1;
        hello.to = 3;
        const unsigned char ids[] = {1, 2, 3};
        hello.members = hash_bytes(ids, sizeof ids, 0);
        hello.incarnation = 77;
        hello.run = 77;
        hello.dial = 1;
        std::string body(128, '\0');
        struct wire wire =
                wire_writer(reinterpret_cast<unsigned char *>(body.data()), body.size());
        wire_hello(&wire, &hello);
        body.resize(wire.at);
        talker.send(server::make_frame(FRAME_HELLO, body));
        std::optional<server::Talker::answer> answer = talker.next();
        ASSERT_TRUE(answer && answer->kind == FRAME_PEER_WELCOME);
        /* Again and again: at first its log has no segment to write the vote to. */
        for (int i = 0; i < 200 && answer && answer->kind != FRAME_PEER_VOTE_ANSWER; i++) {
            talker.send(vote_of_stranger(3));
            answer = talker.next();
        }
        ASSERT_TRUE(answer && answer->kind == FRAME_PEER_VOTE_ANSWER) << "it does not vote";
    }
    cluster.kill(3);
    copy_directory(cluster.data(3), scratch.path() / "voted");
    fs::remove_all(cluster.data(3));
    cluster.start_all();
    cluster.wait_for_leader();
    expect_healthy(cluster);
    cluster.kill(3);
    copy_directory(scratch.path() / "voted", cluster.data(3));
    cluster.start(3);
    expect_line(cluster, 3,
            "is refused by the other members, because they know another data directory of "
            "it: start it with the data directory that it had, or correct its --id and "
            "--data",
            1);
    expect_line(cluster, 1, stranger, 1);
    expect_grant(cluster);
}

/* A copy of a member's directory, started while the member runs. */
TEST(Condition, IdTaken)
{
    Cluster cluster;
    process::Scratch scratch;
    cluster.start_all();
    cluster.wait_for_leader();
    expect_healthy(cluster);
    cluster.kill(3);
    copy_directory(cluster.data(3), scratch.path() / "copy");
    cluster.start(3);
    expect_healthy(cluster);
    Extra clone(3, cluster.nodes(), scratch.path() / "copy");
    expect_status(clone.list(),
            clone.line(
                    "is refused by the other members, because another process with its id "
                    "is alive: stop one of the two processes, or correct its --id"),
            69);
    EXPECT_NE(clone.said().find(" peer-refused "), std::string::npos) << clone.said();
    expect_line(cluster, 1, stranger, 1);
    expect_grant(cluster);
}

/* A fourth node, which nobody has added. */
TEST(Condition, NotMember)
{
    Cluster cluster;
    process::Scratch scratch;
    cluster.start_all();
    cluster.wait_for_leader();
    Extra fourth(4, cluster.nodes() + ",4=127.0.0.1:1", scratch.path() / "data");
    expect_status(fourth.list(),
            fourth.line(
                    "is new and not a member of the cluster yet: add it with lockctl members "
                    "add, or replace a member with lockctl members replace"),
            69);
    EXPECT_NE(fourth.said().find("by=peer"), std::string::npos) << fourth.said();
    expect_healthy(cluster);
}

/* Two lists for a cluster that is new: the one node has three members, the other two. */
TEST(Condition, NotAccepted)
{
    Cluster cluster;
    process::Scratch scratch;
    cluster.start(1);
    std::string list = "1=127.0.0.1:" + std::to_string(cluster.port(1)) + ",2=127.0.0.1:1";
    Extra second(2, list, scratch.path() / "data");
    expect_status(second.list(),
            second.line(
                    "is refused by other members: see the lines peer-refused in its log, "
                    "which say why"),
            69);
    EXPECT_NE(second.said().find("by=peer"), std::string::npos) << second.said();
}

/*
 * An old copy of a directory is put back after the node had taken part in what was committed
 * since; so two nodes commit what the third knows to be otherwise.
 */
TEST(Condition, Contradicted)
{
    Cluster cluster(3, {"--election-min", "500ms", "--election-max", "1s"});
    process::Scratch scratch;
    cluster.start_all();
    cluster.wait_for_leader();
    expect_healthy(cluster);
    cluster.kill(1);
    cluster.kill(3);
    copy_directory(cluster.data(3), scratch.path() / "old");
    cluster.start(3);
    cluster.wait_for_leader();
    for (int i = 0; i < 5; i++)
        expect_grant(cluster);
    cluster.program(2).signal(SIGSTOP);
    cluster.kill(3);
    copy_directory(scratch.path() / "old", cluster.data(3));
    cluster.start(3);
    cluster.start(1);
    EXPECT_TRUE(wait_until([&] { return cluster.leader() != 0; }));
    expect_grant(cluster);
    cluster.program(2).signal(SIGCONT);
    std::string sentence =
            "has a log that contradicts another member's: an old copy of a data directory "
            "was put back: stop the node with the old copy; the lines peer-refused in the "
            "log name the members";
    expect_line(cluster, 2, sentence, 1);
    int leader = 0;
    EXPECT_TRUE(wait_until([&] { return (leader = cluster.leader()) != 2; }));
    EXPECT_TRUE(read_status(cluster).has(sentence));
    expect_logged(cluster, 2, " peer-refused ");
}

} // namespace
