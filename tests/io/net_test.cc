/*
 * Connections, over real loopback sockets: what the node is told, what the other side sees.
 */
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "io/listen.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "worlds/fake_node.h"

namespace {

template <size_t SIZE> void set_text(char (&field)[SIZE], const std::string &text)
{
    ASSERT_LT(text.size(), SIZE);
    memcpy(field, text.c_str(), text.size() + 1);
}

struct address loopback(uint16_t port)
{
    struct address address {};
    set_text(address.host, "127.0.0.1");
    address.port = port;
    return address;
}

uint16_t port_of(int fd)
{
    sockaddr_in own{};
    socklen_t length = sizeof own;
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr *>(&own), &length), 0);
    return ntohs(own.sin_port);
}

/* A listening socket on a port that the kernel chose. */
int listen_anywhere()
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr *>(&own), sizeof own), 0);
    char reason[LISTEN_REASON_BYTES];
    struct address address = loopback(0);
    EXPECT_TRUE(listen_begin(fd, &address, reason));
    return fd;
}

/* The other side, with plain sockets. */
class other {
public:
    explicit other(uint16_t port) : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port);
        EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof to), 0);
    }
    ~other()
    {
        close(fd);
    }
    void say(const std::string &bytes) const
    {
        EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }
    /* What is there now. */
    std::string hear(int *ended = nullptr)
    {
        char bytes[65536];
        ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (ended)
            *ended = count == 0 ? 1 : count < 0 && errno != EAGAIN ? errno : 0;
        return count > 0 ? std::string(bytes, static_cast<size_t>(count)) : std::string();
    }
    int fd;
};

/* What io accepts in one turn (ACCEPTS_PER_TURN of net.c) */
constexpr size_t accepts_per_turn = 32;

struct Net : testing::Test {
    Net() : listener(listen_anywhere()), port(port_of(listener))
    {
        settings.self = 1;
        settings.member_count = 1;
        settings.members[0].id = 1;
    }
    void begin(uint32_t connections = 16)
    {
        world = std::make_unique<io_world>(connections);
        world->begin_net(settings, listener);
    }
    void add_member(uint8_t id, const std::string &address)
    {
        node_member &member = settings.members[settings.member_count++];
        member.id = id;
        set_text(member.address, address);
    }
    ~Net() override
    {
        world.reset();
        close(listener);
    }
    bool run_until_count(node_event_kind kind, size_t count)
    {
        return world->run_until([&] { return world->node.count(kind) >= count; });
    }
    void want_send(uint32_t conn, const std::string &bytes)
    {
        world->node.sends.push_back(node_send{
                conn, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size()});
    }

    int listener;
    uint16_t port;
    node_settings settings{};
    std::unique_ptr<io_world> world;
};

} // namespace

TEST_F(Net, TellsOfBytesAnswersAndTheEnd)
{
    begin();
    auto client = std::make_unique<other>(port);
    ASSERT_TRUE(run_until_count(NODE_ACCEPTED, 1));
    uint32_t conn = world->node.last(NODE_ACCEPTED)->conn;
    std::string question(10000, 'q');
    client->say(question);
    ASSERT_TRUE(world->run_until([&] { return world->node.received(conn) == question; }));

    std::string answer = "answer";
    want_send(conn, answer);
    ASSERT_TRUE(run_until_count(NODE_SENT, 1));
    EXPECT_EQ(world->node.last(NODE_SENT)->count, answer.size());
    EXPECT_EQ(client->hear(), answer);

    client.reset();
    ASSERT_TRUE(run_until_count(NODE_CLOSED, 1));
    EXPECT_TRUE(world->node.last(NODE_CLOSED)->by_other);
}

/* What is on its way when the node closes arrives, though unread bytes would reset it. */
TEST_F(Net, ClosingLetsTheLastBytesArrive)
{
    begin();
    other client(port);
    client.say(std::string(200, 'x'));
    ASSERT_TRUE(run_until_count(NODE_RECEIVED, 1));
    uint32_t conn = world->node.last(NODE_RECEIVED)->conn;
    std::string last(100000, 'r');
    want_send(conn, last);
    world->node.closes.push_back(conn);
    client.say(std::string(20000, 'y'));
    std::string heard;
    int ended = 0;
    ASSERT_TRUE(world->run_until([&] {
        heard += client.hear(&ended);
        return ended != 0;
    }));
    EXPECT_EQ(ended, 1) << strerror(ended);
    EXPECT_EQ(heard, last);
    ASSERT_TRUE(run_until_count(NODE_CLOSED, 1));
    EXPECT_FALSE(world->node.last(NODE_CLOSED)->by_other);
    /* And nothing is told of a connection after it was given up. */
    EXPECT_EQ(world->node.received(conn), std::string(200, 'x'));
}

/* A client that neither reads nor hangs up does not keep its slot. */
TEST_F(Net, LingeringEnds)
{
    begin();
    other client(port);
    ASSERT_TRUE(run_until_count(NODE_ACCEPTED, 1));
    world->node.closes.push_back(world->node.last(NODE_ACCEPTED)->conn);
    EXPECT_TRUE(run_until_count(NODE_CLOSED, 1));
}

TEST_F(Net, LargeOutputGoesOutPieceByPiece)
{
    begin();
    other client(port);
    ASSERT_TRUE(run_until_count(NODE_ACCEPTED, 1));
    uint32_t conn = world->node.last(NODE_ACCEPTED)->conn;
    std::string all(8 << 20, 'a');
    size_t sent = 0;
    size_t seen = 0;
    std::string rest = all;
    want_send(conn, rest);
    size_t heard = 0;
    ASSERT_TRUE(world->run_until([&] {
        heard += client.hear().size();
        const auto &events = world->node.events;
        for (; seen < events.size(); seen++) {
            if (events[seen].kind != NODE_SENT)
                continue;
            sent += events[seen].count;
            rest = all.substr(sent);
            if (!rest.empty())
                want_send(conn, rest);
        }
        return heard == all.size();
    }));
    EXPECT_EQ(sent, all.size());
}

TEST_F(Net, RefusesInTheProtocolWhenFull)
{
    begin(2);
    other first(port);
    other second(port);
    ASSERT_TRUE(run_until_count(NODE_ACCEPTED, 2));
    other third(port);
    std::string heard;
    int ended = 0;
    ASSERT_TRUE(world->run_until([&] {
        heard += third.hear(&ended);
        return ended != 0;
    }));
    EXPECT_EQ(world->node.count(NODE_ACCEPTED), 2u);
    frame_reader reader;
    unsigned char buffer[256];
    frame frame;
    frame_reader_init(&reader, buffer, sizeof buffer);
    frame_reader_feed(&reader, heard.data(), heard.size());
    ASSERT_TRUE(frame_reader_next(&reader, &frame));
    EXPECT_EQ(frame.kind, FRAME_REFUSED);
    EXPECT_EQ(frame.body[0], REFUSED_FULL);
    ASSERT_FALSE(world->lines.empty());
    EXPECT_NE(world->lines.back().find("connections-full"), std::string::npos);
}

/*
 * The slot of a connection that ended is used again, and only after the node heard of it.
 */
TEST_F(Net, UsesSlotsAgain)
{
    begin(1);
    for (size_t round = 1; round <= 20; round++) {
        other client(port);
        ASSERT_TRUE(run_until_count(NODE_ACCEPTED, round));
        shutdown(client.fd, SHUT_RDWR);
        ASSERT_TRUE(run_until_count(NODE_CLOSED, round));
    }
    const auto &events = world->node.events;
    for (size_t i = 0; i < events.size(); i++)
        EXPECT_EQ(events[i].kind, i % 2 == 0 ? NODE_ACCEPTED : NODE_CLOSED);
}

/* A peer's bytes land where the node wants them: no copy (design of appends). */
TEST_F(Net, ReceivesFromPeersStraightIntoTheNode)
{
    begin();
    other peer(port);
    ASSERT_TRUE(run_until_count(NODE_ACCEPTED, 1));
    uint32_t conn = world->node.last(NODE_ACCEPTED)->conn;
    world->node.peers.insert(conn);
    peer.say(std::string(FRAME_HEAD_BYTES + 100, 'h'));
    ASSERT_TRUE(run_until_count(NODE_RECEIVED, 1));
    size_t before = world->node.events.size();
    peer.say(std::string(50000, 'a'));
    ASSERT_TRUE(world->run_until(
            [&] { return world->node.received(conn).size() == FRAME_HEAD_BYTES + 50100; }));
    for (size_t i = before; i < world->node.events.size(); i++)
        EXPECT_EQ(world->node.events[i].where, world->node.input.data());
}

TEST_F(Net, ConnectsToPeersAndSaysWhenItCannot)
{
    int peer = listen_anywhere();
    int gone = listen_anywhere();
    add_member(2, "127.0.0.1:" + std::to_string(port_of(peer)));
    add_member(3, "127.0.0.1:" + std::to_string(port_of(gone)));
    close(gone);
    begin();
    world->node.wants.connect_count = 2;
    world->node.wants.connects[0] = 2;
    world->node.wants.connects[1] = 3;
    ASSERT_TRUE(run_until_count(NODE_CONNECTED, 1));
    ASSERT_TRUE(run_until_count(NODE_CONNECT_FAILED, 1));
    EXPECT_EQ(world->node.last(NODE_CONNECTED)->peer, 2);
    EXPECT_EQ(world->node.last(NODE_CONNECT_FAILED)->peer, 3);
    EXPECT_EQ(world->node.count(NODE_CLOSED), 0u);
    close(peer);
}

TEST_F(Net, ResolvesNamesOutsideTheLoop)
{
    int peer = listen_anywhere();
    add_member(2, "localhost:" + std::to_string(port_of(peer)));
    add_member(3, "no-such-host.invalid:5625");
    begin();
    world->begin_names();
    bool connected = false;
    ASSERT_TRUE(world->run_until([&] {
        /*
         * localhost may be ::1 first, where nobody listens: the next attempt takes the
         * next.
         */
        bool ready = world->node.count(NODE_CONNECT_FAILED) +
                             world->node.count(NODE_CONNECTED) >=
                     world->net.peers[0].next;
        connected = world->node.count(NODE_CONNECTED) > 0;
        if (ready && !connected && !world->net.peers[0].wanted) {
            world->node.wants.connect_count = 1;
            world->node.wants.connects[0] = 2;
        }
        return connected;
    }));
    world->node.events.clear();
    world->node.wants.connect_count = 1;
    world->node.wants.connects[0] = 3;
    ASSERT_TRUE(run_until_count(NODE_CONNECT_FAILED, 1));
    EXPECT_EQ(world->node.last(NODE_CONNECT_FAILED)->peer, 3);
    bool said = false;
    for (const std::string &line : world->lines)
        said |= line.find("name-not-resolved peer=3") != std::string::npos;
    EXPECT_TRUE(said);
    close(peer);
}

TEST(Listen, SaysWhoIsInTheWay)
{
    char reason[LISTEN_REASON_BYTES] = "";
    bool later = false;
    int taken = listen_anywhere();
    struct address address = loopback(port_of(taken));
    EXPECT_EQ(listen_bind(&address, reason, &later), -1);
    EXPECT_NE(strstr(reason, "another process listens there"), nullptr) << reason;
    close(taken);
    int fd = listen_bind(&address, reason, &later);
    ASSERT_GE(fd, 0) << reason;
    EXPECT_TRUE(listen_is_loopback(fd));
    close(fd);
    set_text(address.host, "192.0.2.1");
    EXPECT_EQ(listen_bind(&address, reason, &later), -1);
    EXPECT_NE(strstr(reason, "--listen"), nullptr) << reason;
}

TEST(Listen, TakesIpv6)
{
    char reason[LISTEN_REASON_BYTES] = "";
    bool later = false;
    struct address address {};
    set_text(address.host, "::1");
    int fd = listen_bind(&address, reason, &later);
    if (fd < 0)
        GTEST_SKIP() << reason;
    EXPECT_TRUE(listen_is_loopback(fd));
    close(fd);
    sockaddr_storage numeric;
    EXPECT_TRUE(names_numeric(&address, &numeric));
    EXPECT_EQ(numeric.ss_family, AF_INET6);
}

/* Many come at once: each turn takes a few of them, and in the end all are served. */
TEST_F(Net, ATurnAcceptsSoManyAtMost)
{
    constexpr size_t count = 100;
    begin(128);
    std::vector<std::unique_ptr<other>> crowd;
    while (crowd.size() < count)
        crowd.push_back(std::make_unique<other>(port));
    size_t before = 0;
    size_t turns = 0;
    while (world->node.count(NODE_ACCEPTED) < count && turns < 1000) {
        world->run_turn();
        turns++;
        size_t now = world->node.count(NODE_ACCEPTED);
        EXPECT_LE(now - before, accepts_per_turn);
        before = now;
    }
    EXPECT_EQ(before, count);
    EXPECT_GE(turns, count / accepts_per_turn);
}
