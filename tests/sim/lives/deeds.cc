/* What is done to nodes, clients and the network in a hostile life. */
#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

/* As far as it is committed; before that, those who are to make the cluster. */
std::set<int> Life::voters() const
{
    std::set<int> ids = oracle_.members().voters();
    if (!ids.empty())
        return ids;
    for (int id = 1; id <= world_.options().nodes; id++)
        ids.insert(id);
    return ids;
}

/* In most lives a majority is left alone by what is done to nodes. */
bool Life::may_disturb(int id)
{
    const std::set<int> all = voters();
    size_t well = 0;
    for (int other : all) {
        const Machine &machine = world_.machine(other);
        bool serves = machine.up() && !machine.paused() && !faults_of_world_.is_away(other);
        well += other != id && serves;
    }
    return !plan_.keeps_majority || 2 * well > all.size();
}

bool Life::end_node(Kind kind, int id)
{
    Machine &machine = world_.machine(id);
    if (kind == Kind::stop) {
        say(id, "is told to stop");
        machine.stop();
    } else {
        say(id, kind == Kind::power ? "loses power" : "is killed");
        machine.crash(kind == Kind::power ? End::power_cut : End::killed);
    }
    return true;
}

void Life::pause_node(int id)
{
    Machine &machine = world_.machine(id);
    say(name_of(id), "is paused");
    machine.pause(true);
    world_.in(roll(plan_.pause_ns), [this, &machine] {
        if (!machine.paused() || over_)
            return;
        say(name_of(machine.id()), "goes on");
        machine.pause(false);
    });
}

void Life::pause_client()
{
    Client &client = persons_[roll(persons_.size())]->client();
    say(client.name(), "is paused");
    client.pause(true);
    world_.in(roll(2 * plan_.pause_ns), [this, &client] {
        say(client.name(), "goes on");
        client.pause(false);
    });
}

/* For so long that its sessions end; then it wakes to all that came meanwhile. */
void Life::stop_client()
{
    Client &client = persons_[roll(persons_.size())]->client();
    say(client.name(), "is stopped");
    client.pause(true);
    world_.in(NS_PER_S + roll(7 * NS_PER_S), [this, &client] {
        say(client.name(), "goes on");
        client.pause(false);
    });
}

void Life::isolate_client()
{
    int number = 101 + static_cast<int>(roll(persons_.size()));
    say(name_of(number), "is cut off from all nodes");
    for (int id = 1; id <= world_.count(); id++) {
        world_.network.cut(id, number);
        world_.network.cut(number, id);
    }
    heal_later();
}

/* One way, both ways, or from all other nodes. */
void Life::cut(int id)
{
    int other = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count())));
    if (roll(4) == 0)
        other = 101 + static_cast<int>(roll(persons_.size()));
    uint64_t kind = roll(3);
    static const char *const kinds[] = {"one way", "both ways", "from all nodes"};
    say(name_of(id), "is cut off " + name_of(other) + ", " + kinds[kind]);
    if (kind < 2)
        world_.network.cut(id, other);
    if (kind == 1)
        world_.network.cut(other, id);
    for (int all = 1; kind == 2 && all <= world_.count(); all++) {
        world_.network.cut(id, all);
        world_.network.cut(all, id);
    }
    heal_later();
}

void Life::heal_later()
{
    world_.in(roll(2 * plan_.pause_ns), [this] {
        if (over_)
            return;
        say("net", "heals");
        world_.network.heal();
    });
}

void Life::reset(int id)
{
    uint64_t others = static_cast<uint64_t>(world_.count()) + persons_.size();
    int other = 1 + static_cast<int>(roll(others));
    if (other > world_.count())
        other += 100 - world_.count();
    say(name_of(id), "loses its connection with " + name_of(other));
    world_.network.reset(id, other);
}

void Life::disturb_disk(int id)
{
    Disk &disk = world_.machine(id).disk;
    uint64_t what = roll(3);
    uint64_t length = roll(plan_.pause_ns);
    static const char *const kinds[] = {"stalls", "is full", "fails"};
    say(name_of(id), std::string("has a disk that ") + kinds[what]);
    if (what == 0)
        disk.stalled_until = world_.now() + length;
    if (what == 1)
        disk.full = true;
    if (what == 2)
        disk.broken = true;
    world_.in(length, [&disk] { disk.full = false; });
}

void Life::all_lose_power()
{
    say("all", "lose power");
    for (int id = 1; id <= world_.count(); id++)
        world_.machine(id).crash(End::power_cut);
    for (int id = 1; id <= world_.count(); id++)
        world_.in(roll(2 * NS_PER_S), [this, id] { start(id); });
}

/* Anybody, or in lives that hunt leaders more often one of those. */
int Life::whom()
{
    int id = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count())));
    for (int all = 1; plan_.hunts_leaders && all <= world_.count(); all++) {
        if (world_.machine(all).leads() && roll(2) == 0)
            id = all;
    }
    return id;
}

/* Whom it is done to must be up, and may be disturbed. */
bool Life::is_to_node(Kind kind)
{
    return kind <= Kind::pause_node || kind == Kind::disk;
}

bool Life::do_deed(Kind kind, int id)
{
    switch (kind) {
    case Kind::kill:
    case Kind::power:
    case Kind::stop:
        return end_node(kind, id);
    case Kind::pause_node:
        pause_node(id);
        return true;
    case Kind::pause_client:
        pause_client();
        return true;
    case Kind::stop_client:
        stop_client();
        return true;
    case Kind::isolate_client:
        isolate_client();
        return true;
    case Kind::cut:
        cut(id);
        return true;
    case Kind::reset:
        reset(id);
        return true;
    case Kind::disk:
        disturb_disk(id);
        return true;
    case Kind::vandal:
        vandal_.act();
        return true;
    case Kind::client_dies:
        persons_[roll(persons_.size())]->vanish();
        return true;
    case Kind::all_lose_power:
        if (!plan_.keeps_majority)
            all_lose_power();
        return !plan_.keeps_majority;
    case Kind::bend_clock:
        bend_clock(id);
        return true;
    case Kind::slow_disks:
        return slow_all_disks();
    case Kind::feast:
        return glutton_.feast();
    case Kind::pose:
        return impostor_.pose();
    case Kind::add_member:
    case Kind::remove_member:
    case Kind::replace_member:
    case Kind::repair_member:
    case Kind::move_member:
    case Kind::promote_learner:
    case Kind::transfer_lead:
    case Kind::old_disk:
        return members_.act(kind, id);
    case Kind::slow_start:
        return slow_start();
    case Kind::depose:
        return depose();
    case Kind::upgrade:
        return upgrades_.act(id);
    case Kind::old_entries:
    case Kind::late_votes:
        return plays_.begin(kind);
    default:
        return faults_of_world_.act(kind, id);
    }
}

/* A node that is down is started by every second deed that meets it. */
void Life::perform(const Deed &deed)
{
    dice_ = stream(plan_.seed, deed.number);
    int id = whom();
    bool up = world_.machine(id).up();
    if (!up && roll(2) == 0)
        start(id);
    else if (!is_to_node(deed.kind) || (up && may_disturb(id)))
        done_[deed.kind] += do_deed(deed.kind, id);
    if (plan_.denied == deed.kind)
        expect(done_[deed.kind] < 2,
                std::string("it happened again: ") + sim::name_of(deed.kind));
}

} // namespace sim
