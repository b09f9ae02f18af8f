/*
 * A wire: what carries bytes between endpoints, under the rules of its links. It runs until
 * standard input ends.
 */
#ifndef JEPSEN_CARRY_H
#define JEPSEN_CARRY_H

#include <sys/epoll.h>

#include <string>
#include <vector>

#include "links.h"

namespace wire {

/* Reads commands from standard input and answers them. */
class Control {
public:
    explicit Control(Links &links) : links_(links) {}

    /* Standard input is readable. False: it ended. */
    bool read();

private:
    Links &links_;
    std::string unread_;
};

/* Wait for events, at most until `when`; epoll_pwait2 with an instant. */
int wait_until(int poll, struct epoll_event *events, int room, Nanoseconds when);

/* Packets between network namespaces; each argument NAME=ADDRESS=NAMESPACE_FILE. */
int run_switch(const std::vector<std::string> &endpoints);

/* TCP connections on loopback; each argument FROM=TO=LISTEN_PORT=TARGET_PORT. */
int run_proxy(const std::vector<std::string> &routes);

/* The parts of a text between separators. */
std::vector<std::string> split(const std::string &text, char separator);

[[noreturn]] void fail(const std::string &what);

} // namespace wire

#endif
