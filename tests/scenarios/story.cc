#include <algorithm>
#include <cstdio>

#include "base/units.h"
#include "scenarios/scenario.h"

namespace scenarios {

namespace {

constexpr uint64_t settle_ns = 20 * NS_PER_MS;

uint64_t duration(const std::string &word)
{
    size_t used = 0;
    uint64_t value = 0;
    try {
        value = std::stoull(word, &used);
    } catch (const std::logic_error &) {
        throw Wrong("\"" + word + "\" is no duration");
    }
    std::string unit = word.substr(used);
    if (unit == "us")
        return value * NS_PER_US;
    if (unit == "ms")
        return value * NS_PER_MS;
    if (unit == "s")
        return value * NS_PER_S;
    throw Wrong("\"" + word + "\" is no duration (us, ms, s)");
}

const char *text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_TIMEOUT:
        return "timeout";
    case STATUS_UNKNOWN:
        return "unknown";
    case STATUS_LOST:
        return "lost";
    case STATUS_BUSY:
        return "busy";
    case STATUS_CANCELLED:
        return "cancelled";
    case STATUS_DEADLOCK:
        return "deadlock";
    case STATUS_STALE:
        return "stale";
    case STATUS_LIMIT:
        return "limit";
    default:
        return "refused";
    }
}

const char *text(enum raft_notice notice)
{
    switch (notice) {
    case RAFT_NOTICE_LEADER:
        return "leader";
    case RAFT_NOTICE_NO_MAJORITY:
        return "steps down, no majority";
    case RAFT_NOTICE_BLANK:
        return "blank: takes no part";
    case RAFT_NOTICE_MISSING:
        return "founding waits for members";
    case RAFT_NOTICE_TRUNCATED:
        return "cuts off entries that were never committed";
    case RAFT_NOTICE_PEER_BLANK:
        return "hears of a blank peer";
    default:
        return nullptr;
    }
}

/* Word `at`, which the command needs. */
const std::string &word(const Words &words, size_t at)
{
    if (at >= words.size())
        throw Wrong(
                "the command \"" + (words.empty() ? "" : words[0]) + "\" wants more words");
    return words[at];
}

} // namespace

const std::vector<Story::Verb> &Story::verbs()
{
    static const std::vector<Verb> all = {
            {"cluster", "cluster 3 nodes [net 1ms] [disk 2ms] [except n3]: start them",
                    &Story::cluster},
            {"show", "show role grant session down: the kinds of occurrences told",
                    &Story::show},
            {"clients", "clients alice bob ttl 5s: each opens a session", &Story::clients},
            {"crash", "crash n1|leader: kill -9", &Story::crash},
            {"power", "power n1: its power is cut; nobody is told", &Story::power},
            {"restart", "restart n1: start it on its disk", &Story::restart},
            {"stop", "stop n1|leader: SIGTERM", &Story::stop},
            {"stall", "stall n1|leader: SIGSTOP; its connections stay open", &Story::stall},
            {"unstall", "unstall n1: SIGCONT", &Story::unstall},
            {"wipe", "wipe n1: empty the directory of a node that is down", &Story::wipe},
            {"cut", "cut n1 | n2 n3: nothing passes between the two groups", &Story::cut},
            {"heal", "heal: all connections pass again", &Story::heal},
            {"disk", "disk n1 full|ok|stalls 2s: what its disk does from now on",
                    &Story::disk},
            {"clock", "clock n1 +100000ppm: its clocks run that much faster",
                    &Story::clock},
            {"run", "run for 3s, run until leader, run until alice granted|lost|suspended",
                    &Story::run},
            {"state", "state: role, term and log of each node", &Story::state},
            {"check",
                    "check \"build\": one holder, on all nodes that have applied the same",
                    &Story::check},
            {"silence", "silence alice: the client is stopped, and hears and says nothing",
                    &Story::silence},
            {"wake", "wake alice: it goes on", &Story::wake},
    };
    return all;
}

sim::World &Story::world()
{
    if (!world_)
        throw Wrong("there is no cluster yet");
    return *world_;
}

sim::Machine &Story::node(const std::string &name)
{
    if (name == "leader") {
        sim::Machine *leader = world().leader();
        if (!leader)
            throw Wrong("there is no leader now");
        return *leader;
    }
    int id = name.size() == 2 && name[0] == 'n' ? name[1] - '0' : 0;
    if (id < 1 || id > world().count())
        throw Wrong("\"" + name + "\" is no node");
    return world().machine(id);
}

sim::Client &Story::client(const std::string &name)
{
    auto it = clients_.find(name);
    if (it == clients_.end())
        throw Wrong("\"" + name + "\" is no client");
    return *it->second;
}

void Story::tell(const char *kind, const std::string &who, const std::string &what)
{
    if (shown_.count(kind) == 0)
        return;
    char line[160];
    uint64_t ms = (world().now() - begin_) / NS_PER_MS;
    std::snprintf(line, sizeof line, "%3llu.%03llus  %-6s  %s",
            static_cast<unsigned long long>(ms / 1000),
            static_cast<unsigned long long>(ms % 1000), who.c_str(), what.c_str());
    occurred_.push_back(line);
}

void Story::watch(sim::Machine &machine)
{
    std::string who = "n" + std::to_string(machine.id());
    for (const node_notice &notice : machine.notices) {
        if (notice.kind == NOTICE_CLOCK_SUSPECT)
            tell("role", who, "its clock is too fast: hands over");
        if (notice.kind == NOTICE_NO_SPACE)
            tell("down", who, "no space for the next segment");
        if (notice.kind != NOTICE_RAFT)
            continue;
        const char *what = text(static_cast<enum raft_notice>(notice.number));
        if (!what)
            continue;
        std::string line = what;
        if (notice.number == RAFT_NOTICE_LEADER)
            line += " of term " + std::to_string(notice.term);
        tell("role", who, line);
    }
    machine.notices.clear();
}

void Story::start(int id)
{
    if (world().machine(id).start() != NODE_BOOT_OK)
        tell("down", "n" + std::to_string(id), "does not start");
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

void Story::clients(const Words &words)
{
    uint64_t ttl = 5 * NS_PER_S;
    Words names(words.begin() + 1, words.end());
    if (names.size() > 2 && names[names.size() - 2] == "ttl") {
        ttl = duration(names.back());
        names.resize(names.size() - 2);
    }
    for (const std::string &name : names) {
        int number = 101 + static_cast<int>(clients_.size());
        clients_[name] = std::make_unique<sim::Client>(world(), number, name, ttl);
        clients_[name]->on_event = [this, name](const core_session_event &event) {
            static const char *const states[] = {"held again", "suspended", "lost"};
            happened_.insert(name + " " + states[event.state]);
            tell("session", name, states[event.state]);
        };
    }
}

void Story::crash(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", "n" + std::to_string(machine.id()), "killed");
    machine.crash();
}

void Story::power(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", "n" + std::to_string(machine.id()), "without power");
    machine.crash(sim::End::power_cut);
}

void Story::restart(const Words &words)
{
    start(node(word(words, 1)).id());
}

void Story::stop(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", "n" + std::to_string(machine.id()), "told to stop");
    machine.stop();
}

void Story::stall(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    tell("down", "n" + std::to_string(machine.id()), "stalled");
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

void Story::cut(const Words &words)
{
    auto bar = std::find(words.begin(), words.end(), "|");
    if (bar == words.end())
        throw Wrong("cut wants two groups with | between");
    for (auto a = words.begin() + 1; a != bar; ++a) {
        for (auto b = bar + 1; b != words.end(); ++b) {
            world().network.cut(node(*a).id(), node(*b).id());
            world().network.cut(node(*b).id(), node(*a).id());
        }
    }
}

void Story::heal(const Words &)
{
    world().network.heal();
}

void Story::disk(const Words &words)
{
    sim::Machine &machine = node(word(words, 1));
    const std::string &what = word(words, 2);
    if (what == "stalls")
        machine.disk.stalled_until = world().now() + duration(word(words, 3));
    else if (what == "full" || what == "ok")
        machine.disk.full = what == "full";
    else
        throw Wrong("a disk is full, ok or stalls");
}

void Story::clock(const Words &words)
{
    node(word(words, 1)).set_rate(std::stoll(word(words, 2)));
}

void Story::run(const Words &words)
{
    settled_ = true;
    if (word(words, 1) == "for") {
        world().run_for(duration(word(words, 2)));
        return;
    }
    const std::string &who = word(words, 2);
    bool came = false;
    if (who == "leader") {
        came = world().run_until(
                [&] { return world().leader() != nullptr; }, 120 * NS_PER_S);
    } else {
        std::string wanted = who + " " + word(words, 3);
        happened_.erase(wanted);
        came = world().run_until(
                [&] { return happened_.count(wanted) > 0; }, 120 * NS_PER_S);
    }
    if (!came)
        tell("role", "-", "did not happen in 120 s");
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
        occurred_.push_back("n" + std::to_string(id) + "  " + line);
    }
    settled_ = true;
}

void Story::check(const Words &words)
{
    std::string name = word(words, 1);
    for (int id = 1; id <= world().count(); id++) {
        sim::Machine &machine = world().machine(id);
        if (!machine.up())
            continue;
        node_check(machine.node());
        unsigned char scratch[NAME_BYTES_MAX + LABEL_BYTES_MAX];
        struct span span = {reinterpret_cast<const unsigned char *>(name.data()),
                static_cast<uint32_t>(name.size())};
        struct lock_view view;
        locks_view(machine.locks(), span, &view, scratch);
        std::string holder = "free";
        if (view.session != 0)
            holder = std::string(reinterpret_cast<const char *>(view.label.bytes),
                             view.label.count) +
                     ", token " + std::to_string(view.token);
        occurred_.push_back("n" + std::to_string(id) + "  " + holder + ", " +
                            std::to_string(view.waits) + " waiting");
    }
    settled_ = true;
}

void Story::silence(const Words &words)
{
    client(word(words, 1)).pause(true);
}

void Story::wake(const Words &words)
{
    client(word(words, 1)).pause(false);
}

void Story::acquires(sim::Client &client, const Words &words)
{
    std::string lock = word(words, 1);
    uint64_t wait = 0;
    bool reentrant = false;
    for (size_t i = 2; i < words.size(); i++) {
        if (words[i] == "reentrant")
            reentrant = true;
        else if (words[i] == "waiting")
            wait = duration(word(words, ++i));
        else
            throw Wrong("acquires knows no \"" + words[i] + "\"");
    }
    std::string name = client.name();
    requests_[{name, lock}] = client.acquire(
            lock, wait,
            [this, name, lock](const core_completion &done) {
                std::string line = std::string(text(done.status)) + ": \"" + lock + "\"";
                if (done.status == STATUS_OK) {
                    line = "granted \"" + lock + "\", token " + std::to_string(done.token);
                    happened_.insert(name + " granted");
                }
                tell("grant", name, line);
            },
            reentrant);
}

void Story::client_does(const std::string &name, const Words &words)
{
    sim::Client &who = client(name);
    if (word(words, 0) == "acquires") {
        acquires(who, words);
    } else if (words[0] == "releases") {
        if (who.held().count(word(words, 1)) == 0)
            throw Wrong(name + " does not hold \"" + words[1] + "\"");
        who.release(words[1], [this, name](const core_completion &done) {
            tell("grant", name, std::string("release: ") + text(done.status));
        });
    } else if (words[0] == "cancels") {
        who.cancel(requests_[{name, word(words, 1)}]);
    } else if (words[0] == "closes") {
        who.close();
    } else if (words[0] == "believes") {
        occurred_.push_back(name + (who.believes(word(words, 1)) ? "  believes it holds"
                                                                 : "  does not"));
        settled_ = true;
    } else {
        throw Wrong("clients do not know \"" + words[0] + "\"");
    }
}

void Story::settle()
{
    if (world_ && !settled_)
        world_->run_for(settle_ns);
}

std::vector<std::string> Story::perform(const std::string &command)
{
    Words words;
    std::istringstream input(command);
    for (std::string one; input >> one;) {
        std::erase_if(one, [](char c) { return c == '"' || c == ','; });
        words.push_back(one);
    }
    occurred_.clear();
    settled_ = false;
    for (const Verb &verb : verbs()) {
        if (words[0] == verb.name) {
            (this->*verb.run)(words);
            settle();
            return occurred_;
        }
    }
    client_does(words[0], Words(words.begin() + 1, words.end()));
    settle();
    return occurred_;
}

std::string replay(const std::string &text)
{
    std::istringstream input(text);
    std::string out;
    Story story;
    bool prose = false;
    size_t number = 0;
    for (std::string line; std::getline(input, line);) {
        number++;
        if (line.rfind("    ", 0) == 0)
            continue; /* What happened is told anew. */
        out += line + "\n";
        prose = prose || line.rfind("# ", 0) == 0;
        if (line.empty() || line[0] == '#')
            continue;
        if (!prose)
            throw Wrong("line 1: a scenario begins with what it is about");
        try {
            for (const std::string &occurrence : story.perform(line))
                out += "    " + occurrence + "\n";
        } catch (const Wrong &wrong) {
            throw Wrong("line " + std::to_string(number) + ": " + wrong.what());
        }
    }
    return out;
}

} // namespace scenarios
