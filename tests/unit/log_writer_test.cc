/* Lines that nobody reads: whoever puts them never waits, and what is missing is counted. */
#include "ops/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

size_t describe(const void *, char *line, uint64_t count)
{
    return static_cast<size_t>(snprintf(line, LOG_LINE_BYTES_MAX, "dropped %llu\n",
            static_cast<unsigned long long>(count)));
}

/* A pipe that holds little, and a writer at it. The thread lives on: so does the writer. */
struct LogWriter : testing::Test {
    LogWriter() : writer(new log_writer)
    {
        EXPECT_EQ(pipe(ends), 0);
        EXPECT_GE(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
        EXPECT_TRUE(log_writer_start(writer, ends[1], describe, nullptr));
        kept() = writer;
    }
    ~LogWriter() override
    {
        (void)read_rest();
    }
    static log_writer *&kept()
    {
        static log_writer *last;
        return last;
    }

    void put(const std::string &line)
    {
        log_writer_put(writer, line.data(), line.size());
    }

    /* What comes within a while. */
    std::string read_rest()
    {
        std::string all;
        char bytes[4096];
        pollfd readable = {ends[0], POLLIN, 0};
        while (poll(&readable, 1, 300) == 1) {
            ssize_t count = read(ends[0], bytes, sizeof bytes);
            if (count <= 0)
                break;
            all.append(bytes, static_cast<size_t>(count));
        }
        return all;
    }

    int ends[2] = {-1, -1};
    log_writer *writer;
};

std::string numbered(int number)
{
    char line[128];
    snprintf(line, sizeof line, "line %06d of a log that is written by somebody else\n",
            number);
    return line;
}

} // namespace

TEST_F(LogWriter, WritesLinesInOrder)
{
    for (int i = 0; i < 20; i++)
        put(numbered(i));
    log_writer_flush(writer, 5000);
    std::string wanted;
    for (int i = 0; i < 20; i++)
        wanted += numbered(i);
    EXPECT_EQ(read_rest(), wanted);
    EXPECT_EQ(log_writer_dropped(writer), 0u);
}

/* More than the pipe and the room hold: the newest are dropped, whole, and a line says so. */
TEST_F(LogWriter, NeverWaitsAndTellsWhatIsMissing)
{
    int count = 2 * LOG_WRITER_BYTES / static_cast<int>(numbered(0).size());
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; i++)
        put(numbered(i));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    uint64_t dropped = log_writer_dropped(writer);
    EXPECT_GT(dropped, static_cast<uint64_t>(count) / 4);
    std::string all = read_rest();
    int next = 0;
    size_t at = 0;
    while (all.compare(at, 5, "line ") == 0) {
        std::string line = numbered(next++);
        ASSERT_EQ(all.compare(at, line.size(), line), 0) << "after " << next - 1;
        at += line.size();
    }
    EXPECT_EQ(static_cast<uint64_t>(count - next), dropped);
    EXPECT_EQ(all.substr(at), "dropped " + std::to_string(dropped) + "\n");
    put(numbered(7));
    EXPECT_EQ(read_rest(), numbered(7)) << "it was told already";
    EXPECT_EQ(log_writer_dropped(writer), dropped);
}

TEST_F(LogWriter, FlushEndsWhenNobodyReads)
{
    for (int i = 0; i < 200; i++)
        put(numbered(i));
    auto begin = std::chrono::steady_clock::now();
    log_writer_flush(writer, 200);
    auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, std::chrono::milliseconds(190));
    EXPECT_LT(took, std::chrono::seconds(5));
}

/* Nobody will ever read it: what cannot be written is counted, and the thread goes on. */
TEST_F(LogWriter, ABrokenPipeCosts)
{
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    for (int i = 0; i < 5; i++)
        put(numbered(i));
    log_writer_flush(writer, 5000);
    EXPECT_EQ(log_writer_dropped(writer), 5u);
    ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}
