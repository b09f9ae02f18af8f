/*
 * One machine of the world with its node, up or down: the code that ships, with the
 * simulator where io would be.
 *
 * An event is a turn of its own, or shares one with what arrives shortly after it
 * (Options::turn_ns), as with io, which takes in all that has completed.
 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "locks/locks.h"
#include "node/node.h"
#include "sim/world/network.h"
#include "sim/world/sim_clock.h"
#include "sim/world/sim_disk.h"

namespace sim {

class World;

class Machine : public Endpoint {
public:
    /* A ghost has the id of another machine, and is not found by others. */
    Machine(World &world, uint8_t id, bool ghost = false);
    ~Machine() override;
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;

    enum node_boot start();
    /* What is to be kept if it gives up its log; none: its last start found no damage to heal. */
    const std::optional<repair_block> &repairable() const
    {
        return repairable_;
    }
    void give_up_log(); /* It is off, and that is possible. */
    void crash(End how = End::killed);
    void stop(); /* SIGTERM */
    void pause(bool on);
    void set_rate(int64_t ppm); /* Its clocks run faster by this, from now on. */
    void jump_wall(int64_t ns)  /* Somebody set the time of day. */
    {
        wall_ += static_cast<uint64_t>(ns);
    }

    /* From its next start on it runs a program that knows these. */
    void run_versions(struct versions versions)
    {
        settings_.versions = versions;
    }

    /* Of the program that it runs, or will run. */
    struct versions versions() const
    {
        return settings_.versions;
    }

    /* From its next start on it may have this many segments more than it has then. */
    void limit_segments(uint32_t more)
    {
        more_segments_ = more;
        segments_max_ = 0;
    }
    void allow_segments()
    {
        more_segments_.reset();
    }
    bool has_few_segments() const
    {
        return more_segments_.has_value();
    }

    /*
     * It ends amid the effects of a turn, when this many more have been done. `disk_first`: in
     * that turn writes go before messages, else behind them.
     */
    void end_amid(uint32_t effects, End how, bool disk_first);

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
    bool removed() const /* It ended because it is no member any more. */
    {
        return removed_;
    }

    /* Where it is reached. Whoever looks for it elsewhere finds nobody. */
    const std::string &address() const
    {
        return address_;
    }
    void move_to(const std::string &address);
    /* Its list from its next start on: these, where they are now, and itself */
    void list_members(const std::set<int> &ids);
    uint8_t id() const
    {
        return id_;
    }
    bool ghost() const
    {
        return ghost_;
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
    uint64_t starts() const
    {
        return life_;
    }
    Disk disk;
    std::vector<node_notice> notices; /* Whoever reads them clears them. */

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;
    std::optional<uint32_t> accept(uint64_t link, int from);

    /* Whether the index is another than at the last call in this life of the node. */
    bool first_seen_at(uint64_t index)
    {
        return std::exchange(seen_at_, index) != index;
    }

private:
    void list_member(uint8_t id, const std::string &address);
    void carve();
    void count_segments();
    void recover();
    void load_snapshot();
    void settle();
    void step(node_event event);
    void end_turn();
    void perform();
    bool may_do();
    void perform_sends();
    void perform_writes();
    void finish_write(uint64_t id, uint64_t life);
    void perform_read();
    void perform_file();
    void finish_file(uint64_t id);
    void perform_segment();
    void finish_segment(uint64_t number);
    void perform_closes();
    void send_later(uint32_t conn, uint64_t link, size_t count);
    size_t take(uint64_t link, const std::vector<uint8_t> &bytes, size_t begin);
    void connect(uint8_t peer, const char *address);
    void connected(uint8_t peer, bool there);
    void wake_at(uint64_t deadline);
    node_event event(enum node_event_kind kind) const;
    uint64_t clock() const;
    template <class What> void defer(uint64_t delay_ns, What what);

    World &world_;
    Clock clock_;
    uint8_t id_;
    bool ghost_;
    struct node *node_ = nullptr;
    void *memory_ = nullptr;
    size_t memory_bytes_ = 0;
    node_effects effects_{};
    node_settings settings_{};
    uint32_t segments_of_all_ = 0; /* What its settings say */
    std::optional<uint32_t> more_segments_;
    uint32_t segments_max_ = 0; /* While they are limited; 0: not known yet */
    std::optional<repair_block> repairable_;
    uint64_t life_ = 0; /* Counts starts: events of an older life are dropped. */
    bool in_turn_ = false;
    uint64_t turn_begin_ = 0;
    uint64_t wake_ = 0;
    uint64_t seen_at_ = UINT64_MAX;
    uint32_t hurried_ = 0; /* Turns in a row that wanted the next at once */
    bool paused_ = false;
    bool stopped_ = false;
    bool removed_ = false;
    std::string address_;
    struct Ending {
        uint32_t effects; /* To do before it ends */
        End how;
        bool disk_first;
    };
    std::optional<Ending> ending_;
    uint64_t wall_ = 1700000000 * UINT64_C(1000000000); /* When its clock was at 0 */
    std::array<std::vector<uint8_t>, NODE_READ_BUFFERS> read_into_;
    std::vector<std::function<void()>> while_paused_;
    std::vector<uint64_t> slots_; /* Link of each slot; 0: free */
};

} // namespace sim

#endif
