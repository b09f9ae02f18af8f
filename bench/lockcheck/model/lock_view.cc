#include "lockcheck/model/lock_view.h"

#include <algorithm>

namespace linear {

bool has_room(
        const World &world, const Configuration &config, uint32_t permits, bool shared)
{
    uint64_t used = 0;
    for (uint32_t hold : config.holds)
        used += world.conflicts(hold, shared) ? world.permits_of(hold) : 0;
    return used + permits <= world.plan.capacity;
}

uint32_t hold_of_session(const World &world, const Configuration &config, uint64_t session)
{
    for (uint32_t hold : config.holds) {
        if (world.session_of(hold) == session)
            return hold;
    }
    return no_hold;
}

namespace {

bool is_there(const World &world, const Configuration &config, const Step &step)
{
    if (world.plan.ordered)
        return step.hold != no_hold && has(config.holds, step.hold);
    return hold_of_session(world, config, step.session) != no_hold;
}

uint64_t permits_used(const World &world, const Configuration &config)
{
    uint64_t used = 0;
    for (uint32_t hold : config.holds)
        used += world.permits_of(hold);
    return used;
}

/* Does a waiting request keep out another that would fit? */
bool is_behind(const World &world, const Configuration &config, const Operation &op)
{
    if (config.holds.empty())
        return false;
    auto keeps_out = [&](bool shared, uint32_t permits) {
        return (world.plan.lock->model == Model::rwlock ? op.shared && !shared : true) &&
               !has_room(world, config, permits, shared);
    };
    /*
     * Those that want the same are looked at once: one that was never answered waits
     * forever.
     */
    for (const auto &[kind, count] : world.waiting) {
        if (keeps_out(kind.first, kind.second))
            return true;
    }
    for (uint32_t number : world.open_grants) {
        const Hold &hold = world.plan.holds[world.plan.steps[number].hold];
        if (world.plan.steps[number].hold >= config.next &&
                keeps_out(hold.shared, hold.permits) && hold.op != &op)
            return true;
    }
    return false;
}

bool shows(const World &world, const Configuration &config, const Operation &op)
{
    bool rw = world.plan.lock->model == Model::rwlock;
    if (op.used) {
        uint64_t used = 0;
        for (uint32_t hold : config.holds)
            used += rw ? 1 : world.permits_of(hold);
        if (used > *op.used || *op.used > used + world.ghost_permits)
            return false;
    }
    if (!op.holder_said)
        return true;
    bool single = world.plan.lock->model == Model::mutex ||
                  world.plan.lock->model == Model::fenced;
    if (single && op.used && *op.used != (op.holder ? 1 : 0))
        return false;
    bool found = false;
    bool any = false;
    for (uint32_t hold : config.holds) {
        if (rw && world.is_shared(hold))
            continue;
        any = true;
        bool token = !op.token || !world.plan.ordered ||
                     (hold < ghost_base && world.plan.holds[hold].token == *op.token);
        found = found || (op.holder && world.session_of(hold) == *op.holder && token);
    }
    return op.holder ? found : !any;
}

/* Without tokens: an open grant whose hold can be over by now may have been in between. */
void note_brief(const World &world, Configuration &config)
{
    for (uint32_t number : world.open_grants) {
        if (world.is_brief(number) && !has(config.early, number) &&
                !has(config.brief, number))
            put(config.brief, number);
    }
}

/* Has this open grant or release taken effect? */
bool has_happened(const World &world, const Configuration &config, uint32_t number)
{
    const Step &step = world.plan.steps[number];
    if (!world.plan.ordered)
        return has(config.early, number) || has(config.brief, number);
    if (step.hold == no_hold || step.hold >= config.next)
        return false;
    return step.does == Does::grant || !has(config.holds, step.hold);
}

} // namespace

bool is_satisfied(const World &world, const Configuration &config, const Step &step)
{
    switch (step.does) {
    case Does::renew:
        return is_there(world, config, step);
    case Does::absent:
        return !is_there(world, config, step);
    case Does::held:
        /* Without tokens: by any one of many ghosts, without using it up. */
        if (!world.plan.ordered && world.is_many() && world.has_ghost(config))
            return true;
        /* Of a semaphore it may take several of them. */
        if (world.is_many() && world.plan.capacity > 1 &&
                permits_used(world, config) + world.ghost_permits + step.op->permits >
                        world.plan.capacity)
            return true;
        return !has_room(world, config, step.op->permits, step.op->shared) ||
               (world.plan.lock->model != Model::mutex &&
                       world.plan.lock->model != Model::fenced &&
                       is_behind(world, config, *step.op));
    case Does::query:
        return shows(world, config, *step.op);
    case Does::grant:
    case Does::release:
    case Does::death:
        break;
    }
    return false;
}

void settle(const World &world, Configuration &config)
{
    std::erase_if(config.undone, [&](uint32_t number) {
        return is_satisfied(world, config, world.plan.steps[number]);
    });
    if (!world.plan.ordered && config.holds.empty())
        note_brief(world, config);
}

bool is_finished(const World &world, const Configuration &config, uint64_t session)
{
    for (uint32_t number : world.open_grants) {
        if (world.plan.steps[number].session == session &&
                !has_happened(world, config, number) &&
                world.plan.steps[number].ret != never)
            return false;
    }
    for (uint32_t number : world.open_releases) {
        if (world.plan.steps[number].session == session &&
                !has_happened(world, config, number))
            return false;
    }
    return true;
}

bool is_done(const World &world, const Configuration &config, uint32_t number)
{
    const Step &step = world.plan.steps[number];
    if (step.observes())
        return !has(config.undone, number);
    if (step.does == Does::death)
        return hold_of_session(world, config, step.session) == no_hold &&
               is_finished(world, config, step.session);
    return has_happened(world, config, number);
}

} // namespace linear
