/* Changes of a session that has many: told in parts, at the client's pace. */
#include "worlds/node_world.h"

#include "base/mark.h"
#include "raft/raft.h"

using namespace node_test;

namespace {

constexpr uint64_t WAIT_NS = 60 * NS_PER_S;

/* What a connection was told about holds and waits. */
struct Told {
    std::vector<change> listed, changes;
    uint64_t list_change = 0;
    bool more = false;
};

/*
 * A node alone, leading. Alice (connection 0) takes locks and lets go of them; bob waits.
 */
class NodeChanges : public testing::Test {
protected:
    void lead(uint32_t changes_kept)
    {
        world = std::make_unique<NodeWorld>(1, 1, [&](node_settings &settings) {
            settings.cluster.locks_max = 4096;
            settings.cluster.holds_max = 4096;
            settings.cluster.answers_max = 8192;
            settings.cluster.name_blocks_max = 8192;
            settings.cluster.changes_per_session_max = changes_kept;
        });
        world->run_until(world->now_ns + 2 * NS_PER_S);
        ASSERT_TRUE(raft_leads_committed(node_raft(world->replica())));
        world->client(0);
        world->client(1);
        alice = open(0, 1);
        bob = open(1, 2);
    }

    uint64_t open(uint32_t conn, unsigned char secret)
    {
        request request = request_of(REQUEST_OPEN, 1);
        request.wait_ns = WAIT_NS;
        world->request(conn, section_of(0, secret), request);
        world->turn();
        auto answers = world->answers(conn);
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? 0 : answers[0].first.session;
    }

    /* A while in which an entry is sealed, written and applied. */
    void settle()
    {
        world->turn();
        world->run_until(world->now_ns + 10 * NS_PER_MS);
    }

    static span name_of(const uint32_t *number)
    {
        return {reinterpret_cast<const unsigned char *>(number), sizeof(*number)};
    }

    section by_alice() const
    {
        return section_of(alice, 1);
    }

    section by_bob() const
    {
        return section_of(bob, 2);
    }

    /* Acquires the locks called `begin` to `end` - 1, in requests of these numbers. */
    void acquire(uint32_t conn, section section, uint32_t begin, uint32_t end)
    {
        for (uint32_t at = begin; at < end; at += section.count) {
            section.answered = at - 1;
            section.count = static_cast<uint16_t>(std::min(end - at, 50U));
            world->say(conn, make_frame(FRAME_REQUESTS, [&](wire &wire) {
                wire_section(&wire, &section);
                for (uint32_t i = at; i < at + section.count; i++) {
                    request request = request_of(REQUEST_ACQUIRE, i);
                    request.name = name_of(&i);
                    request.wait_ns = WAIT_NS;
                    wire_request(&wire, &request);
                }
            }));
            settle();
        }
    }

    /* Alice's locks `begin` to `end` - 1 go to bob, who waits for them: a change each. */
    void hand_over(uint32_t begin, uint32_t end)
    {
        for (uint32_t i = begin; i < end; i++) {
            request request = request_of(REQUEST_RELEASE, 10000 + i);
            request.target = tokens[i];
            request.name = name_of(&i);
            section section = by_alice();
            section.answered = request.number - 1;
            world->request(0, section, request);
            settle();
        }
    }

    void alice_takes(uint32_t begin, uint32_t end)
    {
        acquire(0, by_alice(), begin, end);
        for (const auto &[head, answer] : world->answers(0)) {
            if (answer.kind == REQUEST_ACQUIRE && answer.status == STATUS_OK)
                tokens[static_cast<uint32_t>(answer.number)] = answer.token;
        }
    }

    /* Bob speaks on this connection and has heard nothing yet. */
    void bob_comes_on(uint32_t conn)
    {
        world->client(conn);
        world->slow[conn] = true;
        world->request(conn, by_bob(), request_of(REQUEST_KEEPALIVE, 1));
        settle();
    }

    Told told(uint32_t conn)
    {
        Told told;
        for (const Heard &frame : world->heard[conn]) {
            wire wire = frame.reader();
            while (frame.kind == FRAME_ANSWERS && wire_left(&wire) > 0 && !wire.failed)
                read_section(wire, told);
            EXPECT_FALSE(wire.failed);
        }
        return told;
    }

    static void read_section(wire &wire, Told &told)
    {
        answer_section head{};
        wire_answer_section(&wire, &head);
        for (unsigned i = 0; i < head.answer_count; i++) {
            answer one{};
            wire_answer(&wire, &one);
        }
        EXPECT_FALSE(told.more && head.change_count > 0 && !head.listed)
                << "a change in the middle of a list";
        if (head.listed && told.more) {
            EXPECT_EQ(head.change, told.list_change) << "one list, one state";
        }
        if (head.listed) {
            told.list_change = head.change;
            told.more = head.more;
        }
        for (unsigned i = 0; i < head.change_count; i++) {
            change one{};
            wire_change(&wire, &one);
            (head.listed ? told.listed : told.changes).push_back(one);
        }
    }

    std::unique_ptr<NodeWorld> world;
    uint64_t alice = 0, bob = 0;
    std::map<uint32_t, uint64_t> tokens;
};

} // namespace

/* A list longer than the output goes on when the client has taken some. */
TEST_F(NodeChanges, LongListIsToldAtTheClientsPace)
{
    lead(8);
    alice_takes(1, 12);
    acquire(1, by_bob(), 1, 12);
    acquire(1, by_bob(), 100, 3900);
    hand_over(1, 11);
    uint64_t before = mark_count("changes_held_back");
    bob_comes_on(2);
    EXPECT_GT(mark_count("changes_held_back"), before);
    /* In the middle of the list, the wait that it has named becomes a hold. */
    hand_over(11, 12);
    ASSERT_FALSE(world->closed[2]);
    world->wake(2);
    EXPECT_FALSE(world->closed[2]);
    Told all = told(2);
    EXPECT_FALSE(all.more);
    EXPECT_EQ(all.list_change, 10U);
    ASSERT_EQ(all.listed.size(), 3812U)
            << "10 and 3800 holds, the wait, and what it became";
    EXPECT_EQ(all.listed.front().kind, CHANGE_WAITS);
    EXPECT_EQ(all.listed.back().kind, CHANGE_HOLDS);
    EXPECT_EQ(all.listed.back().number, 11U);
    ASSERT_EQ(all.changes.size(), 1U) << "what came behind the list is told after it";
    EXPECT_EQ(all.changes[0].change, 11U);
}

/* As many changes as fit into one section are told once, not again and again. */
TEST_F(NodeChanges, FullSectionIsToldOnce)
{
    lead(64);
    alice_takes(1, 65);
    acquire(1, by_bob(), 1, 33);
    acquire(1, by_bob(), 33, 65);
    hand_over(1, 65);
    bob_comes_on(2);
    world->wake(2);
    EXPECT_FALSE(world->closed[2]);
    Told all = told(2);
    EXPECT_TRUE(all.listed.empty());
    ASSERT_EQ(all.changes.size(), 64U);
    for (unsigned i = 0; i < 64; i++)
        EXPECT_EQ(all.changes[i].change, i + 1);
}

/* What was applied while another node led is told to who stayed on the connection. */
TEST(NodeChangesOfThree, ToldAfterLeadershipWasLostAndWonAgain)
{
    NodeWorld world(2, 3);
    world.hello(1, world.peer_hello(1));
    world.turn();
    world.run_until(world.now_ns + 2 * NS_PER_S);
    const raft *raft = node_raft(world.replica());
    ASSERT_TRUE(raft_leads_committed(raft));
    world.client(1 + 10);
    world.client(2 + 10);
    request open = request_of(REQUEST_OPEN, 1);
    open.wait_ns = WAIT_NS;
    std::vector<uint64_t> sessions;
    for (unsigned char secret : {1, 2}) {
        world.request(10 + secret, section_of(0, secret), open);
        world.turn();
        world.run_until(world.now_ns + 10 * NS_PER_MS);
        sessions.push_back(world.answers(10 + secret).back().first.session);
    }
    request acquire = request_of(REQUEST_ACQUIRE, 1);
    acquire.name = {reinterpret_cast<const unsigned char *>("a"), 1};
    acquire.wait_ns = WAIT_NS;
    uint64_t token = 0;
    for (unsigned char secret : {1, 2}) {
        world.request(10 + secret, section_of(sessions[secret - 1], secret), acquire);
        world.turn();
        world.run_until(world.now_ns + 10 * NS_PER_MS);
        token = std::max(token, world.answers(10 + secret).back().second.token);
    }
    ASSERT_EQ(world.answers(12).back().second.status, STATUS_QUEUED);

    /* The first gives it back, and the entry is committed by node 1. */
    world.play_peers(false);
    request release = request_of(REQUEST_RELEASE, 2);
    release.name = acquire.name;
    release.target = token;
    section first = section_of(sessions[0], 1);
    first.answered = 1;
    uint64_t before = raft_last(raft).index;
    world.request(11, first, release);
    world.turn();
    entry_id last = raft_last(raft);
    ASSERT_EQ(last.index, before + 1);
    peer_message heartbeat{};
    heartbeat.kind = PEER_APPEND;
    heartbeat.from = 1;
    heartbeat.to = 2;
    heartbeat.term = raft_term(raft) + 1;
    heartbeat.previous = last;
    heartbeat.commit = last.index;
    heartbeat.begin = heartbeat.end = last.index + 1;
    heartbeat.round = 1;
    world.say(1, heartbeat);
    world.turn();
    ASSERT_FALSE(raft_is_leader(raft));
    ASSERT_EQ(raft_commit(raft), last.index);

    /* Node 1 goes silent; node 2 leads again, and the second is still there. */
    world.play_peers(true);
    world.run_until(world.now_ns + 4 * NS_PER_S);
    ASSERT_TRUE(raft_leads_committed(raft));
    ASSERT_FALSE(world.closed[12]);
    world.heard[12].clear();
    world.request(12, section_of(sessions[1], 2), request_of(REQUEST_KEEPALIVE, 1));
    world.turn();
    unsigned granted = 0;
    for (const Heard &frame : world.heard[12]) {
        wire wire = frame.reader();
        answer_section head{};
        if (frame.kind == FRAME_ANSWERS)
            wire_answer_section(&wire, &head);
        granted += head.session == sessions[1] && head.change_count == 1;
    }
    EXPECT_EQ(granted, 1U);
}
