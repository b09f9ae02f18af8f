/*
 * A log that is put aside: whatever step the machine stops at, the next start goes on from
 * there, and never finds an empty directory without the file that says why.
 */
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/units.h"
#include "io/disk_repair.h"
#include "worlds/fake_node.h"

namespace {

namespace fs = std::filesystem;

constexpr uint64_t SEGMENT = 2 * MIB;

repair_block block_of()
{
    repair_block repair{};
    repair.node = 3;
    repair.vote = 1;
    repair.cluster = 5;
    repair.given_up = 77;
    repair.term = 9;
    return repair;
}

struct DiskRepair : testing::Test {
    scratch folder;
    io_world world;
    char reason[DISK_REASON_BYTES] = "";

    void SetUp() override
    {
        ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, false));
    }

    fs::path path(const std::string &name) const
    {
        return fs::path(folder.path) / name;
    }

    void make(const std::string &name) const
    {
        std::ofstream(path(name)) << name;
    }

    void make_log() const
    {
        for (const char *name : log)
            make(name);
        make("trace");
    }

    void expect_aside(const std::string &where) const
    {
        for (const char *name : log) {
            EXPECT_FALSE(fs::exists(path(name))) << name;
            EXPECT_TRUE(fs::exists(path(where) / name)) << name;
        }
        EXPECT_TRUE(fs::exists(path("trace"))) << "it is no file of the log";
    }

    static constexpr const char *log[] = {"segment-000000000001", "segment-000000000002",
            "snapshot-00000000000000000042", "log-begin"};
};

} // namespace

TEST_F(DiskRepair, AllFilesOfTheLogAreMoved)
{
    make_log();
    fs::create_directory(path("damaged-1"));
    repair_block repair = block_of();
    ASSERT_TRUE(disk_give_up(&world.disk, &repair, reason)) << reason;
    EXPECT_EQ(repair.folder, 2U);
    expect_aside("damaged-2");
    repair_block again{};
    ASSERT_TRUE(disk_resume_repair(&world.disk, &again, reason)) << reason;
    EXPECT_EQ(again.given_up, 77U);
    EXPECT_EQ(again.term, 9U);
    EXPECT_FALSE(again.moving);
    disk_end_repair(&world.disk);
    ASSERT_TRUE(disk_resume_repair(&world.disk, &again, reason)) << reason;
    EXPECT_EQ(again.given_up, 0U) << "there is no such file";
}

/* The machine stops behind each of the moves, the first and the last included. */
TEST_F(DiskRepair, ARepairThatWasBegunGoesOn)
{
    for (size_t moved = 0; moved <= std::size(log); moved++) {
        make_log();
        repair_block repair = block_of();
        ASSERT_TRUE(disk_give_up(&world.disk, &repair, reason)) << reason;
        fs::path aside = path("damaged-" + std::to_string(repair.folder));
        for (size_t i = moved; i < std::size(log); i++)
            fs::rename(aside / log[i], path(log[i]));
        if (moved == 0)
            fs::remove(aside);
        std::vector<char> bytes(WAL_BLOCK_BYTES);
        repair.moving = true;
        repair_write(reinterpret_cast<unsigned char *>(bytes.data()), &repair);
        std::ofstream(path("repair"), std::ios::binary)
                .write(bytes.data(), WAL_BLOCK_BYTES);
        repair_block again{};
        ASSERT_TRUE(disk_resume_repair(&world.disk, &again, reason)) << reason;
        EXPECT_FALSE(again.moving);
        expect_aside(aside.filename());
    }
}

TEST_F(DiskRepair, AFileThatCannotBeReadIsNotPassedOver)
{
    make("repair");
    repair_block repair{};
    EXPECT_FALSE(disk_resume_repair(&world.disk, &repair, reason));
    EXPECT_NE(std::string(reason).find("the file repair cannot be read (it is damaged)"),
            std::string::npos)
            << reason;
}
