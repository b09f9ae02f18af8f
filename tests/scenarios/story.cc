#include <algorithm>
#include <cstdio>

#include "base/units.h"
#include "scenarios/scenario.h"
#include "sim/world/words.h"

namespace scenarios {

namespace {

constexpr uint64_t settle_ns = 20 * NS_PER_MS;

} // namespace

const std::string &word(const Words &words, size_t at)
{
    if (at >= words.size())
        throw Wrong(
                "the command \"" + (words.empty() ? "" : words[0]) + "\" wants more words");
    return words[at];
}

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

int Story::end_of(const std::string &name)
{
    auto it = clients_.find(name);
    return it != clients_.end() ? it->second->number() : node(name).id();
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

/* What a node says of itself in its turns. */
void Story::watch(sim::Machine &machine)
{
    for (const node_notice &notice : machine.notices) {
        std::optional<std::string> what = sim::text(notice);
        if (what)
            tell("role", "n" + std::to_string(machine.id()), *what);
    }
    machine.notices.clear();
}

static Words words_of(const std::string &command)
{
    Words words;
    std::istringstream input(command);
    for (std::string one; input >> one;) {
        std::erase_if(one, [](char c) { return c == '"' || c == ','; });
        words.push_back(one);
    }
    return words;
}

std::vector<std::string> Story::perform(const std::string &command)
{
    Words words = words_of(command);
    occurred_.clear();
    settled_ = false;
    bool known = false;
    for (const Verb &verb : cluster_verbs()) {
        if (words[0] == verb.name) {
            (this->*verb.run)(words);
            known = true;
        }
    }
    for (const Verb &verb : life_verbs()) {
        if (words[0] == verb.name) {
            (this->*verb.run)(words);
            known = true;
        }
    }
    for (const ClientVerb &verb : client_verbs()) {
        if (!known && words.size() > 1 && words[1] == verb.name) {
            (this->*verb.run)(client(words[0]), words);
            known = true;
        }
    }
    if (!known)
        throw Wrong("no such command: " + command);
    if (world_ && !settled_)
        world_->run_for(settle_ns);
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
