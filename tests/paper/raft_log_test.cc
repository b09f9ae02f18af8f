/*
 * The log: [Raft 3.5, 3.6, 3.7, 3.8], one test per rule.
 *
 * The faults defended against, as others had them: an earlier term's entry committed by
 * counting, a follower that commits beyond what the message proved, a conflict replaced in
 * place with the stale tail kept, truncation by an old or repeated append, committed
 * entries rolled back, a gap accepted, truncated entries that come back after a restart.
 */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

std::vector<uint64_t> terms_of(const raft_alone &node)
{
    std::vector<uint64_t> terms;
    for (uint64_t i = 1; i <= raft_last(node.raft).index; i++)
        terms.push_back(raft_term_at(node.raft, i));
    return terms;
}

using terms = std::vector<uint64_t>;

/* [Raft 3.5] Entries are taken only behind the entry that the leader has before them. */
TEST(PaperLog, GapIsRefused)
{
    raft_alone node(1, 3);
    node.log({1, 1}).boot(1);
    node.append(2, 1, {1, 3}, {1});
    EXPECT_FALSE(node.only(PEER_APPEND_ANSWER).body.accepted);
    EXPECT_TRUE(entry_id_equal(node.only(PEER_APPEND_ANSWER).body.hint, {1, 2}));
    EXPECT_EQ(terms_of(node), (terms{1, 1}));
    node.append(2, 2, {2, 2}, {2});
    EXPECT_FALSE(node.only(PEER_APPEND_ANSWER).body.accepted)
            << "there, but of another term";
    EXPECT_EQ(terms_of(node), (terms{1, 1}));
    EXPECT_EQ(node.effects.append_count, 0U);
}

/*
 * [Raft 3.5] A conflict cuts the log from there to its end, in one write with what replaces
 * it.
 */
TEST(PaperLog, ConflictCutsTheWholeTail)
{
    uint64_t before = mark_count("conflict_truncated");
    raft_alone node(1, 3);
    node.log({1, 1, 2, 2, 2}).boot(2);
    struct raft_effects &effects = node.append(2, 3, {1, 1}, {1, 3});
    EXPECT_EQ(effects.truncate_from, 3U);
    EXPECT_EQ(effects.append_skip, 1U);
    EXPECT_EQ(effects.append_count, 1U);
    EXPECT_TRUE(effects.save);
    EXPECT_EQ(terms_of(node), (terms{1, 1, 3}));
    EXPECT_EQ(raft_durable(node.raft), 2U);
    EXPECT_EQ(mark_count("conflict_truncated"), before + 1);
    node.wait(0);
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_TRUNCATED) << "after the new leader's";
}

/* [Raft 3.5] What is there already stays, however old or often repeated the append is. */
TEST(PaperLog, OldAppendsCutNothing)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(2, 1, {1, 1}, {1, 1, 1, 1});
    node.written();
    for (uint64_t from = 1; from <= 5; from++) {
        struct raft_effects &effects = node.append(2, 1, {1, from}, {});
        EXPECT_EQ(effects.write, 0U);
        uint64_t known = from < 5 ? 1 : 0;
        EXPECT_EQ(node.append(2, 1, {1, from}, terms(known, 1)).write, 0U);
        EXPECT_EQ(terms_of(node), (terms{1, 1, 1, 1, 1}));
    }
    node.append(2, 1, {1, 3}, {1, 1, 1});
    EXPECT_EQ(node.effects.append_skip, 2U);
    EXPECT_EQ(node.effects.append_count, 1U);
    node.append(3, 0, {0, 0}, {});
    EXPECT_EQ(raft_last(node.raft).index, 6U);
}

/* An append of a term that is over changes nothing. */
TEST(PaperLog, OldTermsCutNothing)
{
    raft_alone node(1, 3);
    node.log({1, 3}).boot(3);
    node.append(2, 2, {1, 1}, {2, 2});
    EXPECT_FALSE(node.only(PEER_APPEND_ANSWER).body.accepted);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.term, 3U);
    EXPECT_EQ(terms_of(node), (terms{1, 3}));
    EXPECT_EQ(raft_leader(node.raft), 0);
}

/*
 * [Raft 3.5] Committed: the leader's word, but only as far as this message proved the log.
 */
TEST(PaperLog, CommitsNoFurtherThanProven)
{
    raft_alone node(1, 3);
    node.log({1, 1, 1, 1}).boot(1);
    node.append(2, 2, {1, 2}, {}, 4);
    EXPECT_EQ(raft_commit(node.raft), 2U) << "3 and 4 may differ from the leader's";
    node.append(2, 2, {1, 2}, {2}, 9);
    EXPECT_EQ(raft_commit(node.raft), 3U);
    node.append(2, 2, {1, 2}, {}, 1);
    EXPECT_EQ(raft_commit(node.raft), 3U) << "never back";
    node.append(2, 2, {1, 7}, {}, 9);
    EXPECT_EQ(raft_commit(node.raft), 3U) << "refused: proves nothing";
}

/* [Raft 3.6.4] Committed entries are not cut off, whoever says so. */
TEST(PaperLog, CommittedEntriesStay)
{
    raft_alone node(1, 3);
    node.log({1, 1, 1}).boot(1);
    node.append(2, 1, {1, 3}, {}, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U);
    node.append(3, 2, {1, 1}, {2});
    EXPECT_EQ(raft_commit(node.raft), 3U);
    EXPECT_EQ(raft_last(node.raft).index, 3U);
    EXPECT_EQ(raft_last(node.raft).term, 1U);
}

/*
 * [Raft 3.6.2] Figure 3.7: an entry of an earlier term on a majority is not committed by
 * it.
 */
TEST(PaperLog, EarlierTermsAreNotCommittedByCounting)
{
    raft_alone node(1, 5);
    node.log({1, 2}).boot(3);
    node.lead();
    ASSERT_EQ(raft_term(node.raft), 4U);
    node.accept(2, 2);
    node.accept(3, 2);
    EXPECT_EQ(raft_commit(node.raft), 0U) << "(c): entry 2 is on three of five, of term 2";
    EXPECT_FALSE(raft_leads_committed(node.raft));
    node.propose();
    node.written();
    node.accept(2, 3);
    EXPECT_EQ(raft_commit(node.raft), 0U);
    node.accept(3, 3);
    EXPECT_EQ(raft_commit(node.raft), 3U)
            << "(e): with an entry of term 4 all before it are";
    EXPECT_TRUE(raft_leads_committed(node.raft));
}

/* [Raft 3.5, 3.8] An entry counts for the leader, too, only when its own disk has it. */
TEST(PaperLog, OwnDiskCountsWhenDurable)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead().propose();
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 1U) << "sent while it is written";
    EXPECT_EQ(raft_durable(node.raft), 1U);
    node.accept(2, 2);
    EXPECT_EQ(raft_commit(node.raft), 0U);
    node.written();
    EXPECT_EQ(raft_commit(node.raft), 2U);

    raft_alone other(1, 3);
    other.log({1}).boot(1);
    other.lead().propose();
    other.accept(2, 2);
    other.accept(3, 2);
    EXPECT_EQ(raft_commit(other.raft), 2U) << "on two others: a majority without this disk";
}

/* [Raft 3.8] Acknowledged is what is durable: new entries when their write is, ... */
TEST(PaperLog, AckWaitsForItsWrite)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    struct raft_effects &effects = node.append(2, 1, {1, 1}, {1, 1});
    struct raft_message ack = node.only(PEER_APPEND_ANSWER);
    EXPECT_TRUE(ack.body.accepted);
    EXPECT_EQ(ack.body.match, 3U);
    EXPECT_EQ(ack.after_write, effects.write);
    /* ... what is not durable yet not at all, ... */
    node.append(2, 1, {1, 3}, {});
    ack = node.only(PEER_APPEND_ANSWER);
    EXPECT_EQ(ack.body.match, 1U);
    EXPECT_EQ(ack.after_write, 0U);
    /* ... and a heartbeat makes good for an acknowledgement that was lost. */
    node.written();
    node.append(2, 1, {1, 3}, {});
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.match, 3U);
}

/*
 * Nothing is acknowledged that this leader did not prove: own entries may differ from its.
 */
TEST(PaperLog, AckCoversOnlyWhatIsProven)
{
    raft_alone node(1, 3);
    node.log({1, 1, 1, 1}).boot(1);
    node.append(2, 2, {1, 2}, {});
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.match, 2U);
    node.append(2, 2, {1, 3}, {});
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.match, 3U);
    node.append(3, 3, {1, 1}, {});
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.match, 1U)
            << "another leader, another log";
}

/* A write that came before a truncation does not make durable what replaced it. */
TEST(PaperLog, TruncationLowersWhatIsDurable)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.append(2, 1, {1, 1}, {1, 1});
    uint64_t first = node.effects.write;
    node.append(3, 2, {1, 1}, {2});
    EXPECT_EQ(node.effects.truncate_from, 2U);
    node.event(RAFT_WRITTEN, first);
    EXPECT_EQ(raft_durable(node.raft), 1U);
    node.append(3, 2, {2, 2}, {});
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.match, 1U);
    node.written();
    EXPECT_EQ(raft_durable(node.raft), 2U);
}

/* Recovery meets entries that were cut off, and the record that says so: they stay away. */
TEST(PaperLog, TruncatedEntriesDoNotComeBack)
{
    raft_alone node(1, 3);
    node.log({1, 1, 1, 1});
    raft_restore_vote(node.raft, 3, 0);
    raft_restore_truncate(node.raft, 3);
    const struct raft_entry entry = {{3, 3}, ENTRY_BATCH, 100, {}};
    raft_restore(node.raft, &entry);
    raft_restore_truncate(node.raft, 9);
    node.boot(3);
    EXPECT_EQ(terms_of(node), (terms{1, 1, 3}));
    EXPECT_EQ(raft_durable(node.raft), 3U);

    raft_alone deep(1, 3);
    deep.log(terms(40, 1));
    raft_restore_truncate(deep.raft, 2);
    deep.boot(1);
    EXPECT_EQ(terms_of(deep), (terms{1})) << "deeper than lengths are remembered";
}

/* [Raft 3.5] A follower's refusal lets the leader pass over a term with each round trip. */
TEST(PaperLog, RefusalsSkipTerms)
{
    raft_cluster cluster(3, 5);
    terms mine{1, 1, 1, 4, 4, 5, 5, 6, 6, 6};
    terms other{1, 1, 1};
    other.insert(other.end(), 30, 2);
    other.insert(other.end(), 30, 3);
    cluster.prepare({mine, mine, other}, 6);
    cluster.start(1);
    cluster.start(2);
    ASSERT_TRUE(cluster.run_until_leader());
    cluster.run_for(20 * MS);
    cluster.sent.clear();
    uint64_t before = cluster.now_ns();
    cluster.start(3);
    auto complete = [&] {
        return raft_durable(cluster.raft(3)) == raft_last(cluster.raft(1)).index;
    };
    ASSERT_TRUE(cluster.run_until(complete, NS_PER_S));
    EXPECT_LT(cluster.now_ns() - before, 10 * MS);
    EXPECT_LT(cluster.sent[PEER_APPEND], 10U);
    EXPECT_GE(raft_last(cluster.raft(3)).index, 11U);
}

/*
 * [Raft 3.5] Figure 3.6: whatever earlier terms left behind, the logs become the leader's.
 */
TEST(PaperLog, EveryFollowerOfFigure36IsRepaired)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        raft_cluster cluster(7, seed);
        cluster.prepare(
                {
                        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6},
                        {1, 1, 1, 4, 4, 5, 5, 6, 6},
                        {1, 1, 1, 4},
                        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
                        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
                        {1, 1, 1, 4, 4, 4, 4},
                        {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},
                },
                7);
        cluster.start_all();
        ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
        const auto &log = cluster.at(1).disk.log;
        for (uint8_t id = 2; id <= 7; id++) {
            ASSERT_EQ(cluster.at(id).disk.log.size(), log.size());
            for (uint64_t i = 0; i < log.size(); i++)
                EXPECT_TRUE(entry_id_equal(cluster.at(id).disk.log[i].id, log[i].id));
        }
    }
}

/* [Raft 3.6.2] Figure 3.7 played to its end, both ways. */
TEST(PaperLog, Figure37)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        raft_cluster cluster(5, seed);
        cluster.prepare({{1, 2}, {1, 2}, {1}, {1}, {1, 3}}, 3);
        for (uint8_t id = 1; id <= 3; id++)
            cluster.start(id);
        cluster.event(1, RAFT_CAMPAIGN);
        cluster.run_until(
                [&] {
                    return cluster.at(3).disk.has({2, 2});
                },
                100 * MS); /* (c) */
        cluster.crash(1);
        cluster.start(4);
        cluster.start(5);
        cluster.run_for(2 * NS_PER_S); /* (d) or (e): a breach would throw */
        cluster.start(1);
        EXPECT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    }
}

/* [Raft 3.8] All processes die, over and over: what was committed is there. */
TEST(PaperLog, CommittedEntriesSurviveTheCrashOfAll)
{
    raft_cluster cluster(3, 11);
    cluster.start_all();
    for (int round = 0; round < 10; round++) {
        ASSERT_TRUE(cluster.run_until_leader());
        for (int i = 0; i < 10; i++) {
            cluster.propose(cluster.leader());
            cluster.run_for(1 * MS);
        }
        uint64_t before = cluster.committed.size();
        EXPECT_GE(before, 5U * (round + 1U));
        for (uint8_t id = 1; id <= 3; id++)
            cluster.crash(id);
        cluster.start_all();
    }
    EXPECT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
}

} // namespace
