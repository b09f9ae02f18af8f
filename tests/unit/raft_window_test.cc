/* How much a leader sends ahead of acknowledgements: how many appends, and how many bytes. */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_alone.h"

namespace {

/*
 * Three long appends fly, a fourth waits for one to be acknowledged; short ones would be
 * eight.
 */
TEST(RaftWindow, EndsWithItsBytes)
{
    uint64_t before = mark_count("window_bytes_full");
    struct raft_settings settings = small_settings(1, 3);
    settings.window = 8;
    settings.append_bytes_max = 100;
    settings.window_bytes = 300;
    raft_alone node(settings);
    node.log({1}).boot(1).lead().propose();
    node.written();
    node.accept(2, 2);
    uint64_t sent = 0;
    for (int i = 0; i < 5; i++) {
        node.propose();
        sent += node.sent(PEER_APPEND, 2).size();
    }
    EXPECT_EQ(sent, 3U);
    EXPECT_GT(mark_count("window_bytes_full"), before);
    node.accept(2, 3);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.begin, 6U);
}

} // namespace
