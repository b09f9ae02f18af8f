#include "lockbench/bench_history.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

namespace {

/* What is written of one operation, without the head of the file. */
std::string line_of(const struct history_line &line)
{
    char *text = nullptr;
    size_t count = 0;
    struct history history = {open_memstream(&text, &count), 1000};
    history_write(&history, &line);
    fclose(history.out);
    std::string result(text, count);
    free(text);
    return result;
}

TEST(History, GrantHasTokenAndDeadline)
{
    EXPECT_EQ(line_of({3, HISTORY_ACQUIRE, LK_OK, "b-o1", 9, 100, 150, 7, 900, 0}),
            "{\"proc\":3,\"op\":\"acquire\",\"session\":9,\"call\":100,\"ret\":150,"
            "\"res\":\"ok\",\"lock\":\"b-o1\",\"token\":7,\"deadline\":900}\n");
}

TEST(History, DeadlineIsNeverPastWhatTheHistoryCanExplain)
{
    std::string line = line_of({3, HISTORY_ACQUIRE, LK_OK, "b", 9, 100, 5000, 7, 5900, 0});
    EXPECT_NE(line.find("\"deadline\":1100}"), std::string::npos) << line;
}

TEST(History, UnknownHasNoReturnAndEndsTheProc)
{
    EXPECT_EQ(line_of({3, HISTORY_RELEASE, LK_STATUS_UNKNOWN, "b", 9, 100, 150, 7, 0, 0}),
            "{\"proc\":3,\"op\":\"release\",\"session\":9,\"call\":100,\"ret\":null,"
            "\"res\":\"info\",\"lock\":\"b\",\"token\":7}\n");
    EXPECT_TRUE(history_ends_proc(HISTORY_RELEASE, LK_STATUS_UNKNOWN));
    EXPECT_FALSE(history_ends_proc(HISTORY_RELEASE, LK_STATUS_NOT_FOUND));
}

TEST(History, SessionOperationsHaveNoLock)
{
    EXPECT_EQ(line_of({1, HISTORY_OPEN, LK_OK, nullptr, 9, 100, 150, 0, 0, 0}),
            "{\"proc\":1,\"op\":\"open\",\"session\":9,\"call\":100,\"ret\":150,\"res\":"
            "\"ok\","
            "\"ttl\":1000}\n");
    EXPECT_EQ(line_of({1, HISTORY_CLOSE, LK_OK, nullptr, 9, 100, 150, 0, 0, 0}),
            "{\"proc\":1,\"op\":\"close\",\"session\":9,\"call\":100,\"ret\":150,\"res\":"
            "\"ok\"}\n");
}

/*
 * A keepalive was seen, so the lease lasts a ttl from its call, and the deadline is that.
 */
TEST(History, KeepaliveSaysUntilWhenTheSessionLives)
{
    EXPECT_EQ(line_of({4, HISTORY_KEEPALIVE, LK_OK, nullptr, 9, 100, 150, 0, 1100, 0}),
            "{\"proc\":4,\"op\":\"keepalive\",\"session\":9,\"call\":100,\"ret\":150,"
            "\"res\":\"ok\",\"deadline\":1100}\n");
}

/* Who held it when somebody looked; nobody is null. */
TEST(History, LookSaysTheHolder)
{
    EXPECT_EQ(line_of({5, HISTORY_QUERY, LK_OK, "b", 0, 100, 150, 7, 0, 9}),
            "{\"proc\":5,\"op\":\"query\",\"call\":100,\"ret\":150,\"res\":\"ok\","
            "\"lock\":\"b\",\"token\":7,\"holder\":9}\n");
    EXPECT_EQ(line_of({5, HISTORY_QUERY, LK_OK, "b", 0, 100, 150, 0, 0, 0}),
            "{\"proc\":5,\"op\":\"query\",\"call\":100,\"ret\":150,\"res\":\"ok\","
            "\"lock\":\"b\",\"holder\":null}\n");
    EXPECT_STREQ(history_claim(HISTORY_QUERY, LK_STATUS_LOST), "info");
}

/* What each outcome claims; nothing may claim more than it is known to mean. */
TEST(History, ClaimsOfTheStatuses)
{
    EXPECT_STREQ(history_claim(HISTORY_TRY, LK_STATUS_TIMEOUT), "held");
    EXPECT_STREQ(history_claim(HISTORY_ACQUIRE, LK_STATUS_TIMEOUT), "timeout");
    EXPECT_STREQ(history_claim(HISTORY_ACQUIRE, LK_STATUS_CANCELLED), "timeout");
    EXPECT_STREQ(history_claim(HISTORY_ACQUIRE, LK_STATUS_DEADLOCK), "timeout");
    EXPECT_STREQ(history_claim(HISTORY_ACQUIRE, LK_STATUS_LOST), "expired");
    EXPECT_STREQ(history_claim(HISTORY_KEEPALIVE, LK_STATUS_LOST), "expired");
    EXPECT_STREQ(history_claim(HISTORY_RELEASE, LK_STATUS_CANCELLED), "info");
    EXPECT_STREQ(history_claim(HISTORY_RELEASE, LK_STATUS_NOT_FOUND), "not_owner");
    EXPECT_STREQ(history_claim(HISTORY_RELEASE, LK_STATUS_LOST), "expired");
    EXPECT_STREQ(history_claim(HISTORY_OPEN, LK_STATUS_LOST), "info");
    EXPECT_STREQ(history_claim(HISTORY_ACQUIRE, LK_STATUS_BUSY), "timeout");
    EXPECT_STREQ(history_claim(HISTORY_RELEASE, LK_STATUS_BUSY), "fail");
    EXPECT_STREQ(history_claim(HISTORY_ACQUIRE, LK_STATUS_UNKNOWN), "info");
}

TEST(History, NoFileNothingWritten)
{
    struct history history;
    ASSERT_TRUE(history_open(&history, nullptr, 1000));
    struct history_line line = {1, HISTORY_OPEN, LK_OK, nullptr, 9, 1, 2, 0, 0, 0};
    history_write(&history, &line);
    EXPECT_TRUE(history_close(&history));
    testing::internal::CaptureStderr();
    EXPECT_FALSE(history_open(&history, "/nonexistent/file", 1000));
    EXPECT_NE(testing::internal::GetCapturedStderr().find("--history /nonexistent/file"),
            std::string::npos);
}

} // namespace
