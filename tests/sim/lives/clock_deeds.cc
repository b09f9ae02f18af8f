/*
 * What is done to clocks: they run beyond rho, which lockd does not promise to stand, but to
 * notice. One node at a time has such a clock, and any number of clients.
 */
#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr uint64_t least_ppm = 10000;
constexpr uint64_t most_ppm = 100000;
constexpr uint64_t surely_found_ppm = 40000; /* In spite of what delays hide */
constexpr uint64_t found_within_ns =
        25 * NS_PER_S;                         /* Two brackets of the guard, and some */
constexpr uint64_t delayed_ns = 12 * NS_PER_S; /* A bracket begins in it, and ends later. */
constexpr uint64_t gives_way_within_ns = 5 * NS_PER_S;

} // namespace

void Life::set_rate(int id, int64_t ppm)
{
    world_.machine(id).set_rate(ppm);
    oracle_.clocks().set_rate(id, ppm, world_.now());
}

int64_t Life::bad_rate(uint64_t least, bool fast)
{
    int64_t ppm = static_cast<int64_t>(least + roll(most_ppm - least + 1));
    return fast ? ppm : -ppm;
}

void Life::bend_client()
{
    size_t which = roll(persons_.size());
    Client *client = &persons_[which]->client();
    int64_t ppm = bad_rate(least_ppm, roll(3) == 0);
    auto set = [this, client](int64_t rate) {
        say(client->name(), "has a clock off by " + std::to_string(rate) + " ppm");
        client->set_rate(rate);
        oracle_.clocks().set_rate(client->number(), rate, world_.now());
    };
    set(ppm);
    world_.in(roll(10 * NS_PER_S), [this, set, which, client, good = some_rate(dice_)] {
        if (client == &persons_[which]->client())
            set(good);
    });
}

/* Again and again the same node, until its clock is good again. */
void Life::bend_node(int id)
{
    bent_ = bent_ == 0 ? id : bent_;
    int64_t ppm = bad_rate(least_ppm, roll(3) > 0);
    say(bent_, "has a clock off by " + std::to_string(ppm) + " ppm");
    set_rate(bent_, ppm);
    bends_++;
    world_.in(roll(20 * NS_PER_S), [this, bend = bends_, good = some_rate(dice_)] {
        if (bend == bends_)
            straighten(good);
    });
}

void Life::straighten(int64_t good)
{
    bends_++;
    if (bent_ == 0)
        return;
    say(bent_, "has a good clock again");
    set_rate(bent_, good);
    bent_ = 0;
}

void Life::bend_clock(int id)
{
    if (roll(3) == 0)
        bend_client();
    else
        bend_node(id);
}

/* What it says arrives ever later, as slowly as no election takes notice, then at once. */
void Life::delay_for_a_while(int id)
{
    constexpr uint64_t step_ns = 50 * NS_PER_MS;
    uint64_t steps = roll(9);
    auto slow = [this, id](uint64_t ns) {
        for (int other = 1; other <= world_.count(); other++)
            world_.network.slow(id, other, ns);
    };
    for (uint64_t step = 1; step <= steps; step++)
        world_.in(2 * step * step_ns, [slow, ns = step * step_ns] { slow(ns); });
    world_.in(delayed_ns, [slow] { slow(0); });
}

/*
 * All is well, but the leader's clock runs fast: its followers find that out, and it gives
 * way. If it runs slow or is good nobody suspects it, whatever delays there are (speak(),
 * clock_oracle.h).
 */
void Life::test_guard()
{
    straighten(0);
    Machine *leader = world_.leader();
    if (!plan_.tests_guard || world_.count() < 3 || !leader)
        return;
    int id = leader->id();
    uint64_t term = raft_term(leader->raft());
    uint64_t before = alarms_[id];
    uint64_t how = roll(4);
    if (how != 0)
        set_rate(id, bad_rate(surely_found_ppm, how != 1));
    say(id, how > 1 ? "has a fast clock" : how == 1 ? "has a slow clock" : "is watched");
    if (how < 2)
        delay_for_a_while(id);
    auto leads_on = [&] {
        return leader->leads() && raft_term(leader->raft()) == term;
    };
    world_.run_until([&] { return alarms_[id] > before || !leads_on(); }, found_within_ns);
    bool alarm = alarms_[id] > before;
    expect(how < 2 || alarm || !leads_on(), "a fast clock is not noticed");
    auto another_leads = [&] {
        Machine *now = world_.leader();
        return now && now->id() != id;
    };
    expect(!alarm || world_.run_until(another_leads, gives_way_within_ns),
            "a suspected leader does not give way");
    set_rate(id, 0);
}

} // namespace sim
