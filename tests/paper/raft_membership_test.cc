/*
 * Configurations: which one counts, who counts in it, and when it may change. [Raft 4.1]
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t set_of(std::initializer_list<unsigned> ids)
{
    uint64_t set = 0;
    for (unsigned id : ids)
        set |= UINT64_C(1) << id;
    return set;
}

struct raft_entry configuration(struct entry_id id, uint64_t voters, uint64_t learners = 0)
{
    return {id, ENTRY_CONFIGURATION, 200, {voters, learners, false}};
}

void propose(raft_alone &node, uint64_t voters, uint64_t learners = 0)
{
    struct raft_event event = {};
    event.kind = RAFT_PROPOSE;
    event.entry = configuration({0, 0}, voters, learners);
    node.step(event);
}

/* Node 1 of three leads; the entry that begins its term, index 2, is committed. */
raft_alone &led(raft_alone &node)
{
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.accept(2, 2);
    node.accept(3, 2);
    EXPECT_EQ(raft_commit(node.raft), 2U);
    return node;
}

struct raft_effects &append(raft_alone &node, uint8_t leader, uint64_t term,
        struct entry_id previous, const std::vector<struct raft_entry> &entries,
        uint64_t commit = 0)
{
    struct peer_message message = {};
    message.kind = PEER_APPEND;
    message.from = leader;
    message.term = term;
    message.previous = previous;
    message.commit = commit;
    message.begin = previous.index + 1;
    message.end = message.begin + entries.size();
    return node.receive(message, entries);
}

uint64_t voters(const raft_alone &node)
{
    return raft_newest_configuration(node.raft).voters;
}

void open_as(raft_alone &node, uint8_t peer, uint64_t incarnation, bool outsider)
{
    struct raft_event event = {};
    event.kind = RAFT_PEER_OPEN;
    event.peer = peer;
    event.incarnation = incarnation;
    event.outsider = outsider;
    node.step(event);
}

} // namespace

TEST(PaperMembers, AConfigurationCountsWhenItIsAppended)
{
    raft_alone node(1, 3);
    led(node);
    propose(node, set_of({1, 2, 3}), set_of({4}));
    node.written();
    node.accept(2, 3);
    node.open(4);
    propose(node, set_of({1, 2, 3, 4}));
    node.written();
    node.accept(2, 4);
    EXPECT_EQ(raft_commit(node.raft), 3U) << "two of four are no majority";
    node.accept(4, 4);
    EXPECT_EQ(raft_commit(node.raft), 4U);
}

TEST(PaperMembers, AFollowerTakesItUncommitted)
{
    raft_alone node(3, 3);
    node.log({1}).boot(1);
    append(node, 1, 1, {1, 1}, {configuration({1, 2}, set_of({1, 3}))});
    EXPECT_EQ(voters(node), set_of({1, 3}));
    EXPECT_EQ(raft_configuration_index(node.raft), 2U);
}

TEST(PaperMembers, TruncationUndoesIt)
{
    raft_alone node(3, 3);
    node.log({1}).boot(1);
    append(node, 1, 1, {1, 1}, {configuration({1, 2}, set_of({1, 3}))});
    struct raft_entry other = {{2, 2}, ENTRY_BATCH, 100, {}};
    append(node, 2, 2, {1, 1}, {other});
    EXPECT_EQ(voters(node), set_of({1, 2, 3}));
    EXPECT_EQ(raft_configuration_index(node.raft), 0U);
    EXPECT_GT(mark_count("configuration_undone"), 0U);
}

TEST(PaperMembers, TruncationUndoesItOverARestart)
{
    raft_alone node(3, 3);
    node.log({1});
    const struct raft_entry first = configuration({1, 2}, set_of({1, 2, 3}), set_of({4}));
    const struct raft_entry second = configuration({1, 3}, set_of({1, 2, 3, 4}));
    raft_restore(node.raft, &first);
    raft_restore(node.raft, &second);
    raft_restore_truncate(node.raft, 3);
    node.boot(1);
    EXPECT_EQ(voters(node), set_of({1, 2, 3}));
    EXPECT_EQ(raft_newest_configuration(node.raft).learners, set_of({4}));
    EXPECT_EQ(raft_configuration_index(node.raft), 2U);
}

/* The log begins after entry 100, and its snapshot has the configuration of entry 90. */
static void restore_snapshot(raft_alone &node)
{
    const struct raft_configuration kept = {set_of({1, 5}), set_of({6}), false};
    raft_restore_snapshot(node.raft, {4, 100}, 90, &kept);
}

TEST(PaperMembers, ALogThatBeginsLaterHasItFromTheSnapshot)
{
    raft_alone node(1, 3);
    raft_restore_begin(node.raft, {4, 100});
    restore_snapshot(node);
    node.boot(4);
    EXPECT_EQ(voters(node), set_of({1, 5}));
    EXPECT_EQ(raft_configuration_index(node.raft), 90U);
    node.closed(2, false);
    node.closed(3, false);
    node.wait(1);
    EXPECT_EQ(node.raft->peer_count, 2U);
}

TEST(PaperMembers, OneBehindTheSnapshotCountsAndIsUndoneToTheSnapshots)
{
    raft_alone node(1, 3);
    raft_restore_begin(node.raft, {4, 100});
    const struct raft_entry later = configuration({4, 101}, set_of({1, 5, 6}));
    raft_restore(node.raft, &later);
    restore_snapshot(node);
    node.boot(4);
    EXPECT_EQ(voters(node), set_of({1, 5, 6}));
    struct raft_entry other = {{5, 101}, ENTRY_BATCH, 100, {}};
    append(node, 5, 5, {4, 100}, {other});
    EXPECT_EQ(voters(node), set_of({1, 5}));
    EXPECT_EQ(raft_configuration_index(node.raft), 90U);
}

TEST(PaperMembers, OneThatTheSnapshotIsBehindIsTheSame)
{
    raft_alone node(1, 3);
    node.log({1});
    const struct raft_entry same = configuration({1, 2}, set_of({1, 5}));
    raft_restore(node.raft, &same);
    const struct raft_configuration kept = {set_of({1, 5}), 0, false};
    raft_restore_snapshot(node.raft, {1, 2}, 2, &kept);
    node.boot(1);
    EXPECT_EQ(voters(node), set_of({1, 5}));
    EXPECT_EQ(raft_configuration_index(node.raft), 2U);
}

TEST(PaperMembers, ASnapshotOfTheLeaderReplacesWhatTheLogSaid)
{
    raft_alone node(3, 3);
    node.log({1}).boot(1);
    append(node, 1, 1, {1, 1}, {configuration({1, 2}, set_of({1, 2, 3, 4}))});
    node.written();
    const struct raft_configuration kept = {set_of({1, 2, 5}), set_of({3}), false};
    raft_restart_at(node.raft, {1, 50}, 40, &kept);
    EXPECT_EQ(voters(node), set_of({1, 2, 5}));
    EXPECT_EQ(raft_configuration_index(node.raft), 40U);
    EXPECT_FALSE(raft_is_voter(node.raft));
    append(node, 1, 1, {1, 50}, {{{1, 51}, ENTRY_BATCH, 100, {}}});
    EXPECT_EQ(raft_last(node.raft).index, 51U);
}

TEST(PaperMembers, NoChangeBeforeTheTermHasACommit)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead();
    EXPECT_FALSE(raft_may_reconfigure(node.raft));
    node.propose();
    node.written();
    EXPECT_FALSE(raft_may_reconfigure(node.raft));
    node.accept(2, 2);
    EXPECT_TRUE(raft_may_reconfigure(node.raft));
}

TEST(PaperMembers, OneChangeAtATime)
{
    raft_alone node(1, 3);
    led(node);
    propose(node, set_of({1, 2, 3}), set_of({4}));
    EXPECT_FALSE(raft_may_reconfigure(node.raft));
    node.written();
    node.accept(3, 3);
    EXPECT_TRUE(raft_may_reconfigure(node.raft));
}

TEST(PaperMembers, ALearnerGetsTheLogAndCountsForNothing)
{
    raft_alone node(1, 3);
    led(node);
    propose(node, set_of({1, 2, 3}), set_of({4}));
    node.written();
    node.open(4);
    EXPECT_EQ(node.sent(PEER_APPEND, 4).size(), 1U);
    node.accept(2, 3);
    node.propose();
    node.written();
    node.accept(4, 4);
    EXPECT_EQ(raft_commit(node.raft), 3U) << "not with a learner";
    node.event(RAFT_TRANSFER, 4);
    EXPECT_TRUE(node.sent(PEER_TIMEOUT_NOW).empty());
    EXPECT_TRUE(raft_takes_proposals(node.raft)) << "no handover to a learner";
    node.wait(500 * NS_PER_MS);
    EXPECT_FALSE(raft_is_leader(node.raft)) << "a learner confirms no lead";
}

TEST(PaperMembers, ALearnerAndARemovedVoterStayQuiet)
{
    for (uint64_t learners : {set_of({3}), uint64_t{0}}) {
        raft_alone node(3, 3);
        node.log({1}).boot(1);
        append(node, 1, 1, {1, 1}, {configuration({1, 2}, set_of({1, 2}), learners)}, 2);
        node.written();
        node.closed(1, true);
        for (int i = 0; i < 10; i++) {
            node.wait(600 * NS_PER_MS);
            EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
            EXPECT_TRUE(node.sent(PEER_VOTE).empty());
        }
        EXPECT_EQ(raft_term(node.raft), 1U);
        /* It still votes: the others may not know yet that it is not to. [Raft 4.2.2] */
        node.ask_vote(2, 2, {1, 2});
        node.written();
        EXPECT_EQ(raft_vote(node.raft), 2U);
    }
}

/*
 * Node 2 alone has the entry that removes it. Node 1 needs the vote of node 2, and has less
 * of a log: so only node 2 can be elected, by node 1. [Raft 4.2.2]
 */
TEST(PaperMembers, ARemovedVoterStandsUntilItsRemovalIsCommitted)
{
    raft_alone node(2, 2);
    node.log({1}).boot(1);
    append(node, 1, 1, {1, 1}, {configuration({1, 2}, set_of({1}))});
    node.written();
    node.event(RAFT_CAMPAIGN);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE) << "its own vote does not count";
    node.answer_vote(1, 2, true, true);
    node.written();
    node.answer_vote(1, 2, true, false);
    ASSERT_TRUE(raft_is_leader(node.raft));
    node.propose();
    node.written();
    EXPECT_EQ(raft_commit(node.raft), 0U);
    node.accept(1, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U);
    EXPECT_FALSE(raft_is_leader(node.raft));
}

TEST(PaperMembers, ALeaderThatIsRemovedLeadsUntilThatIsCommitted)
{
    raft_alone node(1, 3);
    led(node);
    propose(node, set_of({2, 3}));
    node.written();
    node.accept(2, 3);
    EXPECT_TRUE(raft_is_leader(node.raft));
    EXPECT_EQ(raft_commit(node.raft), 2U) << "its own disk counts no more";
    node.accept(3, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U);
    EXPECT_FALSE(raft_is_leader(node.raft));
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_LEFT);
    EXPECT_GT(mark_count("removed_leader_steps_down"), 0U);
    node.wait(NS_PER_S);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
}

TEST(PaperMembers, ARemovedMemberIsToldUntilItIsCommitted)
{
    raft_alone node(1, 3);
    led(node);
    propose(node, set_of({1, 2}));
    EXPECT_EQ(node.sent(PEER_APPEND, 3).size(), 1U) << "the entry that removes it";
    node.written();
    node.accept(3, 3);
    EXPECT_EQ(raft_commit(node.raft), 2U) << "it no longer counts";
    node.accept(2, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U);
    node.wait(60 * NS_PER_MS);
    EXPECT_TRUE(node.sent(PEER_APPEND, 3).empty());
}

TEST(PaperMembers, VotesOfTheNewestConfigurationElect)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    append(node, 2, 1, {1, 1},
            {configuration({1, 2}, set_of({1, 2, 3, 4})), {{1, 3}, ENTRY_BATCH, 100, {}}});
    node.written();
    node.open(4);
    node.closed(2, true);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(3, 2, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE) << "two of four";
    node.answer_vote(4, 2, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE);
}

TEST(PaperMembers, AnotherDirectoryUnderTheIdOfAVoterDoesNotVote)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.closed(3, false);
    open_as(node, 3, 77, true);
    node.event(RAFT_CAMPAIGN);
    node.answer_vote(3, 2, true, true);
    EXPECT_EQ(raft_role(node.raft), RAFT_PRECANDIDATE);
    node.answer_vote(2, 2, true, true);
    node.written();
    node.answer_vote(3, 2, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_CANDIDATE) << "nor with its vote";
    node.answer_vote(2, 2, true, false);
    EXPECT_EQ(raft_role(node.raft), RAFT_LEADER);
}

TEST(PaperMembers, WhatAnotherDirectoryHadIsForgotten)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.closed(3, false);
    open_as(node, 3, 70, false);
    node.lead().propose();
    node.written();
    node.accept(3, 2);
    EXPECT_EQ(raft_peer_match(node.raft, 3), 2U);
    open_as(node, 3, 71, false);
    EXPECT_EQ(raft_peer_match(node.raft, 3), 0U);
}

TEST(PaperMembers, AVoterThatBecomesALearnerHasNothing)
{
    raft_alone node(1, 3);
    led(node);
    propose(node, set_of({1, 2}), set_of({3}));
    EXPECT_EQ(raft_peer_match(node.raft, 3), 0U) << "it is another machine from now on";
}

TEST(PaperMembers, ABlankLearnerJoinsAndBootstrapsNothing)
{
    raft_alone node(3, 3);
    node.boot(0, 0, true);
    struct raft_event join = {};
    join.kind = RAFT_JOIN;
    node.step(join);
    EXPECT_FALSE(raft_is_blank(node.raft));
    node.wait(5 * NS_PER_S);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    node.ask_vote(2, 1, {0, 0});
    EXPECT_EQ(raft_vote(node.raft), 0U) << "a vote for a new cluster";
    EXPECT_GT(mark_count("joining_node_bootstraps_nothing"), 0U);
    append(node, 1, 4, {0, 0},
            {{{1, 1}, ENTRY_BOOTSTRAP, 100, {}},
                    configuration({4, 2}, set_of({1, 2}), set_of({3}))});
    EXPECT_EQ(raft_last(node.raft).index, 2U);
    EXPECT_EQ(raft_newest_configuration(node.raft).learners, set_of({3}));
}

TEST(PaperMembers, AnUnheardMajorityIsNamed)
{
    raft_alone node(1, 3);
    led(node);
    EXPECT_EQ(raft_unheard(node.raft, set_of({1, 2, 3})), 0U);
    EXPECT_EQ(raft_unheard(node.raft, set_of({1, 2, 3, 4})), 0U) << "three of four";
    EXPECT_EQ(raft_unheard(node.raft, set_of({1, 4, 5})), set_of({4, 5}));
    node.closed(3, false);
    EXPECT_EQ(raft_unheard(node.raft, set_of({1, 2, 3, 4})), set_of({3, 4}));
}

TEST(PaperMembers, AnEmptyConfigurationIsUnsound)
{
    raft_alone node(3, 3);
    node.log({1}).boot(1);
    append(node, 1, 1, {1, 1}, {configuration({1, 2}, 0)});
    EXPECT_EQ(raft_last(node.raft).index, 1U);
}

/*
 * A new machine has the id of the member that was once the only voter: that one is another,
 * so this node counts nobody then. It takes the entry all the same, and is no voter.
 */
TEST(PaperMembers, ANamesakeMayBeTheOnlyVoter)
{
    raft_alone node(3, 3);
    node.log({1}).boot(1);
    struct raft_entry entry = configuration({1, 2}, 0);
    entry.configuration.has_namesake = true;
    append(node, 1, 1, {1, 1}, {entry});
    EXPECT_EQ(raft_configuration_index(node.raft), 2U);
    EXPECT_EQ(voters(node), 0U);
    EXPECT_FALSE(raft_is_voter(node.raft));
    append(node, 1, 1, {1, 2}, {configuration({1, 3}, set_of({1}), set_of({3}))});
    EXPECT_EQ(raft_configuration_index(node.raft), 3U);
    EXPECT_EQ(voters(node), set_of({1}));
}

TEST(PaperMembers, ASingleVoterWithALearnerReadsAndCommitsAlone)
{
    raft_alone node(1, 1);
    node.log({1}).boot(1);
    node.wait(0);
    node.written();
    ASSERT_EQ(raft_role(node.raft), RAFT_LEADER);
    node.propose();
    node.written();
    propose(node, set_of({1}), set_of({2}));
    node.written();
    EXPECT_EQ(raft_commit(node.raft), 3U);
    node.event(RAFT_READ, 9);
    ASSERT_EQ(node.effects.read_count, 1U);
    EXPECT_TRUE(node.effects.reads[0].granted);
    node.wait(NS_PER_S);
    EXPECT_TRUE(raft_is_leader(node.raft)) << "a learner that is away is no loss";
}

/* It saved a term since it joined, and was started again before it had an entry. */
TEST(PaperMembers, ALearnerWithATermAndNoLogJoins)
{
    raft_alone node(3, 3);
    node.boot(4);
    struct raft_event join = {};
    join.kind = RAFT_JOIN;
    node.step(join);
    EXPECT_TRUE(raft_is_joining(node.raft));
    append(node, 1, 4, {0, 0}, {{{1, 1}, ENTRY_BOOTSTRAP, 100, {}}});
    EXPECT_EQ(raft_last(node.raft).index, 1U);
}
