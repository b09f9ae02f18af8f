/*
 * Metrics and probes of a real node: what monitoring reads, and that nobody who uses the
 * port badly keeps others from it, or the node from its work.
 */
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "worlds/lockd.h"
#include "worlds/nodes.h"
#include "worlds/ports.h"

using namespace std::chrono_literals;
using process::wait_until;
using server::ended;
using server::has;
using server::Single;

namespace {

int connect_to(int port)
{
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void *any = &address;
    if (connect(made, static_cast<const struct sockaddr *>(any), sizeof address) == 0)
        return made;
    close(made);
    return -1;
}

void say(int socket, const std::string &text)
{
    EXPECT_EQ(send(socket, text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

/* All that comes until the end. */
std::string hear(int socket)
{
    std::string all;
    char part[4096];
    ssize_t count;
    while ((count = recv(socket, part, sizeof part, 0)) > 0)
        all.append(part, static_cast<size_t>(count));
    close(socket);
    return all;
}

std::string ask(int port, const std::string &request)
{
    int socket = connect_to(port);
    if (socket < 0)
        return "";
    say(socket, request);
    return hear(socket);
}

std::string get(int port, const std::string &path)
{
    return ask(port, "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
}

std::string content(const std::string &response)
{
    size_t end = response.find("\r\n\r\n");
    return end == std::string::npos ? "" : response.substr(end + 4);
}

struct Http : testing::Test {
    Http() : port(process::free_ports(1).at(0)), single({"--http", std::to_string(port)})
    {
        single.start();
        EXPECT_TRUE(single.leads());
    }
    int port;
    Single single;
};

TEST_F(Http, Pages)
{
    EXPECT_TRUE(
            single.lockd->says("serving-http address=127.0.0.1:" + std::to_string(port)));
    EXPECT_EQ(content(get(port, "/livez")), "ok\n");
    EXPECT_TRUE(wait_until([&] { return content(get(port, "/readyz")) == "ok\n"; }));
    EXPECT_TRUE(has(get(port, "/"), "/metrics"));
    EXPECT_TRUE(has(get(port, "/metrics"), "\nlockd_is_leader 1\n"));
    EXPECT_TRUE(has(get(port, "/status.json"), "\"condition\":\"healthy\""));
    EXPECT_TRUE(has(get(port, "/nothing"), "HTTP/1.1 404 "));
    EXPECT_TRUE(has(ask(port, "POST /metrics HTTP/1.1\r\n\r\n"), "405 Method"));
    EXPECT_TRUE(has(ask(port, "POST /metrics HTTP/1.1\r\n\r\n"), "\r\nAllow: GET\r\n"));
    EXPECT_TRUE(has(ask(port, "nonsense\r\n\r\n"), "HTTP/1.1 400 "));
    EXPECT_TRUE(has(ask(port, std::string(5000, 'a')), "HTTP/1.1 431 "));
}

/* The parser of the Prometheus project for Python accepts every line. */
TEST_F(Http, MetricsAreOfTheFormat)
{
    process::Scratch scratch;
    std::string file = (scratch.path() / "metrics").string();
    std::ofstream(file) << content(get(port, "/metrics"));
    std::string script =
            "import sys; from prometheus_client.parser import text_string_to_metric_families as read\n"
            "names = [f.name for f in read(open(sys.argv[1]).read())]\n"
            "assert len(names) > 50 and len(names) == len(set(names)), names\n";
    std::string line = "/usr/bin/python3 -c '" + script + "' " + file;
    EXPECT_EQ(system(line.c_str()), 0);
}

/* promtool is of the package prometheus, which the other tests do without. */
TEST(Alarms, PromtoolAcceptsThem)
{
    if (system("command -v promtool > /dev/null") != 0)
        GTEST_SKIP() << "promtool is not installed";
    std::string file = LOCKD_SOURCE_DIR "/lockd/packaging/prometheus-alerts.yml";
    EXPECT_EQ(system(("promtool check rules " + file).c_str()), 0);
}

TEST_F(Http, TheStatusIsJson)
{
    process::Scratch scratch;
    std::string file = (scratch.path() / "status").string();
    std::ofstream(file) << content(get(port, "/status.json"));
    EXPECT_EQ(
            system(("/usr/bin/python3 -m json.tool " + file + " > /dev/null").c_str()), 0);
}

/* A request in pieces, and one that ends in the middle. */
TEST_F(Http, PiecesArePutTogether)
{
    int whole = connect_to(port);
    for (std::string part : {"GET /li", "vez HTTP/1.1\r", "\nHost: a\r\n\r", "\n"}) {
        say(whole, part);
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(content(hear(whole)), "ok\n");
    int cut = connect_to(port);
    say(cut, "GET /livez HT");
    shutdown(cut, SHUT_WR);
    EXPECT_EQ(hear(cut), "");
}

/* More silent connections than there are slots: the oldest give way. */
TEST_F(Http, SilentConnectionsKeepNobodyOut)
{
    std::vector<int> silent;
    for (int i = 0; i < 40; i++) {
        silent.push_back(connect_to(port));
        if (i % 2 == 0)
            say(silent.back(), "GET /livez");
    }
    EXPECT_EQ(content(get(port, "/livez")), "ok\n");
    for (int socket : silent)
        close(socket);
    EXPECT_EQ(content(get(port, "/livez")), "ok\n");
    EXPECT_EQ(single.stop(), 0) << single.lockd->said();
}

TEST_F(Http, WhoeverReadsNothingIsGivenUp)
{
    std::vector<int> deaf;
    for (int i = 0; i < 8; i++) {
        deaf.push_back(connect_to(port));
        say(deaf.back(), "GET /metrics HTTP/1.1\r\n\r\n");
    }
    EXPECT_EQ(content(get(port, "/livez")), "ok\n");
    for (int socket : deaf)
        close(socket);
}

TEST(HttpPort, ThatIsTakenIsRefusedWithTheFlagToCorrect)
{
    int port = process::free_ports(1).at(0);
    Single first({"--http", std::to_string(port)});
    first.start();
    ASSERT_TRUE(first.leads());
    Single second({"--http", std::to_string(port)});
    ended got = server::run(second.flags());
    EXPECT_EQ(got.status, 1);
    EXPECT_TRUE(has(got.said, "cannot-listen")) << got.said;
    EXPECT_TRUE(has(got.said, "correct --http")) << got.said;
}

/* Without a majority a node lives, but clients should not be sent to it. */
TEST(HttpProbes, LiveButNotReadyWithoutAMajority)
{
    int port = process::free_ports(1).at(0);
    process::Cluster cluster(3);
    cluster.start_all();
    ASSERT_TRUE(wait_until([&] { return has(cluster.log(1), "founded"); }));
    cluster.kill_all();
    cluster.set("--http", std::to_string(port));
    cluster.start(1);
    ASSERT_TRUE(wait_until([&] { return content(get(port, "/livez")) == "ok\n"; }));
    std::string answer = get(port, "/readyz");
    EXPECT_TRUE(has(answer, "HTTP/1.1 503 ")) << answer;
    EXPECT_TRUE(has(answer, "no-leader: this node knows no leader")) << answer;
    EXPECT_TRUE(has(get(port, "/metrics"), "\nlockd_has_leader 0\n"));
}

} // namespace
