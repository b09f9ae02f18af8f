/*
 * Logs of earlier versions are read as ever, and the example in lockd/doc/log-format.md
 * is what stands on disk.
 */
#include <cctype>

#include "golden_log.h"

namespace {

using namespace golden;

segments read_golden(const char *name)
{
    return from_text(read_file(std::string(GOLDEN_FOLDER) + "/" + name));
}

found recover(const segments &disk)
{
    machine machine(settings());
    return read_log(machine.recovery, machine.settings, disk, BLOCK);
}

std::string body_of(const happening &entry)
{
    return {entry.entry.begin() + ENTRY_HEAD_BYTES, entry.entry.end()};
}

/* What version 1 says up to its last entry. */
void check_version_1(const std::vector<happening> &found)
{
    ASSERT_GE(found.size(), 8U);
    EXPECT_EQ(found[0].kind, RECOVERY_VOTE);
    EXPECT_EQ(found[0].term, 1U);
    EXPECT_EQ(found[0].vote, 2U);
    EXPECT_EQ(body_of(found[1]), "first");
    EXPECT_EQ(body_of(found[2]), "second");
    EXPECT_EQ(body_of(found[3]), "third");
    EXPECT_EQ(found[4].kind, RECOVERY_VOTE);
    EXPECT_EQ(found[4].term, 2U);
    EXPECT_EQ(found[4].vote, 3U);
    EXPECT_EQ(found[5].kind, RECOVERY_TRUNCATE);
    EXPECT_EQ(found[5].from, 3U);
    EXPECT_EQ(body_of(found[6]), "third of another");
    EXPECT_EQ(found[6].head.id.index, 3U);
    EXPECT_EQ(found[6].head.id.term, 2U);
    EXPECT_EQ(found[6].head.cluster, CLUSTER);
    EXPECT_EQ(body_of(found[7]), std::string(5000, '4'));
}

TEST(GoldenLog, Version1IsRead)
{
    found found = recover(read_golden("log-1.hex"));
    check_version_1(found.happenings);
    ASSERT_EQ(found.happenings.size(), 9U);
    EXPECT_EQ(body_of(found.happenings[8]), std::string(6000, '5'));
    const recovery_decision &decision = found.decision;
    EXPECT_EQ(decision.verdict, RECOVERY_CLEAN);
    EXPECT_EQ(decision.node, 2U);
    EXPECT_EQ(decision.cluster, CLUSTER);
    EXPECT_EQ(decision.term, 2U);
    EXPECT_EQ(decision.vote, 3U);
    EXPECT_EQ(decision.last.term, 2U);
    EXPECT_EQ(decision.last.index, 5U);
    EXPECT_EQ(decision.end.segment, 2U);
}

TEST(GoldenLog, TornVersion1IsCut)
{
    found found = recover(read_golden("torn-1.hex"));
    check_version_1(found.happenings);
    EXPECT_EQ(found.happenings.size(), 8U);
    EXPECT_EQ(found.decision.verdict, RECOVERY_CUT);
    EXPECT_EQ(found.decision.last.index, 4U);
    EXPECT_EQ(found.decision.bad.segment, 2U);
    EXPECT_EQ(found.decision.bad.offset, 3 * BLOCK);
}

TEST(GoldenLog, CurrentVersionIsWrittenSo)
{
    ASSERT_EQ(WAL_VERSION, 1) << "add golden files of the new version";
    EXPECT_EQ(to_text(make_log()), read_file(GOLDEN_FOLDER "/log-1.hex"));
    EXPECT_EQ(to_text(make_torn()), read_file(GOLDEN_FOLDER "/torn-1.hex"));
}

/*
 * Blocks such as "```hex 0x1000": bytes of the golden log's segment 1, each line with
 * words.
 */
TEST(GoldenLog, ExampleInTheDocumentIsTrue)
{
    std::istringstream in(read_file(DOC_FOLDER "/log-format.md"));
    const std::string begin = "```hex ";
    bytes segment = make_log().at(1);
    std::vector<bool> shown(segment.size());
    bool is_inside = false;
    size_t at = 0;
    std::string line;
    while (std::getline(in, line)) {
        if (line.rfind("```", 0) == 0) {
            is_inside = line.rfind(begin, 0) == 0;
            if (is_inside)
                at = std::stoul(line.substr(begin.size()), nullptr, 16);
            continue;
        }
        std::istringstream words(line.substr(0, is_inside ? line.find("  ") : 0));
        std::string word;
        while (words >> word) {
            ASSERT_EQ(std::stoul(word, nullptr, 16), segment.at(at)) << line;
            shown[at++] = true;
        }
    }
    /* All of the first three blocks that is not zero. */
    for (at = 0; at < 3 * BLOCK; at++)
        ASSERT_TRUE(shown[at] || segment[at] == 0) << at;
}

} // namespace
