#include "lockcheck/model/hold_effects.h"

#include "lockcheck/model/lock_view.h"

namespace linear {

bool can_begin(const World &world, const Configuration &config, uint32_t number)
{
    const Step &step = world.plan.steps[number];
    const Hold &hold = world.plan.holds[step.hold];
    /* Without tokens, what was brief before its session's end is open after it. */
    bool over = !world.plan.ordered && hold.until < world.time;
    bool again = world.is_entered_again() &&
                 hold_of_session(world, config, hold.session) != no_hold;
    return !hold.late && !over &&
           (again || has_room(world, config, hold.permits, hold.shared));
}

void begin_hold(const World &world, Configuration &config, uint32_t number)
{
    uint32_t hold = world.plan.steps[number].hold;
    /* The one hold there is goes by the newest grant, whose lease is the longest. */
    uint32_t old = world.is_entered_again()
                           ? hold_of_session(world, config, world.plan.holds[hold].session)
                           : no_hold;
    if (old != no_hold)
        drop(config.holds, old);
    put(config.holds, hold);
    if (world.plan.ordered) {
        config.next++;
    } else {
        put(config.early, number);
        drop(config.brief, number);
    }
    settle(world, config);
}

bool can_end(const World &world, const Configuration &config, uint32_t hold)
{
    const Hold &about = world.plan.holds[hold];
    if (about.must || about.ends > world.time || about.renewed > world.time)
        return false;
    return about.alone <= world.time || is_finished(world, config, about.session);
}

uint32_t open_release(const World &world, const Configuration &config, uint32_t hold)
{
    if (world.plan.ordered) {
        uint32_t release = world.index.release_of[hold];
        bool open = release != no_hold && world.is_open[release];
        return open && world.plan.holds[hold].renewed <= world.time ? release : no_hold;
    }
    for (uint32_t number : world.open_releases) {
        if (world.plan.steps[number].session == world.plan.holds[hold].session &&
                !has(config.early, number))
            return number;
    }
    return no_hold;
}

namespace {

/* Without tokens: by a release without an answer, of which each is good for one hold. */
bool end_unknown(const World &world, Configuration &config, uint64_t session)
{
    for (uint32_t number : world.ghost_releases_of(session)) {
        uint32_t name = number + ghost_base;
        if (has(config.used, name))
            continue;
        drop(config.holds, hold_of_session(world, config, session));
        put(config.used, name);
        return true;
    }
    return false;
}

void bury(const World &world, Configuration &config, uint64_t session)
{
    std::erase_if(
            config.holds, [&](uint32_t hold) { return world.session_of(hold) == session; });
    auto [begin, end] = world.index.ghosts_of.equal_range(session);
    for (auto it = begin; it != end; ++it) {
        if (!has(config.used, it->second))
            put(config.used, it->second);
    }
}

} // namespace

bool end_hold(const World &world, Configuration &config, uint32_t hold)
{
    if (hold >= ghost_base) {
        drop(config.holds, hold);
    } else if (uint32_t release = open_release(world, config, hold); release != no_hold) {
        drop(config.holds, hold);
        if (!world.plan.ordered)
            put(config.early, release);
    } else if (!can_end(world, config, hold)) {
        if (world.plan.ordered ||
                !end_unknown(world, config, world.plan.holds[hold].session))
            return false;
    } else if (world.plan.holds[hold].alone <= world.time) {
        drop(config.holds, hold);
    } else {
        bury(world, config, world.plan.holds[hold].session);
    }
    settle(world, config);
    return true;
}

} // namespace linear
