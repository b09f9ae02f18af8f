/*
 * Elections: [Raft 3.3, 3.4, 3.6.1, 3.8, 4.2.3, 6.2, 9.3, 9.6], one test per rule.
 *
 * The faults defended against are named as what they were when others had them: a vote sent
 * before it was durable, term and vote kept apart, a candidate's term not kept, a vote
 * cleared within its term, two notions of the term, PreVote and CheckQuorum in deadlock.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

/* [Raft 3.4] At most one vote a term, first come, first served. */
TEST(PaperElection, VotesOncePerTerm)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.ask_vote(2, 2, {1, 1});
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted);
    node.ask_vote(3, 2, {1, 1});
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
    node.ask_vote(2, 2, {1, 1});
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted) << "asked again: the same answer";
    node.ask_vote(3, 3, {1, 1});
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted) << "a new term, a new vote";
}

/* [Raft 3.6.1] The voter's log must not be better: last term first, then length. */
TEST(PaperElection, RefusesLogsThatAreBehind)
{
    raft_alone node(1, 3);
    node.log({1, 2, 2}).boot(2);
    uint64_t term = 3;
    auto granted = [&](struct entry_id last) {
        node.ask_vote(2, term++, last);
        return node.only(PEER_VOTE_ANSWER).body.granted;
    };
    EXPECT_FALSE(granted({2, 2}));
    EXPECT_FALSE(granted({1, 9})) << "longer, but of an older term";
    EXPECT_FALSE(granted({0, 0}));
    EXPECT_TRUE(granted({2, 3}));
    EXPECT_TRUE(granted({3, 2})) << "shorter, but of a newer term";
}

/* [Raft 3.8] A vote sent before it is durable can be given twice. */
TEST(PaperElection, VoteLeavesWhenDurable)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    struct raft_effects &effects = node.ask_vote(2, 2, {1, 1});
    EXPECT_TRUE(effects.save) << "term and vote in one write";
    EXPECT_EQ(raft_term(node.raft), 2U);
    EXPECT_EQ(raft_vote(node.raft), 2);
    EXPECT_EQ(node.only(PEER_VOTE_ANSWER).after_write, effects.write);
    EXPECT_NE(effects.write, 0U);
    node.ask_vote(2, 2, {1, 1});
    EXPECT_EQ(node.only(PEER_VOTE_ANSWER).after_write, 1U)
            << "still on its way to the disk";
    node.written();
    node.ask_vote(2, 2, {1, 1});
    EXPECT_EQ(node.only(PEER_VOTE_ANSWER).after_write, 0U);
}

/* [Raft 3.8] Refusals, too, speak of a term that is kept only once it is durable. */
TEST(PaperElection, NewerTermLeavesWhenDurable)
{
    raft_alone node(1, 3);
    node.log({1, 2}).boot(2);
    struct raft_effects &effects = node.ask_vote(2, 7, {1, 1});
    EXPECT_TRUE(effects.save);
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
    EXPECT_EQ(node.only(PEER_VOTE_ANSWER).body.term, 7U);
    EXPECT_EQ(node.only(PEER_VOTE_ANSWER).after_write, effects.write);
    EXPECT_EQ(raft_vote(node.raft), 0);
}

/* [Raft 3.8] A candidate's new term is kept, and asked for only when it is. */
TEST(PaperElection, CandidateSavesBeforeAsking)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.event(RAFT_CAMPAIGN);
    EXPECT_EQ(raft_term(node.raft), 1U) << "a pre-vote changes nothing";
    struct raft_effects &effects = node.answer_vote(2, 2, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    EXPECT_TRUE(effects.save);
    ASSERT_EQ(node.sent(PEER_VOTE).size(), 2U);
    for (const struct raft_message &vote : node.sent(PEER_VOTE))
        EXPECT_EQ(vote.after_write, effects.write);
    node.answer_vote(2, 2, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE) << "its own vote is not durable yet";
    node.written();
    EXPECT_EQ(raft_role(node.raft), RAFT_LEADER);
}

/*
 * [Raft 3.8] After a restart the vote still stands, and its term cannot be stood for again.
 */
TEST(PaperElection, VoteSurvivesRestart)
{
    raft_alone node(1, 3);
    node.log({1}).boot(5, 2);
    node.ask_vote(3, 5, {1, 1});
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
    node.ask_vote(2, 5, {1, 1});
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted);

    raft_alone candidate(1, 3);
    candidate.log({1}).boot(5, 1);
    candidate.answer_vote(2, 5, true, false);
    EXPECT_EQ(raft_role(candidate.raft), RAFT_FOLLOWER) << "a vote for its former life";
    candidate.event(RAFT_CAMPAIGN);
    candidate.answer_vote(2, 6, true, true);
    EXPECT_EQ(raft_term(candidate.raft), 6U);
}

/* Records read again (a segment's header repeats the vote) do not clear a vote. */
TEST(PaperElection, RestoringDoesNotClearAVote)
{
    raft_alone node(1, 3);
    node.log({1});
    raft_restore_vote(node.raft, 5, 2);
    raft_restore_vote(node.raft, 5, 0);
    raft_restore_vote(node.raft, 4, 3);
    node.boot(5);
    EXPECT_EQ(raft_vote(node.raft), 2);
}

/* An entry newer than the vote record: the vote of that term is lost, so it is used up. */
TEST(PaperElection, LostVoteRecordIsUsedUp)
{
    uint64_t before = mark_count("restored_newer_entry");
    raft_alone node(1, 3);
    node.log({1, 4}).boot(3, 2);
    EXPECT_EQ(mark_count("restored_newer_entry"), before + 1);
    EXPECT_EQ(raft_term(node.raft), 4U);
    node.ask_vote(2, 4, {4, 2});
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
}

/* [Raft 3.4] A candidate that hears a leader of its term follows it. */
TEST(PaperElection, CandidateFollowsLeaderOfItsTerm)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(2, 2, true, true);
    node.written();
    node.append(3, 2, {1, 1}, {2});
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_leader(node.raft), 3);
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_NEW_LEADER);
    EXPECT_EQ(raft_vote(node.raft), 1) << "its vote in this term stays its own";
}

/* [Raft 3.3] A newer term ends leading; an older leader is refused and told the term. */
TEST(PaperElection, NewerTermDeposesOlderIsRefused)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead().propose();
    ASSERT_TRUE(raft_is_leader(node.raft));
    node.append(2, 1, {1, 1}, {1});
    EXPECT_FALSE(node.only(PEER_APPEND_ANSWER).body.accepted);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.term, 2U);
    EXPECT_TRUE(raft_is_leader(node.raft));
    node.append(3, 3, {1, 1}, {3});
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_leader(node.raft), 3);
    EXPECT_EQ(raft_term(node.raft), 3U);
}

/* [Raft 9.6] A pre-vote stores nothing, and several may be given. */
TEST(PaperElection, PreVoteStoresNothing)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    for (uint8_t candidate : {2, 3, 2}) {
        node.ask_vote(candidate, 2, {1, 1}, true);
        EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted);
        EXPECT_EQ(node.only(PEER_VOTE_ANSWER).body.term, 2U);
        EXPECT_EQ(node.effects.write, 0U);
    }
    EXPECT_EQ(raft_term(node.raft), 1U);
    EXPECT_EQ(raft_vote(node.raft), 0);
    node.ask_vote(2, 2, {0, 0}, true);
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted) << "a log that is behind";
    node.ask_vote(2, 1, {1, 1}, true);
    EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted) << "a term that is over";
}

/* [Raft 4.2.3, 9.6] While the leader is alive nobody is elected and no term is taken on. */
TEST(PaperElection, LivingLeaderIsDefended)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(2, 1, {1, 1}, {});
    node.now_ns += 249 * MS;
    for (bool pre : {true, false}) {
        node.ask_vote(3, 9, {1, 1}, pre);
        EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
        EXPECT_EQ(node.only(PEER_VOTE_ANSWER).body.term, 1U);
    }
    EXPECT_EQ(raft_term(node.raft), 1U);
    EXPECT_EQ(raft_leader(node.raft), 2);
    node.ask_vote(2, 2, {1, 1}, true);
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted) << "it is the leader that asks";
    node.now_ns += 1 * MS;
    node.ask_vote(3, 2, {1, 1}, true);
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted) << "silent for election_min";
}

TEST(PaperElection, LeaderDefendsItself)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead().propose();
    for (bool pre : {true, false}) {
        node.ask_vote(3, 9, {9, 9}, pre);
        EXPECT_FALSE(node.only(PEER_VOTE_ANSWER).body.granted);
    }
    EXPECT_TRUE(raft_is_leader(node.raft));
}

/* A leader whose connection is closed is not alive, however lately it was heard. */
TEST(PaperElection, ClosedLeaderIsNotDefended)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(2, 1, {1, 1}, {});
    node.closed(2, false);
    EXPECT_EQ(raft_leader(node.raft), 2) << "closed by this end: it may well be alive";
    node.ask_vote(3, 2, {1, 1}, true);
    EXPECT_TRUE(node.only(PEER_VOTE_ANSWER).body.granted);
}

/* A leader that died, as its closed connection tells, is replaced within milliseconds. */
TEST(PaperElection, StandsEarlyWhenTheLeaderClosed)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(2, 1, {1, 1}, {});
    node.closed(3, true);
    EXPECT_GE(raft_deadline(node.raft), node.now_ns + 250 * MS) << "not the leader";
    node.closed(2, true);
    EXPECT_EQ(raft_leader(node.raft), 0);
    EXPECT_LT(raft_deadline(node.raft), node.now_ns + 5 * MS);
    node.open(3);
    node.wait(5 * MS);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE);
    EXPECT_TRUE(node.only(PEER_VOTE, 3).body.pre);
}

/* Heard from again, through a new connection: nothing was the matter. */
TEST(PaperElection, EarlyStandingEndsWhenTheLeaderIsHeard)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(2, 1, {1, 1}, {});
    node.closed(2, true);
    node.wait(5 * MS);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE);
    node.open(2);
    node.append(2, 1, {1, 1}, {});
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(raft_leader(node.raft), 2);
    EXPECT_EQ(raft_term(node.raft), 1U);
    EXPECT_GE(raft_deadline(node.raft), node.now_ns + 250 * MS);
}

/*
 * Two who saw the same leader die: the one with the better log or the greater id goes on.
 */
TEST(PaperElection, HurriedCandidatesGiveWay)
{
    uint64_t before = mark_count("gave_way");
    raft_alone small(1, 3);
    raft_alone great(2, 3);
    for (raft_alone *node : {&small, &great}) {
        node->log({1}).boot(1);
        node->append(3, 1, {1, 1}, {});
        node->closed(3, true);
        node->wait(5 * MS);
        ASSERT_EQ(raft_role(node->raft), RAFT_PRECANDIDATE);
    }
    small.ask_vote(2, 2, {1, 1}, true);
    EXPECT_TRUE(small.only(PEER_VOTE_ANSWER).body.granted);
    EXPECT_EQ(raft_role(small.raft), RAFT_FOLLOWER);
    great.ask_vote(1, 2, {1, 1}, true);
    EXPECT_TRUE(great.only(PEER_VOTE_ANSWER).body.granted);
    EXPECT_EQ(raft_role(great.raft), RAFT_PRECANDIDATE);
    EXPECT_EQ(mark_count("gave_way"), before + 1);
}

/*
 * Who only waited its whole timeout out does not give way again: a deaf node that keeps
 * asking cannot hold up the others.
 */
TEST(PaperElection, GivesWayOnlyWhenHurried)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    uint64_t deadline = raft_deadline(node.raft);
    for (int i = 0; i < 20; i++) {
        node.wait(10 * MS);
        node.ask_vote(3, 2, {1, 1}, true);
    }
    EXPECT_EQ(raft_deadline(node.raft), deadline);
}

/* Nor does a hurry outlast the first try. */
TEST(PaperElection, HurryIsForOneTry)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(3, 1, {1, 1}, {});
    node.closed(3, true);
    node.wait(5 * MS);
    node.wait(500 * MS);
    ASSERT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE);
    node.ask_vote(2, 2, {1, 1}, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE);
}

/* [Raft 3.4] Who votes for a candidate gives it a whole timeout to win. */
TEST(PaperElection, VotingRestartsTheTimeout)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.wait(raft_deadline(node.raft) - node.now_ns - 1);
    node.ask_vote(2, 2, {1, 1});
    EXPECT_GE(raft_deadline(node.raft), node.now_ns + 250 * MS);
    uint64_t deadline = raft_deadline(node.raft);
    node.now_ns += 10 * MS;
    node.ask_vote(3, 2, {1, 1});
    EXPECT_EQ(raft_deadline(node.raft), deadline) << "refused";
}

/* Split votes are tried again at once, not after a timeout. */
TEST(PaperElection, LostElectionIsRepeatedSoon)
{
    uint64_t before = mark_count("election_lost");
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.closed(3, true);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(2, 2, true, true);
    node.written();
    node.answer_vote(2, 2, false, false);
    EXPECT_EQ(mark_count("election_lost"), before + 1);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_LT(raft_deadline(node.raft), node.now_ns + 5 * MS);
}

/* Nobody is stuck in an old term: who refuses tells the newer one. */
TEST(PaperElection, RefusalTellsTheNewerTerm)
{
    uint64_t before = mark_count("answer_had_newer_term");
    raft_alone voter(2, 3);
    voter.log({1}).boot(7);
    voter.ask_vote(1, 2, {1, 1}, true);
    EXPECT_FALSE(voter.only(PEER_VOTE_ANSWER).body.granted);
    EXPECT_EQ(voter.only(PEER_VOTE_ANSWER).body.term, 7U);

    raft_alone candidate(1, 3);
    candidate.log({1}).boot(1);
    candidate.event(RAFT_CAMPAIGN);
    candidate.answer_vote(2, 7, false, true);
    EXPECT_EQ(raft_term(candidate.raft), 7U);
    EXPECT_EQ(raft_role(candidate.raft), RAFT_FOLLOWER);
    EXPECT_LT(raft_deadline(candidate.raft), candidate.now_ns + 5 * MS);
    candidate.wait(5 * MS);
    EXPECT_EQ(candidate.only(PEER_VOTE, 2).body.term, 8U);
    EXPECT_EQ(mark_count("answer_had_newer_term"), before + 1);
}

/* Votes of another candidacy, or pre-votes taken for votes, do not count. */
TEST(PaperElection, OnlyVotesOfThisCandidacyCount)
{
    raft_alone node(1, 5);
    node.log({1}).boot(4);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(2, 5, true, true);
    node.answer_vote(2, 5, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE) << "the same voter twice";
    node.answer_vote(3, 4, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE) << "for an older term";
    node.answer_vote(3, 5, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    node.written();
    node.answer_vote(2, 6, true, true);
    node.answer_vote(3, 6, true, true);
    node.answer_vote(2, 4, true, false);
    node.answer_vote(3, 4, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
    node.answer_vote(2, 5, true, false);
    node.answer_vote(5, 5, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_LEADER);
}

/* [Raft 6.2] A leader that no majority answers stops leading within an election timeout. */
TEST(PaperElection, LeaderWithoutMajorityStepsDown)
{
    raft_alone node(1, 5);
    node.log({1}).boot(1);
    node.lead().propose();
    uint64_t led = node.now_ns;
    for (int i = 0; i < 9; i++) {
        node.wait(50 * MS);
        node.accept(2, 1);
    }
    EXPECT_TRUE(raft_is_leader(node.raft));
    EXPECT_EQ(raft_majority_heard_ns(node.raft), led) << "two of five is no majority";
    node.wait(50 * MS);
    EXPECT_FALSE(raft_is_leader(node.raft));
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_NO_MAJORITY);
    EXPECT_EQ(raft_leader(node.raft), 0);
    EXPECT_EQ(node.sent(PEER_APPEND).size(), 0U);
}

TEST(PaperElection, LeaderWithMajorityStays)
{
    raft_alone node(1, 5);
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    for (int i = 0; i < 40; i++) {
        node.wait(50 * MS);
        EXPECT_EQ(node.sent(PEER_APPEND).size(), 4U) << "a heartbeat each";
        node.accept(2, 1);
        node.accept(4, 1);
    }
    EXPECT_TRUE(raft_is_leader(node.raft));
    EXPECT_EQ(raft_majority_heard_ns(node.raft), node.now_ns);
}

/* [Raft 9.3] Timeouts are spread over [min, max), drawn anew each time. */
TEST(PaperElection, TimeoutsAreSpread)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    for (int i = 0; i < 1000; i++) {
        node.append(2, 1, {1, 1}, {});
        uint64_t timeout = raft_deadline(node.raft) - node.now_ns;
        least = std::min(least, timeout);
        most = std::max(most, timeout);
    }
    EXPECT_GE(least, 250 * MS);
    EXPECT_LT(least, 252 * MS);
    EXPECT_GE(most, 498 * MS);
    EXPECT_LT(most, 500 * MS);
}

/* Only what is meant for this node, by a member, is heard. */
TEST(PaperElection, StrangersAreNotHeard)
{
    uint64_t before = mark_count("message_of_stranger");
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.ask_vote(9, 5, {5, 5});
    node.ask_vote(1, 5, {5, 5});
    struct peer_message vote = {};
    vote.kind = PEER_VOTE;
    vote.from = 2;
    vote.to = 3;
    vote.term = 5;
    vote.last = {5, 5};
    struct raft_event event = {};
    event.kind = RAFT_RECEIVE;
    event.message = &vote;
    node.step(event);
    EXPECT_EQ(raft_term(node.raft), 1U);
    EXPECT_EQ(mark_count("message_of_stranger"), before + 3);
}

} // namespace
