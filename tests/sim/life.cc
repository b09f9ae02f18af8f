#include "sim/life.h"

#include <algorithm>
#include <cstdio>

#include "base/units.h"
#include "sim/words.h"

namespace sim {

namespace {

enum fault {
    FAULT_KILL,
    FAULT_POWER,
    FAULT_STOP,
    FAULT_PAUSE_NODE,
    FAULT_PAUSE_CLIENT,
    FAULT_CUT,
    FAULT_RESET,
    FAULT_DISK,
    FAULT_VANDAL,
    FAULT_CLIENT_DIES,
    FAULT_ALL_LOSE_POWER,
    FAULT_WORLD, /* Of Faults, which draws again */
    FAULT_KINDS,
};

constexpr int clients = 4;
constexpr uint64_t world_weight = 6; /* Faults has many kinds. */
constexpr uint64_t hostile_ns = 30 * NS_PER_S;
constexpr size_t long_name = 200; /* So that an entry fills more than a sector */

} // namespace

std::string Life::name_of(int id)
{
    return id > 100 ? "c" + std::to_string(id - 100) : "n" + std::to_string(id);
}

std::vector<std::string> Life::choose_names(uint64_t seed)
{
    std::vector<std::string> names{"a", "b", "c"};
    for (std::string &name : names) {
        if (seed % 4 == 0)
            name.resize(long_name, '.');
    }
    return names;
}

Options Life::choose(uint64_t seed)
{
    struct prng dice;
    prng_init(&dice, seed);
    static const int sizes[] = {1, 3, 3, 3, 5};
    Options options;
    options.seed = prng_next(&dice);
    options.nodes = sizes[prng_below(&dice, 5)];
    options.net_ns = 50000 + prng_below(&dice, 5 * NS_PER_MS);
    options.net_jitter_ns =
            prng_below(&dice, 2) == 0 ? 0 : prng_below(&dice, 20 * NS_PER_MS);
    options.disk_ns = 50000 + prng_below(&dice, 3 * NS_PER_MS);
    options.disk_jitter_ns = prng_below(&dice, 5 * NS_PER_MS);
    options.turn_ns = prng_below(&dice, 2) == 0 ? 0 : prng_below(&dice, 300000);
    options.splits = prng_below(&dice, 2) == 0;
    return options;
}

Life::Life(uint64_t seed, bool talks)
        : talks_(talks), world_(choose(seed)), locks_(choose_names(seed)),
          oracle_(world_, locks_), vandal_(world_)
{
    world_.after_turn = [this](Machine &machine) {
        oracle_.look_at(machine);
        speak(machine);
    };
    world_.before_end = [this](Machine &machine) {
        oracle_.before_end(machine);
        if (over_) /* It was told to stop before all was healed. */
            world_.in(NS_PER_MS, [this, id = machine.id()] { start(id); });
    };
    for (uint32_t kind = 0; kind < FAULT_KINDS; kind++)
        faults_ |= static_cast<uint32_t>(world_.roll(2)) << kind;
    hunts_leaders_ = world_.roll(2) == 0;
    fault_gap_ns_ =
            30 * NS_PER_MS + world_.roll(hunts_leaders_ ? 200 * NS_PER_MS : NS_PER_S);
    pause_ns_ = world_.roll(4 * NS_PER_S);
    keeps_majority_ = world_.roll(3) != 0;
    rate_most_ = world_.roll(2) == 0 ? 0 : 4500;
    faults_of_world_.choose();
}

void Life::say(const std::string &who, const std::string &what)
{
    if (!talks_)
        return;
    uint64_t us = world_.now() / 1000;
    fprintf(stderr, "%6llu.%06llus  %-4s  %s\n",
            static_cast<unsigned long long>(us / 1000000),
            static_cast<unsigned long long>(us % 1000000), who.c_str(), what.c_str());
}

void Life::expect(bool good, const std::string &breach)
{
    if (!good)
        oracle_.breaches.push_back(breach);
}

void Life::speak(Machine &machine)
{
    for (const node_notice &notice : machine.notices) {
        expect(notice.kind != NOTICE_CLOCK_SUSPECT, "a good clock is suspected");
        if (std::optional<std::string> what = text(notice))
            say(name_of(machine.id()), *what);
    }
    machine.notices.clear();
}

/* Within what clocks may differ (rho), with a little to spare. */
int64_t Life::some_rate()
{
    uint64_t span = static_cast<uint64_t>(2 * rate_most_ + 1);
    return static_cast<int64_t>(world_.roll(span)) - rate_most_;
}

void Life::start(int id)
{
    Machine &machine = world_.machine(id);
    if (machine.up())
        return;
    say(name_of(id), "starts");
    bool damaged = machine.disk.is_damaged();
    enum node_boot boot = machine.start();
    if (damaged)
        expect(boot == NODE_BOOT_DAMAGED, name_of(id) + " does not see the damage");
    else
        expect(boot == NODE_BOOT_OK, name_of(id) + " does not boot");
    if (machine.up())
        oracle_.after_start(machine);
}

/* ---- Faults ---- */

/* In most lives a majority is left alone by what is done to nodes. */
bool Life::may_disturb(int id)
{
    int well = 0;
    for (int other = 1; other <= world_.count(); other++) {
        const Machine &machine = world_.machine(other);
        bool serves = machine.up() && !machine.paused() && !faults_of_world_.is_away(other);
        well += other != id && serves;
    }
    return !keeps_majority_ || 2 * well > world_.count();
}

void Life::end_node(int id)
{
    Machine &machine = world_.machine(id);
    uint64_t how = world_.roll(FAULT_STOP + 1);
    if ((faults_ & (1U << how)) == 0)
        return;
    if (how == FAULT_STOP) {
        say(name_of(id), "is told to stop");
        machine.stop();
    } else {
        say(name_of(id), how == FAULT_POWER ? "loses power" : "is killed");
        machine.crash(how == FAULT_POWER ? End::power_cut : End::killed);
    }
}

void Life::pause_node(int id)
{
    Machine &machine = world_.machine(id);
    say(name_of(id), "is paused");
    machine.pause(true);
    world_.in(world_.roll(pause_ns_), [this, &machine] {
        if (!machine.paused() || over_)
            return;
        say(name_of(machine.id()), "goes on");
        machine.pause(false);
    });
}

void Life::pause_client()
{
    Client &client = persons_[world_.roll(persons_.size())]->client();
    say(client.name(), "is paused");
    client.pause(true);
    world_.in(world_.roll(2 * pause_ns_), [this, &client] {
        say(client.name(), "goes on");
        client.pause(false);
    });
}

/* One way, both ways, or from all other nodes. */
void Life::cut(int id)
{
    int other = 1 + static_cast<int>(world_.roll(static_cast<uint64_t>(world_.count())));
    if (world_.roll(4) == 0)
        other = 101 + static_cast<int>(world_.roll(clients));
    uint64_t kind = world_.roll(3);
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
    world_.in(world_.roll(2 * pause_ns_), [this] {
        if (over_)
            return;
        say("net", "heals");
        world_.network.heal();
    });
}

void Life::reset(int id)
{
    uint64_t others = static_cast<uint64_t>(world_.count() + clients);
    int other = 1 + static_cast<int>(world_.roll(others));
    if (other > world_.count())
        other += 100 - world_.count();
    say(name_of(id), "loses its connection with " + name_of(other));
    world_.network.reset(id, other);
}

void Life::disturb_disk(int id)
{
    Disk &disk = world_.machine(id).disk;
    uint64_t what = world_.roll(3);
    uint64_t length = world_.roll(pause_ns_);
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
        world_.in(world_.roll(2 * NS_PER_S), [this, id] { start(id); });
}

void Life::schedule_fault()
{
    world_.in(world_.roll(2 * fault_gap_ns_), [this] {
        if (over_)
            return;
        fault();
        schedule_fault();
    });
}

/* Anybody, or in lives that hunt leaders more often one of those. */
int Life::whom()
{
    int id = 1 + static_cast<int>(world_.roll(static_cast<uint64_t>(world_.count())));
    for (int all = 1; hunts_leaders_ && all <= world_.count(); all++) {
        if (world_.machine(all).leads() && world_.roll(2) == 0)
            id = all;
    }
    return id;
}

void Life::fault()
{
    int id = whom();
    uint32_t kind = static_cast<uint32_t>(world_.roll(FAULT_KINDS + world_weight));
    kind = std::min<uint32_t>(kind, FAULT_WORLD);
    bool up = world_.machine(id).up();
    if (!up && world_.roll(2) == 0)
        start(id);
    else if (kind <= FAULT_STOP && up && may_disturb(id))
        end_node(id);
    else if ((faults_ & (1U << kind)) == 0)
        return;
    else if (kind == FAULT_PAUSE_NODE && up && may_disturb(id))
        pause_node(id);
    else if (kind == FAULT_PAUSE_CLIENT)
        pause_client();
    else if (kind == FAULT_CUT)
        cut(id);
    else if (kind == FAULT_RESET)
        reset(id);
    else if (kind == FAULT_DISK && up && may_disturb(id))
        disturb_disk(id);
    else if (kind == FAULT_VANDAL)
        vandal_.act();
    else if (kind == FAULT_CLIENT_DIES)
        persons_[world_.roll(persons_.size())]->vanish();
    else if (kind == FAULT_ALL_LOSE_POWER && !keeps_majority_)
        all_lose_power();
    else if (kind == FAULT_WORLD)
        faults_of_world_.act(id);
}

/* ---- Life and its end ---- */

void Life::make_well(int id)
{
    Machine &machine = world_.machine(id);
    faults_of_world_.come_back(id);
    machine.disk.full = false;
    machine.disk.broken = false;
    machine.disk.stalled_until = 0;
    machine.pause(false);
    if (!machine.up())
        start(id);
}

/* The leader goes silent, and its connections stand: the others have to do without it. */
int Life::silence_leader()
{
    Machine *leader = world_.leader();
    if (!leader || world_.count() < 3 || world_.roll(2) == 0)
        return 0;
    int id = leader->id();
    say(id, "is paused");
    leader->pause(true);
    return id;
}

/* Any majority, which is then enough, whatever the others do. */
void Life::heal_majority()
{
    int without = silence_leader();
    over_ = true;
    uint64_t count = static_cast<uint64_t>(world_.count());
    std::set<int> majority;
    while (2 * majority.size() <= count) {
        majority.insert(1 + static_cast<int>(world_.roll(count)));
        majority.erase(without);
    }
    world_.network.heal_among(majority);
    for (int id : majority) {
        say(id, "is healed");
        make_well(id);
    }
    if (oracle_.committed() > 0) /* Founding takes all. */
        must_grant(201, "y");
}

void Life::heal()
{
    say("all", "are healed");
    world_.network.heal();
    for (int id = 1; id <= world_.count(); id++)
        make_well(id);
    for (auto &person : persons_)
        person->leave();
}

/* Liveness: a client that comes now is granted what nobody holds. */
void Life::must_grant(int number, const std::string &lock)
{
    last_.push_back(std::make_unique<Client>(world_, number, "last", 5 * NS_PER_S));
    Client &fresh = *last_.back();
    auto status = std::make_shared<std::optional<enum status>>();
    fresh.acquire(lock, 10 * NS_PER_S,
            [status](const core_completion &done) { *status = done.status; });
    bool answered = world_.run_until([&] { return status->has_value(); }, 20 * NS_PER_S);
    expect(answered && *status == STATUS_OK, "no grant after healing");
    fresh.close();
    world_.run_until([&] { return fresh.waiting() == 0; }, 5 * NS_PER_S);
    expect(fresh.waiting() == 0, "no end of a session after healing");
}

void Life::elect_and_grant()
{
    bool led = world_.run_until([&] { return world_.leader() != nullptr; }, 5 * NS_PER_S);
    expect(led, "no leader after healing");
    must_grant(200, "z");
}

/* All nodes get to where the leader is. */
void Life::catch_up()
{
    bool caught_up = world_.run_until(
            [&] {
                Machine *leader = world_.leader();
                for (int id = 1; leader && id <= world_.count(); id++) {
                    Machine &machine = world_.machine(id);
                    if (!machine.up() ||
                            locks_index(machine.locks()) + 2 < locks_index(leader->locks()))
                        return false;
                }
                return leader != nullptr;
            },
            20 * NS_PER_S);
    expect(caught_up, "a node does not catch up");
}

/* What clients were told to hold is all there was: given back, nothing is left. */
void Life::empty()
{
    auto idle = [&] {
        return std::all_of(persons_.begin(), persons_.end(),
                [](const auto &person) { return person->idle(); });
    };
    expect(world_.run_until(idle, 30 * NS_PER_S), "a client gets no answer");
    auto something_left = [&] {
        Machine *leader = world_.leader();
        if (!leader)
            return true;
        locks_counts counts = locks_tally(leader->locks());
        return counts.holds + counts.waits > 0;
    };
    bool empty = world_.run_until([&] { return !something_left(); }, 20 * NS_PER_S);
    expect(empty, "something is held that nobody holds");
}

void Life::run()
{
    for (int id = 1; id <= world_.count(); id++) {
        world_.machine(id).set_rate(some_rate());
        start(id);
    }
    for (int i = 1; i <= clients; i++) {
        persons_.push_back(std::make_unique<Person>(*this, 100 + i));
        persons_.back()->live();
    }
    if (world_.roll(8) != 0)
        world_.run_until([&] { return world_.leader() != nullptr; }, 5 * NS_PER_S);
    schedule_fault();
    world_.run_for(hostile_ns);
    heal_majority();
    heal();
    elect_and_grant();
    catch_up();
    empty();
    world_.after_turn = nullptr;
}

} // namespace sim
