/*
 * A fixed piece of work for counting instructions: three nodes in one process, in virtual time
 * and without faults, and clients who take and give back locks of their own as fast as they
 * are answered. Same binary, same work, to the last instruction.
 *
 *     commit_load CLIENTS LOCKS ROUNDS     LOCKS at once for each client, ROUNDS times each
 *
 * Prints the number of commands (acquires and releases) and of entries that were committed.
 */
#include <cstdio>
#include <cstdlib>

#include "base/units.h"
#include "sim/world/sim_client.h"

namespace {

/* One lock of one client: acquire, release, again. */
class Slot {
public:
    Slot(sim::Client &client, std::string lock, uint64_t rounds)
            : client_(client), lock_(std::move(lock)), left_(rounds)
    {
    }
    void begin()
    {
        client_.acquire(lock_, 0, [this](const core_completion &done) { acquired(done); });
    }
    bool done() const
    {
        return left_ == 0;
    }

private:
    void acquired(const core_completion &done)
    {
        if (done.status != STATUS_OK)
            std::abort();
        client_.release(lock_, [this](const core_completion &) {
            if (--left_ > 0)
                begin();
        });
    }

    sim::Client &client_;
    std::string lock_;
    uint64_t left_;
};

sim::Options quiet()
{
    sim::Options options;
    options.tiny = false;
    options.checks = false;
    options.turn_ns = 50 * NS_PER_US;
    return options;
}

uint64_t number(const char *text)
{
    return std::strtoull(text, nullptr, 10);
}

} // namespace

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    sim::World world(quiet());
    for (int id = 1; id <= world.count(); id++)
        world.machine(id).start();
    if (!world.run_until([&] { return world.leader() != nullptr; }, 5 * NS_PER_S))
        return 1;
    std::vector<std::unique_ptr<sim::Client>> clients;
    std::vector<std::unique_ptr<Slot>> slots;
    for (uint64_t i = 0; i < number(arguments[1]); i++) {
        std::string name = "client-" + std::to_string(i);
        clients.push_back(std::make_unique<sim::Client>(
                world, 101 + static_cast<int>(i), name, 10 * NS_PER_S));
        for (uint64_t lock = 0; lock < number(arguments[2]); lock++)
            slots.push_back(std::make_unique<Slot>(*clients.back(),
                    name + "/lock-" + std::to_string(lock), number(arguments[3])));
    }
    for (auto &slot : slots)
        slot->begin();
    size_t done = 0;
    auto all_done = [&] {
        while (done < slots.size() && slots[done]->done())
            done++;
        return done == slots.size();
    };
    if (!world.run_until(all_done, 600 * NS_PER_S))
        return 1;
    std::printf("%zu commands, %llu entries\n", 2 * slots.size() * number(arguments[3]),
            static_cast<unsigned long long>(raft_commit(world.leader()->raft())));
    return 0;
}
