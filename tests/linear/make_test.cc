/*
 * Valid histories from a model pass, and each way to spoil one is caught. (G1, G2, G3, G6, G7,
 * G8, G10, G11, G12 as a client's history shows them)
 */
#include <gtest/gtest.h>

#include "linear/judge.h"
#include "linear/make.h"
#include "linear/write.h"

#include <sstream>

using namespace linear;

namespace {

Recipe recipe_of(uint64_t seed)
{
    Recipe recipe;
    recipe.seed = seed;
    recipe.model = static_cast<Model>(seed % 4);
    recipe.permits = recipe.model == Model::semaphore ? 3 : 1;
    recipe.procs = 3 + static_cast<uint32_t>(seed % 7);
    recipe.locks = 1 + static_cast<uint32_t>(seed / 4 % 2);
    recipe.session_leases = seed / 8 % 3 != 0;
    recipe.operations = 400;
    return recipe;
}

std::string say(const Judgement &judgement)
{
    std::string out = std::to_string(judgement.undecided) + " undecided";
    for (const Violation &violation : judgement.violations)
        out += "; " + violation.rule + " line " +
               std::to_string(violation.operations[0]->line);
    return out;
}

bool is_for(const std::string &how, Model model)
{
    if (model == Model::mutex)
        return how == "dead-session" || how == "held-though-free" || how == "lose-release";
    if (how == "wrong-holder" || how == "free-though-held" || how == "wrong-token-seen")
        return model != Model::semaphore;
    return how != "reader-with-writer" || model == Model::rwlock;
}

} // namespace

TEST(Made, ValidHistoriesPass)
{
    for (uint64_t seed = 0; seed < 64; seed++) {
        History history = make_history(recipe_of(seed));
        Judgement judgement = judge(history, Rules{});
        EXPECT_TRUE(judgement.violations.empty())
                << "seed " << seed << ": " << say(judgement);
        EXPECT_EQ(judgement.undecided, 0u) << "seed " << seed;
        EXPECT_GT(judgement.grants, 50u) << "seed " << seed;
    }
}

TEST(Made, AHistoryIsReadAsItWasWritten)
{
    History history = make_history(recipe_of(7));
    std::ostringstream text;
    for (const std::string &line : lines_of(history))
        text << line << "\n";
    std::istringstream input(text.str());
    EXPECT_EQ(lines_of(read_history(input)), lines_of(history));
}

TEST(Made, EveryMutationIsCaught)
{
    for (const std::string &how : mutations()) {
        int applied = 0;
        int caught = 0;
        for (uint64_t seed = 0; seed < 48; seed++) {
            Recipe recipe = recipe_of(seed);
            /* An unknown outcome is an excuse; without any there is none. */
            recipe.unknown_percent = 0;
            recipe.death_percent = 0;
            if (how == "token-of-another-lock")
                recipe.locks = 2;
            History history = make_history(recipe);
            std::erase_if(history.operations, [](const Operation &op) {
                return op.result == Result::info && op.kind == Kind::acquire;
            });
            if (!is_for(how, recipe.model) || !judge(history, Rules{}).violations.empty())
                continue;
            if (!mutate(history, how, seed))
                continue;
            applied++;
            bool found = !judge(history, Rules{}).violations.empty();
            caught += found;
            EXPECT_TRUE(found) << how << " seed " << seed << " " << text(recipe.model);
        }
        EXPECT_GE(applied, 2) << how;
        RecordProperty(how, caught);
        std::cout << how << ": " << caught << " of " << applied << "\n";
    }
}
