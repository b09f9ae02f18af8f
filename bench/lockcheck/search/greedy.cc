#include "lockcheck/search/greedy.h"

#include "lockcheck/model/hold_effects.h"
#include "lockcheck/search/direct_way.h"

namespace linear {

namespace {

void keep_if_relieved(Configuration &best, const Configuration &now)
{
    if (now.undone.size() < best.undone.size())
        best = now;
}

/* What must be over first ends first. */
Configuration by_ends(const World &world, const Configuration &config)
{
    Configuration best = config;
    Configuration now = config;
    for (size_t i = 0; i < config.holds.size() && !now.undone.empty(); i++) {
        Numbers choices;
        choose_ends(world, now, Hold{}, choices);
        if (choices.empty() || !end_hold(world, now, choices.back()))
            break;
        world.effort.spend(1, now);
        keep_if_relieved(best, now);
    }
    return best;
}

Configuration by_grants(const World &world, const Configuration &config)
{
    Configuration best = config;
    Configuration now = config;
    while (now.next < world.plan.holds.size() && !now.undone.empty()) {
        uint32_t grant = world.index.grant_of[now.next];
        if (!world.is_open[grant] || !can_begin(world, now, grant))
            break;
        begin_hold(world, now, grant);
        world.effort.spend(1, now);
        keep_if_relieved(best, now);
    }
    return best;
}

/* The holds that an operation saw to be gone. */
Configuration by_absence(const World &world, const Configuration &config)
{
    Configuration now = config;
    for (uint32_t number : config.undone) {
        const Step &step = world.plan.steps[number];
        if (step.does == Does::absent && has(now.holds, step.hold))
            (void)end_hold(world, now, step.hold);
    }
    return now;
}

} // namespace

void relieve(
        const World &world, const Configuration &config, std::vector<Configuration> &out)
{
    for (auto way : {by_ends, by_grants, by_absence}) {
        Configuration other = way(world, config);
        if (other.undone.size() < config.undone.size())
            out.push_back(std::move(other));
    }
}

} // namespace linear
