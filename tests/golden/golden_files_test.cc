/* Snapshot files, and beginnings of logs, of earlier versions are read as ever. */
#include <gtest/gtest.h>

#include "golden_files.h"
#include "worlds/locks_same.h"

namespace {

using namespace golden;

std::string text_of(const char *name)
{
    return read_file(std::string(GOLDEN_FOLDER) + "/" + name);
}

TEST(GoldenFiles, ASnapshotOfVersion1IsRead)
{
    files found = from_text(text_of("snapshot-file-1.hex"));
    ASSERT_EQ(found.size(), 1U);
    snapshot_test::Read read = snapshot_test::read_file(found.begin()->second);
    ASSERT_EQ(read.finding, SNAPSHOT_GOOD);
    ASSERT_TRUE(read.whole);
    EXPECT_EQ(read.header.last.index, found.begin()->first);
    EXPECT_EQ(read.header.last.term, 2U);
    EXPECT_EQ(read.header.cluster, 0xc1c1U);

    locks_world world(settings_of_snapshot()), other(settings_of_snapshot());
    make_state(world);
    ASSERT_TRUE(snapshots::load_all(other.locks, read.records));
    locks_check(other.locks);
    EXPECT_EQ(
            locks_same::text_of_state(other.locks), locks_same::text_of_state(world.locks));
}

TEST(GoldenFiles, ABeginOfVersion1IsRead)
{
    files found = from_text(text_of("log-begin-1.hex"));
    ASSERT_EQ(found.size(), 1U);
    begin_block read{};
    ASSERT_EQ(log_begin_read(found.begin()->second.data(), &read), BEGIN_GOOD);
    begin_block begin = begin_of_log();
    EXPECT_EQ(read.node, begin.node);
    EXPECT_EQ(read.cluster, begin.cluster);
    EXPECT_EQ(read.incarnation, begin.incarnation);
    EXPECT_TRUE(entry_id_equal(read.begin.before, begin.begin.before));
    EXPECT_EQ(read.begin.sum, begin.begin.sum);
    EXPECT_EQ(read.begin.segment, begin.begin.segment);
    EXPECT_TRUE(read.fresh);
    EXPECT_EQ(read.term, begin.term);
    EXPECT_EQ(read.vote, begin.vote);
}

TEST(GoldenFiles, ARepairOfVersion1IsRead)
{
    files found = from_text(text_of("repair-1.hex"));
    ASSERT_EQ(found.size(), 1U);
    repair_block read{};
    ASSERT_EQ(repair_read(found.begin()->second.data(), &read), REPAIR_GOOD);
    repair_block repair = repair_of_node();
    EXPECT_EQ(read.node, repair.node);
    EXPECT_EQ(read.vote, repair.vote);
    EXPECT_EQ(read.moving, repair.moving);
    EXPECT_EQ(read.cluster, repair.cluster);
    EXPECT_EQ(read.given_up, repair.given_up);
    EXPECT_EQ(read.term, repair.term);
    EXPECT_EQ(read.folder, repair.folder);
}

TEST(GoldenFiles, CurrentVersionsAreWrittenSo)
{
    static_assert(REPAIR_VERSION == 1, "a new version needs a new golden file");
    EXPECT_EQ(to_text(make_repair()), text_of("repair-1.hex"));
    static_assert(SNAPSHOT_VERSION == 1, "a new version needs a new golden file");
    static_assert(BEGIN_VERSION == 1, "a new version needs a new golden file");
    EXPECT_EQ(to_text(make_snapshot_file()), text_of("snapshot-file-1.hex"));
    EXPECT_EQ(to_text(make_log_begin()), text_of("log-begin-1.hex"));
}

} // namespace
