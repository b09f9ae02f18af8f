/*
 * Connections of the simulated world: in order, as TCP has it, each send a piece of its own.
 *
 * Ends have numbers: machines theirs, clients 101, 102 and so on. Between two of them, one way:
 *
 *     cut       nothing passes, and no connection is made either way, until heal()
 *     hold      what is sent waits, until it is delivered, dropped or delivered twice
 *     slow      what is sent takes longer; connections so overtake each other
 *     lose      as the user of TCP sees loss: stalls, then a broken connection
 *
 * A broken connection (reset) loses what is under way, and both ends hear of it. Of one that
 * is half open only one end has heard.
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
    /* The same, in the middle of a frame: once this many more bytes went that way. */
    void reset_after(int from, int to, size_t bytes);
    /*
     * `gone`'s end of what stands between them breaks; the other end finds out when it
     * sends.
     */
    void half_open(int gone, int other);

    /* What goes that way takes so much longer. */
    void slow(int from, int to, uint64_t ns);
    /*
     * Of a hundred pieces this many are lost at each try. TCP sends again, later each time, and
     * what comes behind waits; in the end it gives up.
     */
    void lose(int from, int to, uint32_t percent);

    /* Cuts, slowness and loss end; only between these ends. */
    void heal_among(const std::set<int> &ends);

    /* Each is told of all that is sent. */
    using Tap = std::function<void(
            uint64_t link, int from, int to, const std::vector<uint8_t> &)>;
    std::vector<Tap> taps;

private:
    struct Side {
        Endpoint *endpoint = nullptr;
        int id = 0;
        bool closed = false;
        bool forgot = false; /* Half open: what arrives here is answered by a reset. */
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
    void break_under(uint64_t number, bool arrives);
    uint64_t retransmission_ns(int from, int to);
    bool is_cut_short(uint64_t number, int to, Flying &flying);
    std::vector<std::vector<uint8_t>> pieces_of(std::vector<uint8_t> bytes);

    World &world_;
    uint64_t next_ = 1;
    std::map<uint64_t, Link> links_;
    std::set<std::pair<int, int>> cuts_;
    std::set<std::pair<int, int>> holds_;
    std::map<std::pair<int, int>, uint64_t> slow_;    /* By direction: ns */
    std::map<std::pair<int, int>, uint32_t> lossy_;   /* ... percent */
    std::map<std::pair<int, int>, size_t> cut_short_; /* ... bytes that still go */
};

} // namespace sim

#endif
