/* The verbs about nodes, their disks and clocks, the network, and time. */
#include <algorithm>
#include <cstdio>

#include "base/units.h"
#include "scenarios/scenario.h"

namespace scenarios {

namespace {

constexpr uint64_t settle_ns = 20 * NS_PER_MS;
constexpr uint64_t patience_ns = 120 * NS_PER_S;

std::string name_of(const sim::Machine &machine)
{
    return "n" + std::to_string(machine.id());
}

} // namespace

const std::vector<Story::Verb> &Story::cluster_verbs()
{
    static const std::vector<Verb> all = {
            {"cluster",
                    "cluster 3 nodes [net 1ms] [disk 2ms] [seed 1] [except n3] [window 2]: "
                    "start them",
                    &Story::cluster},
            {"show", "show role grant session down: the kinds of occurrences told",
                    &Story::show},
            {"clients", "clients alice bob ttl 5s: each opens a session", &Story::clients},
            {"crash", "crash n1|leader: kill -9; its connections are closed",
                    &Story::crash},
            {"power", "power n1: its power is cut; nobody is told", &Story::power},
            {"restart", "restart n1: start it on its disk", &Story::restart},
            {"stop", "stop n1|leader: SIGTERM", &Story::stop},
            {"stall", "stall n1|leader: SIGSTOP; its connections stay open", &Story::stall},
            {"unstall", "unstall n1: SIGCONT", &Story::unstall},
            {"wipe", "wipe n1: empty the directory of a node that is down", &Story::wipe},
            {"disk",
                    "disk n1 stalls 2s|full|ok|fails|tears|rots: writes take this long; no "
                    "segment can be made; that is over; the next write fails; writes under "
                    "way when the node ends are cut in half; a bit of the log flips",
                    &Story::disk},
            {"clock", "clock n1|alice 100000ppm: its clocks run so much faster from now on",
                    &Story::clock},
            {"cut", "cut n1 | n2 alice: nothing passes between the two groups",
                    &Story::cut},
            {"heal", "heal: all connections pass again", &Story::heal},
            {"hold", "hold n1 -> n2: what is sent that way waits", &Story::hold},
            {"deliver", "deliver n1 -> n2: what waits arrives, and the hold is over",
                    &Story::deliver},
            {"drop", "drop n1 -> n2: what waits is lost", &Story::drop},
            {"repeat", "repeat n1 -> n2: what waits will arrive twice", &Story::repeat},
            {"reset", "reset n1 alice: their connection breaks; what is under way is lost",
                    &Story::reset},
            {"lose",
                    "lose n1 -> n2 100: of what is sent that way this many in a hundred are "
                    "lost, at each try of TCP's; heal ends it, but not TCP's pauses",
                    &Story::lose},
            {"run",
                    "run for 3s, run until leader, run until alike (all nodes that are "
                    "up), "
                    "run until alice granted|lost|suspended",
                    &Story::run},
            {"state", "state: role, term and log of each node", &Story::state},
            {"check", "check \"build\": its holder and waiters as each node has them",
                    &Story::check},
            {"silence", "silence alice: the client is stopped, and hears and says nothing",
                    &Story::silence},
            {"wake", "wake alice: it goes on", &Story::wake},
    };
    return all;
}

void Story::start(int id)
{
    static const char *const reasons[] = {"", "is of another node", "is damaged",
            "is of a newer version", "holds a foreign segment",
            "is of a version of the cluster that it does not know", "needs a larger plan",
            "has no snapshot"};
    enum node_boot boot = world().machine(id).start();
    if (boot != NODE_BOOT_OK)
        tell("down", name_of(world().machine(id)),
                std::string("does not start: its log ") + reasons[boot]);
}

void Story::cluster(const Words &words)
{
    sim::Options options;
    options.nodes = std::stoi(word(words, 1));
    options.net_ns = NS_PER_MS;
    options.disk_ns = 2 * NS_PER_MS;
    std::string except;
    for (size_t i = 3; i + 1 < words.size(); i += 2) {
        if (words[i] == "net")
            options.net_ns = duration(words[i + 1]);
        else if (words[i] == "disk")
            options.disk_ns = duration(words[i + 1]);
        else if (words[i] == "seed")
            options.seed = std::stoull(words[i + 1]);
        else if (words[i] == "window")
            options.tune = [appends = std::stoul(words[i + 1])](node_settings &settings) {
                settings.raft.window = static_cast<uint32_t>(appends);
                settings.raft.window_bytes = 3 * settings.raft.append_bytes_max;
            };
        else if (words[i] == "except")
            except = words[i + 1];
        else
            throw Wrong("cluster knows no \"" + words[i] + "\"");
    }
    world_ = std::make_unique<sim::World>(options);
    begin_ = world_->now();
    world_->after_turn = [this](sim::Machine &machine) {
        watch(machine);
    };
    for (int id = 1; id <= options.nodes; id++) {
        if (except != "n" + std::to_string(id))
            start(id);
    }
    settled_ = true;
}

void Story::show(const Words &words)
{
    shown_ = std::set<std::string>(words.begin() + 1, words.end());
    settled_ = true;
}

/* ---- Nodes ---- */

void Story::crash(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", name_of(machine), "killed");
    machine.crash();
}

void Story::power(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", name_of(machine), "without power");
    machine.crash(sim::End::power_cut);
}

void Story::restart(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    if (machine.up())
        throw Wrong("the node is up");
    start(machine.id());
}

void Story::stop(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", name_of(machine), "told to stop");
    machine.stop();
}

void Story::stall(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", name_of(machine), "stalled");
    machine.pause(true);
}

void Story::unstall(const Words &words)
{
    node(word(words, 1)).pause(false);
}

void Story::wipe(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    if (machine.up())
        throw Wrong("the node is up");
    machine.disk.wipe();
}

void Story::disk(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    const std::string &what = word(words, 2);
    if (what == "stalls")
        machine.disk.stalled_until = world().now() + duration(word(words, 3));
    else if (what == "full" || what == "ok")
        machine.disk.full = what == "full";
    else if (what == "fails")
        machine.disk.broken = true;
    else if (what == "tears")
        machine.disk.tears = true;
    else if (what != "rots")
        throw Wrong("a disk stalls, is full or ok, fails, tears or rots");
    else if (!machine.disk.rot())
        throw Wrong("nothing is written yet");
}

void Story::clock(const Words &words)
{
    int64_t ppm = std::stoll(word(words, 2));
    if (clients_.count(words[1]) > 0)
        client(words[1]).set_rate(ppm);
    else
        node(words[1]).set_rate(ppm);
}

/* ---- Network ---- */

void Story::cut(const Words &words)
{
    auto bar = std::find(words.begin(), words.end(), "|");
    if (bar == words.end())
        throw Wrong("cut wants two groups with | between");
    for (auto a = words.begin() + 1; a != bar; ++a) {
        for (auto b = bar + 1; b != words.end(); ++b) {
            world().network.cut(end_of(*a), end_of(*b));
            world().network.cut(end_of(*b), end_of(*a));
        }
    }
}

void Story::heal(const Words &)
{
    world().network.heal();
}

std::pair<int, int> Story::way(const Words &words)
{
    if (word(words, 2) != "->")
        throw Wrong("a way is n1 -> n2");
    return {end_of(words[1]), end_of(word(words, 3))};
}

void Story::hold(const Words &words)
{
    auto [from, to] = way(words);
    world().network.hold(from, to);
}

void Story::deliver(const Words &words)
{
    auto [from, to] = way(words);
    world().network.deliver(from, to);
}

void Story::drop(const Words &words)
{
    auto [from, to] = way(words);
    occurred_.push_back(std::to_string(world().network.drop(from, to)) + " lost");
}

void Story::repeat(const Words &words)
{
    auto [from, to] = way(words);
    occurred_.push_back(std::to_string(world().network.repeat(from, to)) + " doubled");
}

void Story::reset(const Words &words)
{
    world().network.reset(end_of(word(words, 1)), end_of(word(words, 2)));
}

void Story::lose(const Words &words)
{
    auto [from, to] = way(words);
    world().network.lose(from, to, static_cast<uint32_t>(std::stoul(word(words, 4))));
}

/* ---- Time and looking ---- */

/* All nodes that are up have applied the same, and there is a leader. */
bool Story::all_are_alike()
{
    sim::Machine *leader = world().leader();
    for (int id = 1; leader && id <= world().count(); id++) {
        sim::Machine &machine = world().machine(id);
        if (machine.up() && locks_index(machine.locks()) != locks_index(leader->locks()))
            return false;
    }
    return leader != nullptr;
}

bool Story::came(const Words &words)
{
    const std::string &what = word(words, 2);
    if (what == "leader")
        return world().run_until([&] { return world().leader() != nullptr; }, patience_ns);
    if (what == "alike")
        return world().run_until([&] { return all_are_alike(); }, patience_ns);
    std::string wanted = what + " " + word(words, 3);
    happened_.erase(wanted);
    return world().run_until([&] { return happened_.count(wanted) > 0; }, patience_ns);
}

void Story::run(const Words &words)
{
    settled_ = true;
    if (word(words, 1) == "for") {
        world().run_for(duration(word(words, 2)));
        return;
    }
    if (!came(words))
        say("did not happen in 120 s");
    world().run_for(settle_ns);
}

void Story::state(const Words &)
{
    static const char *const roles[] = {"follower", "stands", "stands", "leader"};
    for (int id = 1; id <= world().count(); id++) {
        sim::Machine &machine = world().machine(id);
        char line[120] = "down";
        if (machine.up()) {
            const struct raft *raft = machine.raft();
            std::snprintf(line, sizeof line, "%-8s term %llu, last %llu, committed %llu",
                    roles[raft_role(raft)],
                    static_cast<unsigned long long>(raft_term(raft)),
                    static_cast<unsigned long long>(raft_last(raft).index),
                    static_cast<unsigned long long>(raft_commit(raft)));
        }
        say(name_of(machine) + "  " + line);
    }
}

std::string token_text(uint64_t token)
{
    return std::to_string(token % (uint64_t{1} << 20) + 1); /* The clock gives the rest. */
}

void Story::check(const Words &words)
{
    std::string name = word(words, 1);
    for (int id = 1; id <= world().count(); id++) {
        sim::Machine &machine = world().machine(id);
        if (!machine.up())
            continue;
        unsigned char scratch[VIEW_SCRATCH_BYTES];
        struct span span = {reinterpret_cast<const unsigned char *>(name.data()),
                static_cast<uint32_t>(name.size())};
        struct lock_view view;
        locks_view(machine.locks(), span, &view, scratch);
        std::string holder = "free";
        if (view.session != 0)
            holder = std::string(reinterpret_cast<const char *>(view.label.bytes),
                             view.label.count) +
                     ", token " + token_text(view.token);
        if (view.count > 1)
            holder += ", entered " + std::to_string(view.count) + " times";
        say(name_of(machine) + "  " + holder + ", " + std::to_string(view.waits) +
                " waiting");
    }
}

} // namespace scenarios
