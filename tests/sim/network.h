/*
 * Connections of the simulated world: in order, as TCP has it, each send a piece of its own.
 *
 * Ends have numbers: machines theirs, clients 101, 102 and so on. Between two of them, one way:
 *
 *     cut       nothing passes, and no connection is made either way, until heal()
 *     hold      what is sent waits, until it is delivered, dropped or delivered twice
 *
 * A broken connection (reset) loses what is under way, and both ends hear of it.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace sim {

/* The two ends of a connection are endpoints: a node's slot, or a client. */
class Endpoint {
public:
    virtual ~Endpoint() = default;
    virtual void received(uint64_t link, const std::vector<uint8_t> &bytes) = 0;
    virtual void closed(uint64_t link, bool by_other) = 0;
};

class World;

class Network {
public:
    explicit Network(World &world) : world_(world) {}

    /* 0: nobody is there. */
    uint64_t open(Endpoint *from, int from_id, int to_node);
    void send(uint64_t link, const Endpoint *from, std::vector<uint8_t> bytes);
    /* Silent: the other side hears nothing, as this one's machine lost its power. */
    void close(uint64_t link, const Endpoint *from, bool silent = false);

    void cut(int from, int to);
    void heal();
    bool is_cut(int from, int to) const;

    void hold(int from, int to);
    void deliver(int from, int to); /* What waits, in order; and ends the hold. */
    size_t drop(int from, int to);
    size_t repeat(int from, int to); /* Each piece that waits will come twice. */

    void reset(int a, int b);

    /* Told of all that is sent. */
    std::function<void(uint64_t link, int from, const std::vector<uint8_t> &)> tap;

private:
    struct Side {
        Endpoint *endpoint = nullptr;
        int id = 0;
        bool closed = false;
    };
    struct Flying {
        uint64_t when;
        std::vector<uint8_t> bytes;
        bool end = false; /* The other side closed. */
    };
    struct Link {
        Side sides[2];
        std::vector<Flying> waiting[2]; /* By receiving side */
        uint64_t last[2] = {0, 0};      /* Arrival of the newest: order is kept. */
    };
    void fly(uint64_t number, Link &link, int to, Flying flying);
    void arrive(uint64_t number, int to);
    void arrive_all(int from, int to);
    bool is_stopped(int from, int to) const;
    bool is_back(int id);
    void time_out(uint64_t number, Endpoint *endpoint);
    void answer_reset(uint64_t number, const Link &link, int to);
    void break_link(uint64_t number, const Link &link);
    std::vector<std::vector<uint8_t>> pieces_of(std::vector<uint8_t> bytes);

    World &world_;
    uint64_t next_ = 1;
    std::map<uint64_t, Link> links_;
    std::set<std::pair<int, int>> cuts_;
    std::set<std::pair<int, int>> holds_;
};

} // namespace sim

#endif
