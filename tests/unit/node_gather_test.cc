/* Clients that come back together get one entry together: gather.c. */
#include "worlds/node_world.h"

#include "raft/raft.h"

using namespace node_test;

namespace {

const span NAME = {reinterpret_cast<const unsigned char *>("lock"), 4};
const uint64_t ENTRY_NS =
        100 * NS_PER_US; /* From the turn that seals to the one that applies */

/* A node alone, leading, with clients on connections 0 and 1 that have a session each. */
class Gather : public testing::Test {
protected:
    void SetUp() override
    {
        world.sleep_ns = ENTRY_NS;
        world.run_until(world.now_ns + 2 * NS_PER_S);
        ASSERT_TRUE(raft_leads_committed(node_raft(world.replica())));
        for (uint32_t conn : {0U, 1U}) {
            world.client(conn);
            request open = request_of(REQUEST_OPEN, 1);
            open.wait_ns = 60 * NS_PER_S;
            world.request(conn, section_of(0, 1), open);
            session[conn] = until_told(conn);
        }
    }

    /* Turns until the client hears something; the session that it is about. */
    uint64_t until_told(uint32_t conn)
    {
        for (int turns = 0; turns < 10 && world.heard[conn].empty(); turns++)
            world.end_turn();
        told_ns = world.now_ns - world.sleep_ns;
        uint64_t about = 0;
        for (const auto &[head, answer] : world.answers(conn))
            about = head.session;
        EXPECT_FALSE(world.heard[conn].empty());
        for (auto &[other, frames] : world.heard)
            frames.clear();
        return about;
    }

    /* Asks for the lock that it holds or waits for, or gives back one that it never had. */
    void ask(uint32_t conn, uint64_t after_ns, request_kind kind = REQUEST_RELEASE)
    {
        request asked = request_of(kind, ++number[conn]);
        asked.name = NAME;
        asked.target = kind == REQUEST_RELEASE ? 12345 : 0;
        asked.wait_ns = WAIT_FOREVER;
        world.now_ns = told_ns + after_ns;
        world.request(conn, section_of(session[conn], 1), asked);
    }

    /* Both are told in one turn, and come back in time, often enough to be believed. */
    void come_back_often()
    {
        ask(0, 0);
        ask(1, 0);
        until_told(1);
        for (int round = 0; round < 20; round++) {
            ask(0, 1000);
            ask(1, 1000);
            until_told(1);
        }
    }

    uint64_t next()
    {
        return raft_next_id(node_raft(world.replica())).index;
    }

    NodeWorld world{1, 1};
    std::map<uint32_t, uint64_t> session;
    std::map<uint32_t, uint64_t> number;
    uint64_t told_ns = 0;
};

} // namespace

TEST_F(Gather, TheFirstWaitsForTheOther)
{
    come_back_often();
    uint64_t first = next();
    ask(0, ENTRY_NS / 10);
    world.end_turn();
    EXPECT_EQ(next(), first) << "the other is about to come";
    ask(1, ENTRY_NS / 5);
    world.end_turn();
    EXPECT_EQ(next(), first + 1);
    until_told(1);
    EXPECT_EQ(next(), first + 1) << "one entry for both";
}

TEST_F(Gather, NobodyWaitsLongerThanHalfAnEntry)
{
    come_back_often();
    uint64_t first = next();
    ask(0, ENTRY_NS / 10);
    world.end_turn();
    EXPECT_EQ(next(), first);
    EXPECT_EQ(world.effects.deadline_ns, told_ns + ENTRY_NS / 10 + ENTRY_NS / 2);
    world.now_ns = world.effects.deadline_ns;
    world.end_turn();
    EXPECT_EQ(next(), first + 1);
}

TEST_F(Gather, AClientAloneDoesNotWait)
{
    come_back_often();
    ask(0, 2 * ENTRY_NS);
    until_told(0);
    uint64_t first = next();
    ask(0, ENTRY_NS / 10);
    world.end_turn();
    EXPECT_EQ(next(), first + 1);
}

TEST_F(Gather, WhoTakesTimeIsNotWaitedFor)
{
    come_back_often();
    for (int round = 0; round < 600; round++) {
        ask(0, 2 * ENTRY_NS);
        ask(1, 2 * ENTRY_NS);
        until_told(1);
    }
    uint64_t first = next();
    ask(0, ENTRY_NS / 10);
    world.end_turn();
    EXPECT_EQ(next(), first + 1);
}

TEST_F(Gather, WhoHangsUpIsNotWaitedFor)
{
    come_back_often();
    uint64_t first = next();
    world.now_ns = told_ns;
    world.step(event_of(NODE_CLOSED, 1));
    ask(0, ENTRY_NS / 10);
    world.end_turn();
    EXPECT_EQ(next(), first + 1);
}
