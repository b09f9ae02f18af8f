#include "sim/lives/faults.h"

#include <iterator>

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

bool Faults::act(Kind kind, int id)
{
    switch (kind) {
    case Kind::slow:
        return slow(id);
    case Kind::lossy:
        return lose(id);
    case Kind::break_frame:
        return break_frame(id);
    case Kind::half_open:
        return half_open(id);
    case Kind::bridge:
        return bridge(id);
    case Kind::end_amid:
        return end_amid(id);
    case Kind::end_at_start:
        return end_at_start(id);
    case Kind::damage:
        return damage(id);
    case Kind::rot:
        return rot(id);
    case Kind::empty:
        return empty(id);
    case Kind::jump_wall:
        return jump_wall(id);
    case Kind::stuck_disk:
        return stick_disk(id);
    case Kind::log_full:
        return fill_log(id);
    case Kind::slow_replay:
        return replay_slowly(id);
    case Kind::hand_over_amid_replay:
        return hand_over_amid_replay();
    default:
        return false;
    }
}

/* Another node, or a client. */
int Faults::other_end(int id)
{
    World &world = life_.world();
    if (world.count() == 1 || life_.roll(3) == 0)
        return 101 +
               static_cast<int>(life_.roll(static_cast<uint64_t>(life_.plan().persons)));
    int other = 1 + static_cast<int>(life_.roll(static_cast<uint64_t>(world.count() - 1)));
    return other < id ? other : other + 1;
}

/* ---- Network ---- */

bool Faults::slow(int id)
{
    World &world = life_.world();
    int other = other_end(id);
    uint64_t ns = life_.roll(life_.roll(4) == 0 ? NS_PER_S : 50 * NS_PER_MS);
    bool sends = life_.roll(2) == 0;
    life_.say(id,
            "is slow to " + std::string(sends ? "reach " : "hear ") + life_.name_of(other));
    world.network.slow(sends ? id : other, sends ? other : id, ns);
    life_.heal_later();
    return true;
}

bool Faults::lose(int id)
{
    World &world = life_.world();
    int other = other_end(id);
    life_.say(id, "loses what goes to " + life_.name_of(other));
    world.network.lose(id, other, static_cast<uint32_t>(1 + life_.roll(40)));
    life_.heal_later();
    return true;
}

bool Faults::break_frame(int id)
{
    World &world = life_.world();
    int other = other_end(id);
    life_.say(id, "is cut off amid what it says to " + life_.name_of(other));
    world.network.reset_after(id, other, life_.roll(2000));
    return true;
}

bool Faults::half_open(int id)
{
    int other = other_end(id);
    life_.say(id, "forgets its connection with " + life_.name_of(other));
    life_.world().network.half_open(id, other);
    return true;
}

/* `id` reaches all; of the others the lower half does not reach the upper. */
bool Faults::bridge(int id)
{
    World &world = life_.world();
    if (world.count() < 3)
        return false;
    life_.say(id, "is the bridge between two halves");
    int middle = (world.count() + 1) / 2;
    for (int a = 1; a <= world.count(); a++) {
        for (int b = 1; b <= world.count(); b++) {
            bool apart = (a <= middle) != (b <= middle);
            if (apart && a != id && b != id)
                world.network.cut(a, b);
        }
    }
    life_.heal_later();
    return true;
}

/* ---- Processes ---- */

bool Faults::end_amid(int id)
{
    World &world = life_.world();
    if (!world.machine(id).up() || !life_.may_disturb(id))
        return false;
    life_.say(id, "is to end amid its effects");
    End how = life_.roll(2) == 0 ? End::killed : End::power_cut;
    uint32_t effects = static_cast<uint32_t>(life_.roll(life_.roll(2) == 0 ? 4 : 20));
    world.machine(id).end_amid(effects, how, life_.roll(2) == 0);
    return true;
}

bool Faults::end_at_start(int id)
{
    World &world = life_.world();
    if (world.machine(id).up() || is_away(id))
        return false;
    life_.say(id, "ends as it starts");
    world.machine(id).end_amid(static_cast<uint32_t>(life_.roll(2)), End::power_cut, true);
    life_.start(id);
    return true;
}

/* ---- Disks ---- */

/* A majority keeps its logs. */
bool Faults::may_go_away(int id)
{
    int most = (life_.world().count() - 1) / 2;
    bool room = static_cast<int>(away_.size()) < most;
    return room && !is_away(id) &&
           (!life_.world().machine(id).up() || life_.may_disturb(id));
}

bool Faults::damage(int id)
{
    World &world = life_.world();
    if (!may_go_away(id))
        return false;
    Machine &machine = world.machine(id);
    machine.crash(End::power_cut);
    static const char *const what[] = {"sector flipped", "sector zeroed", "sector stale",
            "sector misdirected", "segment shortened", "segment emptied", "segment missing",
            "segment misnamed"};
    uint64_t kind = life_.roll(life_.plan().strange ? std::size(what) : 4);
    if (!machine.disk.damage(static_cast<Damage>(kind), life_.dice()))
        return false;
    life_.say(id, std::string("has a ") + what[kind]);
    away_.insert(id);
    life_.start(id);
    world.in(life_.roll(life_.plan().away_ns), [this, id] { come_back(id); });
    return true;
}

/*
 * It runs on, and may find out or not. Nobody is without an answer for it; if it ends, it
 * must not start as it is.
 */
bool Faults::rot(int id)
{
    Machine &machine = life_.world().machine(id);
    if (!machine.up() || !may_go_away(id))
        return false;
    uint64_t kind = life_.roll(8);
    if (kind >= 4)
        machine.disk.rot_when_read(life_.dice());
    else if (!machine.disk.damage(static_cast<Damage>(kind), life_.dice()))
        return false;
    life_.say(
            id, kind < 4 ? "has rot in its log, and runs" : "has rot where it reads next");
    away_.insert(id);
    uint64_t end = life_.roll(3);
    uint64_t mends_ns = end == 2 ? 20 * NS_PER_S : 0; /* It may end that itself. */
    life_.world().in(mends_ns + life_.roll(life_.plan().away_ns), [this, id, end] {
        if (end != 0)
            become_readable(id);
        else
            come_back(id);
    });
    return true;
}

/* Somebody has put the file back; the node finds that out by itself, if it is up. */
void Faults::become_readable(int id)
{
    if (away_.erase(id) == 0)
        return;
    life_.say(id, "has a log without rot again");
    life_.world().machine(id).disk.undo_damage();
}

/*
 * Its file system is not mounted: it finds nothing, which looks like a new node's
 * directory.
 */
bool Faults::empty(int id)
{
    World &world = life_.world();
    /* A learner counts for nothing: the blank node would take its place, for good. */
    bool votes = life_.oracle().members().voters().count(id) > 0;
    if (life_.oracle().committed() < 5 || !votes || !may_go_away(id))
        return false;
    Machine &machine = world.machine(id);
    machine.crash(End::power_cut);
    life_.say(id, "finds an empty directory");
    away_.insert(id);
    machine.disk.unmount();
    durable_[id] = life_.oracle().disk_changed(id, {});
    life_.start(id);
    world.in(life_.roll(life_.plan().away_ns), [this, id] { come_back(id); });
    return true;
}

/* What it had is there again. It is down then; who is told to starts it. */
void Faults::come_back(int id)
{
    if (away_.erase(id) == 0)
        return;
    Machine &machine = life_.world().machine(id);
    machine.crash(End::killed);
    life_.say(id, "has its log again");
    machine.disk.undo_damage();
    if (machine.disk.is_mounted())
        return;
    machine.disk.mount();
    (void)life_.oracle().disk_changed(id, durable_[id]);
}

/* ---- Disks of no use ---- */

/* It finishes no write, while its node answers all that needs none. */
bool Faults::stick_disk(int id)
{
    World &world = life_.world();
    Machine &machine = world.machine(id);
    if (!machine.up() || !life_.may_disturb(id))
        return false;
    life_.say(id, "has a disk that finishes nothing");
    machine.disk.stuck = true;
    world.in(NS_PER_S + life_.roll(9 * NS_PER_S),
            [this, id] { life_.world().machine(id).disk.stuck = spoilt_.count(id) > 0; });
    return true;
}

void Faults::restart(int id)
{
    life_.world().machine(id).crash(End::killed);
    life_.start(id);
}

/* It may have the segments that it has, and one more. */
bool Faults::fill_log(int id)
{
    World &world = life_.world();
    Machine &machine = world.machine(id);
    if (!machine.up() || !life_.may_disturb(id) || machine.has_few_segments() ||
            machine.disk.is_damaged())
        return false;
    life_.say(id, "is started with few segments");
    machine.limit_segments(1);
    restart(id);
    world.in(life_.roll(10 * NS_PER_S), [this, id] {
        Machine &limited = life_.world().machine(id);
        if (!limited.has_few_segments() || spoilt_.count(id) > 0)
            return;
        limited.allow_segments();
        if (limited.up()) {
            life_.say(id, "is started with more segments");
            restart(id);
        }
    });
    return true;
}

void Faults::read_slowly(int id)
{
    World &world = life_.world();
    life_.say(id, "is started, and reads slowly");
    world.machine(id).disk.read_ns = NS_PER_MS + life_.roll(NS_PER_S);
    restart(id);
    world.in(life_.roll(8 * NS_PER_S),
            [this, id] { life_.world().machine(id).disk.read_ns = 0; });
}

bool Faults::replay_slowly(int id)
{
    Machine &machine = life_.world().machine(id);
    if (!machine.up() || !life_.may_disturb(id))
        return false;
    read_slowly(id);
    return true;
}

/* Some of the others have just been started when the leader is told to stop. */
bool Faults::hand_over_amid_replay()
{
    World &world = life_.world();
    Machine *leader = world.leader();
    if (!leader || !life_.may_disturb(leader->id()))
        return false;
    for (int id = 1; id <= world.count(); id++) {
        bool may = world.machine(id).up() && !is_away(id) && life_.may_disturb(id);
        if (id != leader->id() && may && life_.roll(2) == 0)
            read_slowly(id);
    }
    world.in(life_.roll(NS_PER_S), [this, id = leader->id()] {
        Machine &old = life_.world().machine(id);
        if (!old.leads() || life_.is_over())
            return;
        life_.say(id, "leads, and is told to stop");
        old.stop();
    });
    return true;
}

void Faults::repair_disk(int id)
{
    Machine &machine = life_.world().machine(id);
    machine.disk.full = false;
    machine.disk.broken = false;
    machine.disk.stalled_until = 0;
    machine.disk.stuck = false;
    machine.disk.read_ns = 0;
    machine.disk.write_ns = 0;
    spoilt_.erase(id);
    if (!machine.has_few_segments())
        return;
    machine.allow_segments();
    machine.crash(End::killed);
}

void Faults::spoil_disk(int id)
{
    Machine &machine = life_.world().machine(id);
    if (is_away(id) || machine.disk.is_damaged())
        return;
    repair_disk(id);
    machine.pause(false);
    if (!machine.up())
        life_.start(id);
    if (!machine.up())
        return;
    spoilt_.insert(id);
    if (life_.roll(3) == 0) {
        life_.say(id, "is started with no more segments");
        machine.limit_segments(0);
        restart(id);
    } else {
        life_.say(id, "has a disk that finishes nothing any more");
        machine.disk.stuck = true;
    }
}

/* ---- Clocks ---- */

bool Faults::jump_wall(int id)
{
    World &world = life_.world();
    int64_t ns = static_cast<int64_t>(life_.roll(200 * NS_PER_S));
    life_.say(id, "is told another time of day");
    world.machine(id).jump_wall(ns - static_cast<int64_t>(100 * NS_PER_S));
    return true;
}

} // namespace sim
