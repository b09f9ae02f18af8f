#include "lockcheck/search/dominance.h"

#include <tuple>

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

namespace {

/* Whatever holds can end later; what waits for an explanation may not get one. */
void keep_best(const World &world, std::vector<Configuration> &some, size_t count)
{
    if (some.size() <= count)
        return;
    world.effort.over = true;
    if (!world.effort.narrow)
        return;
    auto permits = [&](const Configuration &config) {
        uint64_t used = 0;
        for (uint32_t hold : config.holds)
            used += world.permits_of(hold);
        return used;
    };
    std::vector<std::tuple<size_t, uint64_t, size_t>> order;
    for (size_t i = 0; i < some.size(); i++)
        order.emplace_back(some[i].undone.size(), UINT64_MAX - permits(some[i]), i);
    std::nth_element(
            order.begin(), order.begin() + static_cast<ptrdiff_t>(count), order.end());
    std::vector<Configuration> kept;
    for (size_t i = 0; i < count; i++)
        kept.push_back(std::move(some[std::get<2>(order[i])]));
    some = std::move(kept);
}

} // namespace

void thin_out(const World &world, std::vector<Configuration> &some)
{
    if (some.size() <= 1)
        return;
    std::sort(some.begin(), some.end());
    some.erase(std::unique(some.begin(), some.end()), some.end());
    keep_best(
            world, some, world.effort.narrow ? 4 * world.effort.width : configurations_max);
    if (some.size() > compared_max || world.thorough)
        return;
    std::vector<bool> needless(some.size(), false);
    for (size_t i = 0; i < some.size(); i++) {
        for (size_t j = 0; j < some.size() && !needless[i]; j++)
            needless[i] = i != j && !needless[j] && is_enough(world, some[j], some[i]);
        world.effort.spend(some.size(), some[i]);
    }
    std::vector<Configuration> kept;
    for (size_t i = 0; i < some.size(); i++) {
        if (!needless[i])
            kept.push_back(std::move(some[i]));
    }
    some = std::move(kept);
    keep_best(world, some, world.effort.width);
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
