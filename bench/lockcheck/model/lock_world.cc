#include "lockcheck/model/lock_world.h"

namespace linear {

Index::Index(const Plan &plan)
{
    grant_of.assign(plan.holds.size(), no_hold);
    release_of.assign(plan.holds.size(), no_hold);
    for (uint32_t i = 0; i < plan.steps.size(); i++) {
        const Step &step = plan.steps[i];
        if (step.does == Does::grant)
            grant_of[step.hold] = i;
        if (step.does == Does::release && step.hold != no_hold)
            release_of[step.hold] = i;
    }
    for (uint32_t i = 0; i < plan.ghosts.size(); i++)
        ghosts_of.emplace(plan.ghosts[i].session, i);
    turn_of.assign(plan.steps.size(), no_hold);
    for (uint32_t i = 0; i < plan.turns.size(); i++)
        turn_of[plan.turns[i]] = i;
}

World::World(
        const Plan &the_plan, const Index &the_index, bool is_thorough, Effort &the_effort)
        : plan(the_plan), index(the_index), thorough(is_thorough), effort(the_effort)
{
    is_open.assign(plan.steps.size(), false);
}

void World::open(uint32_t number)
{
    const Step &step = plan.steps[number];
    is_open[number] = true;
    if (step.does == Does::grant)
        open_grants.push_back(number);
    else if (!step.observes() && step.does != Does::death)
        open_releases.push_back(number);
}

void World::close(uint32_t number)
{
    is_open[number] = false;
    drop(open_grants, number);
    drop(open_releases, number);
    if (index.turn_of[number] != no_hold)
        turn = std::max(turn, index.turn_of[number] + 1);
}

void World::add_ghost(uint32_t number)
{
    const Ghost &ghost = plan.ghosts[number];
    if (gone.count(number))
        return;
    ghosts[{ghost.permits, ghost.shared}].insert({ghost.until, number});
    ghost_permits += ghost.permits;
}

void World::remove_ghost(uint32_t number)
{
    const Ghost &ghost = plan.ghosts[number];
    ghosts[{ghost.permits, ghost.shared}].erase({ghost.until, number});
    ghost_permits -= gone.count(number) ? 0 : ghost.permits;
}

void World::use_up(uint32_t name)
{
    if (name >= ghost_base) {
        name -= ghost_base;
        drop(ghost_releases[plan.ghost_releases[name].session], name);
        return;
    }
    const Ghost &ghost = plan.ghosts[name];
    ghosts[{ghost.permits, ghost.shared}].erase({ghost.until, name});
    if (ghost.call > time)
        gone.insert(name);
}

bool World::has_open_release(uint64_t session) const
{
    return std::any_of(open_releases.begin(), open_releases.end(),
            [&](uint32_t number) { return plan.steps[number].session == session; });
}

const Numbers &World::ghost_releases_of(uint64_t session) const
{
    static const Numbers none;
    auto it = ghost_releases.find(session);
    return it == ghost_releases.end() ? none : it->second;
}

bool World::has_ghost(const Configuration &config) const
{
    for (const auto &[kind, called] : ghosts) {
        for (auto it = called.lower_bound({time, 0}); it != called.end(); ++it) {
            if (!has(config.used, it->second))
                return true;
        }
    }
    return false;
}

bool World::is_about(uint32_t number) const
{
    const Ghost &ghost = plan.ghosts[number];
    auto it = ghosts.find({ghost.permits, ghost.shared});
    return it != ghosts.end() && ghost.until >= time &&
           it->second.count({ghost.until, number}) > 0;
}

bool World::is_brief(uint32_t number) const
{
    const Hold &hold = plan.holds[plan.steps[number].hold];
    return !hold.must && (hold.alone <= time || (hold.ends <= time && !plan.vague));
}

bool World::is_next(const Configuration &config, uint32_t number) const
{
    if (index.turn_of[number] == no_hold)
        return true;
    uint32_t next = turn;
    while (next < plan.turns.size() && has(config.early, plan.turns[next]))
        next++;
    return next == index.turn_of[number];
}

bool World::is_many() const
{
    return plan.ghosts.size() > 8 && !thorough;
}

bool World::is_entered_again() const
{
    return !plan.ordered && plan.lock->idempotent;
}

uint64_t World::session_of(uint32_t hold) const
{
    return hold >= ghost_base ? plan.ghosts[hold - ghost_base].session
                              : plan.holds[hold].session;
}

uint32_t World::permits_of(uint32_t hold) const
{
    return hold >= ghost_base ? plan.ghosts[hold - ghost_base].permits
                              : plan.holds[hold].permits;
}

bool World::is_shared(uint32_t hold) const
{
    return hold >= ghost_base ? plan.ghosts[hold - ghost_base].shared
                              : plan.holds[hold].shared;
}

bool World::conflicts(uint32_t hold, bool shared) const
{
    return plan.lock->model != Model::rwlock || !shared || !is_shared(hold);
}

} // namespace linear
