#include "ops/memory_limit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace {

constexpr uint64_t MIB = UINT64_C(1) << 20;

/* A file system of /proc and /sys as a test wants it. */
class MemoryLimit : public testing::Test {
protected:
    std::string root = "/var/tmp/lockd-memory-XXXXXX";

    void SetUp() override
    {
        ASSERT_NE(mkdtemp(root.data()), nullptr);
    }

    void TearDown() override
    {
        std::filesystem::remove_all(root);
    }

    void write(const std::string &path, const std::string &text) const
    {
        std::filesystem::create_directories(
                std::filesystem::path(root + path).parent_path());
        std::ofstream(root + path) << text;
    }

    struct memory_limit find() const
    {
        struct memory_limit limit;
        memory_limit_find(&limit, root.c_str());
        return limit;
    }
};

TEST_F(MemoryLimit, IsTheMachineWhereNothingElseLimits)
{
    struct memory_limit machine = find();
    EXPECT_GT(machine.bytes, 64 * MIB);
    write("/proc/self/cgroup", "0::/system.slice/lockd.service\n");
    write("/sys/fs/cgroup/system.slice/lockd.service/memory.max", "max\n");
    EXPECT_EQ(find().bytes, machine.bytes);
}

TEST_F(MemoryLimit, IsThatOfTheGroupOrOfOneAboveIt)
{
    write("/proc/self/cgroup", "12:cpu,cpuacct:/x\n0::/system.slice/lockd.service\n");
    write("/sys/fs/cgroup/system.slice/lockd.service/memory.max", "50331648\n");
    EXPECT_EQ(find().bytes, 48 * MIB);
    EXPECT_EQ(find().source, root + "/sys/fs/cgroup/system.slice/lockd.service/memory.max");
    write("/sys/fs/cgroup/system.slice/memory.max", "33554432\n");
    EXPECT_EQ(find().bytes, 32 * MIB);
    write("/sys/fs/cgroup/system.slice/lockd.service/memory.high", "16777216\n");
    EXPECT_EQ(find().bytes, 16 * MIB);
}

/* In a container: its root is the group itself. */
TEST_F(MemoryLimit, IsFoundAtTheRootOfAContainer)
{
    write("/proc/self/cgroup", "0::/\n");
    write("/sys/fs/cgroup/memory.max", "50331648\n");
    EXPECT_EQ(find().bytes, 48 * MIB);
}

TEST_F(MemoryLimit, IsFoundInVersionOneToo)
{
    write("/proc/self/cgroup", "5:devices:/\n4:hugetlb,memory:/docker/1234\n0::/\n");
    write("/sys/fs/cgroup/memory/docker/1234/memory.limit_in_bytes", "50331648\n");
    EXPECT_EQ(find().bytes, 48 * MIB);
    /* The path is the host's, and the container sees only its own part. */
    write("/proc/self/cgroup", "4:memory:/docker/5678\n");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "25165824\n");
    EXPECT_EQ(find().bytes, 24 * MIB);
}

TEST_F(MemoryLimit, SaysLimitPlanAndCure)
{
    struct memory_limit limit = {48 * MIB, "/sys/fs/cgroup/memory.max"};
    char text[400];
    memory_limit_text(&limit, 700 * MIB, text, sizeof(text));
    EXPECT_EQ(std::string(text).rfind("limit=48MiB plan=700MiB: the memory limit "
                                      "(/sys/fs/cgroup/memory.max) is below",
                      0),
            0U)
            << text;
    EXPECT_NE(std::string(text).find("--plan"), std::string::npos);
}

} // namespace
