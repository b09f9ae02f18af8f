/* A client that speaks the bare protocol, to look at one node from outside. */
#ifndef TESTS_WORLDS_TALKER_H
#define TESTS_WORLDS_TALKER_H

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/answer.h"
#include "protocol/frame.h"
#include "protocol/hello.h"

namespace server {

struct node_state {
    uint8_t node;
    uint8_t role;
    uint8_t condition;
    uint64_t cluster;
    uint64_t term;
    uint64_t last;
    uint64_t commit;
    uint64_t applied;
    uint64_t bad_frames;
    uint32_t connections;
};

class Talker {
public:
    /* Tries for some seconds until somebody listens. `from`: its own address */
    explicit Talker(int port, const char *from = "127.0.0.1");
    Talker(Talker &&other) noexcept;
    ~Talker();
    Talker(const Talker &) = delete;

    bool connected() const
    {
        return fd_ >= 0;
    }
    void send(const std::string &bytes);
    /* The next frame's kind and body; nothing if the connection ended. */
    struct answer {
        enum frame_kind kind;
        std::string body;
    };
    std::optional<answer> next();
    bool ended(); /* The other side hung up, in a few seconds. */

    bool hello();                          /* As a client; true if welcomed */
    std::optional<node_state> ask_state(); /* Only after hello */
    /* Opens a session; nothing if the connection ended. Only after hello */
    std::optional<struct ::answer> open(const std::string &label);

private:
    int fd_ = -1;
    std::string held_;
};

/* A frame of any body. */
std::string make_frame(enum frame_kind kind, const std::string &body);

/* The node's state, by a connection of its own; nothing if it does not answer. */
std::optional<node_state> state_of(int port);

} // namespace server

#endif
