#include "worlds/stand_in.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "protocol/hello.h"
#include "protocol/read.h"
#include "protocol/status.h"

namespace {

template <class walk> std::vector<unsigned char> lay_out(walk &&fields)
{
    std::vector<unsigned char> bytes(FRAME_CLIENT_BODY_MAX);
    struct wire wire = wire_writer(bytes.data(), bytes.size());
    fields(&wire);
    EXPECT_FALSE(wire.failed);
    bytes.resize(wire.at);
    return bytes;
}

std::string text_of(struct span span)
{
    return {reinterpret_cast<const char *>(span.bytes), span.count};
}

struct span span_of(const std::string &text)
{
    return {reinterpret_cast<const unsigned char *>(text.data()),
            static_cast<uint32_t>(text.size())};
}

} // namespace

stand_in::stand_in()
{
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    EXPECT_EQ(bind(listener, reinterpret_cast<struct sockaddr *>(&address), bytes), 0);
    EXPECT_EQ(listen(listener, 64), 0);
    getsockname(listener, reinterpret_cast<struct sockaddr *>(&address), &bytes);
    port = ntohs(address.sin_port);
    EXPECT_EQ(pipe2(wake, O_CLOEXEC | O_NONBLOCK), 0);
    thread = std::thread([this] { run(); });
}

stand_in::~stand_in()
{
    stop = true;
    EXPECT_EQ(write(wake[1], "x", 1), 1);
    thread.join();
    for (auto &[fd, one] : peers)
        close(fd);
    close(listener);
    close(wake[0]);
    close(wake[1]);
}

std::string stand_in::address() const
{
    return "127.0.0.1:" + std::to_string(port);
}

void stand_in::hang_up()
{
    hanging_up = true;
    EXPECT_EQ(write(wake[1], "x", 1), 1);
    while (hanging_up)
        usleep(100);
}

void stand_in::revoke(const std::string &name)
{
    {
        std::lock_guard<std::mutex> guard(mutex);
        table_lock &lock = locks[name];
        struct change change = {};
        change.kind = CHANGE_ENDED;
        change.token = lock.token;
        tell(lock.session, change);
        lock.session = 0;
        grant_next(name);
    }
    EXPECT_EQ(write(wake[1], "x", 1), 1);
}

uint64_t stand_in::time() const
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000u +
           static_cast<uint64_t>(now.tv_nsec);
}

void stand_in::run()
{
    while (!stop) {
        std::vector<struct pollfd> fds = {{wake[0], POLLIN, 0}, {listener, POLLIN, 0}};
        for (auto &[fd, one] : peers)
            fds.push_back({fd, static_cast<short>(deaf ? 0 : POLLIN), 0});
        poll(fds.data(), fds.size(), 20);
        char drained[64];
        while (read(wake[0], drained, sizeof drained) > 0)
            continue;
        std::lock_guard<std::mutex> guard(mutex);
        if (hanging_up) {
            for (auto &[fd, one] : peers)
                close(fd);
            peers.clear();
            hanging_up = false;
            continue;
        }
        if (fds[1].revents != 0)
            accept_one();
        for (size_t i = 2; i < fds.size(); i++) {
            int fd = fds[i].fd;
            if (fds[i].revents != 0 && !receive(fd, peers[fd])) {
                close(fd);
                peers.erase(fd);
            }
        }
        expire();
        push();
        for (auto &[fd, one] : peers) {
            if (!one.output.empty())
                send(fd, one.output.data(), one.output.size(), MSG_NOSIGNAL);
            one.output.clear();
        }
    }
}

void stand_in::accept_one()
{
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    accepted++;
    peer &made = peers[fd];
    frame_reader_init(&made.reader, made.buffer.data(), made.buffer.size());
}

bool stand_in::receive(int fd, peer &from)
{
    unsigned char bytes[65536];
    ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count <= 0)
        return false;
    received++;
    frame_reader_feed(&from.reader, bytes, static_cast<size_t>(count));
    struct frame frame;
    while (frame_reader_next(&from.reader, &frame))
        on_frame(fd, from, frame);
    EXPECT_EQ(from.reader.fault, FRAME_FAULT_NONE);
    return true;
}

void stand_in::say(peer &to, enum frame_kind kind, const std::vector<unsigned char> &body)
{
    size_t at = to.output.size();
    to.output.resize(at + FRAME_HEAD_BYTES);
    to.output.insert(to.output.end(), body.begin(), body.end());
    frame_seal(to.output.data() + at, kind, static_cast<uint32_t>(body.size()));
    if (other_version)
        to.output[at + 6]++;
}

void stand_in::on_frame(int fd, peer &from, const struct frame &frame)
{
    if (mute)
        return;
    if (frame.kind == FRAME_HELLO) {
        struct welcome welcome = {};
        welcome.node = 1;
        welcome.leader = no_leader ? 0 : 1;
        welcome.cluster = cluster;
        welcome.term = 1;
        welcome.ttl_min_ns = NS_PER_S;
        welcome.ttl_max_ns = 60 * NS_PER_S;
        welcome.versions = versions_known();
        say(from, FRAME_WELCOME,
                lay_out([&](struct wire *wire) { wire_welcome(wire, &welcome); }));
    } else if (frame.kind == FRAME_REQUESTS) {
        on_requests(fd, from, frame);
    } else if (frame.kind == FRAME_READ) {
        on_read(from, frame);
    }
}

void stand_in::say_section(
        peer &to, uint64_t id, uint64_t applied, const std::vector<struct answer> &answers)
{
    struct answer_section head = {};
    head.session = id;
    head.applied = applied;
    head.answer_count = static_cast<uint16_t>(answers.size());
    std::vector<struct change> changes;
    auto found = sessions.find(id);
    if (found != sessions.end()) {
        head.deadline = found->second.deadline;
        head.change = found->second.change;
        changes.assign(found->second.changes.begin(), found->second.changes.end());
    }
    head.change_count = static_cast<uint16_t>(changes.size());
    say(to, FRAME_ANSWERS, lay_out([&](struct wire *wire) {
        wire_answer_section(wire, &head);
        for (auto answer : answers)
            wire_answer(wire, &answer);
        for (auto change : changes)
            wire_change(wire, &change);
    }));
}

void stand_in::on_requests(int fd, peer &from, const struct frame &frame)
{
    struct wire wire = wire_reader(frame.body, frame.body_bytes);
    while (!wire.failed && wire_left(&wire) > 0) {
        struct section section;
        wire_section(&wire, &section);
        auto found = sessions.find(section.session);
        if (found != sessions.end()) {
            found->second.fd = fd;
            found->second.deadline = time() + found->second.ttl;
            auto &changes = found->second.changes;
            while (!changes.empty() && changes.front().change <= section.confirmed)
                changes.pop_front();
        }
        uint64_t id = section.session;
        std::vector<struct answer> answers;
        bool refused = false;
        for (unsigned i = 0; i < section.count; i++) {
            struct request request;
            wire_request(&wire, &request);
            requests++;
            cancels += request.kind == REQUEST_CANCEL;
            keepalives += request.kind == REQUEST_KEEPALIVE;
            answers.push_back(apply(section, request));
            refused = refused || answers.back().status == STATUS_BUSY;
            if (request.kind == REQUEST_OPEN && answers.back().status == STATUS_OK) {
                id = last_session;
                sessions[id].fd = fd;
            }
        }
        say_section(from, id, refused ? 0 : time(), answers);
    }
    EXPECT_FALSE(wire.failed);
}

struct answer stand_in::apply(const struct section &section, const struct request &request)
{
    struct answer answer = {};
    answer.kind = request.kind;
    answer.number = request.number;
    if (request.kind == REQUEST_OPEN && full) {
        answer.status = STATUS_LIMIT;
        answer.detail = LIMIT_SESSIONS;
        return answer;
    }
    if (request.kind == REQUEST_OPEN &&
            (request.wait_ns < NS_PER_S || request.wait_ns > 60 * NS_PER_S)) {
        answer.status = STATUS_INVALID;
        return answer;
    }
    if (request.kind == REQUEST_OPEN) {
        table_session &made = sessions[++last_session];
        made.secret.assign(
                reinterpret_cast<const char *>(section.secret), sizeof section.secret);
        made.ttl = request.wait_ns;
        made.deadline = time() + made.ttl;
        return answer;
    }
    auto found = sessions.find(section.session);
    if (found == sessions.end()) {
        answer.status = STATUS_LOST;
        answer.detail = LOST_UNKNOWN;
        return answer;
    }
    if (request.kind == REQUEST_KEEPALIVE)
        return answer;
    if (request.kind == REQUEST_ACQUIRE && busy) {
        answer.status = STATUS_BUSY;
        return answer;
    }
    auto &remembered = found->second.remembered;
    auto known = remembered.find(request.number);
    if (known != remembered.end())
        return known->second;
    remembered.erase(remembered.begin(), remembered.upper_bound(section.answered));
    if (request.kind == REQUEST_ACQUIRE)
        answer = acquire(section.session, request);
    else if (request.kind == REQUEST_RELEASE)
        answer = release(section.session, request);
    else if (request.kind == REQUEST_CANCEL)
        answer = cancel(section.session, request);
    else
        end_session(section.session);
    if (sessions.contains(section.session))
        remembered[request.number] = answer;
    return answer;
}

struct answer stand_in::acquire(uint64_t session, const struct request &request)
{
    struct answer answer = {};
    answer.kind = REQUEST_ACQUIRE;
    answer.number = request.number;
    table_lock &lock = locks[text_of(request.name)];
    bool own = lock.session == session && lock.owner == request.owner && lock.owner != 0;
    if (lock.session == 0) {
        lock.session = session;
        lock.owner = request.owner;
        lock.number = request.number;
        lock.token = ++last_token;
        lock.granted = time();
        lock.count = 1;
    } else if (own && (request.flags & ACQUIRE_REENTRANT) != 0) {
        lock.count++;
    } else if (own) {
        answer.status = STATUS_DEADLOCK;
    } else if (request.wait_ns == 0) {
        answer.status = STATUS_TIMEOUT;
    } else {
        uint64_t until =
                request.wait_ns == WAIT_FOREVER ? UINT64_MAX : time() + request.wait_ns;
        answer.status = STATUS_QUEUED;
        lock.queue.push_back({session, request.number, request.owner, until, false});
    }
    if (answer.status == STATUS_OK) {
        answer.token = lock.token;
        answer.count = lock.count;
    }
    return answer;
}

struct answer stand_in::release(uint64_t session, const struct request &request)
{
    struct answer answer = {};
    answer.kind = REQUEST_RELEASE;
    answer.number = request.number;
    std::string name = text_of(request.name);
    table_lock &lock = locks[name];
    if (lock.session != session || lock.token != request.target) {
        answer.status = STATUS_NOT_FOUND;
        return answer;
    }
    lock.count = (request.flags & RELEASE_ALL) != 0 ? 0 : lock.count - 1;
    answer.count = lock.count;
    if (lock.count == 0) {
        lock.session = 0;
        grant_next(name);
    }
    return answer;
}

struct answer stand_in::cancel(uint64_t session, const struct request &request)
{
    struct answer answer = {};
    answer.kind = REQUEST_CANCEL;
    answer.number = request.number;
    for (auto &[name, lock] : locks) {
        std::erase_if(lock.queue, [&](const waiting &one) {
            return one.session == session && one.number == request.target;
        });
        if (lock.session == session && lock.number == request.target) {
            lock.session = 0;
            grant_next(name);
        }
    }
    return answer;
}

void stand_in::grant_next(const std::string &name)
{
    table_lock &lock = locks[name];
    if (lock.queue.empty())
        return;
    waiting next = lock.queue.front();
    lock.queue.pop_front();
    lock.session = next.session;
    lock.owner = next.owner;
    lock.number = next.number;
    lock.token = ++last_token;
    lock.granted = time();
    lock.count = 1;
    struct change change = {};
    change.kind = CHANGE_GRANTED;
    change.number = next.number;
    change.token = lock.token;
    tell(next.session, change);
}

void stand_in::tell(uint64_t session, struct change change)
{
    auto found = sessions.find(session);
    if (found == sessions.end())
        return;
    change.change = ++found->second.change;
    found->second.changes.push_back(change);
}

void stand_in::end_session(uint64_t id)
{
    sessions.erase(id);
    for (auto &[name, lock] : locks) {
        std::erase_if(lock.queue, [&](const waiting &one) { return one.session == id; });
        if (lock.session == id) {
            lock.session = 0;
            grant_next(name);
        }
    }
}

void stand_in::expire()
{
    uint64_t now = time();
    std::vector<uint64_t> over;
    for (auto &[id, session] : sessions) {
        if (session.deadline < now)
            over.push_back(id);
    }
    for (uint64_t id : over)
        end_session(id);
    for (auto &[name, lock] : locks) {
        for (auto at = lock.queue.begin(); at != lock.queue.end();) {
            if (at->until > now) {
                ++at;
                continue;
            }
            struct change change = {};
            change.kind = CHANGE_FAILED;
            change.status = STATUS_TIMEOUT;
            change.number = at->number;
            tell(at->session, change);
            at = lock.queue.erase(at);
        }
    }
}

/* Changes that nobody has confirmed, to where the session was heard from last. */
void stand_in::push()
{
    for (auto &[id, session] : sessions) {
        auto to = peers.find(session.fd);
        if (!session.changes.empty() && to != peers.end() && !mute)
            say_section(to->second, id, 0, {});
    }
}

void stand_in::on_read(peer &from, const struct frame &frame)
{
    struct wire wire = wire_reader(frame.body, frame.body_bytes);
    struct read read;
    wire_read(&wire, &read);
    std::vector<std::string> names;
    if (read.kind == READ_LOCK)
        names.push_back(text_of(read.name));
    uint64_t at = 0;
    struct read_answer answer = {};
    answer.stamp = read.stamp;
    answer.index = 7;
    answer.time = time();
    for (auto &[name, lock] : locks) {
        if (read.kind != READ_LIST || lock.session == 0 ||
                !name.starts_with(text_of(read.prefix)))
            continue;
        if (at++ < read.cursor)
            continue;
        if (names.size() == read.limit) {
            answer.cursor = at - 1;
            break;
        }
        names.push_back(name);
    }
    answer.count = static_cast<uint16_t>(names.size());
    say(from, FRAME_READ_ANSWER, lay_out([&](struct wire *out) {
        wire_read_answer(out, &answer);
        for (const std::string &name : names) {
            const table_lock &lock = locks[name];
            struct lock_view view = {};
            view.name = span_of(name);
            view.session = lock.session;
            if (lock.session != 0) {
                view.token = lock.token;
                view.owner = lock.owner;
                view.count = lock.count;
                view.held_ns = time() - lock.granted;
            }
            view.waits = static_cast<uint32_t>(lock.queue.size());
            view.ahead = view.waits;
            wire_lock_view(out, &view);
        }
    }));
}
