/* What an operator asks of the cluster, on a client's connection. */
#include "base/mark.h"
#include "node/replica.h"
#include "protocol/admin.h"
#include "raft/raft.h"
#include "worlds/node_world.h"

using namespace node_test;

namespace {

constexpr uint32_t operators = 20; /* A connection of theirs */

struct Answer {
    admin_answer head{};
    std::string sentence;
    std::vector<admin_member> members;
};

std::string text(span span)
{
    return {reinterpret_cast<const char *>(span.bytes), span.count};
}

void ask(NodeWorld &world, uint32_t conn, admin_request request)
{
    world.say(conn, make_frame(FRAME_ADMIN,
                            [&](wire &wire) { wire_admin_request(&wire, &request); }));
    world.turn();
}

Answer answer_on(NodeWorld &world, uint32_t conn)
{
    Answer said;
    EXPECT_EQ(world.heard[conn].size(), 1U);
    const Heard &frame = world.heard[conn].at(0);
    EXPECT_EQ(frame.kind, FRAME_ADMIN_ANSWER);
    wire wire = frame.reader();
    wire_admin_answer(&wire, &said.head);
    said.sentence = text(said.head.sentence);
    for (uint8_t i = 0; i < said.head.member_count; i++)
        wire_admin_member(&wire, &said.members.emplace_back());
    EXPECT_TRUE(wire_complete(&wire));
    return said;
}

/* Node 2 leads, and hears so many of the others that it may. */
std::unique_ptr<NodeWorld> leader_of(uint8_t members)
{
    auto world = std::make_unique<NodeWorld>(2, members);
    for (uint8_t id = 1; id <= members / 2 + 1; id++) {
        if (id != 2)
            world->hello(id, world->peer_hello(id));
    }
    world->turn();
    world->run_until(world->now_ns + 2 * NS_PER_S);
    EXPECT_TRUE(raft_leads_committed(node_raft(world->replica())));
    world->client(operators);
    return world;
}

std::unique_ptr<NodeWorld> leader_of_three()
{
    return leader_of(3);
}

admin_request request_of(uint8_t kind)
{
    return {kind, 0, 0, 0, {}};
}

/* Until the cluster answers in another way than that the change is being written. */
Answer changed(NodeWorld &world, uint8_t kind, uint8_t node, uint8_t flags = 0,
        uint64_t number = 0, int port = 7000)
{
    std::string address = "node" + std::to_string(node) + ":" + std::to_string(port);
    Answer said;
    for (int i = 0; i < 50; i++) {
        world.heard[operators].clear();
        ask(world, operators,
                {kind, node, flags, number,
                        {reinterpret_cast<const unsigned char *>(address.data()),
                                static_cast<uint32_t>(address.size())}});
        said = answer_on(world, operators);
        world.run_until(world.now_ns + 10 * NS_PER_MS);
        if (said.sentence != "the change is being written" &&
                said.sentence != "another change of the members is not committed yet")
            break;
    }
    return said;
}

} // namespace

/* Seven voters at most, and who is to be one has its place from the start. */
TEST(Admin, LearnersHaveTheirPlaceAmongTheVoters)
{
    auto world = leader_of(6);
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_ADD, 7).head.result, ADMIN_UNDER_WAY);
    Answer eighth = changed(*world, ADMIN_MEMBERS_ADD, 8);
    EXPECT_EQ(eighth.head.result, ADMIN_NEVER);
    EXPECT_EQ(eighth.sentence,
            "a cluster has at most 7 voters, and those that are learners now are to be voters");
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_ADD, 8, ADMIN_FLAG_LEARNER).head.result,
            ADMIN_DONE);
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_PROMOTE, 8).head.result, ADMIN_NEVER);
}

/* Two that stay learners leave no room for a third, but do not keep anybody from promotion. */
TEST(Admin, ObserversDoNotCountAsLearners)
{
    auto world = leader_of_three();
    for (uint8_t id : {4, 5})
        EXPECT_EQ(changed(*world, ADMIN_MEMBERS_ADD, id, ADMIN_FLAG_LEARNER).head.result,
                ADMIN_DONE);
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_ADD, 6).head.result, ADMIN_NOT_NOW);
    for (uint8_t id : {4, 5})
        EXPECT_EQ(changed(*world, ADMIN_MEMBERS_PROMOTE, id).head.result, ADMIN_UNDER_WAY);
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_ADD, 6).head.result, ADMIN_NOT_NOW);
}

/*
 * A learner's new directory is noted when it is heard, before anybody asks to replace it: who
 * asks then says where it is.
 */
TEST(Admin, ReplacingALearnerThatWasNotedTakesItsAddress)
{
    auto world = leader_of_three();
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_ADD, 4, ADMIN_FLAG_LEARNER).head.result,
            ADMIN_DONE);
    constexpr uint64_t another = 77;
    EXPECT_EQ(changed(*world, ADMIN_MEMBERS_REPLACE, 4, 0, another, 7001).head.result,
            ADMIN_DONE);
    world->heard[operators].clear();
    ask(*world, operators, request_of(ADMIN_MEMBERS));
    Answer said = answer_on(*world, operators);
    ASSERT_EQ(said.members.size(), 4U);
    EXPECT_EQ(text(said.members[3].address), "node4:7001");
}

/* A change takes a moment, as the founding of a cluster does: that alone is no condition. */
TEST(Admin, AChangeThatTakesLongIsACondition)
{
    auto world = leader_of(2); /* Nothing is committed without its own disk. */
    world->disk_stalls = true;
    std::string address = "node4:7000";
    ask(*world, operators,
            {ADMIN_MEMBERS_ADD, 4, ADMIN_FLAG_LEARNER, 0,
                    {reinterpret_cast<const unsigned char *>(address.data()),
                            static_cast<uint32_t>(address.size())}});
    EXPECT_EQ(answer_on(*world, operators).head.result, ADMIN_UNDER_WAY);
    uint64_t asked_ns = world->now_ns;
    EXPECT_NE(own_condition(world->replica()), CONDITION_MEMBERS_CHANGE);
    uint64_t election_ns = world->settings().raft.election_min_ns;
    world->run_until(asked_ns + election_ns + election_ns / 2);
    EXPECT_EQ(own_condition(world->replica()), CONDITION_MEMBERS_CHANGE);
    world->disk_stalls = false;
    world->run_until(world->now_ns + NS_PER_S);
    EXPECT_NE(own_condition(world->replica()), CONDITION_MEMBERS_CHANGE);
}

TEST(Admin, TheLeaderShowsTheMembers)
{
    auto world = leader_of_three();
    world->client(6);
    ask(*world, 6, request_of(ADMIN_UPGRADE_STATUS));
    Answer said = answer_on(*world, 6);
    EXPECT_EQ(said.head.result, ADMIN_DONE);
    EXPECT_EQ(said.head.node, 2);
    EXPECT_EQ(said.head.leader, 2);
    ASSERT_EQ(said.members.size(), 3U);
    for (uint8_t i = 0; i < 3; i++) {
        EXPECT_EQ(said.members[i].node, i + 1);
        EXPECT_TRUE(said.members[i].connected);
        EXPECT_EQ(text(said.members[i].address), world->settings().members[i].address);
    }
    EXPECT_EQ(said.members[0].incarnation, NodeWorld::incarnation_of(1));
}

TEST(Admin, WhoDoesNotLeadSaysSoAndWhatItSees)
{
    NodeWorld world(2, 3);
    uint64_t before = mark_count("admin_not_leader");
    world.client(6);
    ask(world, 6, request_of(ADMIN_UPGRADE_FINISH));
    Answer said = answer_on(world, 6);
    EXPECT_EQ(said.head.result, ADMIN_NOT_LEADER);
    EXPECT_EQ(said.head.leader, 0);
    EXPECT_EQ(said.sentence, "node 2 does not lead");
    EXPECT_EQ(said.members.size(), 3U);
    EXPECT_EQ(mark_count("admin_not_leader"), before + 1);
}

TEST(Admin, AKindThatIsNotKnownIsAnswered)
{
    auto world = leader_of_three();
    uint64_t before = mark_count("admin_unknown_kind");
    world->client(6);
    ask(*world, 6, request_of(250));
    Answer said = answer_on(*world, 6);
    EXPECT_EQ(said.head.kind, 250);
    EXPECT_EQ(said.head.result, ADMIN_NEVER);
    EXPECT_EQ(said.sentence,
            "node 2 does not know this request: its lockd is older than lockctl");
    EXPECT_EQ(mark_count("admin_unknown_kind"), before + 1);
}

/* A later lockctl may send more fields; fewer than these are nonsense. */
TEST(Admin, MoreFieldsArePassedOverAndFewerAreNot)
{
    auto world = leader_of_three();
    world->client(6);
    admin_request request = request_of(ADMIN_UPGRADE_STATUS);
    world->say(6, make_frame(FRAME_ADMIN, [&](wire &wire) {
        uint64_t more = UINT64_MAX;
        wire_admin_request(&wire, &request);
        wire_u64(&wire, &more);
    }));
    world->turn();
    EXPECT_EQ(answer_on(*world, 6).head.result, ADMIN_DONE);
    EXPECT_FALSE(world->closed[6]);
    world->say(
            6, make_frame(FRAME_ADMIN, [&](wire &wire) { wire_u8(&wire, &request.kind); }));
    world->turn();
    EXPECT_TRUE(world->closed[6]);
}
