/*
 * The same weather for TCP on loopback, where no namespaces are to be had: each directed route
 * FROM -> TO has a port of its own here, and a connection to it is carried on to TO's port.
 *
 * Bytes cannot be lost without breaking the stream: loss is a pause of a retransmission's
 * length, and a cut holds everything back, as a retransmitting sender would see it; that a
 * process is gone does not pass a cut either. What is different from a network: a connection is
 * always taken, even across a cut; it then stays silent.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>
#include <list>
#include <memory>

#include "carry.h"

namespace wire {

namespace {

constexpr Nanoseconds retransmission = 200000000;
constexpr size_t held_bytes_max = 1 << 20; /* A direction that holds more is not read. */

struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

struct Chunk {
    Nanoseconds due;
    std::string bytes;
};

/* One direction of a connection: from one socket to the other. */
struct Direction {
    size_t from = 0;
    size_t to = 0;
    int in = -1;
    int out = -1;
    std::deque<Chunk> chunks;
    size_t held = 0;
    Nanoseconds last_due = 0;
    bool ended = false;  /* Nothing more comes in. */
    bool closed = false; /* ... and that was passed on. */
};

struct Connection {
    Direction there;
    Direction back;
    bool connected = false;
    bool waits = false; /* For the end of a cut, to be made at all */
    bool broken = false;
    uint16_t target = 0;
};

struct Route {
    size_t from;
    size_t to;
    int listener;
    uint16_t target;
};

void no_delay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

class Proxy {
public:
    explicit Proxy(const std::vector<std::string> &routes)
    {
        for (const std::string &text : routes)
            add(text);
        watch(STDIN_FILENO);
    }

    int run()
    {
        std::printf("ready\n");
        std::fflush(stdout);
        for (bool going = true; going;) {
            struct epoll_event events[64];
            int count = wait_until(poll_, events, 64, wake());
            if (count < 0 && errno != EINTR)
                fail("epoll");
            for (int i = 0; i < count; i++) {
                if (events[i].data.fd == STDIN_FILENO)
                    going = control_.read();
            }
            accept_all();
            reset_all();
            for (auto &connection : connections_)
                move(*connection);
            connections_.remove_if(
                    [](const auto &connection) { return connection->broken; });
        }
        return 0;
    }

private:
    /* Edge-triggered, and every turn tries everything: there are few connections. */
    void watch(int fd)
    {
        struct epoll_event event = {};
        event.events = fd == STDIN_FILENO ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.fd = fd;
        if (epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event) != 0)
            fail("epoll");
    }

    void add(const std::string &text)
    {
        std::vector<std::string> parts = split(text, '=');
        if (parts.size() != 4)
            fail(text);
        Route route = {links_.endpoint(parts[0]), links_.endpoint(parts[1]),
                socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                static_cast<uint16_t>(std::stoul(parts[3]))};
        struct sockaddr_in address = loopback(static_cast<uint16_t>(std::stoul(parts[2])));
        int on = 1;
        (void)setsockopt(route.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(route.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
                listen(route.listener, 64) != 0)
            fail(text);
        watch(route.listener);
        routes_.push_back(route);
    }

    void accept_all()
    {
        for (const Route &route : routes_) {
            int fd;
            while ((fd = accept4(route.listener, nullptr, nullptr,
                            SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                auto connection = std::make_unique<Connection>();
                connection->there.from = connection->back.to = route.from;
                connection->there.to = connection->back.from = route.to;
                connection->there.in = connection->back.out = fd;
                connection->target = route.target;
                no_delay(fd);
                watch(fd);
                connections_.push_back(std::move(connection));
            }
        }
    }

    void reset_all()
    {
        for (size_t endpoint : links_.resets) {
            for (auto &connection : connections_) {
                const Direction &there = connection->there;
                if (connection->broken || (there.from != endpoint && there.to != endpoint))
                    continue;
                drop(*connection);
                links_.counts.reset++;
            }
        }
        links_.resets.clear();
    }

    bool is_cut(const Direction &direction) const
    {
        return links_.rule(direction.from, direction.to).cut;
    }

    void connect(Connection &connection)
    {
        if (is_cut(connection.there) || is_cut(connection.back)) {
            links_.counts.cut += !connection.waits;
            connection.waits = true;
            return;
        }
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = loopback(connection.target);
        /* On loopback this does not wait: it is taken or refused at once. */
        if (::connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
            close(fd);
            drop(connection);
            return;
        }
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
        no_delay(fd);
        connection.there.out = fd;
        connection.back.in = fd;
        connection.connected = true;
        watch(fd);
    }

    void drop(Connection &connection)
    {
        struct linger hard = {1, 0};
        for (int fd : {connection.there.in, connection.there.out}) {
            if (fd < 0)
                continue;
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
            close(fd);
        }
        connection.broken = true;
    }

    void move(Connection &connection)
    {
        if (!connection.connected && !connection.broken)
            connect(connection);
        if (!connection.connected || connection.broken)
            return;
        bool good = true;
        for (Direction *direction : {&connection.there, &connection.back})
            good = good && pass(*direction) && receive(*direction) && pass(*direction);
        /* A cut hides that one end is gone. */
        bool hidden = is_cut(connection.there) || is_cut(connection.back);
        if ((!good && !hidden) || (connection.there.closed && connection.back.closed))
            drop(connection);
    }

    bool receive(Direction &direction)
    {
        static char bytes[65536];
        const Rule &rule = links_.rule(direction.from, direction.to);
        while (!direction.ended && direction.held < held_bytes_max) {
            ssize_t count = ::read(direction.in, bytes, sizeof(bytes));
            if (count < 0)
                return errno == EAGAIN || errno == EINTR;
            direction.ended = count == 0;
            Nanoseconds late = links_.lateness(rule);
            Nanoseconds due = monotonic_now() + late;
            links_.counts.cut += rule.cut;
            links_.counts.delayed += late > 0;
            if (links_.happens(rule.loss_ppm)) {
                links_.counts.dropped++;
                due += retransmission;
            }
            direction.last_due = std::max(due, direction.last_due);
            if (count > 0)
                direction.chunks.push_back({direction.last_due,
                        std::string(bytes, static_cast<size_t>(count))});
            direction.held += static_cast<size_t>(count);
        }
        return true;
    }

    bool pass(Direction &direction)
    {
        Nanoseconds now = monotonic_now();
        if (is_cut(direction))
            return true;
        while (!direction.chunks.empty() && direction.chunks.front().due <= now) {
            std::string &bytes = direction.chunks.front().bytes;
            ssize_t count = ::send(direction.out, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count < 0)
                return errno == EAGAIN || errno == EINTR;
            direction.held -= static_cast<size_t>(count);
            bytes.erase(0, static_cast<size_t>(count));
            if (!bytes.empty())
                return true;
            links_.counts.passed++;
            direction.chunks.pop_front();
        }
        if (direction.ended && direction.chunks.empty() && !direction.closed) {
            (void)shutdown(direction.out, SHUT_WR);
            direction.closed = true;
        }
        return true;
    }

    Nanoseconds wake() const
    {
        Nanoseconds wake = INT64_MAX;
        for (const auto &connection : connections_) {
            for (const Direction *direction : {&connection->there, &connection->back}) {
                if (!direction->chunks.empty() && !is_cut(*direction) &&
                        direction->chunks.front().due > monotonic_now())
                    wake = std::min(wake, direction->chunks.front().due);
            }
        }
        return wake;
    }

    Links links_;
    Control control_{links_};
    int poll_ = epoll_create1(EPOLL_CLOEXEC);
    std::vector<Route> routes_;
    std::list<std::unique_ptr<Connection>> connections_;
};

} // namespace

int run_proxy(const std::vector<std::string> &routes)
{
    (void)std::signal(SIGPIPE, SIG_IGN);
    return Proxy(routes).run();
}

} // namespace wire
