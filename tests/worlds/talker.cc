#include "worlds/talker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/units.h"
#include "protocol/node_status.h"
#include "protocol/request.h"
#include "worlds/program.h"

namespace server {

std::string make_frame(enum frame_kind kind, const std::string &body)
{
    std::string bytes(FRAME_HEAD_BYTES, '\0');
    bytes += body;
    frame_seal(reinterpret_cast<unsigned char *>(bytes.data()), kind,
            static_cast<uint32_t>(body.size()));
    return bytes;
}

static int connect_once(int port, const char *from)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    inet_pton(AF_INET, from, &own.sin_addr);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(port));
    if (bind(fd, reinterpret_cast<sockaddr *>(&own), sizeof own) == 0 &&
            connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

Talker::Talker(Talker &&other) noexcept
        : fd_(std::exchange(other.fd_, -1)), held_(std::move(other.held_))
{
}

Talker::Talker(int port, const char *from)
{
    process::wait_until(
            [&] { return (fd_ = connect_once(port, from)) >= 0; }, std::chrono::seconds(5));
    timeval limit = {5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Talker::~Talker()
{
    if (fd_ >= 0)
        close(fd_);
}

void Talker::send(const std::string &bytes)
{
    size_t sent = 0;
    while (sent < bytes.size()) {
        ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0)
            return; /* Hung up meanwhile: the test will see it. */
        sent += static_cast<size_t>(count);
    }
}

std::optional<Talker::answer> Talker::next()
{
    for (;;) {
        uint32_t body = 0;
        uint16_t kind = 0;
        if (held_.size() >= FRAME_HEAD_BYTES) {
            memcpy(&body, held_.data(), 4);
            memcpy(&kind, held_.data() + 4, 2);
            if (held_.size() >= FRAME_HEAD_BYTES + body) {
                answer found = {static_cast<enum frame_kind>(kind),
                        held_.substr(FRAME_HEAD_BYTES, body)};
                held_.erase(0, FRAME_HEAD_BYTES + body);
                return found;
            }
        }
        char bytes[65536];
        ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
        if (count <= 0)
            return std::nullopt;
        held_.append(bytes, static_cast<size_t>(count));
    }
}

bool Talker::ended()
{
    while (next())
        continue;
    char byte;
    ssize_t count = recv(fd_, &byte, 1, 0);
    return count == 0 || (count < 0 && errno != EAGAIN);
}

bool Talker::hello()
{
    struct hello hello = hello_of_client(0);
    unsigned char body[128];
    struct wire wire = wire_writer(body, sizeof body);
    wire_hello(&wire, &hello);
    send(make_frame(FRAME_HELLO, std::string(reinterpret_cast<char *>(body), wire.at)));
    auto first = next();
    return first && first->kind == FRAME_WELCOME;
}

std::optional<node_state> Talker::ask_state()
{
    send(make_frame(FRAME_STATUS, ""));
    for (;;) {
        auto found = next();
        if (!found)
            return std::nullopt;
        if (found->kind != FRAME_STATUS_ANSWER)
            continue;
        struct node_status status = {};
        struct wire wire = wire_reader(found->body.data(), found->body.size());
        wire_node_status(&wire, &status);
        if (wire.failed)
            return std::nullopt;
        return node_state{status.node, status.role, status.condition, status.cluster,
                status.term, status.last, status.commit, status.applied, status.bad_frames,
                status.connections};
    }
}

std::optional<struct ::answer> Talker::open(const std::string &label)
{
    unsigned char body[512];
    struct wire wire = wire_writer(body, sizeof body);
    struct section section = {};
    section.count = 1;
    struct request request = {};
    request.kind = REQUEST_OPEN;
    request.number = 1;
    request.wait_ns = 10 * NS_PER_S;
    request.name = {reinterpret_cast<const unsigned char *>(label.data()),
            static_cast<uint32_t>(label.size())};
    wire_section(&wire, &section);
    wire_request(&wire, &request);
    send(make_frame(FRAME_REQUESTS, std::string(reinterpret_cast<char *>(body), wire.at)));
    for (;;) {
        auto found = next();
        if (!found || found->kind == FRAME_REFUSED)
            return std::nullopt;
        if (found->kind != FRAME_ANSWERS)
            continue;
        struct answer_section head = {};
        struct ::answer said = {};
        struct wire read = wire_reader(found->body.data(), found->body.size());
        wire_answer_section(&read, &head);
        wire_answer(&read, &said);
        return read.failed ? std::nullopt : std::optional(said);
    }
}

std::optional<node_state> state_of(int port)
{
    Talker talker(port);
    if (!talker.connected() || !talker.hello())
        return std::nullopt;
    return talker.ask_state();
}

} // namespace server
