#include "lockcheck/search/worth.h"

#include "lockcheck/model/lock_view.h"

namespace linear {

namespace {

bool is_tricky_grant(const World &world, const Configuration &config, uint32_t number)
{
    const Hold &hold = world.plan.holds[world.plan.steps[number].hold];
    if (hold.must || has(config.early, number) || has(config.brief, number))
        return false;
    bool ends = world.plan.vague && hold.ends <= world.time;
    return ends || world.has_open_release(hold.session) ||
           !world.ghost_releases_of(hold.session).empty();
}

/* Does something open wait to see that any session holds? */
bool is_anybody_wanted(const World &world, const Configuration &config)
{
    return std::any_of(config.undone.begin(), config.undone.end(), [&](uint32_t number) {
        const Step &step = world.plan.steps[number];
        return step.does == Does::held || (step.does == Does::query && !step.op->holder);
    });
}

/*
 * Of those that may be over by now, the one that returns first leaves most to the others.
 */
void choose_anybody(const World &world, const Configuration &config, Numbers &some)
{
    uint32_t best = no_hold;
    for (uint32_t number : world.open_grants) {
        if (has(config.early, number))
            continue;
        bool later = best != no_hold &&
                     world.plan.steps[best].ret <= world.plan.steps[number].ret;
        if (!world.is_brief(number))
            some.push_back(number);
        else if (!later)
            best = number;
    }
    if (best != no_hold)
        some.push_back(best);
}

} // namespace

bool is_wanted(const World &world, const Configuration &config, uint64_t session)
{
    for (uint32_t number : config.undone) {
        const Step &step = world.plan.steps[number];
        bool renews = step.does == Does::renew && step.session == session;
        if (step.op->holder == Maybe<uint64_t>(session) || renews)
            return true;
    }
    return world.has_open_release(session);
}

std::vector<uint64_t> wanted_sessions(const World &world, const Configuration &config)
{
    std::vector<uint64_t> some;
    for (uint32_t number : config.undone) {
        const Step &step = world.plan.steps[number];
        if (step.op->holder)
            some.push_back(*step.op->holder);
        if (step.does == Does::renew)
            some.push_back(step.session);
    }
    for (uint32_t number : world.open_releases) {
        if (!has(config.early, number))
            some.push_back(world.plan.steps[number].session);
    }
    std::sort(some.begin(), some.end());
    some.erase(std::unique(some.begin(), some.end()), some.end());
    return some;
}

bool is_tricky(const World &world, const Configuration &config)
{
    if (world.plan.ordered)
        return false;
    for (uint32_t release : world.open_releases) {
        uint32_t hold = hold_of_session(world, config, world.plan.steps[release].session);
        if (hold >= ghost_base && !has(config.early, release))
            return true; /* None, or a ghost's */
    }
    return std::any_of(world.open_grants.begin(), world.open_grants.end(),
            [&](uint32_t number) { return is_tricky_grant(world, config, number); });
}

bool is_open_question(const World &world, const Configuration &config, uint32_t number)
{
    bool first = !config.undone.empty() || world.thorough || is_tricky(world, config);
    return has(config.brief, number) && first;
}

Numbers grants_to_try(const World &world, const Configuration &config, uint32_t target)
{
    Numbers some;
    if (is_anybody_wanted(world, config))
        choose_anybody(world, config, some);
    uint64_t dies = 0;
    if (target != no_hold && world.plan.steps[target].does == Does::death)
        dies = world.plan.steps[target].session;
    for (uint32_t number : world.open_grants) {
        uint64_t session = world.plan.steps[number].session;
        bool again = world.is_entered_again() &&
                     hold_of_session(world, config, session) != no_hold;
        if (number == target || session == dies || again ||
                is_wanted(world, config, session) || is_tricky_grant(world, config, number))
            some.push_back(number);
    }
    std::sort(some.begin(), some.end());
    some.erase(std::unique(some.begin(), some.end()), some.end());
    std::erase_if(some, [&](uint32_t number) {
        return has(config.early, number) ||
               (number != target && !world.is_next(config, number));
    });
    return some;
}

} // namespace linear
