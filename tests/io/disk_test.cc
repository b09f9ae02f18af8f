/*
 * The data directory on a real disk: what is durable, what is refused, what is fatal.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/units.h"
#include "io/disk_file.h"
#include "worlds/fake_node.h"

namespace {

constexpr uint64_t SEGMENT = 2 * MIB;

std::string content(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool make_segment(io_world &world, uint64_t number)
{
    world.node.wants.segment_wanted = number;
    return world.run_until([&] {
        const told *made = world.node.last(NODE_SEGMENT_READY);
        return made && made->id == number;
    });
}

/* Write `count` bytes of the log buffer's begin, filled with `letter`. */
void want_write(io_world &world, uint64_t id, wal_place place, size_t count, char letter)
{
    auto *bytes = const_cast<unsigned char *>(world.node.log_buffer());
    memset(bytes, letter, count);
    world.node.wants.writes[world.node.wants.write_count++] =
            wal_write{id, place, bytes, count};
}

bool has_line(const io_world &world, const std::string &words)
{
    return std::any_of(world.lines.begin(), world.lines.end(),
            [&](const std::string &line) { return line.find(words) != std::string::npos; });
}

struct Disk : testing::TestWithParam<bool> {
    scratch folder;
};

} // namespace

TEST_P(Disk, MakesWritesAndReadsSegments)
{
    io_world world;
    std::string path = folder.path + "/data";
    ASSERT_TRUE(world.open_disk(path, SEGMENT, GetParam()));
    disk_begin(&world.disk);
    ASSERT_TRUE(make_segment(world, 1));
    EXPECT_EQ(content(path + "/segment-000000000001"), std::string(SEGMENT, '\0'));

    want_write(world, 7, {1, 8192}, 12288, 'w');
    ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_WRITTEN) == 1; }));
    EXPECT_EQ(world.node.last(NODE_WRITTEN)->id, 7u);
    EXPECT_EQ(content(path + "/segment-000000000001").substr(8192, 12288),
            std::string(12288, 'w'));

    world.node.wants.read_wanted = true;
    world.node.wants.read = node_read{9, {1, 4096}, 8192, 0};
    ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_READ) == 1; }));
    EXPECT_EQ(world.node.last(NODE_READ)->bytes,
            std::string(4096, '\0') + std::string(4096, 'w'));

    /* At the end of the segment there is less. */
    world.node.wants.read_wanted = true;
    world.node.wants.read = node_read{10, {1, SEGMENT - 4096}, 65536, 1};
    ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_READ) == 2; }));
    EXPECT_EQ(world.node.last(NODE_READ)->count, 4096u);
    /* What was read before stays in its buffer. */
    EXPECT_EQ(std::string(reinterpret_cast<const char *>(world.disk.read_buffers), 8192),
            std::string(4096, '\0') + std::string(4096, 'w'));
}

/* Several writes at once, and more segments than files are kept open. */
TEST_P(Disk, ManySegmentsAndWrites)
{
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, GetParam()));
    disk_begin(&world.disk);
    uint64_t id = 0;
    for (uint64_t number = 1; number <= DISK_FILES_MAX + 3; number++) {
        ASSERT_TRUE(make_segment(world, number));
        for (int i = 0; i < 4; i++)
            want_write(world, ++id, {number, 4096 * static_cast<uint64_t>(i)}, 4096, 'm');
        ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_WRITTEN) == id; }));
    }
    for (uint64_t number = 1; number <= DISK_FILES_MAX + 3; number++) {
        world.node.events.clear();
        world.node.wants.read_wanted = true;
        world.node.wants.read = node_read{number, {number, 0}, 16384, 0};
        ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_READ) == 1; }));
        EXPECT_EQ(world.node.last(NODE_READ)->bytes, std::string(16384, 'm'));
    }
}

INSTANTIATE_TEST_SUITE_P(WriteMethods, Disk, testing::Values(false, true),
        [](const auto &method) { return method.param ? "fsync" : "dsync"; });

TEST(DiskReplay, FeedsAllSegmentsInOrderAndNothingElse)
{
    scratch folder;
    for (uint64_t number : {3, 1, 2}) {
        char name[DISK_NAME_BYTES];
        segment_name(name, number);
        std::ofstream(folder.path + "/" + name)
                << std::string(8192, static_cast<char>('0' + number));
    }
    std::ofstream(folder.path + "/segment-000000000004.new") << std::string(4096, 'n');
    std::ofstream(folder.path + "/notes.txt") << "not ours";
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, false));
    char reason[DISK_REASON_BYTES];
    ASSERT_TRUE(disk_replay(&world.disk, &world.node, reason)) << reason;
    EXPECT_EQ(world.node.segments, (std::vector<uint64_t>{1, 2, 3}));
    EXPECT_EQ(world.node.fed,
            std::string(8192, '1') + std::string(8192, '2') + std::string(8192, '3'));
    /* Reading changed nothing; serving removes what was half made, and nothing else. */
    EXPECT_TRUE(std::filesystem::exists(folder.path + "/segment-000000000004.new"));
    disk_begin(&world.disk);
    EXPECT_FALSE(std::filesystem::exists(folder.path + "/segment-000000000004.new"));
    EXPECT_TRUE(std::filesystem::exists(folder.path + "/notes.txt"));
}

/* ---- What an earlier process has left under way or in a cache ---- */

namespace {

void make_file(const scratch &folder, uint64_t number, char letter)
{
    char name[DISK_NAME_BYTES];
    segment_name(name, number);
    std::ofstream(folder.path + "/" + name) << std::string(SEGMENT, letter);
}

} // namespace

/* The open file of a write that is under way keeps its lock: so does this descriptor. */
TEST(DiskReplay, WaitsForTheWritesOfAnEarlierProcess)
{
    scratch folder;
    make_file(folder, 1, 'a');
    make_file(folder, 2, 'b');
    int held = open((folder.path + "/segment-000000000002").c_str(), O_RDWR);
    ASSERT_EQ(flock(held, LOCK_EX), 0);
    std::thread write([held] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        EXPECT_EQ(pwrite(held, "late", 4, 4096), 4);
        close(held);
    });
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, false));
    char reason[DISK_REASON_BYTES];
    EXPECT_TRUE(disk_replay(&world.disk, &world.node, reason)) << reason;
    write.join();
    EXPECT_EQ(world.node.fed.substr(SEGMENT + 4096, 5), "lateb");
    EXPECT_TRUE(has_line(world, "waits-for-earlier-write file=segment-000000000002"));
}

/* And what this process writes keeps the next one waiting, whatever file it is in. */
TEST_P(Disk, LocksWhatItWritesTo)
{
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, GetParam()));
    disk_begin(&world.disk);
    uint64_t id = 0;
    for (uint64_t number = 1; number <= DISK_FILES_MAX + 1; number++)
        ASSERT_TRUE(make_segment(world, number));
    /* Segment 1 was closed for the last, and is opened again. */
    for (uint64_t number : {1, DISK_FILES_MAX + 1}) {
        want_write(world, ++id, {number, 4096}, 4096, 'm');
        ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_WRITTEN) == id; }));
        char name[DISK_NAME_BYTES];
        segment_name(name, number);
        int other = open((folder.path + "/" + name).c_str(), O_RDWR);
        EXPECT_NE(flock(other, LOCK_EX | LOCK_NB), 0) << name;
        close(other);
    }
}

/*
 * A segment that cannot be read is nothing to die of: the node learns that it got nothing,
 * and may ask again. It is reported once.
 */
TEST_P(Disk, AReadThatFailsIsTold)
{
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, GetParam()));
    disk_begin(&world.disk);
    std::string path = folder.path + "/segment-000000000005";
    for (uint64_t id = 1; id <= 2; id++) {
        world.node.wants.read_wanted = true;
        world.node.wants.read = node_read{id, {5, 4096}, 8192, 0};
        ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_READ) == id; }));
        EXPECT_EQ(world.node.last(NODE_READ)->id, id);
        EXPECT_EQ(world.node.last(NODE_READ)->count, 0u);
    }
    auto said = std::count_if(
            world.lines.begin(), world.lines.end(), [](const std::string &line) {
                return line.find("log-read-failed") != std::string::npos &&
                       line.find("segment=5 offset=4096") != std::string::npos;
            });
    EXPECT_EQ(said, 1);
    /* The file comes back, shorter than it was. */
    make_file(folder, 5, 'e');
    ASSERT_EQ(truncate(path.c_str(), 8192 + 100), 0);
    world.node.wants.read_wanted = true;
    world.node.wants.read = node_read{3, {5, 4096}, 8192, 1};
    ASSERT_TRUE(world.run_until([&] { return world.node.count(NODE_READ) == 3; }));
    EXPECT_EQ(world.node.last(NODE_READ)->bytes, std::string(4096, 'e'));
}

/*
 * What recovery believed is written once more: with a limit to the size of files, a write
 * where the tail is fails, and one before it does not.
 */
TEST(DiskSettle, WritesTheTailAgainAndNothingElse)
{
    scratch folder;
    make_file(folder, 1, 'a');
    std::string path = folder.path + "/segment-000000000001";
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, false));
    char reason[DISK_REASON_BYTES];
    ASSERT_TRUE(disk_replay(&world.disk, &world.node, reason)) << reason;
    world.node.tail = {1, 8192};
    world.node.tail_end = 8192 + 12288;
    std::string before = content(path);
    rlimit whole;
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &whole), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit : {8192, 8192 + 12288}) {
        rlimit small = {limit, whole.rlim_max};
        ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
        bool settled = disk_settle(&world.disk, &world.node, reason);
        ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &whole), 0);
        EXPECT_EQ(settled, limit > 8192);
        EXPECT_EQ(content(path), before);
        if (settled)
            continue;
        EXPECT_NE(std::string(reason).find("cannot be made durable"), std::string::npos)
                << reason;
    }
}

TEST(DiskSettle, RefusesALogThatChangedMeanwhile)
{
    scratch folder;
    make_file(folder, 1, 'a');
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, false));
    char reason[DISK_REASON_BYTES];
    ASSERT_TRUE(disk_replay(&world.disk, &world.node, reason)) << reason;
    world.node.tail = {1, 8192};
    world.node.tail_end = 12288;
    world.node.tail_changed = true;
    EXPECT_FALSE(disk_settle(&world.disk, &world.node, reason));
    EXPECT_NE(std::string(reason).find("changed while it was read"), std::string::npos);
}

TEST(DiskOpen, TwoProcessesNeverShareADirectory)
{
    scratch folder;
    io_world first;
    io_world second;
    std::string reason;
    ASSERT_TRUE(first.open_disk(folder.path, SEGMENT, false));
    EXPECT_FALSE(second.open_disk(folder.path, SEGMENT, false, &reason));
    std::string holder = "another process uses it (pid " + std::to_string(getpid()) + ")";
    EXPECT_NE(reason.find(holder), std::string::npos) << reason;
    disk_close(&first.disk);
    EXPECT_TRUE(second.open_disk(folder.path, SEGMENT, false, &reason)) << reason;
}

/*
 * A process that was killed keeps the directory while the kernel works on its operations. Its
 * parent has not taken note of this one's end: as long as that, it counts as ending.
 */
TEST(DiskOpen, WaitsForAProcessThatWasKilled)
{
    scratch folder;
    int parts[2];
    ASSERT_EQ(pipe(parts), 0);
    int held = open(folder.path.c_str(), O_RDONLY | O_DIRECTORY);
    pid_t child = fork();
    if (child == 0) {
        /* It shares what is open, as a thread of the kernel does that works for it. */
        flock(held, LOCK_EX);
        (void)!write(parts[1], "x", 1);
        pause();
    }
    char byte;
    ASSERT_EQ(read(parts[0], &byte, 1), 1);
    kill(child, SIGKILL);
    siginfo_t info;
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
    auto begun = std::chrono::steady_clock::now();
    std::thread end([held] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        close(held);
    });
    io_world world;
    std::string reason;
    EXPECT_TRUE(world.open_disk(folder.path, SEGMENT, false, &reason)) << reason;
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(1400));
    EXPECT_TRUE(has_line(world, "waits-for-earlier-process"));
    end.join();
    waitpid(child, nullptr, 0);
    close(parts[0]);
    close(parts[1]);
}

TEST(DiskOpen, SaysWhatIsWrongWithThePath)
{
    scratch folder;
    io_world world;
    std::string reason;
    std::ofstream(folder.path + "/file") << "x";
    EXPECT_FALSE(world.open_disk(folder.path + "/file", SEGMENT, false, &reason));
    EXPECT_NE(reason.find("Not a directory"), std::string::npos) << reason;
    EXPECT_FALSE(world.open_disk(folder.path + "/no/such/parent", SEGMENT, false, &reason));
    EXPECT_NE(reason.find("cannot create it"), std::string::npos) << reason;
    EXPECT_FALSE(world.open_disk("/proc/self", SEGMENT, false, &reason));
}

/* A full disk is no reason to die: said once, half a file left nowhere, tried again. */
TEST(DiskFull, TheNextSegmentWaitsForSpace)
{
    scratch folder;
    io_world world;
    ASSERT_TRUE(world.open_disk(folder.path, SEGMENT, false));
    disk_begin(&world.disk);
    rlimit before;
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit small = {SEGMENT / 2, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (size_t round = 1; round <= 2; round++) {
        world.node.wants.segment_wanted = 1;
        EXPECT_TRUE(world.run_until(
                [&] { return world.node.count(NODE_SEGMENT_FAILED) == round; }));
    }
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path));
    size_t said = 0;
    for (const std::string &line : world.lines)
        said += line.find("segment-failed") != std::string::npos;
    EXPECT_EQ(said, 1u);
    EXPECT_TRUE(make_segment(world, 1));
}

/* After a log write that failed nothing is acknowledged any more; the process ends. */
TEST(DiskDeathTest, AFailedLogWriteIsFatal)
{
    scratch folder;
    auto fail = [&] {
        io_world world;
        if (!world.open_disk(folder.path, SEGMENT, false))
            _exit(3);
        disk_begin(&world.disk);
        if (!make_segment(world, 1))
            _exit(4);
        rlimit small = {4096, RLIM_INFINITY};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        want_write(world, 1, {1, 8192}, 4096, 'x');
        world.run_until([&] { return world.node.count(NODE_WRITTEN) == 1; });
        _exit(5);
    };
    EXPECT_EXIT(
            fail(), testing::ExitedWithCode(1), "log-write-failed .*segment=1 offset=8192");
}

/* Nor after one of which only a part was written, whatever came of the linked sync. */
TEST(DiskDeathTest, AShortLogWriteIsFatal)
{
    scratch folder;
    auto fail = [&](bool sync_after) {
        io_world world;
        if (!world.open_disk(folder.path, SEGMENT, sync_after))
            _exit(3);
        disk_begin(&world.disk);
        if (!make_segment(world, 1))
            _exit(4);
        rlimit half = {8192 + 4096, RLIM_INFINITY};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &half);
        want_write(world, 1, {1, 8192}, 8192, 'x');
        world.run_until([&] { return world.node.count(NODE_WRITTEN) == 1; });
        _exit(5);
    };
    for (bool sync_after : {false, true})
        EXPECT_EXIT(fail(sync_after), testing::ExitedWithCode(1),
                "log-write-failed .*offset=8192 bytes=8192 error=\"short write");
}

/*
 * A segment is not used before its folder is synced, or a power cut could take its name.
 * Once the segment has its name there is a pipe where the folder was: it cannot be synced.
 */
TEST(DiskDeathTest, AFolderThatCannotBeSyncedIsFatal)
{
    scratch folder;
    auto fail = [&] {
        io_world world;
        if (!world.open_disk(folder.path, SEGMENT, false))
            _exit(3);
        disk_begin(&world.disk);
        std::string name = folder.path + "/segment-000000000001";
        int ends[2];
        if (pipe(ends) != 0)
            _exit(4);
        world.node.wants.segment_wanted = 1;
        world.run_until([&] {
            bool renaming = world.disk.maker.state == MAKER_RENAMING;
            while (renaming && access(name.c_str(), F_OK) != 0)
                std::this_thread::yield(); /* Asked of the kernel already: it will be. */
            if (renaming)
                dup2(ends[0], world.disk.folder);
            return world.node.last(NODE_SEGMENT_READY) != nullptr;
        });
        _exit(5);
    };
    EXPECT_EXIT(fail(), testing::ExitedWithCode(1), "folder-sync-failed");
}

TEST(DiskNames, NumbersInNames)
{
    char name[DISK_NAME_BYTES];
    segment_name(name, 42);
    EXPECT_STREQ(name, "segment-000000000042");
    EXPECT_EQ(segment_number(name), 42u);
    EXPECT_EQ(segment_number("segment-000000000042.new"), 0u);
    EXPECT_EQ(segment_number("segment-42"), 0u);
    EXPECT_EQ(segment_number("segment-00000000004x"), 0u);
    EXPECT_EQ(segment_number("segment-99999999999999999999999"), 0u);
    EXPECT_EQ(segment_number("lock"), 0u);
}
