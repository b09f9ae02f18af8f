#include "sim/oracles/oracle.h"

#include <algorithm>
#include <utility>

namespace sim {

namespace {

std::string name_of(const Machine &machine)
{
    return "n" + std::to_string(machine.id());
}

} // namespace

Oracle::Oracle(World &world, std::vector<std::string> locks)
        : world_(world), locks_(std::move(locks)), committed_(1), versions_(world)
{
}

void Oracle::found(const std::string &breach)
{
    breaches.push_back(std::to_string(world_.now() / 1000) + " us: " + breach);
}

void Oracle::follow(const Client *client)
{
    clients_.push_back(client);
}

void Oracle::forget(const Client *client)
{
    std::erase(clients_, client);
}

void Oracle::before_end(Machine &machine)
{
    members_.before_end(machine);
    if (machine.ghost())
        return;
    uint64_t index = raft_durable(machine.raft());
    durable_[machine.id()] = {raft_term_at(machine.raft(), index), index};
}

struct entry_id Oracle::disk_changed(int id, struct entry_id durable)
{
    return std::exchange(durable_[static_cast<uint8_t>(id)], durable);
}

void Oracle::after_start(Machine &machine)
{
    commits_[machine.id()] = 0;
    leads_[machine.id()] = 0;
    duties_.forget(machine.id());
    quotas_.forget(machine.id());
    struct entry_id durable = durable_[machine.id()];
    /* What a snapshot has replaced it has not forgotten. */
    if (durable.index < raft_before_log(machine.raft()).index)
        return;
    if (raft_term_at(machine.raft(), durable.index) != durable.term)
        found(name_of(machine) + " forgot what was durable");
}

void Oracle::one_leader(const Machine &machine)
{
    uint64_t term = raft_term(machine.raft());
    if (!machine.leads() || leads_[machine.id()] == term)
        return;
    auto [it, fresh] = leaders_.emplace(term, machine.id());
    if (!fresh && it->second != machine.id())
        found("two leaders of term " + std::to_string(term));
    leads_[machine.id()] = term;
    has_all_commits(machine);
}

/*
 * Leader completeness [Raft 3.6.3]: of what was committed in earlier terms. (Who was away may
 * find itself elected in a term that is long over.)
 */
void Oracle::has_all_commits(const Machine &machine)
{
    uint64_t first = std::max<uint64_t>(raft_before_log(machine.raft()).index, 1);
    for (uint64_t index = first; index < committed_.size(); index++) {
        const Commit &commit = committed_[index];
        bool later = commit.seen >= raft_term(machine.raft());
        if (later || raft_term_at(machine.raft(), index) == commit.term)
            continue;
        found(name_of(machine) + " leads without the committed entry " +
                std::to_string(index));
        return;
    }
}

void Oracle::commits_stay(const Machine &machine)
{
    uint64_t &seen = commits_[machine.id()];
    uint64_t commit = raft_commit(machine.raft());
    /* The entries before its log are in its snapshot, whose digest is compared. */
    uint64_t before = raft_before_log(machine.raft()).index;
    if (before > 0)
        seen = std::max(seen, std::min<uint64_t>(before - 1, committed_.size() - 1));
    for (; seen < commit; seen++) {
        uint64_t term = raft_term_at(machine.raft(), seen + 1);
        if (committed_.size() == seen + 1)
            committed_.push_back({term, raft_term(machine.raft())});
        if (committed_[seen + 1].term != term)
            found(name_of(machine) + " has committed another entry at " +
                    std::to_string(seen + 1));
    }
}

void Oracle::move_front(const Machine &machine)
{
    if (node_is_loading(machine.node()) || locks_index(machine.locks()) <= front_index_)
        return;
    front_index_ = locks_index(machine.locks());
    uint64_t newest = token_;
    for (const std::string &lock : locks_) {
        unsigned char scratch[VIEW_SCRATCH_BYTES];
        struct span name = {reinterpret_cast<const unsigned char *>(lock.data()),
                static_cast<uint32_t>(lock.size())};
        struct lock_view view;
        locks_view(machine.locks(), name, &view, scratch);
        Holder &holder = front_[lock];
        if (view.token != holder.token && view.token != 0) {
            grants_++;
            if (view.token <= token_)
                found("the token of " + lock + " does not grow");
            newest = std::max(newest, view.token);
        }
        holder = {view.session, view.token};
    }
    token_ = newest;
    look_at_state(machine);
}

/* Of those who did not close their sessions themselves. */
void Oracle::look_at_state(const Machine &machine)
{
    std::vector<uint64_t> sessions;
    for (const Client *client : clients_) {
        if (client->session_id() != 0 && client->state() != BELIEF_LOST)
            sessions.push_back(client->session_id());
    }
    uint64_t term = raft_term_at(machine.raft(), front_index_);
    std::optional<std::string> breach =
            state_.look(machine.locks(), term, locks_, sessions);
    if (breach)
        found(*breach);
}

/* Exclusion in real time and no early loss, which rest on the rates of clocks. */
void Oracle::look_at_belief(const Client &client)
{
    uint32_t &excused = excused_[&client];
    if (clocks_.excuses(client.number(), world_.now())) {
        excused = client.early_losses();
        return;
    }
    if (client.early_losses() != excused)
        found(client.name() + " lost its session early");
    for (const auto &[lock, held] : client.held()) {
        if (!client.believes(lock))
            continue;
        const Holder &holder = front_[lock];
        if (holder.token != held.token || holder.session != client.session_id())
            found(client.name() + " believes that it holds " + lock + " by token " +
                    std::to_string(held.token) + ", the log has token " +
                    std::to_string(holder.token));
    }
}

void Oracle::one_owner(uint64_t session, const Client &client)
{
    if (owners_.try_emplace(session, &client).first->second != &client)
        found(client.name() + " has another's session");
}

void Oracle::look_at_clients()
{
    for (const Client *client : clients_) {
        look_at_belief(*client);
        if (client->believes_given_up())
            found(client->name() + " believes in what it released");
        if (uint64_t session = client->session_id())
            one_owner(session, *client);
    }
}

void Oracle::look_at(Machine &machine)
{
    if (std::optional<std::string> breach = members_.look(machine))
        found(*breach);
    if (machine.ghost())
        return;
    one_leader(machine);
    commits_stay(machine);
    move_front(machine);
    if (std::optional<std::string> breach = clocks_.look(machine, leaders_, world_.now()))
        found(*breach);
    versions_.look(machine);
    if (std::optional<std::string> breach = duties_.look(machine))
        found(*breach);
    if (std::optional<std::string> breach = quotas_.look(machine.id(), machine.locks()))
        found(name_of(machine) + ": " + *breach);
    look_at_clients();
}

void Oracle::hear(int from, int to, const std::vector<uint8_t> &bytes)
{
    if (from > world_.count() || to > world_.count())
        return;
    std::optional<std::string> breach =
            duties_.hear(world_.machine(from), world_.machine(to), bytes);
    if (!breach && world_.machine(from).up())
        breach = versions_.hear(world_.machine(from), bytes);
    if (breach)
        found(*breach);
}

} // namespace sim
