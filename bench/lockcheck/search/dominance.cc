#include "lockcheck/search/dominance.h"

#include "lockcheck/model/hold_effects.h"

namespace linear {

namespace {

/*
 * Without tokens, what ended in b can end in a: its release is open, or its time is over.
 */
bool can_catch_up(const World &world, const Configuration &a, const Configuration &b)
{
    for (uint32_t hold : a.holds) {
        bool extra = !world.plan.ordered && hold < ghost_base && !has(b.holds, hold);
        if (extra && !can_end(world, a, hold))
            return false;
    }
    return true;
}

/* What took effect in b did in a, or may have; and nothing else did. */
bool has_same_effects(const Configuration &a, const Configuration &b)
{
    if (a.early == b.early)
        return true;
    return covers(b.early, a.early) &&
           std::all_of(b.early.begin(), b.early.end(), [&](uint32_t number) {
               return has(a.early, number) || has(a.brief, number);
           });
}

/* What may have come and gone in b may have in a, or may as soon as the lock is free. */
bool has_same_chances(const World &world, const Configuration &a, const Configuration &b)
{
    bool frees = a.holds != b.holds;
    return std::all_of(b.brief.begin(), b.brief.end(), [&](uint32_t number) {
        return has(a.brief, number) || (frees && world.is_brief(number));
    });
}

} // namespace

bool is_enough(const World &world, const Configuration &a, const Configuration &b)
{
    return a.next == b.next && covers(b.undone, a.undone) && covers(a.holds, b.holds) &&
           covers(b.used, a.used) && has_same_effects(a, b) &&
           has_same_chances(world, a, b) && can_catch_up(world, a, b);
}

void forget_moot(const World &world, Configuration &config)
{
    std::erase_if(config.used, [&](uint32_t name) {
        if (name < ghost_base)
            return world.plan.ghosts[name].named < world.time;
        const Ghost &release = world.plan.ghost_releases[name - ghost_base];
        bool holds = std::any_of(config.holds.begin(), config.holds.end(),
                [&](uint32_t hold) { return world.session_of(hold) == release.session; });
        return release.named < world.time && !holds;
    });
}

} // namespace linear
