/*
 * Windows: closed parts of valid histories are valid, so that what is cut from a wrong one
 * proves something; and each way to spoil a history is shown by a few operations.
 */
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <sstream>

#include "linear/make.h"
#include "lockcheck/judge/closed_part.h"
#include "lockcheck/judge/window.h"

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
Numbers some_closed(const History &history, const Excuses &excuses, std::mt19937_64 &dice)
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
    return {found.begin(), found.end()};
}

std::vector<const Operation *> those(const History &history, const Numbers &numbers)
{
    std::vector<const Operation *> operations;
    for (uint32_t number : numbers)
        operations.push_back(&history.operations[number]);
    return operations;
}

std::string say(const Violation &violation, const std::vector<const Operation *> &all)
{
    std::string out = violation.rule + ":";
    for (const Operation *op : all)
        out += " " + std::to_string(op->line) + " " + text(op->kind) + "-" +
               text(op->result);
    return out;
}

std::string say(const Window &window)
{
    return say({window.rule, "", -1, {}}, window.operations);
}

History read(const std::string &header, const std::vector<std::string> &operations)
{
    std::string text = R"({"format":"lockhist/1",)" + header + "}\n";
    for (const std::string &operation : operations)
        text += (operation.find("open") == std::string::npos ? R"({"lock":"a",)" : "{") +
                operation + "}\n";
    std::istringstream input(text);
    return read_history(input);
}

/* The whole is possible, and the first operation needs the last for that. */
void expect_needed(const History &history)
{
    EXPECT_TRUE(judge(history, Rules{}).violations.empty());
    auto without = pointers(history);
    without.pop_back();
    EXPECT_FALSE(judge(part_of(history, without), Rules{}).violations.empty());
    Sessions sessions(history, 0);
    Numbers needed = Excuses(history, sessions).of(0);
    EXPECT_TRUE(std::count(needed.begin(), needed.end(),
            static_cast<uint32_t>(history.operations.size() - 1)));
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
        Sessions sessions(history, 0);
        Excuses excuses(history, sessions);
        std::mt19937_64 dice(seed);
        for (int i = 0; i < 40; i++) {
            auto operations = those(history, some_closed(history, excuses, dice));
            Judgement judgement = judge(part_of(history, operations), Rules{});
            parts += operations.size() < history.operations.size() / 2;
            ASSERT_TRUE(judgement.violations.empty())
                    << "seed " << seed << " " << text(recipe.model) << ": "
                    << say(judgement.violations[0], operations);
        }
    }
    EXPECT_GT(parts, 1000u); /* Closed does not mean everything. */
}

/* And what remains when something goes with all that need it. */
TEST(Excuses, WhatIsLeftOfValidHistoriesIsValid)
{
    size_t open = 0;
    for (uint64_t seed = 0; seed < 96; seed++) {
        Recipe recipe = recipe_of(seed);
        recipe.unknown_percent = static_cast<uint32_t>(seed % 5 * 5);
        History history = make_history(recipe);
        Sessions sessions(history, 0);
        Excuses excuses(history, sessions);
        std::mt19937_64 dice(seed);
        for (int i = 0; i < 10; i++) {
            ClosedPart part(some_closed(history, excuses, dice), history, excuses);
            size_t size = part.numbers().size();
            std::vector<bool> kept(size, true);
            for (int j = 0; j < 8; j++) {
                /* The last ones more often: these are what may go alone. */
                size_t place = size - 1 - std::min(dice() % size, dice() % size);
                std::vector<bool> less = part.without(kept, place, place + 1);
                open += std::count(kept.begin(), kept.end(), true) ==
                        std::count(less.begin(), less.end(), true) + 1;
                kept = less;
                auto operations = those(history, part.those(kept));
                Judgement judgement = judge(part_of(history, operations), Rules{});
                ASSERT_TRUE(judgement.violations.empty())
                        << "seed " << seed << " " << text(recipe.model) << ": "
                        << say(judgement.violations[0], operations);
            }
        }
    }
    EXPECT_GT(open, 500u);
}

/* What the made histories have too little of. */
TEST(Excuses, RareOnesAreKnown)
{
    const char *lease = R"("defaults":{"model":"fenced"})";
    const char *grant =
            R"("proc":1,"op":"acquire","session":1,"call":0,"ret":9,"res":"ok","token":1)";
    const char *other =
            R"("proc":2,"op":"acquire","session":2,"call":20,"ret":30,"res":"ok","token":2)";
    /* Nothing says how long the session lasts, but that it was over. */
    expect_needed(read(lease,
            {grant, other,
                    R"("proc":1,"op":"acquire","session":1,"call":70,"ret":80,"res":"expired")"}));
    /* The session's lease is longer than the lock's own would be. */
    expect_needed(read(R"("defaults":{"model":"fenced","ttl":10})",
            {R"("proc":1,"op":"acquire","session":1,"call":5,"ret":9,"res":"ok","token":1,"deadline":90)",
                    R"("proc":1,"op":"release","session":1,"call":20,"ret":30,"res":"ok","token":1)",
                    R"("proc":1,"op":"open","session":1,"call":0,"ret":4,"res":"ok","ttl":100)"}));
    /* A token that is known, of a grant that nobody heard of. */
    expect_needed(read(lease,
            {R"("proc":1,"op":"renew","session":1,"call":20,"ret":25,"res":"ok","token":1)",
                    R"("proc":3,"op":"acquire","session":1,"call":0,"ret":null,"res":"info")"}));
    /* Somebody gave up at 5, and holds it at 20 perhaps. */
    expect_needed(read(lease,
            {R"("proc":1,"op":"try","session":1,"call":20,"ret":25,"res":"held")",
                    R"("proc":3,"op":"acquire","session":3,"call":0,"ret":5,"res":"info")"}));
    expect_needed(read(R"("defaults":{"model":"semaphore","permits":3})",
            {R"("proc":1,"op":"query","call":20,"ret":25,"res":"ok","used":1)",
                    R"("proc":3,"op":"acquire","session":3,"call":0,"ret":5,"res":"ok","token":1)"}));
}

/* The whole of it is judged for each window, so a small history is no special case. */
TEST(Window, OfTwoOperationsHasBoth)
{
    History history = read(R"("defaults":{"model":"fenced"})",
            {R"("proc":1,"op":"acquire","session":1,"call":0,"ret":9,"res":"ok","token":1)",
                    R"("proc":2,"op":"acquire","session":2,"call":20,"ret":30,"res":"ok","token":2)"});
    std::vector<Window> windows = cut_windows(history, judge(history, Rules{}), Rules{});
    ASSERT_EQ(windows.size(), 1u);
    EXPECT_EQ(windows[0].rule, "exclusion");
    EXPECT_EQ(windows[0].also, std::vector<std::string>{"linearizability"});
    EXPECT_EQ(windows[0].operations.size(), 2u);
    EXPECT_TRUE(windows[0].alone && windows[0].smallest);
}

/* Without any effort it is said that nothing was tried. */
TEST(Window, WithoutEffortSaysSo)
{
    Recipe recipe = recipe_of(1);
    recipe.unknown_percent = 0;
    History history = make_history(recipe);
    ASSERT_TRUE(mutate(history, "grant-while-held", 1));
    Judgement judgement = judge(history, Rules{});
    std::vector<Window> windows = cut_windows(history, judgement, Rules{}, 1);
    ASSERT_FALSE(windows.empty());
    EXPECT_FALSE(windows[0].smallest);
    EXPECT_FALSE(windows[0].guilty.empty());
    EXPECT_FALSE(windows[0].operations.empty());
}

/* The effort is counted, not timed: two runs cut the same. */
TEST(Window, IsTheSameEachTime)
{
    History history = make_history(recipe_of(5));
    ASSERT_TRUE(mutate(history, "swap-tokens", 5));
    Judgement judgement = judge(history, Rules{});
    for (uint64_t effort : {uint64_t{200}, uint64_t{2000}, window_effort}) {
        std::vector<Window> once = cut_windows(history, judgement, Rules{}, effort);
        std::vector<Window> again = cut_windows(history, judgement, Rules{}, effort);
        ASSERT_EQ(once.size(), again.size());
        for (size_t i = 0; i < once.size(); i++)
            EXPECT_EQ(once[i].operations, again[i].operations);
    }
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
