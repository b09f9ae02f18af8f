/* Keepalives in a node: they find room, share entries, and are taken from nobody else. */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/units.h"
#include "worlds/node_leaders.h"

using namespace node_test;

namespace {

constexpr uint64_t TTL_NS = 10 * NS_PER_S;

class NodeKeepalive : public LeaderAlone {
protected:
    void send(uint64_t session, unsigned char secret, request_kind kind, uint64_t number)
    {
        world->request(0, section_of(session, secret), request_of(kind, number));
    }

    void send_open(unsigned char secret)
    {
        request request = request_of(REQUEST_OPEN, secret);
        request.wait_ns = TTL_NS;
        world->request(0, section_of(0, secret), request);
    }

    void send_acquire(uint64_t session, unsigned char secret, uint64_t number)
    {
        request request = request_of(REQUEST_ACQUIRE, number);
        request.name = {reinterpret_cast<const unsigned char *>("lock"), 4};
        world->request(0, section_of(session, secret), request);
    }

    uint64_t open(unsigned char secret)
    {
        world->heard[0].clear();
        send_open(secret);
        world->turn();
        auto answers = world->answers(0);
        world->heard[0].clear();
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? 0 : answers[0].first.session;
    }

    void pass(uint64_t ns)
    {
        world->turn();
        world->run_until(world->now_ns + ns);
        world->turn();
        node_check(world->replica());
    }

    uint64_t next_index()
    {
        return raft_next_id(node_raft(world->replica())).index;
    }

    bool is_alive(uint64_t session)
    {
        session_view view;
        return locks_session(node_locks(world->replica()), session, &view);
    }

    /* The statuses that requests of that kind got. */
    std::vector<uint8_t> statuses(uint8_t kind)
    {
        std::vector<uint8_t> found;
        for (const auto &[head, answer] : world->answers(0)) {
            if (answer.kind == kind)
                found.push_back(answer.status);
        }
        return found;
    }
};

} // namespace

/*
 * The disks stand still for a while, and every session goes on with its keepalives and
 * requests. No keepalive is refused, and each session gets an answer to its last one.
 */
TEST_F(NodeKeepalive, FindsRoomWhileNothingIsCommitted)
{
    lead([](node_settings &settings) { settings.cluster.sessions_max = 8; });
    std::vector<uint64_t> sessions;
    for (unsigned char secret = 1; secret <= 8; secret++)
        sessions.push_back(open(secret));
    world->disk_stalls = true;
    uint64_t waited = mark_count("keepalives_wait_for_room");
    uint64_t held_back = mark_count("entry_holds_time_back");
    uint64_t before = next_index();
    /* Served time is behind real time by this much, or by less. */
    uint64_t behind_ns = world->now_ns - locks_time(node_locks(world->replica()));
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> sent; /* By session and number */
    for (uint64_t round = 1; round <= 40; round++) {
        for (unsigned char secret = 1; secret <= 8; secret++)
            send(sessions[secret - 1U], secret, REQUEST_KEEPALIVE, round);
        uint64_t asker = sessions[round % 8];
        uint64_t number = 1 + round / 8;
        sent[{asker, number}] = world->now_ns;
        send_acquire(asker, static_cast<unsigned char>(round % 8 + 1), number);
        pass(2 * NS_PER_MS);
    }
    EXPECT_GT(next_index(), before + 16) << "entries, with keepalives, and none is durable";
    EXPECT_GT(mark_count("keepalives_wait_for_room"), waited);
    EXPECT_GT(mark_count("entry_holds_time_back"), held_back);
    world->disk_stalls = false;
    pass(NS_PER_S);
    std::map<uint64_t, uint64_t> last;
    uint64_t anchors = 0;
    for (const auto &[head, answer] : world->answers(0)) {
        if (answer.kind == REQUEST_ACQUIRE && head.applied != 0) {
            anchors++;
            uint64_t sent_ns = sent.at({head.session, answer.number});
            EXPECT_GE(head.applied, sent_ns - behind_ns) << "T was read after the request";
        }
        if (answer.kind != REQUEST_KEEPALIVE)
            continue;
        EXPECT_EQ(answer.status, STATUS_OK);
        last[head.session] = answer.number;
        if (answer.number == 40) {
            EXPECT_NE(head.applied, 0U) << "the last entry holds nothing back";
        }
    }
    EXPECT_GT(anchors, 0U);
    for (uint64_t session : sessions)
        EXPECT_EQ(last[session], 40U) << session;
}

/* A session ends while its keepalive waits for room, and another takes its place. */
TEST_F(NodeKeepalive, OutlivesItsSessionAndIsAnswered)
{
    lead([](node_settings &settings) { settings.cluster.sessions_max = 2; });
    uint64_t first = open(1);
    uint64_t second = open(2);
    uint64_t before = mark_count("admit_keepalive_outlived_session");
    world->disk_stalls = true;
    send(first, 1, REQUEST_KEEPALIVE, 1);
    send(second, 2, REQUEST_KEEPALIVE, 1);
    send_acquire(second, 2, 1);
    pass(2 * NS_PER_MS);
    send(first, 1, REQUEST_KEEPALIVE, 2);
    send(first, 1, REQUEST_CLOSE, 1);
    pass(2 * NS_PER_MS);
    send_open(3);
    pass(2 * NS_PER_MS);
    world->disk_stalls = false;
    world->turn();
    ASSERT_FALSE(is_alive(first));
    ASSERT_TRUE(is_alive(second + 1));
    world->heard[0].clear();
    send(second + 1, 3, REQUEST_KEEPALIVE, 3);
    EXPECT_EQ(mark_count("admit_keepalive_outlived_session"), before + 1);
    pass(NS_PER_S);
    auto answers = world->answers(0);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[0].first.session, first);
    EXPECT_EQ(answers[0].second.status, STATUS_LOST);
    EXPECT_EQ(answers[0].second.number, 2U);
    EXPECT_EQ(answers[0].first.applied, 0U) << "no anchor";
    EXPECT_EQ(answers[1].first.session, second + 1);
    EXPECT_EQ(answers[1].second.status, STATUS_OK);
}

/* It waits for other work, and the time for which it waited is no part of the lease. */
TEST_F(NodeKeepalive, WaitsWithoutALongerLease)
{
    lead();
    uint64_t session = open(1);
    pass(2 * NS_PER_S);
    uint64_t before = next_index();
    uint64_t sent_ns = world->now_ns;
    send(session, 1, REQUEST_KEEPALIVE, 1);
    pass(450 * NS_PER_MS);
    EXPECT_EQ(next_index(), before) << "it waits";
    EXPECT_TRUE(world->answers(0).empty());
    while (world->answers(0).empty() && world->now_ns < sent_ns + NS_PER_S)
        pass(10 * NS_PER_MS);
    EXPECT_LE(world->now_ns, sent_ns + TTL_NS / 20 + 100 * NS_PER_MS);
    auto answers = world->answers(0);
    ASSERT_EQ(answers.size(), 1U);
    uint64_t lease_ns = answers[0].first.deadline - answers[0].first.applied;
    EXPECT_LE(lease_ns, TTL_NS - 450 * NS_PER_MS);
    EXPECT_GE(lease_ns, TTL_NS - TTL_NS / 20 - NS_PER_MS);
}

/* Other work takes it along at once. */
TEST_F(NodeKeepalive, GoesWithOtherWork)
{
    lead();
    uint64_t session = open(1);
    pass(2 * NS_PER_S);
    send(session, 1, REQUEST_KEEPALIVE, 1);
    pass(10 * NS_PER_MS);
    EXPECT_TRUE(world->answers(0).empty());
    send_acquire(session, 1, 1);
    world->turn();
    EXPECT_EQ(statuses(REQUEST_KEEPALIVE), std::vector<uint8_t>{STATUS_OK});
}

/* A renewal says which answers have arrived, so that an idle session keeps none. */
TEST_F(NodeKeepalive, ForgetsAnswersThatHaveArrived)
{
    lead();
    uint64_t session = open(1);
    send_acquire(session, 1, 1);
    world->turn();
    EXPECT_EQ(locks_tally(node_locks(world->replica())).answers, 1U);
    section section = section_of(session, 1);
    section.answered = 1;
    world->request(0, section, request_of(REQUEST_KEEPALIVE, 1));
    pass(NS_PER_S);
    EXPECT_EQ(locks_tally(node_locks(world->replica())).answers, 0U);
}

/*
 * Who knows only the next session's number can do nothing to it, also in the moment before it
 * is applied: the victim's OPEN and the stranger's requests come into one entry.
 */
TEST_F(NodeKeepalive, StrangerCannotActForASessionThatIsNotAppliedYet)
{
    lead();
    uint64_t session = open(1) + 1;
    uint64_t before = mark_count("locks_wrong_secret");
    send_open(1);
    send_acquire(session, 2, 1);
    send(session, 2, REQUEST_KEEPALIVE, 1);
    send(session, 2, REQUEST_CLOSE, 2);
    world->turn();
    EXPECT_TRUE(is_alive(session));
    EXPECT_EQ(locks_tally(node_locks(world->replica())).holds, 0U);
    EXPECT_EQ(statuses(REQUEST_ACQUIRE), std::vector<uint8_t>{STATUS_DENIED});
    EXPECT_EQ(statuses(REQUEST_KEEPALIVE), std::vector<uint8_t>{STATUS_DENIED});
    EXPECT_EQ(statuses(REQUEST_CLOSE), std::vector<uint8_t>{STATUS_DENIED});
    EXPECT_EQ(mark_count("locks_wrong_secret"), before + 3);
}

/* Its own client may act in that moment: the secret is compared, and it is right. */
TEST_F(NodeKeepalive, OwnerMayActForASessionThatIsNotAppliedYet)
{
    lead();
    uint64_t session = open(1) + 1;
    send_open(3);
    send_acquire(session, 3, 1);
    send(session, 3, REQUEST_KEEPALIVE, 1);
    world->turn();
    EXPECT_EQ(statuses(REQUEST_ACQUIRE), std::vector<uint8_t>{STATUS_OK});
    EXPECT_EQ(statuses(REQUEST_KEEPALIVE), std::vector<uint8_t>{STATUS_OK});
}

/* Of a session that never was, or is over, everything is LOST, keepalives too. */
TEST_F(NodeKeepalive, OfNoSessionIsLost)
{
    lead();
    uint64_t session = open(1);
    send(session, 1, REQUEST_CLOSE, 1);
    world->turn();
    world->heard[0].clear();
    send(session, 1, REQUEST_KEEPALIVE, 1);
    send(session + 5, 1, REQUEST_KEEPALIVE, 2);
    world->turn();
    EXPECT_EQ(
            statuses(REQUEST_KEEPALIVE), (std::vector<uint8_t>{STATUS_LOST, STATUS_LOST}));
}
