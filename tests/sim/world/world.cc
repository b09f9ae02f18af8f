#include "sim/world/world.h"

#include <algorithm>
#include <cassert>

#include "base/units.h"
#include "raft/raft_check.h"

namespace sim {

World::World(const Options &options) : options_(options)
{
    prng_init(&random_, options.seed);
    for (int id = 1; id <= options.nodes; id++)
        machines_.push_back(std::make_unique<Machine>(*this, static_cast<uint8_t>(id)));
}

World::~World() = default;

void World::at(uint64_t when_ns, std::function<void()> what)
{
    if (free_.empty()) {
        free_.push_back(static_cast<uint32_t>(whats_.size()));
        whats_.emplace_back();
    }
    uint32_t at = free_.back();
    free_.pop_back();
    whats_[at] = std::move(what);
    events_.push({when_ns, sequence_++, at});
}

bool World::step()
{
    if (events_.empty())
        return false;
    Timed next = events_.top();
    events_.pop();
    now_ = std::max(now_, next.when);
    std::function<void()> what = std::move(whats_[next.what]);
    whats_[next.what] = nullptr;
    free_.push_back(next.what);
    what();
    return true;
}

void World::run_for(uint64_t ns)
{
    uint64_t end = now_ + ns;
    while (!events_.empty() && events_.top().when <= end)
        step();
    now_ = end;
}

bool World::run_until(const std::function<bool()> &done, uint64_t most_ns)
{
    uint64_t end = now_ + most_ns;
    while (!done()) {
        if (events_.empty() || events_.top().when > end)
            return false;
        step();
    }
    return true;
}

Machine *World::leader()
{
    Machine *best = nullptr;
    for (auto &machine : machines_) {
        bool leads = machine->leads() && !machine->paused();
        if (!leads || !raft_leads_committed(machine->raft()))
            continue;
        if (!best || raft_term(machine->raft()) > raft_term(best->raft()))
            best = machine.get();
    }
    return best;
}

void World::check(Machine &machine)
{
    if (!options_.checks)
        return;
    node_check(machine.node());
    raft_check(machine.raft());
    if (node_is_loading(machine.node()))
        return; /* Its state is half of another member's. */
    uint64_t index = locks_index(machine.locks());
    if (!machine.first_seen_at(index))
        return;
    locks_check(machine.locks());
    uint64_t digest = locks_digest(machine.locks());
    auto [it, fresh] = digests_.emplace(index, digest);
    if (index != 0 && !fresh)
        assert(it->second == digest && "replicas differ at the same index");
}

} // namespace sim
