/*
 * Windows: closed parts of valid histories are valid, so that what is cut from a wrong one proves
 * something; and each way to spoil a history is shown by a few operations. (G1, G2, G3, G6,
 * G7, G8, G10, G11, G12 as a client's history shows them)
 */
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "linear/make.h"
#include "linear/window.h"

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

/* A few operations by chance, with their excuses. */
std::vector<const Operation *> closed_part(
        const History &history, const Excuses &excuses, std::mt19937_64 &dice)
{
    std::set<uint32_t> found;
    Numbers open;
    size_t count = 1 + dice() % 12;
    size_t begin = dice() % history.operations.size();
    for (size_t i = 0; i < count; i++)
        open.push_back(
                static_cast<uint32_t>((begin + dice() % 40) % history.operations.size()));
    while (!open.empty()) {
        uint32_t number = open.back();
        open.pop_back();
        if (!found.insert(number).second)
            continue;
        for (uint32_t excuse : excuses.of(number))
            open.push_back(excuse);
    }
    std::vector<const Operation *> part;
    for (uint32_t number : found)
        part.push_back(&history.operations[number]);
    return part;
}

std::string say(const Window &window)
{
    std::string out = window.rule + ":";
    for (const Operation *op : window.operations)
        out += " " + std::to_string(op->line) + " " + text(op->kind) + "-" +
               text(op->result);
    return out;
}

bool breaks(const History &history, const std::string &rule)
{
    for (const Violation &violation : judge(history, Rules{}).violations) {
        if (violation.rule == rule)
            return true;
    }
    return false;
}

} // namespace

TEST(Excuses, ClosedPartsOfValidHistoriesAreValid)
{
    size_t parts = 0;
    for (uint64_t seed = 0; seed < 192; seed++) {
        Recipe recipe = recipe_of(seed);
        recipe.unknown_percent = static_cast<uint32_t>(seed % 5 * 5);
        History history = make_history(recipe);
        Sessions sessions(pointers(history), 0);
        Excuses excuses(history, sessions);
        std::mt19937_64 dice(seed);
        for (int i = 0; i < 40; i++) {
            auto operations = closed_part(history, excuses, dice);
            Judgement judgement = judge(part_of(history, operations), Rules{});
            parts += operations.size() < history.operations.size() / 2;
            ASSERT_TRUE(judgement.violations.empty())
                    << "seed " << seed << " " << text(recipe.model) << ": "
                    << say({judgement.violations[0].rule, "", {}, operations,
                               judgement.violations[0].operations, true, true});
        }
    }
    EXPECT_GT(parts, 1000u); /* Closed does not mean everything. */
}

TEST(Window, EachMutationIsShownByAFewOperations)
{
    for (const std::string &how : mutations()) {
        size_t most = 0;
        int cut = 0;
        for (uint64_t seed = 0; seed < 48; seed++) {
            Recipe recipe = recipe_of(seed);
            recipe.unknown_percent = 0;
            recipe.death_percent = 0;
            if (how == "token-of-another-lock")
                recipe.locks = 2;
            History history = make_history(recipe);
            if (recipe.model == Model::mutex && how != "dead-session" &&
                    how != "held-though-free" && how != "lose-release")
                continue;
            if (!mutate(history, how, seed))
                continue;
            Judgement judgement = judge(history, Rules{});
            std::vector<Window> windows = cut_windows(history, judgement, Rules{});
            EXPECT_EQ(windows.empty(), judgement.violations.empty());
            for (const Window &window : windows) {
                cut++;
                most = std::max(most, window.operations.size());
                EXPECT_TRUE(window.alone && window.smallest)
                        << how << " seed " << seed << " " << say(window);
                EXPECT_TRUE(breaks(part_of(history, window.operations), window.rule))
                        << how << " seed " << seed << " " << say(window);
                /* It takes four holders to be one too many. */
                EXPECT_LE(window.operations.size(),
                        recipe.model == Model::semaphore ? 9u : 6u)
                        << how << " seed " << seed << " " << text(recipe.model) << " "
                        << say(window);
                EXPECT_FALSE(window.guilty.empty());
            }
        }
        EXPECT_GE(cut, 2) << how;
        std::cout << how << ": " << cut << " windows, the largest has " << most << "\n";
    }
}
