/*
 * Each scenario file is one test: its transcript is what happens now, line by line.
 *
 *     scenario_tests --bless            rewrite the transcripts; the diff is the review
 *     scenario_tests --verbs            the commands of the language
 *     scenario_tests --print FILE.txt   what happens in a file anywhere
 */
#include <gtest/gtest.h>

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

std::string content_of(const std::string &path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string content(const std::string &name)
{
    return content_of(path_of(name));
}

class Scenario : public testing::TestWithParam<std::string> {};

void bless(const std::string &path)
{
    std::string text = scenarios::replay(content_of(path));
    std::ofstream(path) << text;
}

int bless_all()
{
    for (const std::string &name : files())
        bless(path_of(name));
    return 0;
}

int print_verbs()
{
    for (const scenarios::Story::Verb &verb : scenarios::Story::cluster_verbs())
        std::printf("%s\n", verb.help);
    for (const scenarios::Story::Verb &verb : scenarios::Story::life_verbs())
        std::printf("%s\n", verb.help);
    for (const scenarios::Story::ClientVerb &verb : scenarios::Story::client_verbs())
        std::printf("%s\n", verb.help);
    return 0;
}

/* Of a file anywhere: its text with what happens now. */
int print(const std::string &path)
{
    std::printf("%s", scenarios::replay(content_of(path)).c_str());
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
    for (const scenarios::Story::Verb &verb : scenarios::Story::cluster_verbs())
        EXPECT_NE(all.find("\n" + std::string(verb.name)), std::string::npos) << verb.name;
    for (const scenarios::Story::ClientVerb &verb : scenarios::Story::client_verbs())
        EXPECT_NE(all.find(" " + std::string(verb.name)), std::string::npos) << verb.name;
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
    std::string verb = count > 1 ? arguments[1] : "";
    if (verb == "--bless")
        return bless_all();
    if (verb == "--verbs")
        return print_verbs();
    if (verb == "--print" && count == 3)
        return print(arguments[2]);
    testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
