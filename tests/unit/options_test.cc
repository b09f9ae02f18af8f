#include "tool/options.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/units.h"
#include "tool/fail.h"

namespace {

/* A small command: `x NAME [--wait DUR] [--count N] [--label TEXT] [--try] -- COMMAND`. */
class Options : public testing::Test {
protected:
    uint64_t wait = 0;
    uint64_t number = 0;
    const char *label = nullptr;
    bool try_only = false;
    const option_row rows[4] = {
            {"wait", OPTION_DURATION, &wait, NS_PER_MS, 3600 * NS_PER_S, "DUR", "how long"},
            {"count", OPTION_NUMBER, &number, 1, 100, "N", "how many"},
            {"label", OPTION_TEXT, &label, 0, 0, "TEXT", "who"},
            {"try", OPTION_FLAG, &try_only, 0, 0, nullptr, "at once"},
    };
    options table = {"x NAME", "About.", rows, 4, {"NAME"}, true, nullptr};
    struct operands operands = {};

    /* Empty if it was taken, else the complaint. */
    std::string parse(std::vector<std::string> words)
    {
        std::vector<char *> arguments;
        for (std::string &word : words)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        /* Operands point into both: moving a vector leaves its elements where they are. */
        kept.push_back(std::move(words));
        lists.push_back(std::move(arguments));
        complain_as("x");
        testing::internal::CaptureStderr();
        bool taken = options_parse(&table, lists.back().data(), &operands);
        std::string said = testing::internal::GetCapturedStderr();
        EXPECT_EQ(taken, said.empty());
        EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), taken ? 0 : 1) << said;
        return said;
    }

private:
    std::vector<std::vector<std::string>> kept;
    std::vector<std::vector<char *>> lists;
};

TEST_F(Options, AreTakenBeforeAndBehindOperands)
{
    EXPECT_EQ(parse({"--wait", "5s", "build", "--count=7", "--try", "--", "make", "-j2",
                      "--"}),
            "");
    EXPECT_EQ(wait, 5 * NS_PER_S);
    EXPECT_EQ(number, 7U);
    EXPECT_TRUE(try_only);
    EXPECT_STREQ(operands.values[0], "build");
    EXPECT_EQ(operands.count, 1U);
    ASSERT_NE(operands.command, nullptr);
    EXPECT_STREQ(operands.command[0], "make");
}

TEST_F(Options, EmptyTextAndALoneDashAreValues)
{
    EXPECT_EQ(parse({"-", "--label=", "--", "a"}), "");
    EXPECT_STREQ(operands.values[0], "-");
    EXPECT_STREQ(label, "");
}

TEST_F(Options, ComplaintNamesOptionValueAndWhatIsAllowed)
{
    EXPECT_EQ(parse({"a", "--wait", "soon", "--", "b"}),
            "x: --wait soon: must be a duration from 1ms to 1h, like 500ms, 10s or 1h30m\n");
    EXPECT_EQ(parse({"a", "--wait=2h", "--", "b"}),
            "x: --wait 2h: must be a duration from 1ms to 1h, like 500ms, 10s or 1h30m\n");
    for (const char *bad : {"0", "101", "-1", "1x", "", " 1", "+1", "99999999999999999999"})
        EXPECT_EQ(parse({"a", "--count", bad, "--", "b"}),
                "x: --count " + std::string(bad) +
                        ": must be a whole number from 1 to 100\n");
    EXPECT_EQ(parse({"a", "--nonsense=1", "--", "b"}),
            "x: --nonsense: no such option; see --help (the command goes behind --, as does a NAME "
            "that begins with a dash)\n");
    EXPECT_EQ(parse({"a", "-j2", "--", "b"}),
            "x: -j2: no such option; see --help (the command goes behind --, as does a NAME "
            "that begins with a dash)\n");
    EXPECT_EQ(parse({"a", "--try=yes", "--", "b"}),
            "x: --try takes no value, but got \"yes\"\n");
    EXPECT_EQ(parse({"a", "--wait"}), "x: --wait needs a value: --wait DUR\n");
    EXPECT_EQ(parse({"a", "make", "--", "b"}),
            "x: \"make\": unexpected argument; see --help (the command goes behind --)\n");
}

TEST_F(Options, WhatMustBeGivenIsMissed)
{
    EXPECT_EQ(parse({"--"}), "x: NAME is missing; see --help\n");
    EXPECT_EQ(parse({"--", "b"}), "x: the command is missing; give it behind --\n");
    EXPECT_EQ(parse({"a"}), "x: the command is missing; give it behind --\n");
    EXPECT_EQ(parse({"a", "--"}), "x: the command is missing; give it behind --\n");
    table.takes_command = false;
    EXPECT_EQ(parse({"a", "--", "b"}), "x: \"b\": unexpected argument; see --help\n");
    EXPECT_EQ(parse({"-x"}), "x: -x: no such option; see --help (a NAME that begins with a "
                             "dash goes behind --)\n");
}

TEST_F(Options, ANameMayBeginWithADash)
{
    for (std::vector<std::string> line : std::vector<std::vector<std::string>>{
                 {"--count", "3", "--", "-x", "make", "--try"},
                 {"--count", "3", "--", "-x", "--", "make", "--try"}}) {
        EXPECT_EQ(parse(line), "");
        EXPECT_STREQ(operands.values[0], "-x");
        EXPECT_STREQ(operands.command[0], "make");
        EXPECT_STREQ(operands.command[1], "--try");
    }
    EXPECT_EQ(parse({"a", "--", "--", "b"}), "");
    EXPECT_STREQ(
            operands.command[0], "--"); /* NAME was there: all of this is the command */
    table.takes_command = false;
    for (const char *name : {"-x", "--try", "--", "--help"}) {
        EXPECT_EQ(parse({"--count", "3", "--", name}), "");
        EXPECT_STREQ(operands.values[0], name);
    }
    EXPECT_EQ(parse({"a", "--"}), "");
    EXPECT_STREQ(operands.values[0], "a");
}

/* A script's `run "$name" -- make` means that name, whatever it is. */
TEST_F(Options, TheOnlyWordBeforeTheCommandIsTheName)
{
    for (std::string name : {"-x", "--try", "--wait", "--cluster=evil", "-"}) {
        std::vector<char *> line;
        std::string rest[2] = {"--", "make"};
        for (std::string *word : {&name, &rest[0], &rest[1]})
            line.push_back(word->data());
        line.push_back(nullptr);
        complain_as("x");
        testing::internal::CaptureStderr();
        EXPECT_TRUE(options_parse(&table, line.data(), &operands)) << name;
        std::string said = testing::internal::GetCapturedStderr();
        EXPECT_EQ(operands.values[0], name);
        EXPECT_STREQ(operands.command[0], "make");
        EXPECT_FALSE(try_only);
        EXPECT_EQ(said, name == "-" ? ""
                                    : "x: \"" + name +
                                              "\" is taken as the NAME, since "
                                              "nothing else is before --\n");
    }
}

TEST_F(Options, OneLetterHasOneDash)
{
    const option_row short_rows[] = {{"q", OPTION_FLAG, &try_only, 0, 0, nullptr, "quiet"},
            {"E", OPTION_NUMBER, &number, 1, 9, "N", "code"}};
    table.rows = short_rows;
    table.row_count = 2;
    table.takes_command = false;
    EXPECT_EQ(parse({"-q", "a", "-E", "7"}), "");
    EXPECT_TRUE(try_only);
    EXPECT_EQ(number, 7U);
    EXPECT_EQ(parse({"a", "-E", "70"}), "x: -E 70: must be a whole number from 1 to 9\n");
    EXPECT_EQ(parse({"a", "-E"}), "x: -E needs a value: -E N\n");
    EXPECT_EQ(parse({"a", "--q"}), "x: --q: no such option; see --help (a NAME that begins "
                                   "with a dash goes behind --)\n");
}

TEST_F(Options, ComplaintsPlayNoTricksWithATerminal)
{
    EXPECT_EQ(parse({"a", "--wait", "\x1b[2J\xff\n", "--", "b"}),
            "x: --wait \\x1b[2J\\xff\\x0a: must be a duration from 1ms to 1h, like 500ms, "
            "10s or 1h30m\n");
    EXPECT_EQ(parse({"a", "\xe2\x80\xae", "--", "b"}),
            "x: \"\\xe2\\x80\\xae\": unexpected argument; see --help (the command goes "
            "behind --)\n");
}

TEST_F(Options, HelpComesFirst)
{
    EXPECT_EQ(parse({"--nonsense", "--help"}), "");
    EXPECT_TRUE(operands.help);
    EXPECT_EQ(parse({"a", "--", "b", "--help"}), "");
    EXPECT_FALSE(operands.help);
}

} // namespace
