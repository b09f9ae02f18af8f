/*
 * Changes of leader at bad moments.
 *
 * Deposed: a leader loses its connections with all nodes, who elect another at once. It finds
 * out later, and clients reach it still.
 *
 * A slow start: a leader ends when it has just committed what no other node knows to
 * be committed. Whoever leads next finds the disks slow: what begins its term cannot be
 * committed for a while, heartbeats are answered all the same, and somebody reads at every node.
 */
#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr int looks = 4;
constexpr uint64_t unaware_ns = 500 * NS_PER_MS; /* A leader that no majority hears */

} // namespace

void Life::look_around(struct prng dice, uint64_t within_ns)
{
    for (int i = 0; i < looks; i++) {
        const std::string &lock = locks_[prng_below(&dice, locks_.size())];
        world_.in(prng_below(&dice, within_ns), [this, lock] { onlooker_.look(lock); });
    }
}

bool Life::depose()
{
    Machine *leader = world_.leader();
    if (!leader || !may_disturb(leader->id()))
        return false;
    int id = leader->id();
    say(id, "leads, and its ways to all nodes break");
    for (int other = 1; other <= world_.count(); other++) {
        world_.network.cut(id, other);
        world_.network.cut(other, id);
        world_.network.reset(id, other);
    }
    heal_later();
    look_around(dice_, unaware_ns);
    return true;
}

bool Life::slow_start()
{
    Machine *leader = world_.leader();
    if (!leader || slow_start_)
        return false;
    slow_start_ = {leader->id(), raft_term(leader->raft()), raft_commit(leader->raft()),
            100 * NS_PER_MS + roll(NS_PER_S), roll(2 * NS_PER_S), roll(3) == 0, dice_};
    return true;
}

void Life::end_leader(Machine &leader)
{
    if (!leader.leads() || over_)
        return;
    if (slow_start_->pause) {
        say(leader.id(), "is paused");
        leader.pause(true);
    } else {
        say(leader.id(), "is killed");
        leader.crash(End::killed);
    }
    world_.in(NS_PER_S + slow_start_->away_ns, [this, &leader] {
        if (over_)
            return;
        leader.pause(false);
        start(leader.id());
    });
}

void Life::start_slowly(const Machine &leader)
{
    say(leader.id(), "finds slow disks as it begins to lead");
    uint64_t stall_ns = slow_start_->stall_ns;
    for (int id = 1; id <= world_.count(); id++)
        world_.machine(id).disk.stalled_until = world_.now() + stall_ns;
    look_around(slow_start_->dice, stall_ns);
}

void Life::watch_start(Machine &machine)
{
    if (!slow_start_ || !machine.leads() || over_)
        return;
    uint64_t commit = raft_commit(machine.raft());
    if (raft_term(machine.raft()) > slow_start_->term) {
        start_slowly(machine);
        slow_start_.reset();
    } else if (machine.id() == slow_start_->leader && commit > slow_start_->commit &&
               commit == oracle_.committed() && may_disturb(machine.id())) {
        slow_start_->leader = 0;
        world_.in(NS_PER_US, [this, &machine] {
            if (slow_start_)
                end_leader(machine);
        });
    }
}

} // namespace sim
