#include "lockcheck/search/direct_way.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_map>
#include <utility>

#include "lockcheck/model/hold_effects.h"
#include "lockcheck/model/lock_view.h"
#include "lockcheck/search/dominance.h"

namespace linear {

namespace {

struct Choice {
    int64_t last; /* It is surely over from then on */
    bool buries;  /* It ends with its session */
    uint32_t hold;

    bool is_better_than(const Choice &other) const
    {
        return std::pair(last, buries) < std::pair(other.last, other.buries);
    }
};

Choice choice_of(const World &world, uint32_t hold, uint32_t release)
{
    if (hold >= ghost_base)
        return {world.plan.ghosts[hold - ghost_base].until, false, hold};
    const Hold &about = world.plan.holds[hold];
    if (release != no_hold)
        return {std::min(world.plan.steps[release].ret, about.until), false, hold};
    return {about.until, about.alone > world.time, hold};
}

/* The end of its session takes something else along: a hold, or an unknown acquire. */
bool is_costly(const World &world, const Configuration &config, const Choice &choice)
{
    if (!choice.buries)
        return false;
    uint64_t session = world.session_of(choice.hold);
    auto [begin, end] = world.index.ghosts_of.equal_range(session);
    bool haunted = !world.is_many() && std::any_of(begin, end, [&](const auto &ghost) {
        return world.is_about(ghost.second) && !has(config.used, ghost.second);
    });
    return haunted ||
           std::any_of(config.holds.begin(), config.holds.end(), [&](uint32_t hold) {
               return hold != choice.hold && world.session_of(hold) == session;
           });
}

using Choices = std::unordered_map<uint32_t, Choice>; /* By permits */

void keep_better(const World &world, Choices &best, const Choice &choice)
{
    auto [it, fresh] = best.emplace(world.permits_of(choice.hold), choice);
    if (!fresh && choice.is_better_than(it->second))
        it->second = choice;
}

} // namespace

void choose_ends(const World &world, const Configuration &config, const Hold &wanted,
        Numbers &choices)
{
    Choices best;
    Choices costly;
    for (uint32_t hold : config.holds) {
        if (!world.conflicts(hold, wanted.shared))
            continue;
        uint32_t release = hold >= ghost_base ? no_hold : open_release(world, config, hold);
        if (release == no_hold && hold < ghost_base && !can_end(world, config, hold))
            continue;
        Choice choice = choice_of(world, hold, release);
        keep_better(world, is_costly(world, config, choice) ? costly : best, choice);
    }
    for (const auto &[permits, choice] : costly) {
        auto it = best.find(permits);
        if (it == best.end() || choice.last < it->second.last)
            choices.push_back(choice.hold);
    }
    for (const auto &[permits, choice] : best)
        choices.push_back(choice.hold);
}

namespace {

/*
 * Begin the next hold in each of these, after every way to make room for it. Many ways lead
 * to the same holds, so each is followed once.
 */
std::vector<Configuration> begin_next(
        const World &world, std::vector<Configuration> todo, uint32_t grant)
{
    std::set<Configuration> seen;
    std::vector<Configuration> begun;
    while (!todo.empty() && !world.effort.must_stop()) {
        Configuration from = std::move(todo.back());
        todo.pop_back();
        world.effort.spend(1, from);
        if (can_begin(world, from, grant)) {
            begin_hold(world, from, grant);
            begun.push_back(std::move(from));
            continue;
        }
        if (seen.size() > world.effort.seen_max()) {
            world.effort.over = true;
            continue;
        }
        Numbers choices;
        choose_ends(world, from, world.plan.holds[from.next], choices);
        for (uint32_t choice : choices) {
            Configuration other = from;
            if (!end_hold(world, other, choice))
                continue;
            if (choices.size() == 1 || seen.insert(other).second)
                todo.push_back(std::move(other));
        }
    }
    thin_out(world, begun);
    return begun;
}

/* Begin all holds up to `last`. */
void begin_up_to(const World &world, const Configuration &config, uint32_t last,
        std::vector<Configuration> &out)
{
    std::vector<Configuration> all = {config};
    for (uint32_t hold = config.next; hold <= last && !all.empty(); hold++) {
        uint32_t grant = world.index.grant_of[hold];
        if (!world.is_open[grant] || world.plan.holds[hold].late)
            return;
        all = begin_next(world, std::move(all), grant);
    }
    std::move(all.begin(), all.end(), std::back_inserter(out));
}

void bury_now(const World &world, Configuration config, uint64_t session,
        std::vector<Configuration> &out)
{
    uint32_t hold = no_hold;
    while ((hold = hold_of_session(world, config, session)) != no_hold) {
        if (!end_hold(world, config, hold))
            return;
    }
    if (is_finished(world, config, session))
        out.push_back(std::move(config));
}

} // namespace

void begin_now(const World &world, Configuration config, uint32_t number,
        std::vector<Configuration> &out)
{
    while (!can_begin(world, config, number)) {
        if (config.holds.empty() || !end_hold(world, config, config.holds[0]))
            return;
    }
    begin_hold(world, config, number);
    out.push_back(std::move(config));
}

std::vector<Configuration> direct_way(
        const World &world, const Configuration &config, uint32_t number)
{
    const Step &step = world.plan.steps[number];
    std::vector<Configuration> out;
    if (step.does == Does::grant) {
        if (world.plan.ordered)
            begin_up_to(world, config, step.hold, out);
        else
            begin_now(world, config, number, out);
    } else if (step.does == Does::death) {
        bury_now(world, config, step.session, out);
    } else if (step.does == Does::release && world.plan.ordered && step.hold != no_hold) {
        if (step.hold >= config.next)
            begin_up_to(world, config, step.hold, out);
        else
            out.push_back(config);
        std::erase_if(out, [&](Configuration &next) {
            return !has(next.holds, step.hold) || !end_hold(world, next, step.hold);
        });
    }
    return out;
}

} // namespace linear
