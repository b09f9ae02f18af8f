/*
 * Disks that are of no use, or slow, while everything else is well.
 *
 * One bad disk of a cluster must not keep anybody waiting for longer than it takes to notice
 * it and to elect another leader. Disks that are slow on all nodes, but finish their writes,
 * slow the cluster down and unseat nobody.
 */
#include <algorithm>

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr int rounds = 200; /* More entries than a leader keeps in memory */
constexpr uint64_t work_ns = 20 * NS_PER_S;
constexpr uint64_t one_bad_disk_ns = 6 * NS_PER_S; /* A stall, a handover, an election */
constexpr uint64_t slow_write_ns = 300 * NS_PER_MS;
constexpr uint64_t slow_grant_ns = 15 * NS_PER_S;

} // namespace

/* All nodes write slowly for a while. */
bool Life::slow_all_disks()
{
    uint64_t most_ns = roll(3) == 0 ? NS_PER_S : slow_write_ns;
    say("all", "have slow disks");
    for (int id = 1; id <= world_.count(); id++)
        world_.machine(id).disk.write_ns = roll(most_ns);
    world_.in(NS_PER_S + roll(9 * NS_PER_S), [this] {
        if (over_)
            return;
        for (int id = 1; id <= world_.count(); id++)
            world_.machine(id).disk.write_ns = 0;
    });
    return true;
}

/*
 * One client takes a lock and gives it back, again and again. The longest time in which it did
 * not.
 */
uint64_t Life::work(int number, uint64_t within_ns)
{
    last_.push_back(std::make_unique<Client>(world_, number, "busy", 5 * NS_PER_S));
    Client &busy = *last_.back();
    uint64_t end = world_.now() + within_ns;
    uint64_t before = world_.now();
    uint64_t halt = 0;
    for (int i = 0; i < rounds && world_.now() < end; i++) {
        auto given = std::make_shared<std::optional<enum status>>();
        busy.acquire("u", WAIT_FOREVER, [&busy, given](const core_completion &taken) {
            if (taken.status != STATUS_OK)
                *given = taken.status;
            else
                busy.release("u",
                        [given](const core_completion &done) { *given = done.status; });
        });
        (void)world_.run_until([&] { return given->has_value(); }, end - world_.now());
        if (*given != STATUS_OK) {
            world_.run_for(10 * NS_PER_MS);
            continue;
        }
        halt = std::max(halt, world_.now() - before);
        before = world_.now();
    }
    halt = std::max(halt, world_.now() - before);
    busy.end();
    return halt;
}

/*
 * Whoever leads has a disk of no use. Work goes on, with a short halt; and a client that
 * comes then is granted soon.
 */
void Life::test_one_bad_disk()
{
    Machine *leader = world_.leader();
    if (!leader)
        return;
    int id = leader->id();
    if (roll(2) == 0) {
        say(id, "leads, and its disk finishes nothing any more");
        leader->disk.stuck = true;
    } else {
        say(id, "leads, and its disk is full");
        leader->disk.full = true;
    }
    expect(work(204, work_ns) < one_bad_disk_ns, "no grant with one bad disk");
    must_grant(202, "w", one_bad_disk_ns, "no grant with one bad disk");
    faults_of_world_.repair_disk(id);
    start(id);
}

/* ... and nobody is unseated by it. */
void Life::test_slow_disks()
{
    bool led = world_.run_until([&] { return world_.leader() != nullptr; }, 5 * NS_PER_S);
    expect(led, "no leader after a bad disk");
    world_.run_for(2 * NS_PER_S);
    if (!world_.leader())
        return;
    uint64_t term = raft_term(world_.leader()->raft());
    say("all", "have slow disks at last");
    for (int id = 1; id <= world_.count(); id++)
        world_.machine(id).disk.write_ns = slow_write_ns;
    must_grant(203, "v", slow_grant_ns, "no grant with slow disks");
    for (int id = 1; id <= world_.count(); id++)
        world_.machine(id).disk.write_ns = 0;
    Machine *leader = world_.leader();
    expect(leader && raft_term(leader->raft()) == term, "slow disks unseat a leader");
}

/* The network and all nodes are well. */
void Life::test_disks()
{
    if (!plan_.bad_disks || world_.count() < 3)
        return;
    struct prng kept = std::exchange(dice_, stream(plan_.seed, STREAM_TEST_DISKS));
    test_one_bad_disk();
    test_slow_disks();
    dice_ = kept;
}

} // namespace sim
