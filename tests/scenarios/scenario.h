/*
 * Scenarios: stories about a cluster, with the transcript beneath each command.
 *
 *     # prose, required at the head: the title, and why the case matters
 *     command in the first column
 *         what the system did, indented, one line an occurrence
 *     blank lines and comments anywhere; a silent command has nothing under it
 *
 * Real nodes and real client cores run in the simulated world (sim/world/world.h). After each
 * command the world goes on for 20 ms of virtual time, or for as long as `run` says; what
 * happens meanwhile and is shown stands beneath the command. Blessing rewrites those lines.
 *
 *     story.cc           the language: commands, occurrences, replay
 *     story_cluster.cc   what is done to nodes, disks, clocks and the network
 *     story_clients.cc   what clients do
 *     story_life.cc      whole hostile lives, as the simulator found them
 */
#ifndef SCENARIOS_SCENARIO_H
#define SCENARIOS_SCENARIO_H

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/lives/life_plan.h"
#include "sim/world/sim_client.h"

namespace scenarios {

/* The file is wrong: which line, and what about it. */
class Wrong : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* A command, cut at blanks; quotes and commas are dropped. */
using Words = std::vector<std::string>;

const std::string &word(const Words &words, size_t at);
uint64_t duration(const std::string &word); /* 20ms, 5s */
std::string token_text(uint64_t token);     /* Counted from the cluster's first one on */

class Story {
public:
    /* Perform one command; returns what happened, a line each. */
    std::vector<std::string> perform(const std::string &command);

    struct Verb {
        const char *name;
        const char *help;
        void (Story::*run)(const Words &);
    };
    static const std::vector<Verb> &cluster_verbs();
    static const std::vector<Verb> &life_verbs();

    /* Whose first word is a client's name. */
    struct ClientVerb {
        const char *name;
        const char *help;
        void (Story::*run)(sim::Client &, const Words &);
    };
    static const std::vector<ClientVerb> &client_verbs();

private:
    void cluster(const Words &words);
    void show(const Words &words);
    void crash(const Words &words);
    void power(const Words &words);
    void restart(const Words &words);
    void stop(const Words &words);
    void stall(const Words &words);
    void unstall(const Words &words);
    void wipe(const Words &words);
    void disk(const Words &words);
    void clock(const Words &words);
    void cut(const Words &words);
    void heal(const Words &words);
    void hold(const Words &words);
    void deliver(const Words &words);
    void drop(const Words &words);
    void repeat(const Words &words);
    void reset(const Words &words);
    void lose(const Words &words);
    void run(const Words &words);
    void state(const Words &words);
    void check(const Words &words);

    void life(const Words &words);
    void deeds(const Words &words);
    void live(const Words &words);

    void clients(const Words &words);
    void silence(const Words &words);
    void wake(const Words &words);
    void acquires(sim::Client &client, const Words &words);
    void releases(sim::Client &client, const Words &words);
    void cancels(sim::Client &client, const Words &words);
    void asks(sim::Client &client, const Words &words);
    void believes(sim::Client &client, const Words &words);
    void closes(sim::Client &client, const Words &words);

    sim::World &world();
    sim::Machine &node(const std::string &word);
    sim::Client &client(const std::string &word);
    int end_of(const std::string &word); /* A node's or a client's number */
    std::pair<int, int> way(const Words &words);
    bool all_are_alike();
    bool came(const Words &words);
    void start(int id);
    void tell(const char *kind, const std::string &who, const std::string &what);
    void say(const std::string &line) /* At once, whatever is shown */
    {
        occurred_.push_back(line);
        settled_ = true;
    }
    void watch(sim::Machine &machine);

    std::optional<sim::Plan> plan_; /* Of a hostile life: a story of its own */
    std::unique_ptr<sim::World> world_;
    std::map<std::string, std::unique_ptr<sim::Client>> clients_;
    std::map<std::pair<std::string, std::string>, uint32_t> requests_;
    std::set<std::string> shown_ = {"role", "grant", "session", "down"};
    std::vector<std::string> occurred_;
    std::set<std::string> happened_; /* "alice granted": for run until */
    uint64_t begin_ = 0;
    bool settled_ = false; /* The command itself let time pass, or needs none. */
};

/* Perform the file's commands: its text with the transcript as it is now. */
std::string replay(const std::string &text);

} // namespace scenarios

#endif
