/*
 * Valid histories from a model pass, and each way to spoil one is caught.
 */
#include <gtest/gtest.h>

#include "linear/make.h"
#include "lockcheck/history/write.h"
#include "lockcheck/judge/doubts.h"
#include "lockcheck/judge/window.h"
#include "lockcheck/search/search.h"

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

Recipe long_contention()
{
    Recipe recipe;
    recipe.seed = 7;
    recipe.model = Model::mutex;
    recipe.procs = 64;
    recipe.operations = 20000;
    return recipe;
}

const Operation *next_of(const History &history, const Operation &op)
{
    const Operation *next = nullptr;
    for (const Operation &other : history.operations) {
        bool later = other.session == op.session && other.call > op.ret;
        if (later && (!next || other.call < next->call))
            next = &other;
    }
    return next;
}

/* Behind the grant at this place, before its release, somebody else is let in and out. */
bool intrude(History &history, size_t at)
{
    const Operation grant = history.operations[at];
    if (!grant.is_grant())
        return false;
    const Operation *release = next_of(history, grant);
    bool ends = release && release->kind == Kind::release && release->result == Result::ok;
    if (!ends || release->call < grant.ret + 5)
        return false;
    Operation op = grant;
    op.kind = Kind::attempt;
    op.proc = 1u << 30;
    op.session = op.proc;
    op.call = grant.ret + 1;
    op.ret = grant.ret + 2;
    op.deadline = std::nullopt;
    history.operations.push_back(op);
    op.kind = Kind::release;
    op.call = grant.ret + 3;
    op.ret = grant.ret + 4;
    history.operations.push_back(op);
    return true;
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

/* Without tokens, and with hundreds of acquires and releases of which nobody heard. */
TEST(Made, LongContentionWithoutTokensIsDecided)
{
    History history = make_history(long_contention());
    Judgement judgement = judge(history, Rules{});
    EXPECT_TRUE(judgement.violations.empty()) << say(judgement);
    EXPECT_EQ(judgement.undecided, 0u);
    EXPECT_GT(judgement.grants, 5000u);
    EXPECT_GT(judgement.unknown, 500u);
    EXPECT_LT(judgement.configurations, 1000u);
}

/* Many holds can end for each grant, and there are many ways to end them. */
TEST(Made, SemaphoresWithManyPermitsAreDecided)
{
    for (uint32_t procs : {20u, 64u, 200u}) {
        Recipe recipe;
        recipe.seed = 3;
        recipe.model = Model::semaphore;
        recipe.permits = 50;
        recipe.procs = procs;
        recipe.operations = 4000;
        Judgement judgement = judge(make_history(recipe), Rules{});
        EXPECT_TRUE(judgement.violations.empty()) << say(judgement);
        EXPECT_EQ(judgement.undecided, 0u) << procs;
        EXPECT_LE(judgement.configurations, 256u) << procs;
    }
}

/*
 * A crowd, and one answer that cannot be: proved by a part of the history, without the
 * search that tries everything.
 */
TEST(Made, AViolationInACrowdIsProvedByAPart)
{
    Recipe recipe;
    recipe.seed = 3;
    recipe.model = Model::semaphore;
    recipe.permits = 50;
    recipe.procs = 64;
    recipe.operations = 12000;
    History history = make_history(recipe);
    auto at = std::find_if(history.operations.begin() + 8000, history.operations.end(),
            [](const Operation &op) {
                return op.kind == Kind::release && op.result == Result::ok;
            });
    ASSERT_NE(at, history.operations.end());
    at->result = Result::not_owner;
    Judgement judgement = judge(history, Rules{});
    EXPECT_TRUE(judgement.violations.empty()) << say(judgement);
    ASSERT_EQ(judgement.doubts.size(), 1u);
    EXPECT_EQ(judgement.doubts[0].stuck, &*at);
    settle_doubts(history, Rules{}, judgement);
    EXPECT_EQ(judgement.undecided, 0u);
    ASSERT_EQ(judgement.violations.size(), 1u);
    std::vector<Window> windows = cut_windows(history, judgement, Rules{});
    ASSERT_EQ(windows.size(), 1u);
    EXPECT_TRUE(windows[0].alone);
    EXPECT_LE(windows[0].operations.size(), 8u);
}

/* A rule that is broken on a large lock is proof enough: nothing is searched there. */
TEST(Made, ABrokenRuleOnALargeLockNeedsNoSearch)
{
    Recipe recipe;
    recipe.seed = 3;
    recipe.operations = 12000;
    History history = make_history(recipe);
    ASSERT_TRUE(mutate(history, "repeat-token", 3));
    Judgement judgement = judge(history, Rules{});
    EXPECT_FALSE(judgement.violations.empty());
    EXPECT_EQ(judgement.work, 0u);
    EXPECT_EQ(judgement.undecided, 0u);
}

/* One grant too much, amid the holds that a release ended: the search itself finds each. */
TEST(Made, AGrantTooMuchIsFoundInLongContentionWithoutTokens)
{
    const History valid = make_history(long_contention());
    int tried = 0;
    for (size_t at = 0; at < valid.operations.size() && tried < 10; at += 300) {
        History history = valid;
        if (!intrude(history, at))
            continue;
        tried++;
        Sessions sessions(history, 0);
        std::vector<const Operation *> own;
        for (const Operation &op : history.operations) {
            if (op.lock == 0)
                own.push_back(&op);
        }
        Verdict verdict = search(make_plan(history.locks[0], own, sessions, 0));
        EXPECT_TRUE(verdict.decided && verdict.stuck) << "in line " << at + 2;
    }
    EXPECT_EQ(tried, 10);
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
