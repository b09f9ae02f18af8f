/*
 * The world of the simulator: it stands where io stands.
 *
 * Real nodes (the code that ships) run in one process over a network, disks and clocks that
 * are simulated; time is virtual and moves from event to event, so a run is a function of its
 * seed and its script, bit for bit. Clients are anything that has an Endpoint: liblock's core
 * (sim_client.h), or one that sends nonsense (vandal.h).
 *
 * What a fault does is decided here and nowhere else: nodes do not know that they are tested.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/prng.h"
#include "sim/world/machine.h"
#include "sim/world/network.h"

namespace sim {

struct Options {
    uint64_t seed = 1;
    int nodes = 3;
    int spares = 0; /* Machines more, which no list names but their own */
    uint64_t net_ns = 100 * 1000;
    uint64_t net_jitter_ns = 0;
    uint64_t disk_ns = 200 * 1000;
    uint64_t disk_jitter_ns = 0;
    uint64_t turn_ns = 0; /* A node's turn may last up to this, and take in more events. */
    bool splits = false;  /* Sends may be taken and may arrive in part. */
    bool late_writes = false; /* Of killed processes (sim_disk.h) */
    bool page_cache = false;  /* ... that keeps what a failed sync did not write */
    bool tiny = true;         /* Small limits, so that rings wrap and pools fill */
    int known_nodes = 7; /* Clients are told this many addresses; they learn the others. */
    bool rough_clients = false; /* Several sessions each, and many requests at once */
    bool checks = true;         /* Walk each node's whole state after each of its turns */
    std::function<void(node_settings &)> tune;
};

class World {
public:
    explicit World(const Options &options);
    ~World();
    World(const World &) = delete;
    World &operator=(const World &) = delete;

    uint64_t now() const
    {
        return now_;
    }
    Machine &machine(int id)
    {
        return *machines_.at(static_cast<size_t>(id - 1));
    }
    int count() const
    {
        return static_cast<int>(machines_.size());
    }
    struct prng &random()
    {
        return random_;
    }
    uint64_t roll(uint64_t n) /* Below n; 0 for 0 */
    {
        return n == 0 ? 0 : prng_below(&random_, n);
    }
    const Options &options() const
    {
        return options_;
    }

    void at(uint64_t when_ns, std::function<void()> what);
    void in(uint64_t delay_ns, std::function<void()> what)
    {
        at(now_ + delay_ns, std::move(what));
    }
    bool step(); /* One event; false when none is left. */
    void run_for(uint64_t ns);
    bool run_until(const std::function<bool()> &done, uint64_t most_ns);

    Machine *leader(); /* Of the highest term, that can serve; nullptr if none */

    /* The cluster begins a new life: the same index is another state now. */
    void begin_life()
    {
        digests_.clear();
    }
    /* Every node, after every turn: whole-state checks and digests at equal indexes. */
    void check(Machine &machine);
    std::function<void(Machine &)> after_turn;
    std::function<void(Machine &)> before_end; /* Of a node, however it comes */
    void count_turn()
    {
        turns_++;
    }
    uint64_t turns() const
    {
        return turns_;
    }

    Network network{*this};

private:
    struct Timed {
        uint64_t when;
        uint64_t sequence;
        uint32_t what; /* Place in whats_ */
        bool operator<(const Timed &other) const
        {
            return when != other.when ? when > other.when : sequence > other.sequence;
        }
    };

    Options options_;
    struct prng random_ {};
    uint64_t now_ = 1000000000;
    uint64_t sequence_ = 0;
    uint64_t turns_ = 0;
    std::map<uint64_t, uint64_t> digests_; /* Index to digest */
    std::priority_queue<Timed> events_;
    std::vector<std::function<void()>> whats_;
    std::vector<uint32_t> free_; /* Places of whats_ */
    std::vector<std::unique_ptr<Machine>> machines_;
};

} // namespace sim

#endif
