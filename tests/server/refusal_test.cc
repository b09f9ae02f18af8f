/*
 * What a node refuses: clearly, with the exit status that is documented, and with nothing
 * changed on disk.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "store/format.h"
#include "worlds/lockd.h"
#include "worlds/ports.h"

namespace fs = std::filesystem;
using server::ended;
using server::has;
using server::run;
using server::Single;
using server::words;

namespace {

/*
 * A directory that was lived in: bootstrapped by node 1 of a cluster of one, then stopped.
 */
struct Bootstrapped : testing::Test {
    Bootstrapped()
    {
        single.start();
        EXPECT_TRUE(single.leads());
        EXPECT_EQ(single.stop(), 0) << single.lockd->said();
        before = server::contents(single.data);
    }

    /* Refused with status 1, these words, and not a byte changed. */
    void expect_refused(
            const words &flags, const std::string &event, const std::string &why)
    {
        ended got = run(flags);
        EXPECT_EQ(got.status, 1);
        EXPECT_TRUE(has(got.said, " error " + event)) << got.said;
        EXPECT_TRUE(has(got.said, why)) << got.said;
        EXPECT_TRUE(server::contents(single.data) == before) << "the directory was changed";
    }

    /* Rewrite bytes of the first segment. */
    void edit_segment(uint64_t offset, const std::string &bytes)
    {
        std::fstream file(single.data + "/segment-000000000001",
                std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(offset));
        file << bytes;
        file.close();
        before = server::contents(single.data);
    }

    Single single;
    std::map<std::string, std::string> before;
};

std::string address(int port)
{
    return "127.0.0.1:" + std::to_string(port);
}

} // namespace

TEST(Refusal, WrongUsageIsOneLineAndStatus2)
{
    process::Scratch scratch;
    std::string data = scratch.path() / "data";
    const words rows[] = {
            {},
            {"--nonsense"},
            {"--id", "x"},
            {"--id", "1", "--cluster", "2=a", "--data", data},
            {"--id", "1", "--cluster", "1=a:0", "--data", data},
            {"--dev", data, "--tick", "1"},
            {"--config", data + ".conf"},
            {"--dev", data, "extra"},
    };
    for (const words &flags : rows) {
        ended got = run(flags);
        EXPECT_EQ(got.status, 2) << got.said;
        EXPECT_EQ(std::count(got.said.begin(), got.said.end(), '\n'), 1) << got.said;
        EXPECT_EQ(got.said.rfind("lockd: ", 0), 0u) << got.said;
        EXPECT_FALSE(fs::exists(data));
    }
}

TEST(Refusal, WhatOnlyLooksStartsNothing)
{
    process::Scratch scratch;
    std::string data = scratch.path() / "data";
    for (const char *flag : {"--check", "--plan"}) {
        ended got = run({"--dev", data, flag});
        EXPECT_EQ(got.status, 0) << got.said;
        EXPECT_FALSE(fs::exists(data));
    }
    std::string plan = run({"--dev", data, "--plan"}).said;
    size_t other = plan.find("\nOther ");
    ASSERT_NE(other, std::string::npos) << plan;
    other = plan.find('\n', other + 1);
    EXPECT_EQ(plan.compare(other, 8, "\n  gaps,"), 0) << "plan.c knows all labels\n"
                                                      << plan;
    EXPECT_TRUE(has(plan, "\nTotal "));
    EXPECT_TRUE(has(run({"--help"}).said, "--cluster LIST"));
    EXPECT_TRUE(has(run({"--version"}).said, "lockd "));
    EXPECT_EQ(run({"--dev", data, "--check", "--tick", "1"}).status, 2);
}

TEST(Refusal, APortInUse)
{
    Single single;
    single.start();
    ASSERT_TRUE(single.leads());
    process::Scratch scratch;
    std::string data = scratch.path() / "other";
    ended got = run({"--dev", data, "--listen", address(single.port)});
    EXPECT_EQ(got.status, 1);
    EXPECT_TRUE(has(got.said, "cannot-listen")) << got.said;
    EXPECT_TRUE(has(got.said, "another process listens there")) << got.said;
    EXPECT_FALSE(fs::exists(data));
}

TEST(Refusal, ADirectoryThatCannotBe)
{
    process::Scratch scratch;
    std::ofstream(scratch.path() / "file") << "x";
    for (const char *path : {"file", "no/parent", "file/inside"}) {
        ended got = run({"--dev", scratch.path() / path, "--listen",
                address(process::free_ports(1)[0])});
        EXPECT_EQ(got.status, 1);
        EXPECT_TRUE(has(got.said, "no-data-directory")) << got.said;
    }
    if (geteuid() != 0) {
        fs::create_directory(scratch.path() / "closed");
        fs::permissions(scratch.path() / "closed", fs::perms::owner_read);
        ended got = run({"--dev", scratch.path() / "closed"});
        EXPECT_TRUE(has(got.said, "must be able to write there")) << got.said;
    }
}

TEST(Refusal, TwoProcessesOnOneDirectory)
{
    Single single;
    single.start();
    ASSERT_TRUE(single.leads());
    ended got = run({"--dev", single.data, "--listen", address(process::free_ports(1)[0])});
    EXPECT_EQ(got.status, 1);
    EXPECT_TRUE(has(got.said, "another process uses it")) << got.said;
    EXPECT_TRUE(single.leads()) << "the first is undisturbed";
}

TEST_F(Bootstrapped, ADirectoryOfAnotherNode)
{
    expect_refused({"--id", "2", "--cluster", "2=" + address(single.port), "--data",
                           single.data, "--segment-size", "4MiB"},
            "log-refused", "belongs to another node");
}

/* Members are added by a command, not by the list that a node is started with. */
TEST_F(Bootstrapped, AListWithMoreMembersIsSaid)
{
    server::Lockd lockd({"--id", "1", "--cluster",
            "1=" + address(single.port) + ",2=127.0.0.1:1,3=127.0.0.1:2", "--data",
            single.data, "--segment-size", "4MiB"});
    EXPECT_TRUE(lockd.says(" warn  list-differs nodes=2,3: --cluster names these"))
            << lockd.said();
    EXPECT_TRUE(single.leads()) << "its own list counts";
}

TEST_F(Bootstrapped, APlanSmallerThanTheClusters)
{
    words flags = single.flags();
    flags.insert(flags.end(), {"--sessions", "10"});
    expect_refused(flags, "log-refused", "larger limits");
}

/* An intact header of a later version: not damage, and not ours to touch. */
TEST_F(Bootstrapped, ANewerFormat)
{
    std::string block = before["segment-000000000001"].substr(0, WAL_BLOCK_BYTES);
    auto *bytes = reinterpret_cast<unsigned char *>(block.data());
    format_block found;
    format_read(bytes, &found);
    ASSERT_EQ(found.finding, FORMAT_HEADER);
    format_write_header(bytes, &found.header);
    ASSERT_EQ(block, before["segment-000000000001"].substr(0, WAL_BLOCK_BYTES));
    bytes[4] = WAL_VERSION + 1;
    uint64_t sum = hash_bytes(bytes, WAL_BLOCK_BYTES - 8, 0);
    memcpy(bytes + WAL_BLOCK_BYTES - 8, &sum, sizeof sum);
    edit_segment(0, block);
    expect_refused(single.flags(), "log-refused", "newer lockd");
}

/* Rot in front of what is known to be durable is never cut off silently. */
TEST_F(Bootstrapped, ALogDamagedBeforeItsDurableEnd)
{
    /* More records behind the first, which know it to be durable. */
    for (int i = 0; i < 2; i++) {
        single.start();
        ASSERT_TRUE(single.leads());
        ASSERT_EQ(single.stop(), 0);
    }
    edit_segment(WAL_BLOCK_BYTES + 20, "rot!");
    expect_refused(single.flags(), "log-refused", "cannot be read back");
}

TEST(Refusal, TooFewDescriptors)
{
    process::Scratch scratch;
    std::filesystem::path log = scratch.path() / "log";
    std::string shell = "ulimit -n 60; exec " + process::lockd_binary() + " --dev " +
                        (scratch.path() / "d").string();
    process::Program program({"/bin/sh", "-c", shell}, log);
    EXPECT_EQ(program.wait(), 1);
    EXPECT_TRUE(has(process::read_file(log), "few-descriptors")) << process::read_file(log);
}
