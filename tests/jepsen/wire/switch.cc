/*
 * A switch for IP packets between network namespaces: each has a TUN device whose other end is
 * here. A packet goes to the endpoint that has its destination address, or nowhere. So every
 * packet passes through the rules of its link, and the kernel needs no module for that.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <queue>

#include "carry.h"

namespace wire {

namespace {

constexpr size_t packet_bytes_max = 65536;
constexpr size_t queued_max = 100000; /* Packets; more are lost, as in any switch */

struct Port {
    size_t number;
    uint32_t address; /* Network order */
    int fd;
};

struct Late {
    Nanoseconds due;
    uint64_t order;
    int fd;
    std::string packet;

    bool operator>(const Late &other) const
    {
        return due != other.due ? due > other.due : order > other.order;
    }
};

/*
 * A TUN device named eth0 in that namespace; this thread stays in it, which harms nobody.
 */
int open_device(const std::string &space)
{
    int there = open(space.c_str(), O_RDONLY | O_CLOEXEC);
    if (there < 0 || setns(there, CLONE_NEWNET) != 0)
        fail(space);
    close(there);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::strncpy(request.ifr_name, "eth0", IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0)
        fail("/dev/net/tun");
    return fd;
}

class Switch {
public:
    explicit Switch(const std::vector<std::string> &endpoints)
    {
        for (const std::string &text : endpoints)
            add(text);
        watch(STDIN_FILENO, ports_.size());
    }

    int run()
    {
        std::printf("ready\n");
        std::fflush(stdout);
        for (bool going = true; going;) {
            struct epoll_event events[32];
            Nanoseconds wake = late_.empty() ? INT64_MAX : late_.top().due;
            int count = wait_until(poll_, events, 32, wake);
            if (count < 0 && errno != EINTR)
                fail("epoll");
            deliver();
            for (int i = 0; i < count; i++) {
                size_t port = events[i].data.u64;
                if (port == ports_.size())
                    going = control_.read();
                else
                    drain(ports_[port]);
            }
        }
        return 0;
    }

private:
    void watch(int fd, size_t number)
    {
        struct epoll_event event = {};
        event.events = EPOLLIN;
        event.data.u64 = number;
        if (epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event) != 0)
            fail("epoll");
    }

    void add(const std::string &text)
    {
        std::vector<std::string> parts = split(text, '=');
        Port port = {};
        if (parts.size() != 3 || inet_pton(AF_INET, parts[1].c_str(), &port.address) != 1)
            fail(text);
        port.number = links_.endpoint(parts[0]);
        port.fd = open_device(parts[2]);
        watch(port.fd, ports_.size());
        ports_.push_back(port);
    }

    void drain(const Port &from)
    {
        static char bytes[packet_bytes_max];
        for (int i = 0; i < 64; i++) {
            ssize_t count = ::read(from.fd, bytes, sizeof(bytes));
            if (count < 20)
                return;
            route(from, std::string_view(bytes, static_cast<size_t>(count)));
        }
    }

    void route(const Port &from, std::string_view packet)
    {
        uint32_t target;
        std::memcpy(&target, packet.data() + 16, sizeof(target));
        if (static_cast<unsigned char>(packet[0]) >> 4 != 4)
            return;
        for (const Port &to : ports_) {
            if (to.address == target)
                carry(from, to, packet);
        }
    }

    void carry(const Port &from, const Port &to, std::string_view packet)
    {
        const Rule &rule = links_.rule(from.number, to.number);
        if (rule.cut) {
            links_.counts.cut++;
            return;
        }
        if (links_.happens(rule.loss_ppm)) {
            links_.counts.dropped++;
            return;
        }
        send(from, to, rule, packet);
        if (links_.happens(rule.twice_ppm)) {
            links_.counts.doubled++;
            send(from, to, rule, packet);
        }
    }

    /*
     * In order, unless shuffled: none arrives before one that was sent earlier on its link.
     */
    void send(const Port &from, const Port &to, const Rule &rule, std::string_view packet)
    {
        Nanoseconds now = monotonic_now();
        Nanoseconds due = now + links_.lateness(rule);
        Nanoseconds &last = last_due_[{from.number, to.number}];
        if (!rule.shuffle)
            due = std::max(due, last);
        last = std::max(due, last);
        if (due <= now) {
            links_.counts.passed++;
            (void)!::write(to.fd, packet.data(), packet.size());
        } else if (late_.size() < queued_max) {
            links_.counts.delayed++;
            late_.push({due, order_++, to.fd, std::string(packet)});
        } else {
            links_.counts.dropped++;
        }
    }

    void deliver()
    {
        Nanoseconds now = monotonic_now();
        while (!late_.empty() && late_.top().due <= now) {
            const Late &first = late_.top();
            links_.counts.passed++;
            (void)!::write(first.fd, first.packet.data(), first.packet.size());
            late_.pop();
        }
    }

    Links links_;
    Control control_{links_};
    int poll_ = epoll_create1(EPOLL_CLOEXEC);
    std::vector<Port> ports_;
    std::map<std::pair<size_t, size_t>, Nanoseconds> last_due_;
    std::priority_queue<Late, std::vector<Late>, std::greater<>> late_;
    uint64_t order_ = 0;
};

} // namespace

int run_switch(const std::vector<std::string> &endpoints)
{
    return Switch(endpoints).run();
}

} // namespace wire
