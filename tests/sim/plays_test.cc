/* Plays get to their last act, whoever leads, and harm nothing. */
#include <gtest/gtest.h>

#include <algorithm>

#include "base/units.h"
#include "sim/lives/shrink.h"

using namespace sim;

namespace {

/*
 * How many of ten lives with one such deed, and no other, came to where the story says this
 */
int count_lives(Kind kind, int nodes, const std::string &last_act)
{
    int count = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Plan plan = draw_plan(seed);
        plan.world.nodes = nodes;
        plan.world.tune = [](node_settings &settings) {
            settings.raft.append_entries_max = 1;
        };
        plan.tests_guard = false;
        plan.rough = false;
        plan.waits_for_leader = true;
        plan.hostile_ns = 8 * NS_PER_S;
        plan.deeds = {{0, NS_PER_S, kind}};
        Verdict verdict = live_apart(plan);
        EXPECT_TRUE(verdict.well()) << "seed " << seed << ": " << verdict.breaches.front();
        count += std::any_of(verdict.story.begin(), verdict.story.end(),
                [&last_act](const std::string &line) {
                    return line.find(last_act) != std::string::npos;
                });
    }
    return count;
}

} // namespace

TEST(Plays, OldEntriesGetToAMajority)
{
    for (int nodes : {3, 4, 5})
        EXPECT_GE(
                count_lives(Kind::old_entries, nodes, "a majority has its old entries"), 3)
                << nodes << " nodes";
}

TEST(Plays, VotesComeLate)
{
    EXPECT_GE(count_lives(Kind::late_votes, 3, "stands again, and hears"), 3);
}
