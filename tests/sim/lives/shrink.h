/*
 * Cutting down a life that fails.
 *
 * A life is lived again and again in a process of its own (what it may break is an assertion),
 * each time with less: a shorter time, fewer persons and nodes, fewer deeds, plainer world.
 * What still breaks the same promise is kept. What is left is a scenario (scenarios/scenario.h),
 * with the story of that life as its transcript:
 *
 *     life 17 nodes 3 persons 2 for 8500ms without jitter
 *     deeds 4 31
 *     live
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include <string>
#include <vector>

#include "sim/lives/life_plan.h"

namespace sim {

struct Verdict {
    std::vector<std::string> story;
    std::vector<std::string> breaches; /* An assertion is one, too. */

    bool well() const
    {
        return breaches.empty();
    }
};

/* Live it in a process of its own. */
Verdict live_apart(const Plan &plan);

/* Which promise a breach is about: its words without numbers. */
std::string kind_of_breach(const std::string &breach);

/* A smaller plan that breaks the same promise, found in at most this many lives. */
Plan shrink(const Plan &plan, const std::string &breach, unsigned lives_most = 300);

/* What may be taken from a world, by name; for plans and scenarios. */
extern const std::vector<std::string> plain_names;
void take_away(Plan &plan, const std::string &plain);

/* The plan as commands of a scenario. */
std::string commands_of(const Plan &plan);

} // namespace sim

#endif
