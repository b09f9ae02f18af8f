/*
 * Leadership transfer [Raft 3.10] and linearizable reads [Raft 6.4].
 *
 * The fault defended against: a read answered before the leader's own term has a commit, or
 * by one that no longer leads.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

/* [Raft 3.10] No more proposals, wait for the target's log, then tell it to stand. */
TEST(PaperTransfer, WaitsForTheTargetsLog)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.accept(2, 1);
    node.accept(3, 2);
    node.event(RAFT_TRANSFER, 2);
    EXPECT_FALSE(raft_takes_proposals(node.raft));
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U);
    node.accept(2, 2);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 2).size(), 1U);
    node.accept(2, 2);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW).size(), 0U) << "once";
}

TEST(PaperTransfer, GoesToTheFurthest)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.accept(2, 1);
    node.accept(3, 2);
    node.event(RAFT_TRANSFER);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 3).size(), 1U);
}

/* [Raft 3.10] Nobody took over: proposals are taken again. */
TEST(PaperTransfer, GivesUpAfterAnElectionTimeout)
{
    uint64_t before = mark_count("transfer_given_up");
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.event(RAFT_TRANSFER, 2);
    for (int i = 0; i < 9; i++) {
        node.wait(50 * MS);
        node.accept(3, 2);
        EXPECT_FALSE(raft_takes_proposals(node.raft));
    }
    node.wait(50 * MS);
    EXPECT_TRUE(raft_takes_proposals(node.raft));
    node.event(RAFT_TRANSFER, 2);
    node.closed(2, true);
    EXPECT_TRUE(raft_takes_proposals(node.raft)) << "the target is gone";
    EXPECT_EQ(mark_count("transfer_given_up"), before + 2);
    node.event(RAFT_TRANSFER, 2);
    EXPECT_TRUE(raft_takes_proposals(node.raft));
    EXPECT_GT(mark_count("transfer_to_nobody"), 0U);
}

/* The term's first entry must be taken, or no target could ever be complete. */
TEST(PaperTransfer, TakesTheTermsFirstEntry)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead();
    node.event(RAFT_TRANSFER, 2);
    EXPECT_TRUE(raft_takes_proposals(node.raft));
    node.propose();
    EXPECT_FALSE(raft_takes_proposals(node.raft));
    node.written();
    node.accept(2, 2);
    EXPECT_EQ(node.sent(PEER_TIMEOUT_NOW, 2).size(), 1U);
}

/*
 * [Raft 3.10, 4.2.3] The chosen one stands without asking; that the leader lives is no
 * reason to refuse.
 */
TEST(PaperTransfer, ChosenOneStandsAtOnce)
{
    raft_alone chosen(2, 3);
    chosen.log({1}).boot(1);
    chosen.append(1, 1, {1, 1}, {});
    struct peer_message message = {};
    message.kind = PEER_TIMEOUT_NOW;
    message.from = 3;
    message.term = 1;
    chosen.receive(message);
    EXPECT_EQ(raft_role(chosen.raft), RAFT_FOLLOWER) << "not from its leader";
    message.from = 1;
    message.term = 0;
    chosen.receive(message);
    EXPECT_EQ(raft_role(chosen.raft), RAFT_FOLLOWER) << "not of this term";
    message.term = 1;
    chosen.receive(message);
    EXPECT_EQ(raft_role(chosen.raft), RAFT_CANDIDATE);
    EXPECT_TRUE(chosen.only(PEER_VOTE, 3).body.transfer);

    raft_alone voter(3, 3);
    voter.log({1}).boot(1);
    voter.append(1, 1, {1, 1}, {});
    voter.ask_vote(2, 2, {0, 0}, false, true);
    EXPECT_FALSE(voter.only(PEER_VOTE_ANSWER).body.granted)
            << "its log must still be as good";
    voter.ask_vote(2, 3, {1, 1}, false, true);
    EXPECT_TRUE(voter.only(PEER_VOTE_ANSWER).body.granted);

    raft_alone old(1, 3);
    old.log({1}).boot(0);
    old.lead();
    old.ask_vote(2, 5, {1, 1}, false, true);
    EXPECT_EQ(raft_role(old.raft), RAFT_FOLLOWER);
    EXPECT_TRUE(old.only(PEER_VOTE_ANSWER).body.granted);
}

TEST(PaperTransfer, TakesMilliseconds)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        raft_cluster cluster(5, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        cluster.run_for(100 * MS);
        uint8_t old = cluster.leader();
        uint64_t before = cluster.now_ns();
        cluster.event(old, RAFT_TRANSFER);
        ASSERT_TRUE(cluster.run_until(
                [&] { return cluster.leader() != old && cluster.leads_committed() != 0; },
                NS_PER_S));
        EXPECT_LT(cluster.now_ns() - before, 10 * MS);
    }
}

/* [Raft 6.4] Until its own term has a commit, a leader does not know what is committed. */
TEST(PaperRead, WaitsForTheTermsFirstCommit)
{
    uint64_t before = mark_count("read_waits_for_term_start");
    raft_alone node(1, 3);
    node.log({1, 1}).boot(1);
    node.append(2, 1, {1, 2}, {}, 1);
    node.closed(2, true);
    node.open(2);
    node.lead();
    node.event(RAFT_READ, 7);
    EXPECT_EQ(node.effects.read_count, 0U);
    EXPECT_EQ(mark_count("read_waits_for_term_start"), before + 1);
    node.propose();
    node.written();
    node.accept(2, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U);
    EXPECT_EQ(node.effects.read_count, 0U) << "and then a round must confirm it";
    uint64_t round = node.only(PEER_APPEND, 2).body.round;
    node.accept(3, 3, round - 1);
    EXPECT_EQ(node.effects.read_count, 0U);
    node.accept(3, 3, round);
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_TRUE(node.effects.reads[0].granted);
    EXPECT_EQ(node.effects.reads[0].context, 7U);
    EXPECT_EQ(node.effects.reads[0].index, 3U);
}

raft_alone &serving(raft_alone &node)
{
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.accept(2, 2);
    return node;
}

/*
 * [Raft 6.4] One round serves all who came before it began; who comes later shares the
 * next.
 */
TEST(PaperRead, RoundsAreShared)
{
    raft_alone node(1, 3);
    serving(node);
    node.event(RAFT_READ, 1);
    EXPECT_EQ(node.sent(PEER_APPEND).size(), 2U) << "at once";
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.round, 1U);
    node.event(RAFT_READ, 2);
    node.event(RAFT_READ, 3);
    EXPECT_EQ(node.sent(PEER_APPEND).size(), 0U) << "a round is under way";
    node.accept(2, 2, 1);
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_EQ(node.effects.reads[0].context, 1U);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.round, 2U);
    node.accept(3, 2, 1);
    EXPECT_EQ(node.effects.read_count, 0U) << "the old round proves nothing for them";
    node.accept(3, 2, 2);
    EXPECT_EQ(node.effects.read_count, 2U);
}

/* A follower repeats the newest round of its leader, also in answer to an older append. */
TEST(PaperRead, FollowerRepeatsTheNewestRound)
{
    raft_alone node(2, 3);
    node.log({1}).boot(1);
    struct peer_message append = {};
    append.kind = PEER_APPEND;
    append.from = 1;
    append.term = 1;
    append.previous = {1, 1};
    append.begin = 2;
    append.end = 2;
    for (uint64_t round : {3, 7, 5}) {
        append.round = round;
        node.receive(append);
        EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.round,
                std::max<uint64_t>(round, round == 5 ? 7 : 0));
    }
    append.from = 3;
    append.term = 2;
    append.round = 1;
    node.receive(append);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.round, 1U) << "another term counts anew";
}

/* A leader that was deposed meanwhile must not answer. */
TEST(PaperRead, LostLeadershipFailsReads)
{
    raft_alone node(1, 3);
    serving(node);
    node.event(RAFT_READ, 1);
    node.append(3, 5, {2, 2}, {5});
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_FALSE(node.effects.reads[0].granted);

    raft_alone alone(1, 3);
    serving(alone);
    alone.event(RAFT_READ, 1);
    alone.wait(500 * MS);
    ASSERT_EQ(alone.effects.read_count, 1U);
    EXPECT_FALSE(alone.effects.reads[0].granted);
}

/* Nobody to wait for. */
TEST(PaperRead, SingleNodeAnswersAtOnce)
{
    raft_alone node(1, 1);
    node.boot(0, 0, true);
    node.wait(0);
    node.written();
    ASSERT_TRUE(raft_is_leader(node.raft));
    node.event(RAFT_READ, 1);
    EXPECT_EQ(node.effects.read_count, 0U) << "nothing is committed yet";
    node.propose();
    node.written();
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_EQ(node.effects.reads[0].index, 1U);
    node.event(RAFT_READ, 2);
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_TRUE(node.effects.reads[0].granted);
}

/* [Raft 6.4] A follower asks its leader, and gives up when that cannot answer any more. */
TEST(PaperRead, FollowerAsksItsLeader)
{
    raft_alone node(2, 3);
    node.log({1}).boot(1);
    node.event(RAFT_READ, 1);
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_FALSE(node.effects.reads[0].granted) << "no leader is known";
    node.append(1, 1, {1, 1}, {});
    node.event(RAFT_READ, 2);
    struct peer_message answer = node.only(PEER_READ, 1).body;
    answer.kind = PEER_READ_ANSWER;
    answer.granted = true;
    answer.index = 5;
    answer.from = 3;
    node.receive(answer);
    EXPECT_EQ(node.effects.read_count, 0U) << "not whom it asked";
    answer.from = 1;
    answer.context += 100;
    node.receive(answer);
    EXPECT_EQ(node.effects.read_count, 0U) << "not what it asked";
    answer.context -= 100;
    node.receive(answer);
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_EQ(node.effects.reads[0].context, 2U);
    EXPECT_EQ(node.effects.reads[0].index, 5U);
    node.receive(answer);
    EXPECT_EQ(node.effects.read_count, 0U) << "repeated";
}

TEST(PaperRead, FollowerGivesUp)
{
    uint64_t before = mark_count("read_timed_out");
    raft_alone node(2, 3);
    node.log({1}).boot(1);
    node.append(1, 1, {1, 1}, {});
    node.event(RAFT_READ, 1);
    node.closed(1, false);
    ASSERT_EQ(node.effects.read_count, 1U) << "the connection closed";
    EXPECT_FALSE(node.effects.reads[0].granted);
    node.open(1);
    node.event(RAFT_READ, 2);
    for (int i = 0; i < 9; i++) {
        node.wait(50 * MS);
        node.append(1, 1, {1, 1}, {});
        EXPECT_EQ(node.effects.read_count, 0U);
    }
    EXPECT_EQ(raft_deadline(node.raft), node.now_ns + 50 * MS);
    node.wait(50 * MS);
    ASSERT_EQ(node.effects.read_count, 1U) << "the question or its answer was lost";
    EXPECT_EQ(mark_count("read_timed_out"), before + 1);
    node.event(RAFT_READ, 3);
    node.append(3, 2, {1, 1}, {});
    ASSERT_EQ(node.effects.read_count, 1U) << "another leads";
    EXPECT_FALSE(node.effects.reads[0].granted);
}

TEST(PaperRead, LeaderAnswersFollowers)
{
    raft_alone node(1, 3);
    serving(node);
    struct peer_message question = {};
    question.kind = PEER_READ;
    question.from = 3;
    question.term = 2;
    question.context = 99;
    node.receive(question);
    EXPECT_EQ(node.sent(PEER_READ_ANSWER).size(), 0U);
    node.accept(2, 2, 1);
    struct raft_message answer = node.only(PEER_READ_ANSWER, 3);
    EXPECT_TRUE(answer.body.granted);
    EXPECT_EQ(answer.body.context, 99U);
    EXPECT_EQ(answer.body.index, 2U);
    raft_alone follower(2, 3);
    follower.log({1}).boot(1);
    follower.receive(question);
    EXPECT_FALSE(follower.only(PEER_READ_ANSWER, 3).body.granted);
    EXPECT_EQ(follower.only(PEER_READ_ANSWER, 3).body.context, 99U);
}

/* More than reads_max wait: the next is told so. */
TEST(PaperRead, TooManyAreRefused)
{
    uint64_t before = mark_count("too_many_reads");
    raft_alone node(1, 3);
    serving(node);
    for (uint64_t i = 0; i < 8; i++)
        EXPECT_EQ(node.event(RAFT_READ, i).read_count, 0U);
    ASSERT_EQ(node.event(RAFT_READ, 8).read_count, 1U);
    EXPECT_FALSE(node.effects.reads[0].granted);
    EXPECT_EQ(mark_count("too_many_reads"), before + 1);
    node.accept(2, 2, 1);
    EXPECT_EQ(node.effects.read_count, 1U);
    node.accept(2, 2, 2);
    EXPECT_EQ(node.effects.read_count, 7U);
}

/*
 * More at once than a step's effects hold: the rest with the next step, which is due now.
 */
TEST(PaperRead, ManyAnswersTakeMoreSteps)
{
    struct raft_settings settings = small_settings(1, 3);
    settings.reads_max = 200;
    raft_alone node(settings);
    serving(node);
    for (uint64_t i = 0; i < 200; i++)
        node.event(RAFT_READ, i);
    node.accept(2, 2, 1);
    node.accept(2, 2, 2);
    EXPECT_EQ(node.effects.read_count, 64U);
    EXPECT_EQ(raft_deadline(node.raft), node.now_ns);
    EXPECT_EQ(node.wait(0).read_count, 64U);
    EXPECT_EQ(node.wait(0).read_count, 64U);
    EXPECT_EQ(node.wait(0).read_count, 7U);
    EXPECT_GT(raft_deadline(node.raft), node.now_ns);
}

/*
 * On all nodes, through changes of leaders; the cluster compares with what was
 * committed.
 */
TEST(PaperRead, G8_NeverStaleOnAnyNode)
{
    uint64_t granted = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        raft_cluster cluster(3, seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader());
        for (int i = 0; i < 200; i++) {
            if (cluster.leader() != 0)
                cluster.propose(cluster.leader());
            cluster.read(static_cast<uint8_t>(1 + cluster.below(3)));
            if (i % 50 == 49)
                cluster.event(cluster.leader(), RAFT_TRANSFER);
            cluster.run_for(cluster.below(2 * MS));
        }
        cluster.run_for(NS_PER_S);
        for (const auto &answer : cluster.reads) {
            EXPECT_TRUE(answer.done);
            granted += answer.granted ? 1 : 0;
        }
    }
    EXPECT_GT(granted, 2000U);
}

} // namespace
