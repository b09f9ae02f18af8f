#include "lockcheck/search/every_way.h"

#include <map>
#include <set>

#include "lockcheck/model/hold_effects.h"
#include "lockcheck/model/lock_view.h"
#include "lockcheck/search/direct_way.h"
#include "lockcheck/search/dominance.h"
#include "lockcheck/search/worth.h"

namespace linear {

namespace {

void try_grants(const World &world, const Configuration &config, uint32_t target,
        std::vector<Configuration> &out)
{
    auto attempt = [&](uint32_t number) {
        if (!world.is_open[number] || !can_begin(world, config, number))
            return;
        out.push_back(config);
        begin_hold(world, out.back(), number);
    };
    if (world.plan.ordered) {
        if (config.next < world.plan.holds.size())
            attempt(world.index.grant_of[config.next]);
        return;
    }
    if (!world.thorough) {
        for (uint32_t number : grants_to_try(world, config, target))
            attempt(number);
        return;
    }
    for (uint32_t number : world.open_grants) {
        if (!has(config.early, number))
            attempt(number);
    }
}

/* Sessions that may be over: each that has several holds, as they all end with it. */
void add_burials(const World &world, const Configuration &config, Numbers &some)
{
    std::map<uint64_t, Numbers> dying;
    for (uint32_t hold : config.holds) {
        if (hold < ghost_base && world.plan.holds[hold].alone > world.time &&
                can_end(world, config, hold))
            dying[world.session_of(hold)].push_back(hold);
    }
    std::map<uint32_t, uint32_t> single; /* By permits */
    for (const auto &[session, holds] : dying) {
        if (holds.size() > 1)
            some.push_back(holds[0]);
        else if (auto [it, fresh] = single.emplace(world.permits_of(holds[0]), holds[0]);
                 !fresh &&
                 world.plan.holds[holds[0]].until < world.plan.holds[it->second].until)
            it->second = holds[0];
    }
    for (const auto &[permits, hold] : single)
        some.push_back(hold);
}

/* Equal permits are interchangeable, except if an operation names their session. */
Numbers ends_to_try(const World &world, const Configuration &config, uint32_t target)
{
    if (world.thorough ||
            (world.plan.capacity == 1 && world.plan.lock->model != Model::rwlock))
        return config.holds;
    Numbers some;
    choose_ends(world, config, Hold{}, some);
    add_burials(world, config, some);
    for (uint32_t number : config.undone) {
        const Step &step = world.plan.steps[number];
        if (step.does == Does::absent && has(config.holds, step.hold))
            some.push_back(step.hold);
    }
    if (target == no_hold || world.plan.steps[target].does != Does::death)
        return some;
    for (uint32_t hold : config.holds) {
        if (world.session_of(hold) == world.plan.steps[target].session)
            some.push_back(hold);
    }
    return some;
}

/* Without tokens: releases end whatever hold the session has. */
void try_session_releases(
        const World &world, const Configuration &config, std::vector<Configuration> &out)
{
    if (config.holds.empty())
        return;
    uint32_t hold = config.holds[0];
    uint64_t session = world.session_of(hold);
    for (uint32_t number : world.open_releases) {
        if (world.plan.steps[number].session != session || has(config.early, number))
            continue;
        out.push_back(config);
        drop(out.back().holds, hold);
        put(out.back().early, number);
        settle(world, out.back());
    }
    for (uint32_t number : world.ghost_releases_of(session)) {
        uint32_t name = number + ghost_base;
        if (has(config.used, name))
            continue;
        out.push_back(config);
        drop(out.back().holds, hold);
        put(out.back().used, name);
        settle(world, out.back());
    }
}

void try_ends(const World &world, const Configuration &config, uint32_t target,
        std::vector<Configuration> &out)
{
    for (uint32_t hold : ends_to_try(world, config, target)) {
        out.push_back(config);
        if (!end_hold(world, out.back(), hold))
            out.pop_back();
        if (world.plan.ordered || hold >= ghost_base)
            continue;
        /* Without tokens it is open which release, or whether it ended by itself. */
        if (can_end(world, config, hold)) {
            out.push_back(config);
            drop(out.back().holds, hold);
            settle(world, out.back());
        }
    }
    if (!world.plan.ordered)
        try_session_releases(world, config, out);
}

void haunt(const World &world, const Configuration &config, uint32_t ghost,
        std::vector<Configuration> &out)
{
    out.push_back(config);
    put(out.back().holds, ghost + ghost_base);
    put(out.back().used, ghost);
    settle(world, out.back());
}

/* It explains what it can, and is not used up: which of many it was is not tried. */
void haunt_briefly(const World &world, const Configuration &config, uint32_t ghost,
        std::vector<Configuration> &out)
{
    haunt(world, config, ghost, out);
    drop(out.back().holds, ghost + ghost_base);
    drop(out.back().used, ghost);
    if (out.back().undone == config.undone)
        out.pop_back();
}

/*
 * Ghosts: those that an operation names; and of those that no operation will name, the one
 * whose session is over first. If there is none, or many, one of them, without using it up.
 */
void try_ghosts(
        const World &world, const Configuration &config, std::vector<Configuration> &out)
{
    for (const auto &[kind, called] : world.ghosts) {
        if (!has_room(world, config, kind.first, kind.second))
            continue;
        Numbers named;
        bool found = false;
        for (auto it = called.lower_bound({world.time, 0}); it != called.end() && !found;
                ++it) {
            if (has(config.used, it->second))
                continue;
            found = !world.is_many() && world.plan.ghosts[it->second].named < world.time;
            if (found)
                haunt(world, config, it->second, out);
            else if (named.empty() ||
                     is_wanted(world, config, world.plan.ghosts[it->second].session))
                named.push_back(it->second);
        }
        for (uint32_t ghost : named) {
            if (!is_wanted(world, config, world.plan.ghosts[ghost].session))
                continue;
            if (world.is_many() && world.plan.ordered)
                haunt_briefly(world, config, ghost, out);
            else
                haunt(world, config, ghost, out);
        }
        if (!found && !named.empty())
            haunt_briefly(world, config, named[0], out);
    }
}

/*
 * Without tokens: those that an operation names. If there are many, no others: they explain
 * refusals anyway (lock_view).
 */
void try_named_ghosts(
        const World &world, const Configuration &config, std::vector<Configuration> &out)
{
    for (uint64_t session : wanted_sessions(world, config)) {
        auto [begin, end] = world.index.ghosts_of.equal_range(session);
        for (auto it = begin; it != end; ++it) {
            const Ghost &ghost = world.plan.ghosts[it->second];
            if (world.is_about(it->second) && !has(config.used, it->second) &&
                    has_room(world, config, ghost.permits, ghost.shared))
                haunt(world, config, it->second, out);
        }
    }
}

void try_everything(const World &world, const Configuration &config, uint32_t target,
        std::vector<Configuration> &out)
{
    try_grants(world, config, target, out);
    try_ends(world, config, target, out);
    if (!world.plan.ordered && !world.thorough)
        try_named_ghosts(world, config, out);
    if (world.plan.ordered || !world.is_many())
        try_ghosts(world, config, out);
}

/* Configurations that were met, except those that are not worth it. */
class Seen {
public:
    explicit Seen(const World &world) : world_(world) {}

    bool add(const Configuration &config)
    {
        if (!all_.insert(config).second)
            return false;
        if (world_.plan.ordered || world_.thorough)
            return true;
        world_.effort.spend(best_.size(), config);
        for (const Configuration *other : best_) {
            /* Where the other still has to end a hold, this may be the way to do so. */
            if (other->holds == config.holds && is_enough(world_, *other, config))
                return false;
        }
        best_.push_back(&*all_.find(config));
        return true;
    }

    bool is_full() const
    {
        return all_.size() > world_.effort.seen_max();
    }

private:
    const World &world_;
    std::set<Configuration> all_;
    std::vector<const Configuration *> best_;
};

} // namespace

void conclude(const World &world, Configuration &&config, uint32_t number,
        std::vector<Configuration> &out)
{
    if (has(config.brief, number))
        begin_now(world, config, number, out);
    out.push_back(std::move(config));
}

void try_every_way(const World &world, const Configuration &config, uint32_t number,
        std::vector<Configuration> &out)
{
    Seen seen(world);
    seen.add(config);
    std::vector<Configuration> todo = {config};
    while (!todo.empty() && !seen.is_full() && !world.effort.must_stop()) {
        Configuration from = std::move(todo.back());
        todo.pop_back();
        if (number == no_hold)
            out.push_back(from);
        if (number != no_hold && is_done(world, from, number)) {
            Configuration done = from;
            conclude(world, std::move(done), number, out);
            if (!is_open_question(world, from, number))
                continue;
        }
        std::vector<Configuration> next;
        try_everything(world, from, number, next);
        world.effort.spend(1 + next.size(), from);
        for (Configuration &to : next) {
            if (seen.add(to))
                todo.push_back(std::move(to));
        }
    }
    world.effort.over = world.effort.over || seen.is_full();
}

} // namespace linear
