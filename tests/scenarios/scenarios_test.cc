/*
 * Each scenario file is one test: its transcript is what happens now, line by line.
 *
 *     scenario_tests --bless      rewrite the transcripts; the diff is the review
 *     scenario_tests --verbs      the commands of the language
 */
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/mark.h"
#include "scenarios/scenario.h"

namespace {

std::vector<std::string> files()
{
    std::vector<std::string> found;
    for (const auto &entry : std::filesystem::directory_iterator(SCENARIO_FILES)) {
        if (entry.path().extension() == ".txt")
            found.push_back(entry.path().stem().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string path_of(const std::string &name)
{
    return std::string(SCENARIO_FILES) + "/" + name + ".txt";
}

std::string content(const std::string &name)
{
    std::ifstream file(path_of(name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

class Scenario : public testing::TestWithParam<std::string> {};

int bless()
{
    for (const std::string &name : files()) {
        std::string text = scenarios::replay(content(name));
        std::ofstream(path_of(name)) << text;
    }
    return 0;
}

int print_verbs()
{
    for (const scenarios::Story::Verb &verb : scenarios::Story::verbs())
        std::printf("%s\n", verb.help);
    std::printf(
            "NAME acquires \"lock\" [waiting 30s] [reentrant], releases, cancels, closes, "
            "believes \"lock\": what a client does\n");
    return 0;
}

} // namespace

TEST_P(Scenario, HappensAsWritten)
{
    std::string text = content(GetParam());
    EXPECT_EQ(text, scenarios::replay(text)) << path_of(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(files()),
        [](const auto &file) { return file.param; });

/* Rare branches, and the stories that pass them. */
TEST(Scenarios, PassRareBranches)
{
    static const struct {
        const char *mark;
        const char *file;
    } passed[] = {
            {"clock_of_leader_suspect", "fast_clock_is_found"},
            {"clock_suspect_hands_over", "fast_clock_is_found"},
            {"peer_did_not_welcome", "welcome_that_never_comes"},
    };
    for (const auto &[mark, file] : passed) {
        uint64_t before = mark_count(mark);
        (void)scenarios::replay(content(file));
        EXPECT_GT(mark_count(mark), before) << mark << " in " << file;
    }
}

/* No verb without a story. */
TEST(Scenarios, UseEveryVerb)
{
    std::string all;
    for (const std::string &name : files())
        all += "\n" + content(name);
    for (const scenarios::Story::Verb &verb : scenarios::Story::verbs())
        EXPECT_NE(all.find("\n" + std::string(verb.name)), std::string::npos) << verb.name;
}

TEST(Scenarios, SayWhatIsWrong)
{
    for (const char *text : {"cluster 3 nodes\n", "# t\nfly\n",
                 "# t\ncluster 3 nodes\ncrash n9\n", "# t\ncluster 3 nodes\nrun for 3x\n",
                 "# t\ncluster 3 nodes\nbob acquires \"a\"\n"})
        EXPECT_THROW(scenarios::replay(text), scenarios::Wrong) << text;
}

int main(int count, char **arguments)
{
    if (count == 2 && std::strcmp(arguments[1], "--bless") == 0)
        return bless();
    if (count == 2 && std::strcmp(arguments[1], "--verbs") == 0)
        return print_verbs();
    testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
