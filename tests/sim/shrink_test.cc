/*
 * A life that fails is cut down to what it takes, and fails again from what is written
 * down.
 */
#include <gtest/gtest.h>

#include "scenarios/scenario.h"
#include "sim/lives/shrink.h"

using namespace sim;

namespace {

/* A life in which nodes lose power twice, and a claim that this never happens. */
Plan doomed()
{
    for (uint64_t seed = 1;; seed++) {
        Plan plan = draw_plan(seed);
        plan.denied = Kind::power;
        if (!live_apart(plan).well())
            return plan;
    }
}

} // namespace

TEST(Shrink, LeavesWhatItTakes)
{
    Plan plan = doomed();
    ASSERT_GT(plan.deeds.size(), 10U);
    std::string breach = live_apart(plan).breaches.front();
    Plan small = shrink(plan, breach);
    EXPECT_LE(small.deeds.size(), 4U);
    EXPECT_GE(small.deeds.size(), 2U);
    EXPECT_EQ(small.persons, 1);
    Verdict again = live_apart(small);
    ASSERT_FALSE(again.well());
    EXPECT_EQ(kind_of_breach(again.breaches.front()), kind_of_breach(breach));
}

TEST(Shrink, SameLifeTwiceIsTheSameStory)
{
    for (uint64_t seed : {3, 17, 58}) {
        Verdict first = live_apart(draw_plan(seed));
        EXPECT_GT(first.story.size(), 20U);
        EXPECT_EQ(first.story, live_apart(draw_plan(seed)).story);
    }
}

TEST(Shrink, WrittenDownItIsTheSameLife)
{
    Plan plan = draw_plan(17);
    plan.deeds.resize(plan.deeds.size() / 2);
    take_away(plan, "jitter");
    Verdict verdict = live_apart(plan);
    std::string text = scenarios::replay("# A life.\n" + commands_of(plan));
    std::string story;
    for (const std::string &line : verdict.story)
        story += "    " + line + "\n";
    EXPECT_NE(text.find(story), std::string::npos) << text;
}
