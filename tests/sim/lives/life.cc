#include "sim/lives/life.h"

#include <algorithm>
#include <cstdio>

#include "base/units.h"
#include "sim/world/words.h"

namespace sim {

namespace {

constexpr size_t long_name = 200; /* So that an entry fills more than a sector */

} // namespace

std::string Life::name_of(int id)
{
    return id > 100 ? "c" + std::to_string(id - 100) : "n" + std::to_string(id);
}

static std::vector<std::string> choose_names(const Plan &plan)
{
    std::vector<std::string> names{"a", "b", "c"};
    for (std::string &name : names) {
        if (plan.long_names)
            name.resize(long_name, '.');
    }
    return names;
}

Life::Life(const Plan &plan, std::function<void(const std::string &)> log)
        : plan_(plan), log_(std::move(log)), dice_(stream(plan.seed, STREAM_LIFE)),
          world_(plan.world), locks_(choose_names(plan)), oracle_(world_, locks_),
          vandal_(world_, stream(plan.seed, STREAM_VANDAL), plan.strange),
          glutton_(world_, stream(plan.seed, STREAM_GLUTTON)),
          impostor_(world_, stream(plan.seed, STREAM_IMPOSTOR),
                  [this](const std::string &breach) { expect(false, breach); }),
          onlooker_(
                  world_, [this] { return oracle_.committed(); },
                  [this](uint64_t read, uint64_t committed) {
                      judge_read("an onlooker", read, committed);
                  })
{
    world_.after_turn = [this](Machine &machine) {
        oracle_.look_at(machine);
        speak(machine);
        watch_start(machine);
        plays_.watch(machine);
    };
    world_.network.taps.push_back(
            [this](uint64_t, int from, int to, const std::vector<uint8_t> &bytes) {
                oracle_.hear(from, to, bytes);
            });
    if (plan_.has_glutton)
        history_.let_ends_be_slow();
    world_.before_end = [this](Machine &machine) {
        oracle_.before_end(machine);
        if (over_) /* It was told to stop before all was healed. */
            world_.in(NS_PER_MS, [this, id = machine.id()] { start(id); });
    };
}

uint64_t Life::roll(uint64_t n)
{
    return n == 0 ? 0 : prng_below(&dice_, n);
}

void Life::say(const std::string &who, const std::string &what)
{
    if (!log_)
        return;
    char line[200];
    unsigned long long us = world_.now() / 1000;
    snprintf(line, sizeof(line), "%6llu.%06llus  %-4s  %s", us / 1000000, us % 1000000,
            who.c_str(), what.c_str());
    log_(line);
}

void Life::expect(bool good, const std::string &breach)
{
    if (!good)
        oracle_.breaches.push_back(breach);
}

void Life::judge_read(const std::string &who, uint64_t read, uint64_t committed)
{
    expect(read >= committed, who + " reads at " + std::to_string(read) +
                                      " what was committed at " +
                                      std::to_string(committed));
}

void Life::speak(Machine &machine)
{
    for (const node_notice &notice : machine.notices) {
        bool alarm = notice.kind == NOTICE_CLOCK_SUSPECT;
        bool fast = oracle_.clocks().was_fast(machine.id(), world_.now());
        expect(!alarm || fast, "a good clock is suspected");
        alarms_[machine.id()] += alarm;
        if (std::optional<std::string> what = text(notice))
            say(name_of(machine.id()), *what);
    }
    machine.notices.clear();
}

/* Within what clocks may differ (rho), with a little to spare. */
int64_t Life::some_rate(struct prng &dice) const
{
    uint64_t span = static_cast<uint64_t>(2 * plan_.rate_most + 1);
    return static_cast<int64_t>(prng_below(&dice, span)) - plan_.rate_most;
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

/* ---- Life and its end ---- */

void Life::make_well(int id)
{
    Machine &machine = world_.machine(id);
    faults_of_world_.come_back(id);
    faults_of_world_.repair_disk(id);
    machine.pause(false);
    if (!machine.up())
        start(id);
}

/* The leader goes silent, and its connections stand: the others have to do without it. */
int Life::silence_leader()
{
    Machine *leader = world_.leader();
    if (!leader || world_.count() < 3 || roll(2) == 0)
        return 0;
    int id = leader->id();
    say(id, "is paused");
    leader->pause(true);
    return id;
}

/* Of the majority; or of all, and then those who are not in it have disks of no use. */
void Life::heal_network(const std::set<int> &majority)
{
    if (!plan_.bad_disks) {
        world_.network.heal_among(majority);
        return;
    }
    struct prng kept = std::exchange(dice_, stream(plan_.seed, STREAM_LAST_DISKS));
    world_.network.heal();
    for (int id = 1; id <= world_.count(); id++) {
        if (majority.count(id) == 0 && !world_.machine(id).paused())
            faults_of_world_.spoil_disk(id);
    }
    dice_ = kept;
}

/* Any majority, which is then enough, whatever the others do. */
void Life::heal_majority()
{
    int without = silence_leader();
    over_ = true;
    uint64_t count = static_cast<uint64_t>(world_.count());
    std::set<int> majority;
    while (2 * majority.size() <= count) {
        majority.insert(1 + static_cast<int>(roll(count)));
        majority.erase(without);
    }
    heal_network(majority);
    for (int id : majority) {
        say(id, "is healed");
        make_well(id);
    }
    if (oracle_.committed() > 0) /* Bootstrap takes all. */
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

/*
 * Liveness: a client that comes now is granted what nobody holds. A node that is needed may
 * have to catch up first, in plays one entry at a time.
 */
void Life::must_grant(
        int number, const std::string &lock, uint64_t wait_ns, const std::string &breach)
{
    last_.push_back(
            std::make_unique<Client>(world_, number, "last", 5 * NS_PER_S, &history_));
    Client &fresh = *last_.back();
    fresh.be_patient(); /* A leader that was without its disk has much to do. */
    auto status = std::make_shared<std::optional<enum status>>();
    fresh.acquire(lock, wait_ns,
            [status](const core_completion &done) { *status = done.status; });
    world_.run_until([&] { return status->has_value(); }, wait_ns);
    expect(*status == STATUS_OK, breach);
    fresh.close();
    uint64_t close_ns = std::max(5 * NS_PER_S, wait_ns); /* Disks may be slow. */
    world_.run_until([&] { return fresh.waiting() == 0; }, close_ns);
    expect(fresh.waiting() == 0, "no end of a session after healing");
}

void Life::must_grant(int number, const std::string &lock)
{
    /* What a glutton took is free again when its sessions are over. */
    if (plan_.has_glutton)
        world_.run_for(5 * NS_PER_S);
    /* Who was long without its disk has much to catch up. */
    uint64_t wait_ns = (plan_.bad_disks ? 50 : 30) * NS_PER_S;
    must_grant(number, lock, wait_ns, "no grant after healing");
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

/* Clocks beyond rho end leases early, and nobody promised otherwise. */
void Life::judge_history()
{
    bool bent = plan_.tests_guard;
    for (const Deed &deed : plan_.deeds)
        bent = bent || deed.kind == Kind::bend_clock;
    for (const std::string &breach : breaches_of(history_.whole(!bent)))
        expect(false, breach);
}

void Life::run()
{
    for (int id = 1; id <= world_.count(); id++) {
        world_.machine(id).set_rate(some_rate(dice_));
        start(id);
    }
    for (int i = 1; i <= plan_.persons; i++) {
        persons_.push_back(std::make_unique<Person>(*this, 100 + i));
        persons_.back()->live();
    }
    if (plan_.waits_for_leader)
        world_.run_until([&] { return world_.leader() != nullptr; }, 5 * NS_PER_S);
    for (const Deed &deed : plan_.deeds)
        world_.in(deed.at_ns, [this, &deed] {
            if (!over_)
                perform(deed);
        });
    world_.run_for(plan_.hostile_ns);
    dice_ = stream(plan_.seed, STREAM_LIFE);
    heal_majority();
    heal();
    elect_and_grant();
    catch_up();
    test_disks();
    test_guard();
    empty();
    world_.after_turn = nullptr;
    judge_history();
}

} // namespace sim
