/*
 * The log of a raft may begin anywhere: what was before is committed, and nobody's log has
 * it.
 */
#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include "base/mark.h"
#include "base/prng.h"
#include "worlds/carved.h"
#include "worlds/raft_alone.h"

namespace {

struct entry_id none()
{
    return {0, 0};
}

/* A log by hand: the entries behind `before`. */
struct model {
    struct entry_id before = {0, 0};
    std::vector<uint64_t> terms;

    uint64_t last() const
    {
        return before.index + terms.size();
    }
    uint64_t term(uint64_t index) const
    {
        if (index == before.index)
            return before.term;
        bool there = index > before.index && index <= last();
        return there ? terms[index - before.index - 1] : 0;
    }
    struct entry_id within(struct entry_id bound) const
    {
        if (bound.index < before.index)
            return none();
        for (uint64_t index = std::min(bound.index, last()); index >= before.index;
                index--) {
            if (term(index) <= bound.term)
                return {term(index), index};
            if (index == 0)
                break;
        }
        return none();
    }
    void drop_before(uint64_t index)
    {
        struct entry_id moved = {term(index - 1), index - 1};
        terms.erase(terms.begin(),
                terms.begin() + static_cast<ptrdiff_t>(moved.index - before.index));
        before = moved;
    }
    void cut(uint64_t from)
    {
        terms.resize(from - before.index - 1);
    }
};

class RaftLog : public testing::Test {
protected:
    RaftLog() : memory(1 << 16)
    {
        raft_log_carve(&log, &memory.arena, 64, 16);
        raft_log_init(&log, 16);
    }

    void add(uint64_t term, uint32_t bytes)
    {
        raft_log_add(&log, {term, raft_log_last(&log).index + 1}, bytes);
        raft_log_check(&log);
    }

    carved memory;
    struct raft_log log {};
};

TEST_F(RaftLog, BeginsBehindAnEntryThatItHasNot)
{
    raft_log_begin_at(&log, {7, 1000});
    raft_log_check(&log);
    EXPECT_TRUE(entry_id_equal(raft_log_last(&log), {7, 1000}));
    EXPECT_EQ(raft_log_term(&log, 1000), 7U);
    EXPECT_EQ(raft_log_term(&log, 999), 0U);
    EXPECT_EQ(raft_log_term(&log, 1001), 0U);
    EXPECT_TRUE(raft_log_is_before(&log, 1000));
    EXPECT_FALSE(raft_log_is_before(&log, 1001));
    EXPECT_FALSE(raft_log_has_recent(&log, 1000));
    EXPECT_TRUE(raft_trail_has_room(&log.trail, 7));

    /* The first entry may be of the same term or of a later one. */
    add(7, 50);
    add(9, 60);
    EXPECT_EQ(raft_log_term(&log, 1001), 7U);
    EXPECT_EQ(raft_log_term(&log, 1002), 9U);
    EXPECT_EQ(raft_log_bytes(&log, 1001), 50U);
    EXPECT_TRUE(entry_id_equal(raft_trail_within(&log.trail, {8, 1002}), {7, 1001}));
    EXPECT_TRUE(entry_id_equal(raft_trail_within(&log.trail, {7, 1000}), {7, 1000}));

    /* Neither an index nor a term before the beginning is looked up: there is no answer. */
    EXPECT_TRUE(entry_id_equal(raft_trail_within(&log.trail, {7, 999}), none()));
    EXPECT_TRUE(entry_id_equal(raft_trail_within(&log.trail, {6, 2000}), none()));

    raft_log_cut(&log, 1001);
    raft_log_check(&log);
    EXPECT_TRUE(entry_id_equal(raft_log_last(&log), {7, 1000}));
}

TEST_F(RaftLog, DropsAPrefix)
{
    for (uint64_t term : {1, 1, 2, 2, 4})
        add(term, 10);
    EXPECT_FALSE(raft_log_drop_before(&log, 0));
    EXPECT_FALSE(raft_log_drop_before(&log, 1));
    EXPECT_TRUE(raft_log_drop_before(&log, 2)); /* In the middle of a term */
    raft_log_check(&log);
    EXPECT_EQ(log.trail.count, 3U);
    EXPECT_EQ(raft_log_term(&log, 1), 1U);
    EXPECT_EQ(raft_log_term(&log, 2), 1U);
    EXPECT_TRUE(raft_log_drop_before(&log, 3)); /* At its end */
    raft_log_check(&log);
    EXPECT_EQ(log.trail.count, 2U);
    EXPECT_EQ(raft_log_term(&log, 1), 0U);
    EXPECT_EQ(raft_log_term(&log, 2), 1U);
    EXPECT_FALSE(raft_log_drop_before(&log, 3));
    EXPECT_TRUE(raft_log_drop_before(&log, 6)); /* All */
    raft_log_check(&log);
    EXPECT_EQ(log.trail.count, 0U);
    EXPECT_TRUE(entry_id_equal(raft_log_last(&log), {4, 5}));
    add(4, 10);
    EXPECT_EQ(raft_log_term(&log, 6), 4U);
    EXPECT_EQ(raft_log_bytes(&log, 6), 10U);
}

TEST_F(RaftLog, AgreesWithAListWhoseBeginMoves)
{
    struct prng prng;
    prng_init(&prng, 3);
    struct model model;
    uint64_t term = 5;
    raft_log_begin_at(&log, {5, 70});
    model.before = {5, 70};
    for (int step = 0; step < 20000; step++) {
        if (prng_below(&prng, 8) == 0)
            term += prng_below(&prng, 3);
        uint64_t kind = prng_below(&prng, 20);
        uint64_t some = prng_below(&prng, std::min<uint64_t>(model.terms.size(), 30) + 1);
        if (kind == 0 && !model.terms.empty()) {
            uint64_t from = model.last() - some / 2;
            from = std::max(from, model.before.index + 1);
            raft_log_cut(&log, from);
            model.cut(from);
        } else if (kind == 1) {
            uint64_t index = model.before.index + 1 + some;
            ASSERT_EQ(raft_log_drop_before(&log, index), some > 0);
            if (some > 0)
                model.drop_before(index);
        } else if (raft_trail_has_room(&log.trail, term)) {
            model.terms.push_back(term);
            raft_log_add(&log, {term, model.last()}, 1);
        } else {
            raft_log_drop_before(&log, model.last() + 1);
            model.drop_before(model.last() + 1);
        }
        raft_log_check(&log);
        ASSERT_EQ(raft_log_last(&log).index, model.last());
        uint64_t low = model.before.index - std::min<uint64_t>(model.before.index, 3);
        uint64_t index = low + prng_below(&prng, model.terms.size() + 6);
        ASSERT_EQ(raft_log_term(&log, index), model.term(index)) << index;
        struct entry_id bound = {prng_below(&prng, term + 2), index};
        ASSERT_TRUE(
                entry_id_equal(raft_trail_within(&log.trail, bound), model.within(bound)));
    }
    EXPECT_GT(model.before.index, 1000U);
}

using RaftLogDeathTest = RaftLog;

TEST_F(RaftLogDeathTest, KeepsItsBegin)
{
    raft_log_begin_at(&log, {2, 10});
    EXPECT_DEATH(raft_log_add(&log, {2, 10}, 1), "index");
    EXPECT_DEATH(raft_log_add(&log, {1, 11}, 1), "term");
    add(2, 1);
    EXPECT_DEATH(raft_log_cut(&log, 10), "from");
    EXPECT_DEATH(raft_log_begin_at(&log, {2, 5}), "count");
    EXPECT_DEATH(raft_log_drop_before(&log, 13), "index");
}

/* A node whose log begins behind {3, 20}, with `terms` in it. */
raft_alone begun(uint8_t self, uint8_t count, const std::vector<uint64_t> &terms)
{
    raft_alone node(self, count);
    raft_restore_begin(node.raft, {3, 20});
    uint64_t index = 20;
    for (uint64_t term : terms) {
        const struct raft_entry entry = {{term, ++index}, ENTRY_BATCH, 100, {}};
        raft_restore(node.raft, &entry);
    }
    return node;
}

TEST(RaftBegin, AFollowerTakesWhatReachesBackBeforeIt)
{
    raft_alone node = begun(1, 3, {3});
    node.boot(4);
    EXPECT_EQ(raft_commit(node.raft), 20U);
    EXPECT_EQ(raft_durable(node.raft), 21U);
    EXPECT_TRUE(entry_id_equal(raft_before_log(node.raft), {3, 20}));

    /*
     * Two entries before the beginning, the one before it, the one that is there, and a new
     * one.
     */
    uint64_t met = mark_count("append_before_the_log");
    node.append(2, 4, {2, 17}, {2, 3, 3, 3, 4}, 22);
    EXPECT_GT(mark_count("append_before_the_log"), met);
    EXPECT_EQ(node.effects.append_skip, 4U);
    EXPECT_EQ(node.effects.append_count, 1U);
    EXPECT_EQ(node.effects.truncate_from, 0U);
    EXPECT_TRUE(entry_id_equal(raft_last(node.raft), {4, 22}));
    EXPECT_EQ(raft_commit(node.raft), 22U);

    /* All of it before the beginning: nothing to do, and nothing is taken back. */
    node.append(2, 4, {0, 0}, {1, 1}, 2);
    EXPECT_EQ(node.effects.append_count, 0U);
    EXPECT_TRUE(node.only(PEER_APPEND_ANSWER).body.accepted);
    EXPECT_EQ(raft_commit(node.raft), 22U);

    /* Behind the end: refused, with a hint within the log. */
    node.append(2, 4, {4, 30}, {4});
    EXPECT_FALSE(node.only(PEER_APPEND_ANSWER).body.accepted);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.hint.index, 22U);
}

TEST(RaftBegin, ALogWithoutEntriesIsNoNewCluster)
{
    raft_alone node = begun(1, 3, {});
    node.boot(3);
    EXPECT_FALSE(raft_is_blank(node.raft));
    EXPECT_EQ(raft_missing(node.raft), 0U);
    node.event(RAFT_CAMPAIGN);
    std::vector<struct raft_message> asked = node.sent(PEER_VOTE);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_FALSE(asked[0].body.bootstrap);
    EXPECT_TRUE(entry_id_equal(asked[0].body.last, {3, 20}));
    /* A majority suffices, not all. */
    node.answer_vote(2, 4, true, true);
    node.written();
    node.answer_vote(2, 4, true, false);
    EXPECT_TRUE(raft_is_leader(node.raft));
    node.propose();
    EXPECT_TRUE(entry_id_equal(raft_last(node.raft), {4, 21}));
    node.written();
    node.accept(2, 21);
    EXPECT_EQ(raft_commit(node.raft), 21U);
}

TEST(RaftBegin, APeerThatNeedsWhatIsGoneGetsHeartbeatsOnly)
{
    raft_alone node = begun(1, 3, {3, 3});
    node.boot(3).lead();
    node.propose();
    node.written();
    node.accept(2, 23);
    EXPECT_EQ(raft_commit(node.raft), 23U);

    /* Member 3 ends with index 5: nobody has what comes next. */
    uint64_t met = mark_count("peer_needs_a_snapshot");
    node.refuse(3, {2, 5});
    node.wait(50 * NS_PER_MS);
    EXPECT_GT(mark_count("peer_needs_a_snapshot"), met);
    EXPECT_EQ(node.effects.fetch_count, 0U);
    struct raft_message heartbeat = node.only(PEER_APPEND, 3);
    EXPECT_EQ(heartbeat.body.begin, heartbeat.body.end);
    EXPECT_TRUE(entry_id_equal(heartbeat.body.previous, {3, 20}));
    /* It refuses again, and that changes nothing. */
    node.refuse(3, {2, 5});
    EXPECT_TRUE(node.sent(PEER_APPEND, 3).empty());

    /* Once it has what was before the beginning, it gets the rest. */
    node.accept(3, 20);
    struct raft_message rest = node.only(PEER_APPEND, 3);
    EXPECT_EQ(rest.body.begin, 21U);
    EXPECT_EQ(rest.body.end, 24U);
}

TEST(RaftBegin, MovesUnderALeader)
{
    raft_alone node(1, 3);
    node.log({1, 1, 1, 1}).boot(1).lead();
    node.propose();
    node.written();
    node.accept(2, 5);
    EXPECT_EQ(raft_commit(node.raft), 5U);
    raft_forget(node.raft, 4);
    node.refuse(3, {1, 1});
    ASSERT_EQ(node.effects.fetch_count, 1U);
    EXPECT_EQ(node.effects.fetches[0].begin, 2U);

    raft_drop_before(node.raft, 4);
    raft_check(node.raft);
    EXPECT_TRUE(entry_id_equal(raft_before_log(node.raft), {1, 3}));
    EXPECT_EQ(raft_term_at(node.raft, 3), 1U);
    EXPECT_EQ(raft_term_at(node.raft, 2), 0U);
    raft_drop_before(node.raft, 2);
    EXPECT_TRUE(entry_id_equal(raft_before_log(node.raft), {1, 3}));

    /* What was asked for before comes too late, whatever was read. */
    struct raft_event fetched = {};
    fetched.kind = RAFT_FETCHED;
    fetched.peer = 3;
    fetched.begin = 2;
    fetched.end = 4;
    fetched.previous = {1, 1};
    node.step(fetched);
    EXPECT_TRUE(node.sent(PEER_APPEND, 3).empty());
    node.wait(60 * NS_PER_MS);
    EXPECT_EQ(node.effects.fetch_count, 0U);
    EXPECT_TRUE(entry_id_equal(node.only(PEER_APPEND, 3).body.previous, {1, 3}));
}

TEST(RaftBeginDeathTest, IsCommittedAndDurable)
{
    raft_alone node(1, 3);
    node.log({1, 1}).boot(1);
    EXPECT_DEATH(raft_drop_before(node.raft, 2), "commit");
    EXPECT_DEATH(raft_restore_begin(node.raft, {1, 2}), "booted");
}

} // namespace
