/* Lines of the log: text, JSON, and what the journal of systemd wants. */
#include "ops/log_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include <sys/stat.h>

namespace {

std::string line_of(log_form form, bool journal, const std::string &details,
        const char *event = "leader", logger_level level = LOGGER_INFO)
{
    char line[LOG_LINE_BYTES_MAX];
    struct log_style style = {form, journal};
    struct log_event said = {level, event, details.c_str(), {1769860800, 123456789}};
    size_t bytes = log_line(line, &style, &said);
    EXPECT_GE(bytes, 1u);
    EXPECT_LE(bytes, sizeof line);
    std::string text(line, bytes);
    EXPECT_EQ(text.find('\n'), bytes - 1) << "one line with an end";
    return text.substr(0, bytes - 1);
}

std::string json(const std::string &details)
{
    std::string line = line_of(LOG_JSON, false, details);
    const std::string begin =
            R"({"time":"2026-01-31T12:00:00.123Z","level":"info","event":"leader")";
    EXPECT_EQ(line.substr(0, begin.size()), begin);
    return line.substr(begin.size());
}

/* Quotes are paired outside of escapes, and the last byte closes the object. */
bool is_whole(const std::string &line)
{
    bool inside = false;
    for (size_t i = 0; i < line.size(); i++) {
        if (inside && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            inside = !inside;
    }
    return !inside && line.front() == '{' && line.back() == '}';
}

} // namespace

TEST(LogLine, Text)
{
    EXPECT_EQ(line_of(LOG_TEXT, false, "term=3: this node leads"),
            "2026-01-31T12:00:00.123Z info  leader term=3: this node leads");
    EXPECT_EQ(line_of(LOG_TEXT, false, "x", "leader", LOGGER_ERROR),
            "2026-01-31T12:00:00.123Z error leader x");
}

TEST(LogLine, TheJournalGetsPrioritiesAndNoTime)
{
    EXPECT_EQ(line_of(LOG_TEXT, true, "x", "a", LOGGER_ERROR), "<3>a x");
    EXPECT_EQ(line_of(LOG_TEXT, true, "x", "a", LOGGER_WARN), "<4>a x");
    EXPECT_EQ(line_of(LOG_TEXT, true, "x", "a", LOGGER_INFO), "<6>a x");
    EXPECT_EQ(line_of(LOG_TEXT, true, "x", "a", LOGGER_DEBUG), "<7>a x");
    EXPECT_EQ(line_of(LOG_JSON, true, "x").substr(0, 4), "<6>{");
}

TEST(LogLine, PairsBecomeMembers)
{
    EXPECT_EQ(
            json("term=3: this node leads"), R"(,"term":"3","message":"this node leads"})");
    EXPECT_EQ(json("node=1 address=[::1]:5625 members=3"),
            R"(,"node":"1","address":"[::1]:5625","members":"3"})");
    EXPECT_EQ(json("path=\"/a b\" error=\"x: y\": what to do"),
            R"(,"path":"/a b","error":"x: y","message":"what to do"})");
    EXPECT_EQ(json(""), "}");
    EXPECT_EQ(json("only a sentence = no pair"),
            R"(,"message":"only a sentence = no pair"})");
    EXPECT_EQ(json("a= b=2"), R"(,"a":"","b":"2"})");
}

/* A pair cannot take the place of what every line has, nor can text leave its quotes. */
TEST(LogLine, NothingForgesAMember)
{
    EXPECT_EQ(json("level=error"), R"(,"message":"level=error"})");
    EXPECT_EQ(json("a=1 event=x b=2"), R"(,"a":"1","message":"event=x b=2"})");
    EXPECT_EQ(json("name=a\"b\\c"), R"(,"name":"a\"b\\c"})");
    EXPECT_EQ(json("name=\"never closed"), R"(,"message":"name=\"never closed"})");
    EXPECT_EQ(json("x=\n\x1b[31m").find('\n'), std::string::npos);
}

TEST(LogLine, CutLinesAreWhole)
{
    for (size_t bytes = 900; bytes < 1500; bytes++) {
        for (char fill : {'x', '"', '\\'}) {
            std::string text(bytes, fill);
            EXPECT_TRUE(is_whole(line_of(LOG_JSON, false, "a=1: " + text))) << bytes;
            EXPECT_TRUE(is_whole(line_of(LOG_JSON, false, "a=" + text + " b=2: c")))
                    << bytes;
        }
        EXPECT_LE(line_of(LOG_TEXT, false, std::string(bytes, 'x')).size(), 1279u);
    }
}

TEST(LogLine, TheJournalIsKnownByItsStream)
{
    struct stat is;
    ASSERT_EQ(fstat(STDERR_FILENO, &is), 0);
    std::string own = std::to_string(is.st_dev) + ":" + std::to_string(is.st_ino);
    for (const auto &[text, expected] : std::initializer_list<std::pair<std::string, bool>>{
                 {own, true}, {own + "0", false}, {"", false}, {"1:", false},
                 {"x:y", false}, {own + " ", false}}) {
        setenv("JOURNAL_STREAM", text.c_str(), 1);
        EXPECT_EQ(log_line_is_for_journal(STDERR_FILENO), expected) << text;
    }
    unsetenv("JOURNAL_STREAM");
    EXPECT_FALSE(log_line_is_for_journal(STDERR_FILENO));
}
