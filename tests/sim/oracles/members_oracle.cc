#include "sim/oracles/members_oracle.h"

#include <algorithm>
#include <cstring>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

namespace sim {

namespace {

std::string name_of(const Machine &machine)
{
    return "n" + std::to_string(machine.id());
}

MembersOracle::Directory directory_of(const Machine &machine)
{
    return {machine.id(), wal_incarnation(machine.node()->wal)};
}

const indexed_configuration &newest_of(const Machine &machine)
{
    return machine.node()->configurations.newest;
}

bool is_same(const configuration &a, const configuration &b)
{
    return a.count == b.count && std::equal(a.members, a.members + a.count, b.members,
                                         [](const member &one, const member &other) {
                                             return one.id == other.id &&
                                                    one.role == other.role &&
                                                    one.incarnation == other.incarnation;
                                         });
}

/* An entry of a cluster that knew no incarnations: whichever directory has the id. */
template <class Map> auto find_directory(Map &map, const member &voter)
{
    if (voter.incarnation != 0)
        return map.find({voter.id, voter.incarnation});
    return std::find_if(map.begin(), map.end(),
            [&](const auto &entry) { return entry.first.first == voter.id; });
}

} // namespace

const configuration *MembersOracle::newest() const
{
    return committed_.empty() ? nullptr : &committed_.rbegin()->second;
}

std::set<int> MembersOracle::voters() const
{
    std::set<int> ids;
    const configuration *newest = this->newest();
    for (uint8_t i = 0; newest && i < newest->count; i++) {
        if (newest->members[i].role == MEMBER_VOTER)
            ids.insert(newest->members[i].id);
    }
    return ids;
}

std::vector<configuration> MembersOracle::possible() const
{
    std::vector<configuration> all;
    if (newest())
        all.push_back(*newest());
    for (const auto &[id, proposed] : proposed_)
        all.push_back(proposed);
    return all;
}

void MembersOracle::note_proposal(const Machine &machine)
{
    const indexed_configuration &newest = newest_of(machine);
    uint64_t committed = committed_.empty() ? 0 : committed_.rbegin()->first;
    if (newest.index > committed)
        proposed_[{newest.index, raft_term_at(machine.raft(), newest.index)}] = newest.is;
    while (!proposed_.empty() && proposed_.begin()->first.first <= committed)
        proposed_.erase(proposed_.begin());
}

void MembersOracle::before_end(const Machine &machine)
{
    uint64_t index = raft_durable(machine.raft());
    durable_[directory_of(machine)] = {raft_term_at(machine.raft(), index), index};
    up_.erase(directory_of(machine));
}

/*
 * Whoever was never seen in that term has passed through it within one turn, and may have
 * voted.
 */
bool MembersOracle::voted(const member &voter, uint64_t term, uint8_t candidate) const
{
    auto it = find_directory(votes_, voter);
    if (it == votes_.end())
        return false;
    auto vote = it->second.by_term.find(term);
    if (vote == it->second.by_term.end())
        return it->second.latest > term;
    return vote->second == candidate;
}

/* On its disk, now or when it ended. Logs with an entry in common have all before it. */
bool MembersOracle::has(const member &voter, const Machine &leader, uint64_t index) const
{
    uint64_t term = raft_term_at(leader.raft(), index);
    auto it = find_directory(up_, voter);
    if (it == up_.end()) {
        auto ended = find_directory(durable_, voter);
        return ended != durable_.end() && ended->second.index >= index;
    }
    const struct raft *raft = it->second->raft();
    if (raft_before_log(raft).index >= index)
        return true;
    return raft_durable(raft) >= index && raft_term_at(raft, index) == term;
}

template <class Does>
bool MembersOracle::is_majority(const configuration &configuration, Does does) const
{
    uint32_t voters = 0;
    uint32_t count = 0;
    for (uint8_t i = 0; i < configuration.count; i++) {
        if (configuration.members[i].role != MEMBER_VOTER)
            continue;
        voters++;
        count += does(configuration.members[i]);
    }
    return 2 * count > voters;
}

std::optional<std::string> MembersOracle::look_at_change(const Machine &machine)
{
    Seen &seen = seen_[directory_of(machine)];
    const configurations &known = machine.node()->configurations;
    uint64_t index = known.newest.index;
    if (std::exchange(seen.configuration, index) >= index || index <= 1)
        return std::nullopt;
    if (known.before.index > 0 && known.before.index < index &&
            !configuration_follows(&known.before.is, &known.newest.is))
        return name_of(machine) + " has a change of members that is too large";
    const struct raft *raft = machine.raft();
    if (!machine.leads() || raft_term_at(raft, index) != raft_term(raft))
        return std::nullopt;
    if (known.before.index > raft_commit(raft))
        return name_of(machine) + " begins a second change of the members";
    if (!raft_leads_committed(raft))
        return name_of(machine) + " changes the members before its term has a commit";
    return std::nullopt;
}

std::optional<std::string> MembersOracle::look_at_history(const Machine &machine)
{
    const indexed_configuration &newest = newest_of(machine);
    uint64_t commit = raft_commit(machine.raft());
    if (newest.index > 0 && newest.index <= commit) {
        auto [it, fresh] = committed_.emplace(newest.index, newest.is);
        if (!fresh && !is_same(it->second, newest.is))
            return name_of(machine) + " has other members at " +
                   std::to_string(newest.index);
    }
    auto later = committed_.upper_bound(commit);
    if (later != committed_.begin() && std::prev(later)->first > newest.index)
        return name_of(machine) + " counts by members that are no longer";
    return std::nullopt;
}

/* The first leader of all has the votes of all; that is another oracle's. */
std::optional<std::string> MembersOracle::look_at_election(const Machine &machine)
{
    uint64_t term = raft_term(machine.raft());
    Seen &seen = seen_[directory_of(machine)];
    if (!machine.leads() || std::exchange(seen.led, term) == term)
        return std::nullopt;
    bool good = is_majority(newest_of(machine).is,
            [&](const member &voter) { return voted(voter, term, machine.id()); });
    if (good)
        return std::nullopt;
    return name_of(machine) + " leads without the votes of a majority of the members";
}

/* A change that was begun in this turn did not count yet when the commit moved. */
std::optional<std::string> MembersOracle::look_at_commit(
        const Machine &machine, bool has_changed)
{
    Seen &seen = seen_[directory_of(machine)];
    uint64_t commit = raft_commit(machine.raft());
    if (std::exchange(seen.commit, commit) >= commit || !machine.leads())
        return std::nullopt;
    auto does = [&](const member &voter) {
        return has(voter, machine, commit);
    };
    const configurations &known = machine.node()->configurations;
    if (is_majority(known.newest.is, does) ||
            (has_changed && is_majority(known.before.is, does)))
        return std::nullopt;
    return name_of(machine) + " commits without a majority of the members";
}

std::optional<std::string> MembersOracle::look(Machine &machine)
{
    Directory directory = directory_of(machine);
    up_[directory] = &machine;
    Votes &votes = votes_[directory];
    votes.latest = raft_term(machine.raft());
    if (raft_vote(machine.raft()) != 0)
        votes.by_term[votes.latest] = raft_vote(machine.raft());
    bool has_changed = newest_of(machine).index > seen_[directory].configuration;
    std::optional<std::string> breaches[] = {look_at_change(machine),
            look_at_history(machine), look_at_election(machine),
            look_at_commit(machine, has_changed)};
    note_proposal(machine);
    for (const std::optional<std::string> &breach : breaches) {
        if (breach)
            return breach;
    }
    return std::nullopt;
}

} // namespace sim
