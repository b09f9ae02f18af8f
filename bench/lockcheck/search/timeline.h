/*
 * The moments of one lock's history that the search visits, in order. At the same time,
 * what opens a possibility comes before what closes one.
 */
#ifndef LINEAR_TIMELINE_H
#define LINEAR_TIMELINE_H

#include "lockcheck/model/lock_plan.h"

namespace linear {

enum class What : uint8_t {
    call,
    waits,
    ghost,
    ghost_release,
    ghost_over, /* Its session will be over: what it explains, it explains now */
    ret,
    waited,
    ghost_gone
};

struct Moment {
    int64_t when;
    What what;
    uint32_t number; /* Of a step, a waiter, a ghost or a ghost's release */
};

std::vector<Moment> timeline(const Plan &plan);

} // namespace linear

#endif
