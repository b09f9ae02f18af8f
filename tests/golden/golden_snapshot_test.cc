/* Snapshots of earlier versions are loaded as ever. */
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

#include "golden_snapshot.h"
#include "worlds/locks_same.h"

namespace {

using namespace golden;

std::string read_text(const char *name)
{
    std::ifstream file(std::string(GOLDEN_FOLDER) + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GoldenSnapshot, Version1IsLoaded)
{
    locks_world world(settings_of_snapshot()), other(settings_of_snapshot());
    make_state(world);
    ASSERT_TRUE(snapshots::load_all(
            other.locks, snapshot_from_text(read_text("snapshot-1.hex"))));
    locks_check(other.locks);
    EXPECT_EQ(
            locks_same::text_of_state(other.locks), locks_same::text_of_state(world.locks));

    struct locks_counts counts = locks_tally(other.locks);
    EXPECT_EQ(counts.sessions, 3U);
    EXPECT_EQ(counts.locks, 5U);
    EXPECT_GE(counts.waits, 2U);
    EXPECT_GE(counts.changes, 1U);
    EXPECT_GE(counts.answers, 5U);
    EXPECT_TRUE(locks_has_work(other.locks));
}

TEST(GoldenSnapshot, CurrentVersionIsWrittenSo)
{
    static_assert(VERSION_MOST == 1, "a new version needs a new golden file");
    locks_world world(settings_of_snapshot());
    make_state(world);
    EXPECT_EQ(text_of_snapshot(snapshots::take_all(world.locks)),
            read_text("snapshot-1.hex"));
}

/* Of the version that only tests have. The records say it, and the file must say the same. */
TEST(GoldenSnapshot, OfAnUpgradedClusterIsLoaded)
{
    locks_world world(settings_of_snapshot()), other(settings_of_snapshot());
    make_upgraded_state(world);
    snapshots::bytes records = snapshot_from_text(read_text("snapshot-trial.hex"));
    EXPECT_EQ(text_of_snapshot(snapshots::take_all(world.locks)),
            read_text("snapshot-trial.hex"));
    EXPECT_FALSE(snapshots::load_all(other.locks, records, 100000, VERSION_FIRST));
    ASSERT_TRUE(snapshots::load_all(other.locks, records, 100000, VERSION_TRIAL));
    locks_check(other.locks);
    EXPECT_EQ(
            locks_same::text_of_state(other.locks), locks_same::text_of_state(world.locks));
    EXPECT_EQ(locks_settings(other.locks)->version, VERSION_TRIAL);
    EXPECT_EQ(locks_settings(other.locks)->upgrade_after_ns, 7U);
    EXPECT_EQ(other.locks->trials, 2U);
    EXPECT_FALSE(snapshots::load_all(other.locks,
            snapshot_from_text(read_text("snapshot-1.hex")), 100000, VERSION_TRIAL));
}

} // namespace
