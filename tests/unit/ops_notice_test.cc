/* What lockd says: each thing the node notices has its line, and the guide explains it. */
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/units.h"
#include "node/node.h"
#include "ops/logger.h"
#include "ops/notice.h"
#include "ops/plan.h"
#include "protocol/frame.h"
#include "protocol/hello.h"

namespace {

notice_text describe(node_notice_kind kind, uint64_t number = 0, uint64_t missing = 0)
{
    node_notice notice{};
    notice.kind = kind;
    notice.peer = 2;
    notice.term = 7;
    notice.number = number;
    notice_text text;
    notice_describe(&notice, missing, &text);
    return text;
}

std::vector<notice_text> all_notices()
{
    std::vector<notice_text> all;
    for (int i = RAFT_NOTICE_LEADER; i <= RAFT_NOTICE_TRUNCATED; i++)
        all.push_back(describe(NOTICE_RAFT, static_cast<uint64_t>(i), 0x0a));
    for (int kind = NOTICE_BOOTSTRAPPED; kind <= NOTICE_CLOCK_SUSPECT; kind++)
        all.push_back(describe(static_cast<node_notice_kind>(kind), 1));
    return all;
}

std::string guide()
{
    std::ifstream file(LOCKD_SOURCE_DIR "/lockd/doc/operations.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

/* What was written to the logger's descriptor. */
struct Logger : testing::Test {
    Logger()
    {
        EXPECT_EQ(pipe(ends), 0);
        log.descriptor = ends[1];
        log.level = LOGGER_INFO;
    }
    ~Logger() override
    {
        close(ends[0]);
    }
    std::vector<std::string> lines()
    {
        close(ends[1]);
        std::string all;
        char bytes[4096];
        for (ssize_t count; (count = read(ends[0], bytes, sizeof bytes)) > 0;)
            all.append(bytes, static_cast<size_t>(count));
        std::vector<std::string> lines;
        std::istringstream text(all);
        for (std::string line; std::getline(text, line);)
            lines.push_back(line);
        return lines;
    }
    int ends[2];
    logger log{};
};

} // namespace

TEST(Notice, EachHasAnEventOfItsOwnAndIsInTheGuide)
{
    std::string text = guide();
    for (const notice_text &notice : all_notices()) {
        EXPECT_TRUE(has(text, "`" + std::string(notice.event) + "`"))
                << notice.event << " is not in operations.md";
        EXPECT_FALSE(has(notice.details, "\n"));
        EXPECT_LT(strlen(notice.details), size_t{NOTICE_TEXT_BYTES - 1});
    }
}

/* Lines of io are not told through notices; the guide has them all the same. */
TEST(Notice, TheGuideHasEveryEventOfIo)
{
    std::string text = guide();
    size_t found = 0;
    for (const char *name :
            {"loop", "net", "net_peer", "disk", "disk_file", "disk_maker", "disk_start"}) {
        std::ifstream file(std::string(LOCKD_SOURCE_DIR "/lockd/io/") + name + ".c");
        std::stringstream source;
        source << file.rdbuf();
        std::string code = source.str();
        for (const char *call : {"tell_line(", "tell_fatal("}) {
            for (size_t at = code.find(call); at != std::string::npos;
                    at = code.find(call, at + 1)) {
                size_t begin = code.find('"', at) + 1;
                std::string event = code.substr(begin, code.find('"', begin) - begin);
                EXPECT_TRUE(has(text, "`" + event + "`"))
                        << event << " of " << name << ".c";
                found++;
            }
        }
    }
    EXPECT_GT(found, 25u);
}

TEST(Notice, Texts)
{
    EXPECT_STREQ(
            describe(NOTICE_RAFT, RAFT_NOTICE_LEADER).details, "term=7: this node leads");
    EXPECT_TRUE(
            has(describe(NOTICE_RAFT, RAFT_NOTICE_MISSING, 0x0a).details, "missing=1,3:"));
    EXPECT_STREQ(describe(NOTICE_BOOTSTRAPPED, 0xabc).details,
            "cluster=0000000000000abc: the cluster was created");
    EXPECT_TRUE(has(describe(NOTICE_REFUSED_PEER, REFUSED_MEMBERS).details, "--cluster"));
    EXPECT_TRUE(has(describe(NOTICE_BAD_FRAME, FRAME_FAULT_SUM).details, "checksum"));
    EXPECT_TRUE(has(describe(NOTICE_BAD_FRAME, 105).details, "malformed"));
    EXPECT_EQ(describe(NOTICE_NO_SPACE).level, LOGGER_ERROR);
    EXPECT_EQ(describe(NOTICE_PEER_UP).level, LOGGER_INFO);
}

TEST_F(Logger, LinesHaveTimeLevelEventAndDetails)
{
    logger_line(&log, LOGGER_DEBUG, "hidden", "");
    logger_line(&log, LOGGER_WARN, "no-space", "segment=3");
    std::vector<std::string> got = lines();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_TRUE(testing::internal::RE::FullMatch(
            got[0], testing::internal::RE(
                            "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z warn  "
                            "no-space segment=3")))
            << got[0];
}

TEST_F(Logger, OverlongLinesAreCutAndStayLines)
{
    logger_line(&log, LOGGER_ERROR, "long", std::string(5000, 'x').c_str());
    logger_line(&log, LOGGER_ERROR, "next", "");
    std::vector<std::string> got = lines();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_LT(got[0].size(), 1280u);
    EXPECT_TRUE(has(got[1], "next"));
}

/* Somebody who sends garbage as fast as he can does not fill the disk with lines. */
TEST_F(Logger, StrangersAreSaidAFewTimesASecond)
{
    node_notice notice{};
    notice.kind = NOTICE_BAD_FRAME;
    notice.number = FRAME_FAULT_SUM;
    for (int i = 0; i < 1000; i++)
        logger_notice(&log, nullptr, &notice);
    notice.kind = NOTICE_PEER_UP;
    logger_notice(&log, nullptr, &notice);
    std::vector<std::string> got = lines();
    EXPECT_LE(got.size(), 12u);
    EXPECT_TRUE(has(got.back(), "peer-up")) << "others are not held back";
}

static std::string plan_of(const arena &arena)
{
    char *text = nullptr;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    plan_print(&arena, out);
    fclose(out);
    std::string plan(text, size);
    free(text);
    return plan;
}

/*
 * A new label needs a row in the table of plan.c: what it is for, and what sets its size.
 */
TEST(Plan, SaysWhatEachPieceOfTheNodeIsFor)
{
    arena arena;
    node_settings settings;
    node_settings_default(&settings);
    settings.self = 1;
    settings.member_count = 3;
    for (uint8_t i = 0; i < 3; i++)
        settings.members[i].id = static_cast<uint8_t>(i + 1);
    arena_init(&arena, nullptr, 0);
    ASSERT_EQ(node_carve(&arena, &settings), nullptr);
    uint32_t count = 0;
    const arena_row *rows = arena_rows(&arena, &count);
    EXPECT_GT(count, 40u);
    for (uint32_t i = 0; i < count; i++)
        EXPECT_TRUE(plan_knows(rows[i].name)) << "no row for \"" << rows[i].name << '"';
    std::string plan = plan_of(arena);
    EXPECT_TRUE(has(plan, "--locks"));
    EXPECT_TRUE(has(plan, "\nTotal"));
    EXPECT_FALSE(has(plan, "node.")) << "no label is shown:\n" << plan;
}

TEST(Plan, PiecesOfOneLabelAreOneLine)
{
    arena arena;
    arena_init(&arena, nullptr, 0);
    for (int peer = 0; peer < 3; peer++)
        arena_take(&arena, "node.peer_output", 1, 6 * MIB, 4096);
    arena_take(&arena, "locks", 1024, 88, 8);
    arena_take(&arena, "locks", 1024, 4, 4);
    arena_take(&arena, "log buffer", 6 * MIB, 1, 4096);
    std::string plan = plan_of(arena);
    EXPECT_TRUE(has(plan, "       3     6.0 MiB    18.0 MiB   2 x (members - 1)")) << plan;
    EXPECT_TRUE(has(plan, "    1024      92 B      92.0 KiB   --locks")) << plan;
    EXPECT_TRUE(has(plan, "       1     6.0 MiB     6.0 MiB   --log-buffer")) << plan;
}

TEST(Plan, ListsWhatItDoesNotKnowAndTheTotal)
{
    arena arena;
    arena_init(&arena, nullptr, 0);
    arena_take(&arena, "small things", 3, 100, 8);
    arena_take(&arena, "large things", 1024, 1024 * 1024, 4096);
    EXPECT_FALSE(plan_knows("small things"));
    std::string plan = plan_of(arena);
    EXPECT_TRUE(has(plan, "small things"));
    EXPECT_TRUE(has(plan, "300 B"));
    EXPECT_TRUE(has(plan, "1.0 GiB"));
    EXPECT_TRUE(has(plan, "Total"));
}
