#include "lockcheck/search/timeline.h"

#include <algorithm>

namespace linear {

std::vector<Moment> timeline(const Plan &plan)
{
    std::vector<Moment> moments;
    moments.reserve(plan.steps.size() * 2);
    for (uint32_t i = 0; i < plan.steps.size(); i++) {
        moments.push_back({plan.steps[i].call, What::call, i});
        if (plan.steps[i].ret != never)
            moments.push_back({plan.steps[i].ret, What::ret, i});
    }
    bool shares = plan.lock->model == Model::rwlock || plan.capacity > 1;
    for (uint32_t i = 0; shares && i < plan.waiters.size(); i++) {
        moments.push_back({plan.waiters[i].call, What::waits, i});
        if (plan.waiters[i].ret != never)
            moments.push_back({plan.waiters[i].ret, What::waited, i});
    }
    for (uint32_t i = 0; i < plan.ghosts.size(); i++) {
        moments.push_back({plan.ghosts[i].call, What::ghost, i});
        if (plan.ghosts[i].until == never)
            continue;
        moments.push_back({plan.ghosts[i].until, What::ghost_over, i});
        moments.push_back({plan.ghosts[i].until, What::ghost_gone, i});
    }
    for (uint32_t i = 0; i < plan.ghost_releases.size(); i++)
        moments.push_back({plan.ghost_releases[i].call, What::ghost_release, i});
    std::sort(moments.begin(), moments.end(), [](const Moment &a, const Moment &b) {
        return a.when != b.when ? a.when < b.when : a.what < b.what;
    });
    return moments;
}

} // namespace linear
