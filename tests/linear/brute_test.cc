/*
 * lockcheck against a second opinion, over thousands of small histories of another service:
 * what is valid must never be called a violation, what no order explains must be found, and
 * "undecided" must be rare. BRUTE_SEED is where to begin, BRUTE_COUNT how many; with BRUTE_ON it
 * goes on after the first that is wrong.
 */
#include <gtest/gtest.h>

#include <cstdlib>

#include "linear/brute.h"
#include "linear/small.h"
#include "lockcheck/history/write.h"
#include "lockcheck/judge/judge.h"

using namespace linear;

namespace {

uint32_t number_of(const char *name, uint32_t usual)
{
    const char *text = getenv(name);
    return text ? static_cast<uint32_t>(strtoul(text, nullptr, 10)) : usual;
}

std::string all_of(const History &history)
{
    std::string all;
    for (const std::string &line : lines_of(history))
        all += line + "\n";
    return all;
}

std::string rules_of(const Judgement &judgement)
{
    std::string all;
    for (const Violation &violation : judgement.violations)
        all += violation.rule + " ";
    return all;
}

/* Two processes with one id that overlap, or continue after `info`: not of the format. */
bool is_of_the_format(const History &history)
{
    std::istringstream in(all_of(history));
    try {
        (void)read_history(in);
    } catch (const Malformed &) {
        return false;
    }
    return true;
}

} // namespace

TEST(Brute, ValidHistoriesAreCalledValid)
{
    uint32_t undecided = 0;
    uint32_t begin = number_of("BRUTE_SEED", 1);
    uint32_t count = number_of("BRUTE_COUNT", 4000);
    for (uint32_t seed = begin; seed < begin + count; seed++) {
        SmallRecipe recipe = {seed, 10 + seed % 90, 1 + seed % 3, 2 + seed % 5};
        History history = make_small(recipe);
        ASSERT_TRUE(is_of_the_format(history)) << all_of(history);
        Judgement judgement = judge(history, Rules{});
        if (!judgement.violations.empty()) {
            ADD_FAILURE() << "BRUTE_SEED=" << seed << " " << rules_of(judgement) << "\n"
                          << all_of(history);
            if (!getenv("BRUTE_ON"))
                break;
        }
        undecided += judgement.undecided > 0;
    }
    std::cout << count << " valid histories, " << undecided << " undecided\n";
    EXPECT_LE(undecided * 1000, count);
}

TEST(Brute, AgreesOnSmallHistories)
{
    uint32_t possible = 0;
    uint32_t impossible = 0;
    uint32_t missed = 0;
    uint32_t undecided = 0;
    uint32_t begin = number_of("BRUTE_SEED", 1);
    uint32_t count = number_of("BRUTE_COUNT", 6000);
    for (uint32_t seed = begin; seed < begin + count; seed++) {
        History history = make_small({seed, 4 + seed % 7, 1 + seed % 2, 2 + seed % 3});
        for (uint32_t i = 0; i <= seed % 2; i++)
            spoil(history, seed * 2 + i);
        if (!is_of_the_format(history))
            continue;
        Opinion opinion = try_all_ways(history);
        Judgement judgement = judge(history, Rules{});
        if (opinion == Opinion::unknown)
            continue;
        bool right = opinion == Opinion::possible;
        (right ? possible : impossible)++;
        undecided += judgement.undecided > 0 && judgement.violations.empty();
        if (getenv("BRUTE_SHOW") && judgement.undecided > 0)
            std::cout << "undecided, BRUTE_SEED=" << seed << " " << right << "\n"
                      << all_of(history);
        if (right && !judgement.violations.empty()) {
            ADD_FAILURE() << "BRUTE_SEED=" << seed << ": possible, but "
                          << rules_of(judgement) << "\n"
                          << all_of(history);
            if (!getenv("BRUTE_ON"))
                break;
        }
        if (!right && judgement.violations.empty() && judgement.undecided == 0) {
            missed++;
            if (getenv("BRUTE_SHOW"))
                std::cout << "missed, BRUTE_SEED=" << seed << "\n" << all_of(history);
        }
    }
    std::cout << possible << " possible, " << impossible << " impossible, of which "
              << missed << " were missed; " << undecided << " undecided\n";
    EXPECT_LE(missed * 200, impossible);
    EXPECT_LE(undecided * 200, possible + impossible);
}
