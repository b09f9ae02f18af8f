/*
 * The world of the simulator: it stands where io stands.
 *
 * Real nodes (the code that ships) run in one process over a network, disks and clocks that
 * are simulated; time is virtual and moves from event to event, so a run is a function of its
 * seed and its script, bit for bit. Clients are anything that has an Endpoint: a bare one
 * that speaks frames, or liblock's core.
 *
 * What a fault does is decided here and nowhere else: nodes do not know that they are tested.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "locks/locks.h"
#include "node/node.h"

namespace sim {

/* One disk: what is durable, and what was written and not yet synced. */
struct Disk {
    uint64_t segment_bytes = 0;
    std::map<uint64_t, std::vector<uint8_t>> segments;
    bool fails_segments = false; /* A full disk */
    uint64_t stalled_until = 0;
};

/* The two ends of a connection are endpoints: a node's slot, or a client. */
class Endpoint {
public:
    virtual ~Endpoint() = default;
    virtual void received(uint64_t link, const std::vector<uint8_t> &bytes) = 0;
    virtual void closed(uint64_t link, bool by_other) = 0;
};

struct Options {
    uint64_t seed = 1;
    int nodes = 3;
    uint64_t net_ns = 100 * 1000;
    uint64_t net_jitter_ns = 0;
    uint64_t disk_ns = 200 * 1000;
    uint64_t disk_jitter_ns = 0;
    bool tiny = true; /* Small limits, so that rings wrap and pools fill */
    std::function<void(node_settings &)> tune;
};

class World;

/* A clock that runs faster than time by so many millionths. */
class Clock {
public:
    uint64_t at(uint64_t now) const
    {
        int64_t gone = static_cast<int64_t>(now - since_);
        return base_ + static_cast<uint64_t>(gone + gone / 1000000 * ppm_);
    }
    void set_rate(uint64_t now, int64_t ppm)
    {
        base_ = at(now);
        since_ = now;
        ppm_ = ppm;
    }

private:
    uint64_t base_ = 0;
    uint64_t since_ = 0;
    int64_t ppm_ = 0;
};

/* One node of the world, up or down. */
class Machine : public Endpoint {
public:
    Machine(World &world, uint8_t id);
    ~Machine() override;
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;

    enum node_boot start();
    void crash(bool power_cut = false); /* kill -9; or without a word to the others */
    void stop();                        /* SIGTERM */
    void pause(bool on);

    bool up() const
    {
        return node_ != nullptr;
    }
    bool paused() const
    {
        return paused_;
    }
    bool stopped() const
    {
        return stopped_;
    }
    uint8_t id() const
    {
        return id_;
    }
    const struct node *node() const
    {
        return node_;
    }
    const struct raft *raft() const
    {
        return node_raft(node_);
    }
    const struct locks *locks() const
    {
        return node_locks(node_);
    }
    bool leads() const
    {
        return up() && raft_is_leader(raft());
    }
    Disk disk;
    void set_rate(int64_t ppm); /* Its clocks run faster by this, from now on */
    std::vector<node_notice> notices;

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;
    std::optional<uint32_t> accept(uint64_t link);

private:
    friend class World;
    void turn(const node_event *event);
    void take_turn();
    void perform();
    void wake_at(uint64_t deadline);
    void perform_writes();
    void perform_read();
    void perform_sends();
    void connect(uint8_t peer);
    node_event event(enum node_event_kind kind) const;
    uint64_t clock() const;
    void defer(uint64_t delay_ns, std::function<void()> what);

    World &world_;
    Clock clock_;
    uint8_t id_;
    struct node *node_ = nullptr;
    void *memory_ = nullptr;
    size_t memory_bytes_ = 0;
    node_effects effects_{};
    node_settings settings_{};
    uint64_t life_ = 0; /* Counts starts: events of an older life are dropped */
    uint64_t wake_ = 0;
    uint32_t hurried_ = 0; /* Turns in a row that wanted the next at once */
    bool paused_ = false;
    bool stopped_ = false;
    std::vector<std::function<void()>> while_paused_;
    std::vector<uint64_t> slots_; /* Link of each slot; 0: free */
    struct Unsynced {
        uint64_t segment;
        uint64_t offset;
        std::vector<uint8_t> bytes;
        uint64_t id;
    };
    std::vector<Unsynced> unsynced_;
};

class World {
public:
    explicit World(const Options &options);
    ~World();

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
    const Options &options() const
    {
        return options_;
    }

    void at(uint64_t when_ns, std::function<void()> what);
    bool step(); /* One event; false when none is left. */
    void run_for(uint64_t ns);
    bool run_until(const std::function<bool()> &done, uint64_t most_ns);

    Machine *leader(); /* Of the highest term, that can serve; nullptr if none */

    /* Links. Endpoint 0 is outside; clients get ids from 100 on for cuts. */
    uint64_t open_link(Endpoint *from, int from_id, int to_node);
    void send(uint64_t link, const Endpoint *from, std::vector<uint8_t> bytes);
    void close_link(uint64_t link, const Endpoint *from, bool silent = false);

    /* Nothing goes from a to b any more: one way. Bytes wait, as TCP's do, until healed. */
    void cut(int from, int to);
    void heal();
    bool is_cut(int from, int to) const
    {
        return cuts_.count({from, to}) > 0;
    }

    /* Every node, after every turn: whole-state checks and digests at equal indexes. */
    void check(Machine &machine);
    uint64_t turns() const
    {
        return turns_;
    }

    /* Called after each turn of a node. */
    std::function<void(Machine &)> after_turn;

private:
    friend class Machine;
    struct Side {
        Endpoint *endpoint = nullptr;
        int id = 0;
        bool closed = false;
    };
    struct Flying {
        int to; /* Side */
        uint64_t when;
        std::vector<uint8_t> bytes;
        bool end = false; /* The other side closed. */
    };
    struct Link {
        Side sides[2];
        std::vector<Flying> waiting[2]; /* By receiving side */
        uint64_t last[2] = {0, 0};      /* Arrival of the newest: order is kept */
    };
    void deliver(uint64_t link, int to);
    uint64_t arrival(Link &link, int to);
    bool is_back(int id);
    uint64_t jitter(uint64_t most);

    Options options_;
    struct prng random_ {};
    uint64_t now_ = 1000000000;
    uint64_t sequence_ = 0;
    uint64_t turns_ = 0;
    uint64_t next_link_ = 1;
    std::map<uint64_t, Link> links_;
    std::set<std::pair<int, int>> cuts_;
    std::map<uint64_t, uint64_t> digests_; /* Index to digest */
    struct Timed {
        uint64_t when;
        uint64_t sequence;
        std::function<void()> what;
        bool operator<(const Timed &other) const
        {
            return when != other.when ? when > other.when : sequence > other.sequence;
        }
    };
    std::priority_queue<Timed> events_;
    std::vector<std::unique_ptr<Machine>> machines_;
};

} // namespace sim

#endif
