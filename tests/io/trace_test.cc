/* The events before a failed assertion can be read afterwards. */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "worlds/fake_node.h"

namespace {

std::string line(const node_event &event)
{
    char text[TRACE_LINE_BYTES];
    return std::string(text, trace_text(&event, text));
}

node_event event(node_event_kind kind)
{
    node_event event{};
    event.kind = kind;
    event.now_ns = 1234567890123;
    event.conn = 3;
    event.peer = 2;
    event.id = 77;
    event.by_other = true;
    return event;
}

} // namespace

TEST(Trace, EachKindHasItsLine)
{
    EXPECT_EQ(line(event(NODE_ACCEPTED)), "1234.567890123 accepted conn=3\n");
    EXPECT_EQ(line(event(NODE_CONNECTED)), "1234.567890123 connected conn=3 peer=2\n");
    EXPECT_EQ(line(event(NODE_CONNECT_FAILED)), "1234.567890123 connect-failed peer=2\n");
    EXPECT_EQ(line(event(NODE_CLOSED)), "1234.567890123 closed conn=3 by_other=1\n");
    EXPECT_EQ(line(event(NODE_WRITTEN)), "1234.567890123 written id=77\n");
    EXPECT_EQ(line(event(NODE_STOP)), "1234.567890123 stop\n");
    node_event received = event(NODE_RECEIVED);
    received.count = 3;
    EXPECT_EQ(line(received), "1234.567890123 received conn=3 count=3\n");
}

TEST(Trace, KeepsTheNewest)
{
    io_world world;
    for (uint64_t i = 0; i < TRACE_EVENTS + 10; i++) {
        node_event written = event(NODE_WRITTEN);
        written.id = i;
        trace_add(&world.turn.trace, &written);
    }
    EXPECT_EQ(ring_count(&world.turn.trace.ring), uint32_t{TRACE_EVENTS});
    EXPECT_EQ(world.turn.trace.rows[ring_at(&world.turn.trace.ring, TRACE_EVENTS + 9)].id,
            TRACE_EVENTS + 9u);
}

TEST(TraceDeathTest, AFailedAssertionLeavesTheEventsBehind)
{
    scratch folder;
    auto die = [&] {
        io_world world;
        node_event written = event(NODE_WRITTEN);
        trace_add(&world.turn.trace, &written);
        trace_on_abort(
                &world.turn.trace, open(folder.path.c_str(), O_RDONLY | O_DIRECTORY));
        abort();
    };
    EXPECT_EXIT(die(), testing::KilledBySignal(SIGABRT), "written id=77");
    size_t files = 0;
    for (const auto &entry : std::filesystem::directory_iterator(folder.path)) {
        std::ifstream file(entry.path());
        std::string first;
        std::getline(file, first);
        EXPECT_EQ(first, "1234.567890123 written id=77");
        files++;
    }
    EXPECT_EQ(files, 1u);
}
