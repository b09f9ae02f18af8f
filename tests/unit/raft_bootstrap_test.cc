/*
 * Bootstrap: the first leader needs everybody, and an emptied directory is never mistaken
 * for a new one (see the essay in raft.h). The fault defended against: a second cluster
 * made beside the first, and a forgotten vote given again.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

TEST(RaftBootstrap, NeedsThePreVotesAndVotesOfAll)
{
    raft_alone node(1, 3);
    node.boot(0, 0, true);
    EXPECT_TRUE(raft_is_blank(node.raft));
    node.event(RAFT_CAMPAIGN);
    EXPECT_TRUE(node.only(PEER_VOTE, 2).body.bootstrap);
    node.answer_vote(2, 1, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE) << "two of three do not suffice";
    EXPECT_EQ(node.effects.write, 0U);
    node.answer_vote(3, 1, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    EXPECT_FALSE(raft_is_blank(node.raft));
    node.written();
    node.answer_vote(2, 1, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    node.answer_vote(3, 1, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_LEADER);
    EXPECT_TRUE(node.effects.start_term);
}

TEST(RaftBootstrap, SaysWhoIsMissing)
{
    raft_alone node(1, 3);
    raft_boot(node.raft, node.now_ns, true);
    EXPECT_EQ(raft_missing(node.raft), UINT64_C(1) << 2 | UINT64_C(1) << 3);
    int told = 0;
    for (int i = 0; i < 230; i++) {
        node.wait(100 * MS);
        told += node.effects.notice == RAFT_NOTICE_MISSING ? 1 : 0;
    }
    EXPECT_EQ(told, 5) << "in 23 s, every 5 s";
    node.open(2);
    EXPECT_EQ(raft_missing(node.raft), UINT64_C(1) << 3);
    node.closed(2, true);
    EXPECT_EQ(raft_missing(node.raft), UINT64_C(1) << 2 | UINT64_C(1) << 3);
    raft_alone bootstrapped(1, 3);
    bootstrapped.log({1}).boot(1);
    EXPECT_EQ(raft_missing(bootstrapped.raft), 0U);
}

TEST(RaftBootstrap, SingleNodeBootstrapsAtOnce)
{
    raft_cluster cluster(1, 1);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_leader(10 * MS));
    for (int i = 0; i < 10; i++)
        EXPECT_TRUE(cluster.propose(1));
    cluster.run_for(10 * MS);
    EXPECT_EQ(cluster.committed.size(), 11U);
    cluster.run_for(5 * NS_PER_S);
    EXPECT_EQ(cluster.leader(), 1);
    EXPECT_GE(raft_majority_heard_ns(cluster.raft(1)) + 60 * MS, cluster.now_ns());
    cluster.crash(1);
    cluster.start(1);
    EXPECT_TRUE(cluster.run_until_leader(10 * MS));
}

/* A blank node votes for blank candidates only, ... */
TEST(RaftBootstrap, BlankNodeVotesForBootstrapOnly)
{
    raft_alone node(1, 3);
    node.boot(0, 0, true);
    node.ask_vote(2, 4, {0, 0}, false);
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted);
    EXPECT_TRUE(node.effects.save);
    EXPECT_FALSE(raft_is_blank(node.raft));

    for (bool pre : {true, false}) {
        uint64_t before = mark_count("blank_met_bootstrapped");
        raft_alone emptied(1, 3);
        emptied.boot(0, 0, true);
        struct raft_effects &effects = emptied.ask_vote(2, 4, {1, 1}, pre);
        struct raft_message answer = emptied.only(PEER_VOTE_ANSWER);
        EXPECT_FALSE(answer.body.granted);
        EXPECT_EQ(answer.body.state, PEER_STATE_BLANK);
        EXPECT_EQ(effects.write, 0U);
        EXPECT_EQ(effects.notice, RAFT_NOTICE_BLANK);
        emptied.ask_vote(3, 5, {0, 0}, pre);
        EXPECT_EQ(emptied.only(PEER_VOTE_ANSWER).body.state, PEER_STATE_BLANK)
                << "not for founders, either, now that it knows";
        EXPECT_EQ(emptied.effects.notice, RAFT_NOTICE_NONE) << "said once";
        EXPECT_TRUE(raft_is_blank(emptied.raft));
        EXPECT_TRUE(raft_met_bootstrapped(emptied.raft));
        EXPECT_EQ(mark_count("blank_met_bootstrapped"), before + 1);
    }
}

/*
 * Its log was given up: so it takes no part, until it joins. What it joins with is saved: its
 * leader may be in the same term, and the log has to begin with something.
 */
TEST(RaftBootstrap, WhoGaveUpItsLogKeepsTermAndVote)
{
    raft_alone node(1, 3);
    raft_restore_given_up(node.raft);
    node.boot(7, 2, true);
    EXPECT_TRUE(raft_met_bootstrapped(node.raft));
    node.ask_vote(3, 8, {0, 0}, false);
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
    EXPECT_EQ(node.only(PEER_VOTE_ANSWER).body.state, PEER_STATE_BLANK);
    raft_event join{};
    join.kind = RAFT_JOIN;
    EXPECT_TRUE(raft_may_write(node.raft, &join));
    EXPECT_TRUE(node.step(join).save);
    EXPECT_EQ(raft_term(node.raft), 7U);
    EXPECT_EQ(raft_vote(node.raft), 2);
    EXPECT_TRUE(raft_is_joining(node.raft));
}

/* ... takes no entries, does not stand, and writes nothing. */
TEST(RaftBootstrap, BlankNodeThatMetAClusterKeepsOut)
{
    uint64_t before = mark_count("may_not_stand");
    raft_alone node(1, 3);
    node.boot(0, 0, true);
    node.append(2, 7, {0, 0}, {7});
    struct raft_message answer = node.only(PEER_APPEND_ANSWER);
    EXPECT_EQ(answer.body.state, PEER_STATE_BLANK);
    EXPECT_FALSE(answer.body.accepted);
    EXPECT_EQ(answer.body.term, 7U);
    for (int i = 0; i < 50; i++) {
        EXPECT_EQ(node.wait(100 * MS).message_count, 0U);
        EXPECT_EQ(node.effects.write, 0U);
    }
    node.event(RAFT_CAMPAIGN);
    EXPECT_EQ(node.effects.message_count, 0U);
    EXPECT_GT(mark_count("may_not_stand"), before);
    struct peer_message now = {};
    now.kind = PEER_TIMEOUT_NOW;
    now.from = 2;
    node.receive(now);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_term(node.raft), 0U);
}

/* It learns terms, to found with the others, but keeps none: else it were not blank after a
   restart, and would vote in a cluster that it has forgotten. */
TEST(RaftBootstrap, BlankNodeWritesNoTerm)
{
    raft_alone node(1, 3);
    node.boot(0, 0, true);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(2, 8, false, true);
    EXPECT_EQ(raft_term(node.raft), 8U);
    EXPECT_EQ(node.effects.write, 0U);
    EXPECT_TRUE(raft_is_blank(node.raft));
    node.event(RAFT_CAMPAIGN);
    EXPECT_EQ(node.only(PEER_VOTE, 3).body.term, 9U);
}

/* Who voted while bootstrap is not blank, and takes the first entry. */
TEST(RaftBootstrap, VoterWithoutEntriesTakesThem)
{
    raft_alone node(1, 3);
    node.boot(1, 2);
    EXPECT_FALSE(raft_is_blank(node.raft));
    node.append(2, 1, {0, 0}, {1});
    EXPECT_TRUE(node.only(PEER_APPEND_ANSWER).body.accepted);
    EXPECT_EQ(raft_last(node.raft).index, 1U);

    raft_alone voter(1, 3);
    voter.boot(1, 2);
    voter.ask_vote(3, 2, {1, 1}, false);
    EXPECT_TRUE(voter.only(PEER_VOTE_ANSWER).body.granted) << "of who has the first entry";
    voter.ask_vote(2, 3, {0, 0}, true);
    EXPECT_TRUE(voter.only(PEER_VOTE_ANSWER).body.granted) << "of another who has none";
}

/* Without entries the votes of all are needed, even of nodes that are not blank. */
TEST(RaftBootstrap, NotBlankButWithoutEntriesNeedsAll)
{
    raft_alone node(1, 5);
    node.boot(3, 2);
    node.event(RAFT_CAMPAIGN);
    for (uint8_t id = 2; id <= 4; id++)
        node.answer_vote(id, 4, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE);
    node.answer_vote(5, 4, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    /* A process that was started since is not asked: its directory may be another's. */
    node.written();
    node.closed(3, true);
    node.open(3);
    EXPECT_EQ(node.sent(PEER_VOTE, 3).size(), 0U);
}

/* A flag that does not go with the log that it speaks of is nonsense. */
TEST(RaftBootstrap, FlagMustFitTheLog)
{
    raft_alone node(1, 3);
    node.boot(0, 0, true);
    struct peer_message vote = {};
    vote.kind = PEER_VOTE;
    vote.from = 2;
    vote.term = 1;
    vote.last = {1, 1};
    vote.bootstrap = true;
    EXPECT_EQ(node.receive(vote).message_count, 0U);
    vote.last = {0, 0};
    vote.bootstrap = false;
    EXPECT_EQ(node.receive(vote).message_count, 0U);
    vote.bootstrap = true;
    vote.term = 0;
    EXPECT_EQ(node.receive(vote).message_count, 0U);
    EXPECT_TRUE(raft_is_blank(node.raft));
}

TEST(RaftBootstrap, BlankNodesBootstrapOneCluster)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        raft_cluster cluster(static_cast<uint8_t>(1 + seed % 7), seed);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until_leader(5 * 500 * MS)) << "seed " << seed;
        ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, NS_PER_S));
        EXPECT_EQ(cluster.at(1).disk.log[0].kind, ENTRY_BOOTSTRAP);
    }
}

/* Killed at any moment of bootstrap, over and over: still one first entry. */
TEST(RaftBootstrap, SurvivesCrashesAtAnyMoment)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        raft_cluster cluster(static_cast<uint8_t>(2 + seed % 3), seed);
        cluster.slow_term_start = seed % 2 == 0;
        cluster.start_all();
        for (int i = 0; i < 30; i++) {
            cluster.run_for(cluster.below(i % 5 == 0 ? 400 * MS : 3 * MS));
            auto id = static_cast<uint8_t>(1 + cluster.below(cluster.count()));
            if (cluster.is_up(id))
                cluster.crash(id);
            else
                cluster.start(id);
        }
        for (uint8_t id = 1; id <= cluster.count(); id++)
            if (!cluster.is_up(id))
                cluster.start(id);
        ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S))
                << "seed " << seed;
    }
}

/* Some of the members cannot found without the rest, however long they wait. */
TEST(RaftBootstrap, WaitsForEverybody)
{
    raft_cluster cluster(5, 9);
    for (uint8_t id = 1; id <= 4; id++)
        cluster.start(id);
    cluster.run_for(30 * NS_PER_S);
    EXPECT_EQ(cluster.leader(), 0);
    EXPECT_TRUE(cluster.at(1).disk.log.empty());
    EXPECT_EQ(cluster.at(1).disk.term, 0U) << "nobody even voted";
    EXPECT_EQ(raft_missing(cluster.raft(2)), UINT64_C(1) << 5);
    EXPECT_GE(cluster.at(3).notices[RAFT_NOTICE_MISSING], 5);
    cluster.start(5);
    EXPECT_TRUE(cluster.run_until_leader(5 * 500 * MS));
}

/*
 * Two of three lose their directories: the third alone has the log, and nobody a new one.
 */
TEST(RaftBootstrap, EmptiedMajorityBootstrapsNothing)
{
    raft_cluster cluster(3, 10);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    for (uint8_t id = 1; id <= 3; id++)
        cluster.crash(id);
    cluster.wipe(1);
    cluster.wipe(2);
    cluster.start(1);
    cluster.start(2);
    cluster.run_for(5 * NS_PER_S);
    EXPECT_EQ(cluster.leader(), 0);
    EXPECT_EQ(raft_missing(cluster.raft(1)), UINT64_C(1) << 3);
    cluster.start(3);
    cluster.run_for(5 * NS_PER_S);
    EXPECT_EQ(cluster.leader(), 0);
    EXPECT_EQ(cluster.at(1).notices[RAFT_NOTICE_BLANK], 1);
    EXPECT_EQ(cluster.at(3).notices[RAFT_NOTICE_PEER_BLANK], 2);
    EXPECT_EQ(cluster.at(1).disk.term, 0U);
}

/* One of three loses its directory: the others go on, and say so. */
TEST(RaftBootstrap, EmptiedNodeIsLeftOut)
{
    raft_cluster cluster(3, 12);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    uint8_t emptied = cluster.leader();
    cluster.crash(emptied);
    cluster.wipe(emptied);
    cluster.start(emptied);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    cluster.run_for(5 * NS_PER_S);
    uint8_t leader = cluster.leader();
    EXPECT_NE(leader, emptied);
    EXPECT_EQ(cluster.at(leader).notices[RAFT_NOTICE_PEER_BLANK], 1) << "said once";
    EXPECT_EQ(raft_peer_match(cluster.raft(leader), emptied), 0U);
    EXPECT_TRUE(cluster.at(emptied).disk.log.empty());
}

} // namespace
