/*
 * The words for the conditions of a node: one row each, and something to say of any number.
 */
#include "protocol/condition.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

TEST(Condition, EachHasWordsOfItsOwnAndACure)
{
    std::set<std::string> names;
    for (uint32_t number : {CONDITION_HEALTHY, CONDITION_BLANK, CONDITION_NOT_BOOTSTRAPPED,
                 CONDITION_NO_LEADER, CONDITION_NO_MAJORITY, CONDITION_NO_SPACE,
                 CONDITION_BEHIND, CONDITION_DISK_STALLED, CONDITION_DISK_FULL,
                 CONDITION_LOG_FULL, CONDITION_LOG_NEARLY_FULL, CONDITION_REPLAYING,
                 CONDITION_NO_COMMIT, CONDITION_CLOCK_SUSPECT, CONDITION_READ_ERROR,
                 CONDITION_OTHER_CLUSTER, CONDITION_OTHER_DIRECTORY, CONDITION_ID_TAKEN,
                 CONDITION_NOT_ACCEPTED, CONDITION_CONTRADICTED, CONDITION_STRANGER,
                 CONDITION_NEARLY_FULL, CONDITION_QUARANTINE}) {
        const struct condition_words *words = condition_describe(number);
        EXPECT_TRUE(names.insert(words->name).second) << words->name;
        EXPECT_STRNE(words->sentence, "");
        EXPECT_EQ(words->cure[0] == 0, number == CONDITION_HEALTHY) << words->name;
    }
}

TEST(Condition, ANumberOfAnotherVersionIsUnknown)
{
    for (uint32_t number : {uint32_t{2}, uint32_t{CONDITION_COUNT}, UINT32_MAX})
        EXPECT_STREQ(condition_describe(number)->name, "unknown");
}

} // namespace
