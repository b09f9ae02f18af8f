/* A node at its edges, driven through node_step with frames made by hand. */
#include "worlds/node_leaders.h"

#include "base/mark.h"
#include "raft/raft.h"

using namespace node_test;

namespace {

const span NAME = {reinterpret_cast<const unsigned char *>("lock"), 4};

class NodeAlone : public LeaderAlone {
protected:
    /* Opens a session with a secret of `byte`s. */
    uint64_t open(unsigned char byte)
    {
        request request = request_of(REQUEST_OPEN, 1);
        request.wait_ns = 60 * NS_PER_S;
        world->request(0, section_of(0, byte), request);
        world->turn();
        auto answers = world->answers(0);
        world->heard[0].clear();
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? 0 : answers[0].first.session;
    }
};

} // namespace

/* A command with another secret does nothing to the session. */
TEST_F(NodeAlone, DeniesAWrongSecret)
{
    lead();
    uint64_t session = open(1);
    uint64_t before = mark_count("admit_wrong_secret");
    world->request(0, section_of(session, 2), request_of(REQUEST_CLOSE, 1));
    world->turn();
    auto answers = world->answers(0);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].second.status, STATUS_DENIED);
    session_view view;
    EXPECT_TRUE(locks_session(node_locks(world->replica()), session, &view));
    EXPECT_EQ(mark_count("admit_wrong_secret"), before + 1);
}

/*
 * Group commit: beside an entry under way, one that is smaller waits, but no longer than
 * the spacing.
 */
TEST_F(NodeAlone, ASmallerEntryWaitsAndGrows)
{
    lead();
    world->disk_stalls = true;
    auto ask = [this](unsigned char byte) {
        request request = request_of(REQUEST_OPEN, byte);
        request.wait_ns = 60 * NS_PER_S;
        world->request(0, section_of(0, byte), request);
    };
    auto next = [this] {
        return raft_next_id(node_raft(world->replica())).index;
    };
    uint64_t first = next();
    ask(1);
    ask(2);
    world->turn();
    EXPECT_EQ(next(), first + 1);
    ask(3);
    world->turn();
    EXPECT_EQ(next(), first + 1) << "one command beside two";
    ask(4);
    world->turn();
    EXPECT_EQ(next(), first + 2) << "two beside two";
    ask(5);
    world->turn();
    EXPECT_EQ(next(), first + 2) << "two are under way";
    world->run_until(world->now_ns + world->settings().entry_spacing_ns);
    EXPECT_EQ(next(), first + 3) << "the spacing is over";
    world->disk_stalls = false;
    world->turn();
    EXPECT_EQ(world->answers(0).size(), 5U);
}

/* A node that has no room for one more command says so, and goes on with the others. */
TEST_F(NodeAlone, RefusesWhatItCannotOwe)
{
    lead();
    uint64_t session = open(1);
    uint64_t before = mark_count("admit_busy");
    for (uint64_t number = 1; number <= 257; number++) {
        request request = request_of(REQUEST_ACQUIRE, number);
        request.owner = 1;
        request.name = NAME;
        world->request(0, section_of(session, 1), request);
    }
    world->turn();
    auto answers = world->answers(0);
    ASSERT_EQ(answers.size(), 257U);
    int busy = 0;
    for (const auto &[head, answer] : answers) {
        busy += answer.status == STATUS_BUSY;
        EXPECT_EQ(answer.status == STATUS_BUSY, answer.number == 257);
    }
    EXPECT_EQ(busy, 1);
    EXPECT_EQ(mark_count("admit_busy"), before + 1);
}

/*
 * What waited for long shows how much is too much. Acquires beyond are refused at once,
 * releases are taken, and when entries are quick again, so are all acquires.
 */
TEST_F(NodeAlone, RefusesAcquiresThatWouldWaitForLong)
{
    lead();
    uint64_t session = open(1);
    uint64_t number = 0;
    auto ask = [&](enum request_kind kind) {
        request request = request_of(kind, ++number);
        request.owner = 1;
        request.name = NAME;
        section section = section_of(session, 1);
        section.answered = number > 100 ? number - 100 : 0;
        world->request(0, section, request);
    };
    auto busy = [&](int acquires) {
        for (int i = 0; i < acquires; i++)
            ask(REQUEST_ACQUIRE);
        ask(REQUEST_RELEASE);
        world->turn();
        int refused = 0;
        for (const auto &[head, answer] : world->answers(0)) {
            refused += answer.status == STATUS_BUSY;
            EXPECT_FALSE(answer.status == STATUS_BUSY && answer.kind == REQUEST_RELEASE);
        }
        world->heard[0].clear();
        return refused;
    };
    uint64_t before = mark_count("backlog_shortened");
    auto stall = [&] {
        world->disk_stalls = true;
        int refused = busy(40);
        world->run_until(world->now_ns + 500 * NS_PER_MS);
        world->disk_stalls = false;
        world->turn();
        world->heard[0].clear();
        return refused;
    };
    EXPECT_EQ(stall(), 0);
    EXPECT_EQ(mark_count("backlog_shortened"), before + 1);
    EXPECT_EQ(busy(40), 0) << "a single stall is no backlog";
    int stalls = 0;
    while (stall() == 0 && stalls < 40)
        stalls++;
    EXPECT_LT(stalls, 20) << "a disk that is as slow each time is one";
    for (int i = 0; i < 3; i++)
        stall();
    EXPECT_EQ(busy(40), 24) << "a sixteenth of the 256 is taken";
    int entries = 0;
    while (busy(40) > 0 && entries < 20)
        entries++;
    EXPECT_GT(entries, 0);
    EXPECT_LT(entries, 10);
}

/*
 * Keepalives of sessions that nobody knows are commands, and may be refused; that of a
 * session that is known never is.
 */
TEST_F(NodeAlone, KeepsRoomForKeepalivesOfKnownSessions)
{
    lead([](node_settings &settings) { settings.limits.client_output_bytes = 512 * KIB; });
    uint64_t session = open(1);
    for (uint64_t stamp = 1; stamp <= 2048; stamp++)
        world->request(0, section_of(999999, 0), request_of(REQUEST_KEEPALIVE, stamp));
    world->request(0, section_of(session, 1), request_of(REQUEST_KEEPALIVE, 5000));
    world->turn();
    world->run_until(world->now_ns + NS_PER_S);
    std::map<int, int> counted;
    for (const auto &[head, answer] : world->answers(0)) {
        counted[answer.status]++;
        EXPECT_EQ(answer.status == STATUS_OK, answer.number == 5000);
    }
    EXPECT_EQ(counted[STATUS_OK], 1);
    EXPECT_GT(counted[STATUS_BUSY], 0);
    EXPECT_EQ(counted[STATUS_BUSY] + counted[STATUS_LOST], 2048);
}

/*
 * Who says something in the entry that brings its expiry is alive; who does not, is gone.
 */
TEST_F(NodeAlone, G3_RenewsWhoSpeaksBeforeAnybodyExpires)
{
    lead();
    uint64_t speaks = open(1);
    uint64_t silent = open(2);
    const locks *locks = node_locks(world->replica());
    uint64_t left_ns = locks_deadline(locks) - locks_time(locks);
    world->run_until(world->now_ns + left_ns - 100 * NS_PER_MS);
    session_view view;
    ASSERT_TRUE(locks_session(locks, speaks, &view));
    uint64_t before = mark_count("apply_renews_before_expiry");
    world->now_ns += 2 * world->settings().tick_ns; /* No turn counts for more. */
    request request = request_of(REQUEST_ACQUIRE, 1);
    request.name = NAME;
    world->request(0, section_of(speaks, 1), request);
    world->turn();
    EXPECT_GT(mark_count("apply_renews_before_expiry"), before);
    EXPECT_FALSE(locks_session(locks, silent, &view));
    EXPECT_TRUE(locks_session(locks, speaks, &view));
    auto answers = world->answers(0);
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers[0].second.status, STATUS_OK);
}

/* A client that does not read is cut off, and only that one. */
TEST_F(NodeAlone, CutsOffAClientThatDoesNotRead)
{
    lead();
    world->client(1);
    uint64_t before = mark_count("conn_output_full");
    world->slow[0] = true;
    bytes ask = make_frame(FRAME_STATUS, [](wire &) {});
    for (int i = 0; i < 2000 && !world->closed[0]; i++) {
        world->say(0, ask);
        world->turn();
    }
    EXPECT_TRUE(world->closed[0]);
    EXPECT_TRUE(world->noticed(NOTICE_SLOW_CLIENT));
    EXPECT_EQ(mark_count("conn_output_full"), before + 1);
    world->say(1, ask);
    world->turn();
    EXPECT_EQ(world->heard[1].size(), 1U);
    EXPECT_FALSE(world->closed[1]);
}

/* A client that lists more than its output holds gets every page, at its own pace. */
TEST_F(NodeAlone, HoldsReadsBackForASlowClient)
{
    lead();
    uint64_t session = open(1);
    for (unsigned i = 1; i <= 64; i++) {
        std::string name(NAME_BYTES_MAX, static_cast<char>('A' + i % 50));
        name[0] = static_cast<char>(i);
        request request = request_of(REQUEST_ACQUIRE, i);
        request.name = {
                reinterpret_cast<const unsigned char *>(name.data()), NAME_BYTES_MAX};
        world->request(0, section_of(session, 1), request);
        world->turn();
    }
    world->heard[0].clear();
    world->slow[0] = true;
    uint64_t before = mark_count("read_held_back");
    struct read list {};
    list.kind = READ_LIST;
    list.limit = LIST_LOCKS_MAX;
    for (list.stamp = 1; list.stamp <= 12; list.stamp++) {
        list.stale = list.stamp % 2 == 0;
        world->say(0, make_frame(FRAME_READ, [&](wire &wire) { wire_read(&wire, &list); }));
        world->turn();
    }
    EXPECT_GT(mark_count("read_held_back"), before);
    ASSERT_FALSE(world->closed[0]);
    world->wake(0);
    uint64_t stamps = 0;
    for (const Heard &frame : world->heard[0]) {
        read_answer page{};
        wire wire = frame.reader();
        wire_read_answer(&wire, &page);
        ASSERT_FALSE(wire.failed);
        EXPECT_EQ(page.status, STATUS_OK);
        EXPECT_GT(page.count, 0);
        EXPECT_EQ(page.cursor == 0, page.count == 64)
                << "a page cut short says where to go on";
        stamps |= uint64_t{1} << page.stamp;
    }
    EXPECT_EQ(stamps, 0x1ffeU) << "each of twelve was answered";
    EXPECT_FALSE(world->closed[0]);
}

/* Nodes with other members or of another cluster never speak with each other. */
TEST(NodeStep, RefusesAPeerWithOtherMembers)
{
    NodeWorld world(2, 3);
    uint64_t before = mark_count("hello_other_members");
    struct hello hello = world.peer_hello(1);
    hello.members++;
    world.hello(1, hello);
    world.turn();
    EXPECT_EQ(refusal_on(world, 1).why, REFUSED_MEMBERS);
    EXPECT_TRUE(world.closed[1]);
    EXPECT_TRUE(world.noticed(NOTICE_REFUSED_PEER));
    EXPECT_EQ(mark_count("hello_other_members"), before + 1);
}

TEST(NodeStep, RefusesAPeerOfAnotherCluster)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("hello_other_cluster");
    struct hello hello = world->peer_hello(1);
    hello.cluster = 12345;
    world->hello(2, hello);
    world->turn();
    EXPECT_EQ(refusal_on(*world, 2).why, REFUSED_CLUSTER);
    EXPECT_TRUE(world->closed[2]);
    EXPECT_FALSE(world->closed[1]) << "the peer that belongs here is left alone";
    EXPECT_EQ(mark_count("hello_other_cluster"), before + 1);
}

/* A message in another node's name never reaches raft. */
TEST(NodeStep, ClosesAPeerThatSpeaksForAnother)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("peer_nonsense");
    uint64_t term = raft_term(node_raft(world->replica()));
    peer_message message{};
    message.kind = PEER_APPEND_ANSWER;
    message.from = 3;
    message.to = 2;
    message.term = term + 5;
    world->say(1, message);
    world->turn();
    EXPECT_TRUE(world->closed[1]);
    EXPECT_TRUE(world->noticed(NOTICE_BAD_FRAME));
    EXPECT_EQ(raft_term(node_raft(world->replica())), term);
    EXPECT_EQ(mark_count("peer_nonsense"), before + 1);
}

/* Without a leader a read is refused, never answered from what is at hand. */
TEST(NodeStep, G8_RefusesAReadWithoutALeader)
{
    NodeWorld world(2, 3);
    world.play_peers(false);
    world.client(0);
    uint64_t before = mark_count("read_without_leader");
    struct read read {};
    read.kind = READ_LOCK;
    read.stamp = 9;
    read.name = NAME;
    world.say(0, make_frame(FRAME_READ, [&](wire &wire) { wire_read(&wire, &read); }));
    world.turn();
    world.run_until(world.now_ns + 2 * NS_PER_S);
    ASSERT_FALSE(world.heard[0].empty());
    const Heard &frame = world.heard[0].back();
    ASSERT_EQ(frame.kind, FRAME_READ_ANSWER);
    read_answer answer{};
    wire wire = frame.reader();
    wire_read_answer(&wire, &answer);
    EXPECT_EQ(answer.status, STATUS_NOT_LEADER);
    EXPECT_EQ(answer.stamp, 9U);
    EXPECT_EQ(mark_count("read_without_leader"), before + 1);
}

/*
 * A leader whose disk stalls and whose log takes nothing more goes on with heartbeats until
 * that is a stall. Then it gives up its lead, in time, though nothing else wakes it.
 */
TEST(NodeStep, LeaderWithAFullLogKeepsItsDeadlines)
{
    auto world = leader_of_three();
    world->client(0);
    world->disk_stalls = true;
    uint64_t busy = mark_count("admit_busy");
    for (uint64_t i = 1; i < 10000 && mark_count("admit_busy") == busy; i++) {
        world->request(0, section_of(77, 0), request_of(REQUEST_CLOSE, i));
        world->turn();
    }
    ASSERT_GT(mark_count("admit_busy"), busy) << "the log never filled";
    ASSERT_TRUE(raft_is_leader(node_raft(world->replica())));
    uint64_t sent = world->heartbeats;
    uint64_t left = NS_PER_S - raft_write_age_ns(node_raft(world->replica()));
    ASSERT_LT(left, NS_PER_S);
    world->run_until(world->now_ns + left - NS_PER_MS);
    EXPECT_GE(world->heartbeats, sent + 2 * (left / (60 * NS_PER_MS))) << "every 50 ms";
    EXPECT_TRUE(raft_is_leader(node_raft(world->replica())));
    EXPECT_TRUE(raft_takes_proposals(node_raft(world->replica())));
    world->run_until(world->now_ns + 20 * NS_PER_MS);
    EXPECT_FALSE(raft_takes_proposals(node_raft(world->replica())));
    EXPECT_GT(mark_count("unfit_leader_hands_over"), 0U);
    world->run_until(world->now_ns + NS_PER_S);
    EXPECT_FALSE(raft_is_leader(node_raft(world->replica())));
    EXPECT_GT(mark_count("unfit_leader_steps_down"), 0U) << "nobody took over";
    EXPECT_GT(world->effects.deadline_ns, world->now_ns) << "it would spin";
}
