/*
 * Who may lead: a leader whose own log makes no progress gives up its lead, and who has not
 * applied its log lets others go first.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

/* Node 1 of three leads, with its first entry committed. */
raft_alone &led(raft_alone &node)
{
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.accept(2, 2);
    node.accept(3, 2);
    return node;
}

struct raft_effects &told(raft_alone &node, enum peer_fitness fitness)
{
    struct raft_event event = {};
    event.kind = RAFT_FITNESS;
    event.fitness = fitness;
    return node.step(event);
}

/* An acknowledgement that says how the member is. */
void answer(raft_alone &node, uint8_t peer, uint64_t match, enum peer_fitness fitness,
        uint64_t applied)
{
    struct peer_message message = {};
    message.kind = PEER_APPEND_ANSWER;
    message.from = peer;
    message.term = raft_term(node.raft);
    message.accepted = true;
    message.match = match;
    message.fitness = static_cast<uint8_t>(fitness);
    message.applied = applied;
    node.receive(message);
}

/* A log of this length, and a lead over it. */
raft_alone &led_long(raft_alone &node, uint64_t length)
{
    node.log(std::vector<uint64_t>(length, 1)).boot(1);
    node.lead().propose();
    node.written();
    return node;
}

} // namespace

TEST(PaperFitness, LeaderWhoseDiskStallsHandsOver)
{
    raft_alone node(1, 3);
    led(node).propose();
    node.accept(2, 3);
    node.accept(3, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U) << "the others have it";
    for (int i = 0; i < 19; i++) {
        node.wait(50 * MS);
        node.accept(2, 3);
        EXPECT_TRUE(raft_takes_proposals(node.raft));
    }
    EXPECT_EQ(raft_fitness(node.raft), PEER_FIT);
    node.wait(50 * MS);
    EXPECT_EQ(raft_fitness(node.raft), PEER_CANNOT_WRITE);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 2).size(), 1U) << "3 has not answered lately";
    EXPECT_TRUE(raft_is_leader(node.raft));
}

/* Each write that becomes durable begins the time anew: slow is not stalled. */
TEST(PaperFitness, SlowDiskIsNoStall)
{
    raft_alone node(1, 3);
    led(node);
    for (int i = 0; i < 8; i++) {
        node.propose();
        for (int j = 0; j < 18; j++) {
            node.wait(50 * MS);
            node.accept(2, 2);
        }
        node.written();
    }
    EXPECT_TRUE(raft_is_leader(node.raft));
    EXPECT_TRUE(raft_takes_proposals(node.raft));
}

/* Nobody can take over: stepping down needs no write. It does not stand while that lasts. */
TEST(PaperFitness, UnfitLeaderStepsDownAndDoesNotStand)
{
    uint64_t before = mark_count("unfit_leader_steps_down");
    raft_alone node(1, 3);
    led(node);
    answer(node, 2, 2, PEER_NO_ROOM, 2);
    answer(node, 3, 2, PEER_CANNOT_WRITE, 2);
    uint64_t term = raft_term(node.raft);
    told(node, PEER_NO_ROOM);
    EXPECT_FALSE(raft_is_leader(node.raft));
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_RESIGNED);
    EXPECT_EQ(node.effects.write, 0U);
    EXPECT_EQ(mark_count("unfit_leader_steps_down"), before + 1);
    for (int i = 0; i < 40; i++)
        EXPECT_EQ(node.wait(100 * MS).message_count, 0U);
    node.event(RAFT_CAMPAIGN);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_term(node.raft), term);
    told(node, PEER_FIT);
    for (int i = 0; i < 6; i++)
        node.wait(100 * MS);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE) << "the cause has ended";
}

/* Whom it chose does not take over within an election timeout: then it steps down. */
TEST(PaperFitness, UnfitLeaderDoesNotWaitForLong)
{
    raft_alone node(1, 3);
    led(node);
    told(node, PEER_CANNOT_LEAD);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 1U);
    for (int i = 0; i < 10; i++) {
        node.wait(50 * MS);
        if (raft_is_leader(node.raft))
            node.accept(2, 2);
    }
    node.wait(MS);
    EXPECT_FALSE(raft_is_leader(node.raft));
}

TEST(PaperFitness, SingleMemberLeadsOn)
{
    raft_alone node(1, 1);
    node.log({1}).boot(1);
    node.wait(MS);
    node.written();
    ASSERT_TRUE(raft_is_leader(node.raft));
    told(node, PEER_NO_ROOM);
    EXPECT_TRUE(raft_is_leader(node.raft)) << "nobody could lead instead";
}

/* A vote that cannot be durable is none, and costs the candidate a term. */
TEST(PaperFitness, NodeThatCannotWriteDoesNotVote)
{
    uint64_t before = mark_count("vote_could_not_be_durable");
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    told(node, PEER_CANNOT_WRITE);
    node.ask_vote(2, 2, {1, 1}, true);
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
    node.ask_vote(2, 2, {1, 1});
    EXPECT_EQ(node.effects.message_count + node.effects.write, 0U);
    EXPECT_EQ(mark_count("vote_could_not_be_durable"), before + 1);
    told(node, PEER_NO_ROOM);
    node.ask_vote(2, 2, {1, 1});
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted) << "votes have room of their own";
}

TEST(PaperFitness, CandidateWhoseDiskStallsGivesUp)
{
    uint64_t before = mark_count("unfit_candidate");
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(2, 2, true, true);
    ASSERT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    for (int i = 0; i < 30; i++)
        node.wait(50 * MS);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_term(node.raft), 2U) << "its own vote is not durable: no other term";
    EXPECT_EQ(mark_count("unfit_candidate"), before + 1);
}

/* A member that takes no entries gets heartbeats only, until it says otherwise. */
TEST(PaperFitness, MemberWithoutRoomGetsNoEntries)
{
    uint64_t before = mark_count("peer_takes_no_entries");
    raft_alone node(1, 3);
    led(node);
    answer(node, 2, 2, PEER_NO_ROOM, 2);
    node.propose();
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U);
    EXPECT_EQ(node.sent(PEER_APPEND, 3).size(), 1U);
    EXPECT_GT(mark_count("peer_takes_no_entries"), before);
    answer(node, 2, 2, PEER_FIT, 2);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.begin, 3U);
}

/* A handover goes to a member that has applied what is committed, not to the furthest. */
TEST(PaperFitness, HandoverGoesToOneThatHasApplied)
{
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer(node, 2, 1001, PEER_FIT, 0);
    answer(node, 3, 1000, PEER_FIT, 1000);
    EXPECT_EQ(raft_successor(node.raft), RAFT_SUCCESSOR_READY);
    node.event(RAFT_TRANSFER);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U);
    answer(node, 3, 1001, PEER_FIT, 1000);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 3).size(), 1U);
}

TEST(PaperFitness, HandoverWaitsUntilTheMemberHasApplied)
{
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer(node, 2, 1001, PEER_FIT, 0);
    EXPECT_EQ(raft_successor(node.raft), RAFT_SUCCESSOR_LATER);
    node.event(RAFT_TRANSFER);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U);
    answer(node, 2, 1001, PEER_FIT, 1001 - RAFT_APPLIED_NEAR);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 2).size(), 1U);
}

/* A new process of the member has to apply again what the one before had applied. */
TEST(PaperFitness, HandoverWaitsForTheProcessThatIsConnected)
{
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer(node, 2, 1001, PEER_FIT, 1001);
    node.closed(2, true);
    node.open(2);
    node.event(RAFT_TRANSFER, 2);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U);
    answer(node, 2, 1001, PEER_FIT, 1001);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 2).size(), 1U);
}

/* A leader that replays is of no use while a member could serve at once. */
TEST(PaperFitness, LeaderThatReplaysPassesTheLeadOn)
{
    uint64_t before = mark_count("passed_on_by_one_that_replays");
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer(node, 2, 1001, PEER_FIT, 0);
    node.wait(10 * MS);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U) << "it must lead: nobody is better";
    EXPECT_TRUE(raft_leads_committed(node.raft));
    EXPECT_FALSE(raft_leads_applied(node.raft));
    answer(node, 3, 1001, PEER_FIT, 1001);
    node.wait(10 * MS);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 3).size(), 1U);
    EXPECT_EQ(mark_count("passed_on_by_one_that_replays"), before + 1);
}

TEST(PaperFitness, LeaderServesOnceItHasApplied)
{
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer(node, 2, 1001, PEER_FIT, 0);
    raft_tell_applied(node.raft, 1000);
    EXPECT_FALSE(raft_leads_applied(node.raft)) << "not the term's first entry";
    raft_tell_applied(node.raft, 1001);
    EXPECT_TRUE(raft_leads_applied(node.raft));
}

/* Who has to apply its log stands a timeout later, but it does stand. */
TEST(PaperFitness, WhoReplaysStandsLater)
{
    for (uint64_t length : {100, 1000}) {
        raft_alone node(1, 3);
        node.log(std::vector<uint64_t>(length, 1)).boot(1);
        uint64_t begun_ns = node.now_ns;
        while (raft_role(node.raft) == RAFT_FOLLOWER)
            node.wait(MS);
        uint64_t waited_ns = node.now_ns - begun_ns;
        EXPECT_GE(waited_ns, (length > RAFT_APPLIED_NEAR ? 750 : 250) * MS);
        EXPECT_LE(waited_ns, (length > RAFT_APPLIED_NEAR ? 1000 : 500) * MS);
    }
}

/* An acknowledgement says what has been applied and whether the disk works. */
TEST(PaperFitness, AcknowledgementsSayIt)
{
    raft_alone node(2, 3);
    node.log({1}).boot(1);
    node.append(1, 1, {1, 1}, {1}, 1);
    node.written();
    raft_tell_applied(node.raft, 1);
    told(node, PEER_NO_ROOM);
    node.append(1, 1, {1, 2}, {}, 1);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.applied, 1U);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.fitness, PEER_NO_ROOM);
}

/* All disks stall: nobody is better, so the leader stays. One recovers, then another. */
TEST(PaperFitness, StalledMajorityKeepsItsTerm)
{
    raft_cluster cluster(3);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_leader());
    uint8_t first = cluster.leader();
    uint64_t term = raft_term(cluster.raft(first));
    uint64_t before = mark_count("unfit_leader_stays");
    for (uint8_t id = 1; id <= 3; id++)
        cluster.stall_disk(id, true);
    cluster.propose(cluster.leader());
    cluster.run_for(23 * NS_PER_S);
    EXPECT_EQ(cluster.leader(), first);
    EXPECT_EQ(raft_term(cluster.raft(first)), term);
    EXPECT_GT(mark_count("unfit_leader_stays"), before);
    uint64_t members;
    EXPECT_GT(raft_uncommitted_ns(cluster.raft(first), &members), 20 * NS_PER_S);
    EXPECT_EQ(members, UINT64_C(2 + 4 + 8)) << "the status names all three";
    cluster.stall_disk(1, false);
    cluster.run_for(10 * NS_PER_S);
    EXPECT_LE(raft_term(cluster.raft(1)), term + 1) << "the others refuse pre-votes";
    cluster.stall_disk(2, false);
    EXPECT_TRUE(cluster.run_until(
            [&] { return cluster.leads_committed() != 0; }, 3 * NS_PER_S));
}

/*
 * Every write on every node takes longer than a stall. Handing the lead around would cost a
 * term each time, and nothing would ever be committed: no member is better, so the leader
 * stays, and what is proposed is committed as fast as the disks are.
 */
TEST(PaperFitness, DisksThatAreAllAsSlowDoNotMoveTheLead)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        raft_cluster cluster(3, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        ASSERT_TRUE(cluster.run_until(
                [&] { return cluster.leads_committed() != 0; }, NS_PER_S));
        uint8_t first = cluster.leader();
        uint64_t term = raft_term(cluster.raft(first));
        uint64_t commit = raft_commit(cluster.raft(first));
        cluster.run_for(NS_PER_S); /* No quick write is under way any more. */
        cluster.disk_min = 1500000;
        cluster.disk_max = 2500000;
        for (int second = 0; second < 60; second++) {
            if (cluster.leader() != 0 &&
                    raft_takes_proposals(cluster.raft(cluster.leader())))
                cluster.propose(cluster.leader());
            cluster.run_for(NS_PER_S);
        }
        EXPECT_EQ(cluster.leader(), first) << seed;
        EXPECT_EQ(raft_term(cluster.raft(first)), term) << seed;
        EXPECT_GT(raft_commit(cluster.raft(first)), commit + 10) << seed;
    }
}

/* The member that it chose does not write the rest of the log: its disk is no better. */
TEST(PaperFitness, SlowLeaderTakesItsResignationBack)
{
    uint64_t before = mark_count("slow_leader_takes_back");
    raft_alone node(1, 3);
    led(node).propose();
    node.accept(2, 3);
    node.accept(3, 3);
    for (int i = 0; i < 19; i++) {
        node.wait(50 * MS);
        node.accept(2, 3);
    }
    node.propose();
    node.wait(50 * MS);
    EXPECT_FALSE(raft_takes_proposals(node.raft)) << "it hands over";
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U);
    for (int i = 0; i < 40; i++) {
        node.accept(2, 3);
        node.accept(3, 3);
        node.wait(50 * MS);
    }
    EXPECT_GT(mark_count("slow_leader_takes_back"), before);
    EXPECT_TRUE(raft_is_leader(node.raft));
    EXPECT_TRUE(raft_takes_proposals(node.raft));
}

/*
 * A leader that cannot read a part of its log commits and serves what is in memory. It
 * leads on while nobody is fit, and hands over once somebody is.
 */
TEST(PaperFitness, LeaderWithRotStaysWhileNobodyIsFit)
{
    raft_alone node(1, 3);
    led(node);
    answer(node, 2, 2, PEER_NO_ROOM, 2);
    answer(node, 3, 2, PEER_CANNOT_LEAD, 2);
    told(node, PEER_CANNOT_LEAD);
    EXPECT_TRUE(raft_is_leader(node.raft));
    EXPECT_TRUE(raft_takes_proposals(node.raft));
    for (int i = 0; i < 20; i++) {
        node.wait(50 * MS);
        answer(node, 2, 2, PEER_NO_ROOM, 2);
        answer(node, 3, 2, PEER_CANNOT_LEAD, 2);
    }
    EXPECT_TRUE(raft_is_leader(node.raft));
    answer(node, 3, 2, PEER_FIT, 2);
    node.wait(50 * MS);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 3).size(), 1U);
}

/* One bad disk, the leader's: the others lead within five election timeouts. */
TEST(PaperFitness, OneStalledDiskStopsNobody)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        raft_cluster cluster(3, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        uint8_t bad = cluster.leader();
        cluster.stall_disk(bad, true);
        cluster.propose(bad);
        EXPECT_TRUE(cluster.run_until(
                [&] { return cluster.leads_committed() != 0 && cluster.leader() != bad; },
                5 * 500 * MS))
                << seed;
        uint64_t term = raft_term(cluster.raft(cluster.leader()));
        cluster.run_for(10 * NS_PER_S);
        EXPECT_EQ(raft_term(cluster.raft(cluster.leader())), term) << "it disturbs nobody";
    }
}

/* ---- A member that is to lead only if no other can ---- */

namespace {

/* An acknowledgement of one that is current, and is to lead only if no other can, or not. */
void answer_of(raft_alone &node, uint8_t peer, uint64_t match, bool yields)
{
    struct peer_message message = {};
    message.kind = PEER_APPEND_ANSWER;
    message.from = peer;
    message.term = raft_term(node.raft);
    message.accepted = true;
    message.match = match;
    message.applied = match;
    message.yields = yields;
    node.receive(message);
}

} // namespace

/* A handover prefers those who may be asked to lead. */
TEST(PaperFitness, HandoverGoesToOneThatNeedNotYield)
{
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer_of(node, 2, 1001, true);
    answer_of(node, 3, 1000, false);
    node.event(RAFT_TRANSFER);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U);
    answer_of(node, 3, 1001, false);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 3).size(), 1U);
}

TEST(PaperFitness, HandoverToOneThatYieldsIsBetterThanNone)
{
    raft_alone node(1, 3);
    led_long(node, 1000);
    answer_of(node, 2, 1001, true);
    node.event(RAFT_TRANSFER);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 2).size(), 1U);
}
