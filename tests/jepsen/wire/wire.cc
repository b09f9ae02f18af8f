/*
 * wire switch NAME=ADDRESS=NAMESPACE_FILE...
 * wire proxy FROM=TO=LISTEN_PORT=TARGET_PORT...
 *
 * The network between the nodes of a test cluster: see links.h for what can be done to it.
 * Prints `ready` when it carries; ends when standard input does.
 */
#include "carry.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace wire {

[[noreturn]] void fail(const std::string &what)
{
    std::fprintf(stderr, "wire: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

std::vector<std::string> split(const std::string &text, char separator)
{
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);)
        parts.push_back(part);
    return parts;
}

int wait_until(int poll, struct epoll_event *events, int room, Nanoseconds when)
{
    if (when == INT64_MAX)
        return epoll_pwait2(poll, events, room, nullptr, nullptr);
    Nanoseconds left = std::max<Nanoseconds>(0, when - monotonic_now());
    struct timespec timeout = {left / 1000000000, left % 1000000000};
    return epoll_pwait2(poll, events, room, &timeout, nullptr);
}

bool Control::read()
{
    char bytes[4096];
    ssize_t count = ::read(STDIN_FILENO, bytes, sizeof(bytes));
    if (count <= 0)
        return false;
    unread_.append(bytes, static_cast<size_t>(count));
    size_t end;
    while ((end = unread_.find('\n')) != std::string::npos) {
        std::printf("%s\n", links_.command(unread_.substr(0, end)).c_str());
        unread_.erase(0, end + 1);
    }
    std::fflush(stdout);
    return true;
}

} // namespace wire

int main(int count, char **arguments)
{
    std::string kind = count > 1 ? arguments[1] : "";
    std::vector<std::string> rest(arguments + (count > 1 ? 2 : count), arguments + count);
    if (kind == "switch" && !rest.empty())
        return wire::run_switch(rest);
    if (kind == "proxy" && !rest.empty())
        return wire::run_proxy(rest);
    std::fprintf(stderr, "usage: wire switch NAME=ADDRESS=NAMESPACE_FILE...\n"
                         "       wire proxy FROM=TO=LISTEN_PORT=TARGET_PORT...\n");
    return 2;
}
