/* The mechanics of a step: writes, windows, probes, fetches, limits, notices. */
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/raft_cluster.h"

namespace {

constexpr uint64_t MS = NS_PER_MS;

/* A leader of term 2 whose peers are known to have all that it has. */
raft_alone &leading(raft_alone &node)
{
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    for (uint8_t i = 0; i < node.raft->peer_count; i++)
        node.accept(node.raft->peers[i].id, 2);
    return node;
}

TEST(RaftStep, MeasuresBeforeItCarves)
{
    struct raft_settings settings = small_settings(1, 3);
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    EXPECT_EQ(raft_carve(&arena, &settings), nullptr);
    EXPECT_GT(arena_used_bytes(&arena), sizeof(struct raft));
}

TEST(RaftStepDeathTest, SettingsMustMakeSense)
{
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    struct raft_settings settings = small_settings(4, 3);
    EXPECT_DEATH(raft_carve(&arena, &settings), "is_member");
    settings = small_settings(1, 3);
    settings.heartbeat_ns = settings.election_min_ns;
    EXPECT_DEATH(raft_carve(&arena, &settings), "heartbeat");
    settings = small_settings(1, 3);
    settings.members.ids[2] = 2;
    EXPECT_DEATH(raft_carve(&arena, &settings), "ids");
}

TEST(RaftStepDeathTest, OnlyLeadersPropose)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    EXPECT_DEATH(node.propose(), "takes_proposals");
}

TEST(RaftStep, WritesAreNumberedOneByOne)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    EXPECT_EQ(node.append(2, 1, {1, 1}, {1}).write, 1U);
    EXPECT_EQ(node.append(2, 1, {1, 2}, {}).write, 0U);
    EXPECT_EQ(node.append(2, 1, {1, 2}, {1}).write, 2U);
    EXPECT_EQ(node.ask_vote(3, 2, {0, 0}, false, true).write, 3U);
    node.event(RAFT_WRITTEN, 1);
    EXPECT_EQ(raft_durable(node.raft), 2U);
    node.event(RAFT_WRITTEN, 3);
    EXPECT_EQ(raft_durable(node.raft), 3U);
}

/*
 * More writes on their way than are told apart: the durable index lags, and is never ahead.
 */
TEST(RaftStep, WritesBeyondMemoryAreMerged)
{
    uint64_t before = mark_count("writes_merged");
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    for (uint64_t i = 1; i <= 300; i++)
        node.append(2, 1, {1, i}, {1});
    EXPECT_GT(mark_count("writes_merged"), before);
    for (uint64_t write = 1; write <= 300; write++) {
        node.event(RAFT_WRITTEN, write);
        EXPECT_LE(raft_durable(node.raft), write + 1);
        if (write <= 255) {
            EXPECT_EQ(raft_durable(node.raft), write + 1);
        }
    }
    EXPECT_EQ(raft_durable(node.raft), 301U);
}

/* A log that takes nothing for a while stops neither heartbeats nor leading nor reads. */
TEST(RaftStep, SaysWhatMayWrite)
{
    raft_alone node(1, 3);
    leading(node);
    struct peer_message message = {};
    message.from = 2;
    message.term = 2;
    struct raft_event event = {};
    event.now_ns = node.now_ns + NS_PER_S;
    event.kind = RAFT_TIME;
    EXPECT_FALSE(raft_may_write(node.raft, &event));
    event.kind = RAFT_WRITTEN;
    EXPECT_FALSE(raft_may_write(node.raft, &event));
    event.kind = RAFT_PROPOSE;
    EXPECT_TRUE(raft_may_write(node.raft, &event));
    event.kind = RAFT_RECEIVE;
    event.message = &message;
    auto may = [&](enum peer_kind kind, uint64_t term) {
        message.kind = kind;
        message.term = term;
        return raft_may_write(node.raft, &event);
    };
    EXPECT_FALSE(may(PEER_APPEND, 2));
    EXPECT_TRUE(may(PEER_APPEND, 3));
    EXPECT_FALSE(may(PEER_APPEND_ANSWER, 2));
    EXPECT_TRUE(may(PEER_APPEND_ANSWER, 3));
    EXPECT_FALSE(may(PEER_READ, 2));
    EXPECT_TRUE(may(PEER_VOTE, 3));
    message.pre = true;
    EXPECT_FALSE(may(PEER_VOTE, 3));
    event.entry_count = 1;
    EXPECT_TRUE(may(PEER_APPEND, 2));

    raft_alone follower(2, 3);
    follower.log({1}).boot(1);
    event.kind = RAFT_TIME;
    event.now_ns = follower.now_ns;
    EXPECT_FALSE(raft_may_write(follower.raft, &event));
    event.now_ns = raft_deadline(follower.raft);
    EXPECT_TRUE(raft_may_write(follower.raft, &event));
}

/* `window` appends are on their way, no more; an acknowledgement makes room. */
TEST(RaftStep, WindowLimitsAppendsUnderWay)
{
    raft_alone node(1, 3);
    leading(node);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(node.propose().message_count, 2U);
    EXPECT_EQ(node.propose().message_count, 0U);
    EXPECT_EQ(node.propose().message_count, 0U);
    node.accept(2, 3);
    struct peer_message append = node.only(PEER_APPEND, 2).body;
    EXPECT_EQ(append.begin, 6U);
    EXPECT_EQ(append.end, 8U) << "what gathered goes in one";
    EXPECT_EQ(node.sent(PEER_APPEND, 3).size(), 0U);
    node.accept(3, 5);
    EXPECT_EQ(node.only(PEER_APPEND, 3).body.begin, 6U);
}

TEST(RaftStep, AppendsAreLimitedInBytes)
{
    raft_alone node(1, 3);
    leading(node);
    for (int i = 0; i < 3; i++)
        node.propose();
    for (int i = 0; i < 12; i++)
        node.propose();
    node.accept(2, 5);
    std::vector<struct raft_message> sent = node.sent(PEER_APPEND, 2);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].body.end - sent[0].body.begin, 10U) << "1000 bytes of 100 each";
    EXPECT_EQ(sent[1].body.end - sent[1].body.begin, 2U);

    struct raft_settings settings = small_settings(1, 3);
    settings.append_bytes_max = 1;
    raft_alone tight(settings);
    leading(tight);
    tight.propose();
    EXPECT_EQ(tight.only(PEER_APPEND, 2).body.end, 4U) << "a longer one goes alone";
}

TEST(RaftStep, AppendsAreLimitedInEntries)
{
    struct raft_settings settings = small_settings(1, 3);
    settings.recent_max = 1024;
    settings.append_bytes_max = UINT32_MAX;
    settings.window = 1;
    raft_alone node(settings);
    leading(node);
    for (int i = 0; i < 600; i++)
        node.propose();
    node.accept(2, 3);
    struct peer_message append = node.only(PEER_APPEND, 2).body;
    EXPECT_EQ(append.end - append.begin, 256U);
}

/* While it is not known where the logs meet, one append at a time. */
TEST(RaftStep, ProbesOneByOne)
{
    raft_alone node(1, 3);
    node.log({1, 1, 1, 1}).boot(1);
    node.lead();
    ASSERT_EQ(node.sent(PEER_APPEND, 2).size(), 1U);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.previous.index, 4U);
    node.propose();
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.end, 6U);
    node.propose();
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U);
    node.refuse(2, {1, 2});
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.previous.index, 2U);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.end, 7U);
    uint64_t before = mark_count("refusal_of_old_append");
    node.refuse(2, {1, 2});
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U) << "the heartbeat's refusal, same news";
    EXPECT_EQ(mark_count("refusal_of_old_append"), before + 1);
    node.propose();
    node.accept(2, 6);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.begin, 7U);
    node.propose();
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 1U) << "no longer probing";
}

/* The heartbeat's answer ends probing, too; what is under way is not sent again. */
TEST(RaftStep, HeartbeatEndsProbing)
{
    raft_alone node(1, 3);
    node.log({1}).boot(1);
    node.lead();
    node.propose();
    node.accept(2, 1);
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U);
    node.propose();
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.begin, 3U);
}

/*
 * A lost append shows by the next heartbeat, which names the entry before what comes next.
 */
TEST(RaftStep, LostAppendIsSentAgain)
{
    raft_alone node(1, 3);
    leading(node);
    node.propose();
    node.wait(50 * MS);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.previous.index, 3U);
    node.refuse(2, {2, 2});
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.begin, 3U);
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.end, 4U);
}

/* A refusal that was overtaken by an acknowledgement takes nothing back. */
TEST(RaftStep, OldRefusalsAndAcksTakeNothingBack)
{
    raft_alone node(1, 3);
    leading(node);
    node.propose();
    node.accept(2, 3);
    node.refuse(2, {1, 1});
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U);
    node.accept(2, 2);
    EXPECT_EQ(raft_peer_match(node.raft, 2), 3U);
    node.accept(2, 99);
    EXPECT_EQ(raft_peer_match(node.raft, 2), 3U) << "more than there is: nonsense";
    EXPECT_EQ(raft_commit(node.raft), 2U) << "its own write is not durable";
}

/* What a peer acknowledged to an earlier term of this leader may be cut off since. */
TEST(RaftStep, NewTermKnowsNoMatches)
{
    raft_alone node(1, 5);
    node.log({1}).boot(1);
    node.lead().propose();
    node.written();
    node.accept(2, 2);
    ASSERT_EQ(raft_peer_match(node.raft, 2), 2U);
    node.append(3, 3, {1, 1}, {3});
    EXPECT_EQ(node.effects.truncate_from, 2U);
    node.closed(3, true);
    node.lead();
    ASSERT_TRUE(raft_is_leader(node.raft));
    EXPECT_EQ(raft_peer_match(node.raft, 2), 0U);
    node.propose();
    node.written();
    EXPECT_EQ(raft_commit(node.raft), 0U);
}

/*
 * With a new connection, from behind what is durable there; nothing of the old one counts.
 */
TEST(RaftStep, NewConnectionProbes)
{
    raft_alone node(1, 3);
    leading(node);
    for (int i = 0; i < 3; i++)
        node.propose();
    node.closed(2, false);
    EXPECT_FALSE(raft_peer_is_open(node.raft, 2));
    EXPECT_EQ(node.propose().message_count, 0U);
    node.open(2);
    struct peer_message append = node.only(PEER_APPEND, 2).body;
    EXPECT_EQ(append.begin, 3U);
    EXPECT_EQ(append.end, 7U);
    node.open(2);
    EXPECT_EQ(node.effects.message_count, 0U) << "open already";
    node.closed(9, true);
    EXPECT_EQ(node.effects.message_count, 0U) << "nobody";
}

/*
 * Entries whose lengths are not remembered are fetched; meanwhile heartbeats, and the
 * others.
 */
TEST(RaftStep, FetchesWhatLeftMemory)
{
    raft_alone node(1, 3);
    node.log(std::vector<uint64_t>(100, 1)).boot(1);
    node.lead().propose();
    node.accept(3, 101);
    node.refuse(2, {1, 10});
    ASSERT_EQ(node.effects.fetch_count, 1U);
    EXPECT_EQ(node.effects.fetches[0].peer, 2);
    EXPECT_EQ(node.effects.fetches[0].begin, 11U);
    node.propose();
    EXPECT_EQ(node.effects.fetch_count, 0U) << "one at a time";
    EXPECT_EQ(node.only(PEER_APPEND, 3).body.begin, 102U);
    node.wait(50 * MS);
    struct peer_message heartbeat = node.only(PEER_APPEND, 2).body;
    EXPECT_EQ(heartbeat.begin, heartbeat.end);
    EXPECT_EQ(heartbeat.previous.index, 10U);

    struct raft_event fetched = {};
    fetched.kind = RAFT_FETCHED;
    fetched.peer = 2;
    fetched.begin = 11;
    fetched.end = 31;
    fetched.previous = {1, 10};
    node.step(fetched);
    struct peer_message append = node.only(PEER_APPEND, 2).body;
    EXPECT_EQ(append.begin, 11U);
    EXPECT_EQ(append.end, 31U);
    uint64_t before = mark_count("fetched_in_vain");
    node.step(fetched);
    EXPECT_EQ(node.effects.message_count, 0U) << "not asked for";
    EXPECT_EQ(mark_count("fetched_in_vain"), before + 1);
    node.accept(2, 30);
    ASSERT_EQ(node.effects.fetch_count, 1U);
    EXPECT_EQ(node.effects.fetches[0].begin, 31U);
}

/* Nothing came, or it was not what the log has: later. */
TEST(RaftStep, FetchThatFailedIsRepeatedLater)
{
    uint64_t before = mark_count("fetched_nothing");
    raft_alone node(1, 3);
    node.log(std::vector<uint64_t>(100, 1)).boot(1);
    node.lead().propose();
    node.refuse(2, {1, 10});
    struct raft_event fetched = {};
    fetched.kind = RAFT_FETCHED;
    fetched.peer = 2;
    fetched.begin = 11;
    fetched.end = 11;
    fetched.previous = {1, 10};
    node.step(fetched);
    EXPECT_EQ(node.effects.fetch_count, 0U);
    node.wait(50 * MS);
    ASSERT_EQ(node.effects.fetch_count, 1U);
    fetched.end = 500;
    node.step(fetched);
    EXPECT_EQ(node.effects.message_count, 0U);
    node.wait(50 * MS);
    ASSERT_EQ(node.effects.fetch_count, 1U);
    fetched.end = 12;
    fetched.previous = {7, 10};
    node.step(fetched);
    EXPECT_EQ(node.effects.message_count, 0U);
    EXPECT_EQ(mark_count("fetched_nothing"), before + 3);
}

TEST(RaftStep, ForgottenEntriesAreFetched)
{
    raft_alone node(1, 3);
    leading(node);
    for (int i = 0; i < 3; i++)
        node.propose();
    node.propose();
    raft_forget(node.raft, 7);
    raft_forget(node.raft, 5);
    node.accept(2, 3);
    ASSERT_EQ(node.effects.fetch_count, 1U);
    EXPECT_EQ(node.effects.fetches[0].begin, 6U);
    raft_forget(node.raft, 1000);
    node.propose();
    node.accept(3, 6);
    EXPECT_EQ(node.only(PEER_APPEND, 3).body.begin, 7U);
}

/* Many peers, all behind by more than a step can send: the rest is due at once. */
TEST(RaftStep, WhatFindsNoRoomGoesOnAtOnce)
{
    uint64_t before = mark_count("step_has_no_room");
    struct raft_settings settings = small_settings(1, 7);
    settings.window = 32;
    settings.append_bytes_max = 100;
    settings.recent_max = 256;
    raft_alone node(settings);
    leading(node);
    for (uint8_t id = 2; id <= 7; id++)
        node.closed(id, false);
    for (int i = 0; i < 100; i++)
        node.propose();
    for (uint8_t id = 2; id <= 7; id++)
        node.open(id);
    uint64_t sent = 0;
    for (uint8_t id = 2; id <= 7; id++) {
        node.accept(id, 3);
        sent += node.effects.message_count;
    }
    /* The window of one peer fits into a step; that of six does not. */
    struct raft_settings wide = settings;
    wide.window = 100;
    raft_alone full(wide);
    leading(full);
    full.closed(2, false);
    for (int i = 0; i < 100; i++)
        full.propose();
    full.open(2);
    full.accept(2, 3);
    EXPECT_EQ(full.effects.message_count, 64U);
    EXPECT_EQ(raft_deadline(full.raft), full.now_ns);
    EXPECT_EQ(full.wait(0).message_count, 35U);
    EXPECT_GT(raft_deadline(full.raft), full.now_ns);
    EXPECT_EQ(mark_count("step_has_no_room"), before + 1);
    EXPECT_EQ(sent, 6U * 32);
}

/* Nonsense of a member is dropped without an answer or a change. */
/* Somebody has voted twice, as an old copy of a directory does. */
TEST(RaftStep, ASecondLeaderOfATermIsRefused)
{
    raft_alone node(1, 3);
    node.log({1, 1}).boot(2);
    struct peer_message append = {};
    append.kind = PEER_APPEND;
    append.from = 2;
    append.term = 2;
    append.previous = {1, 1};
    append.begin = 2;
    append.end = 2;
    struct raft_event event = {};
    event.kind = RAFT_RECEIVE;
    event.message = &append;
    event.peer = 2;
    EXPECT_EQ(raft_object(node.raft, &event), RAFT_SOUND);
    EXPECT_EQ(node.receive(append, {}).message_count, 1U);
    EXPECT_EQ(raft_object(node.raft, &event), RAFT_SOUND);
    append.from = 3;
    event.peer = 3;
    EXPECT_EQ(raft_object(node.raft, &event), RAFT_TAKES_BACK);
    EXPECT_EQ(node.receive(append, {}).message_count, 0U);
    append.term = 3;
    EXPECT_EQ(raft_object(node.raft, &event), RAFT_SOUND) << "a later term has another one";
}

TEST(RaftStep, UnsoundAppendsAreDropped)
{
    uint64_t before = mark_count("append_unsound");
    raft_alone node(1, 3);
    node.log({1, 1}).boot(2);
    struct peer_message append = {};
    append.kind = PEER_APPEND;
    append.from = 2;
    append.term = 2;
    append.previous = {1, 2};
    append.begin = 3;
    append.end = 4;
    const struct raft_entry good = {{2, 3}, ENTRY_BATCH, 100};
    struct raft_entry bad = good;
    EXPECT_EQ(node.receive(append, {}).message_count, 0U) << "fewer than it says";
    bad.id.index = 4;
    EXPECT_EQ(node.receive(append, {bad}).message_count, 0U) << "not consecutive";
    bad.id = {3, 3};
    EXPECT_EQ(node.receive(append, {bad}).message_count, 0U)
            << "of a newer term than the leader";
    bad.id = {0, 3};
    EXPECT_EQ(node.receive(append, {bad}).message_count, 0U)
            << "of an older term than before";
    append.begin = 4;
    append.end = 5;
    EXPECT_EQ(node.receive(append, {good}).message_count, 0U) << "not behind its previous";
    append.previous = {5, 2};
    append.begin = 3;
    append.end = 3;
    EXPECT_EQ(node.receive(append, {}).message_count, 0U)
            << "previous newer than the leader";
    EXPECT_EQ(mark_count("append_unsound"), before + 6);
    EXPECT_EQ(raft_leader(node.raft), 0);
    EXPECT_EQ(raft_last(node.raft).index, 2U);
}

/*
 * How far behind a follower is: what its leader committed counts, not what it received of
 * it.
 */
TEST(RaftStep, HearsHowFarTheClusterIs)
{
    raft_alone node(1, 3);
    node.log({1, 1}).boot(1);
    EXPECT_EQ(raft_commit_heard(node.raft), 0U);
    node.append(2, 2, {1, 2}, {}, 9);
    EXPECT_EQ(raft_commit(node.raft), 2U);
    EXPECT_EQ(raft_commit_heard(node.raft), 9U);
    node.append(2, 2, {1, 7}, {}, 12); /* Its log does not reach that far: refused. */
    EXPECT_EQ(raft_commit_heard(node.raft), 12U);
    node.append(3, 3, {1, 2}, {}, 5);
    EXPECT_EQ(raft_commit_heard(node.raft), 12U) << "never back";
}

/* Somebody else says that it leads this node's own term: impossible, so nonsense. */
TEST(RaftStep, TwoLeadersOfATermAreNonsense)
{
    raft_alone node(1, 3);
    leading(node);
    EXPECT_EQ(node.append(2, 2, {2, 2}, {2}).message_count, 0U);
    EXPECT_TRUE(raft_is_leader(node.raft));
}

/* The trail is full: no further terms are taken in or begun, and nothing breaks. */
TEST(RaftStep, FullTrailTakesNoMoreTerms)
{
    uint64_t before = mark_count("trail_is_full");
    struct raft_settings settings = small_settings(1, 3);
    settings.trail_max = 2;
    raft_alone node(settings);
    node.log({1}).boot(1);
    node.append(2, 3, {1, 1}, {2, 2, 3, 3});
    EXPECT_EQ(node.effects.append_count, 2U);
    EXPECT_EQ(node.only(PEER_APPEND_ANSWER).body.match, 3U);
    EXPECT_EQ(mark_count("trail_is_full"), before + 1);
    uint64_t stood = mark_count("may_not_stand");
    node.wait(500 * MS);
    EXPECT_EQ(raft_role(node.raft), RAFT_FOLLOWER);
    EXPECT_EQ(mark_count("may_not_stand"), stood + 1);
}

/* A peer that distrusts its log, or has none, is told of once and counts for nothing. */
TEST(RaftStep, PeersThatAreNotOrdinary)
{
    raft_alone node(1, 3);
    leading(node);
    struct peer_message answer = {};
    answer.kind = PEER_APPEND_ANSWER;
    answer.from = 2;
    answer.term = 2;
    answer.state = PEER_STATE_DAMAGED;
    node.receive(answer);
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_PEER_DAMAGED);
    EXPECT_EQ(node.effects.notice_peer, 2);
    EXPECT_EQ(raft_peer_match(node.raft, 2), 0U);
    node.receive(answer);
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_NONE);
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U);
    node.propose();
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 0U) << "no entries, ...";
    node.wait(50 * MS);
    EXPECT_EQ(node.sent(PEER_APPEND, 2).size(), 1U) << "... but heartbeats";
    node.accept(3, 2);
    node.wait(450 * MS);
    EXPECT_TRUE(raft_is_leader(node.raft));
    answer.state = PEER_STATE_BLANK;
    answer.term = 99;
    node.receive(answer);
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_PEER_BLANK);
    EXPECT_EQ(raft_term(node.raft), 2U) << "its term means nothing";
    node.wait(50 * MS);
    EXPECT_FALSE(raft_is_leader(node.raft)) << "its answers are no majority";

    raft_alone candidate(1, 3);
    candidate.log({1}).boot(1);
    candidate.event(RAFT_CAMPAIGN);
    struct peer_message vote = {};
    vote.kind = PEER_VOTE_ANSWER;
    vote.from = 2;
    vote.pre = true;
    vote.granted = true;
    vote.term = 2;
    vote.state = PEER_STATE_BLANK;
    candidate.receive(vote);
    EXPECT_EQ(raft_role(candidate.raft), RAFT_PRECANDIDATE);
}

/* What a step has too many of to tell is told by the next. */
TEST(RaftStep, NoticesAreKept)
{
    raft_alone node(1, 3);
    node.log({1, 2}).boot(2);
    node.append(3, 3, {1, 1}, {3});
    EXPECT_EQ(node.effects.notice, RAFT_NOTICE_NEW_LEADER);
    EXPECT_EQ(node.effects.notice_peer, 3);
    EXPECT_EQ(raft_deadline(node.raft), node.now_ns);
    EXPECT_EQ(node.wait(0).notice, RAFT_NOTICE_TRUNCATED);
    EXPECT_EQ(node.wait(0).notice, RAFT_NOTICE_NONE);
}

/* Echoed stamps and heard instants are what the clock guard and status live on. */
TEST(RaftStep, RepeatsStamps)
{
    raft_alone node(1, 3);
    leading(node);
    struct peer_message answer = {};
    answer.kind = PEER_APPEND_ANSWER;
    answer.from = 2;
    answer.term = 2;
    answer.accepted = true;
    answer.match = 2;
    answer.stamp_ns = 777;
    node.receive(answer);
    node.propose();
    EXPECT_EQ(node.only(PEER_APPEND, 2).body.echo_ns, 777U);
    EXPECT_EQ(raft_peer_heard_ns(node.raft, 2), node.now_ns);
    EXPECT_EQ(raft_peer_heard_ns(node.raft, 9), 0U);

    raft_alone follower(2, 3);
    follower.log({1}).boot(1);
    follower.append(1, 1, {1, 1}, {});
    EXPECT_EQ(follower.only(PEER_APPEND_ANSWER).body.stamp_ns, follower.now_ns);
}

/* A slow disk of one follower holds back neither the leader nor the others. */
TEST(RaftStep, SlowDiskHoldsBackNobody)
{
    raft_cluster cluster(3, 6);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_leader());
    uint8_t slow = cluster.leader() == 1 ? 2 : 1;
    cluster.stall_disk(slow, true);
    uint64_t before = cluster.committed.size();
    for (int i = 0; i < 200; i++) {
        cluster.propose(cluster.leader());
        cluster.run_for(2 * MS);
    }
    EXPECT_GE(cluster.committed.size(), before + 195);
    cluster.stall_disk(slow, false);
    EXPECT_TRUE(cluster.run_until([&] { return cluster.agree(); }, NS_PER_S));
}

/* A follower that was away for long is served from the disk; the others do not wait. */
TEST(RaftStep, FarBehindIsServedFromDisk)
{
    raft_cluster cluster(3, 7);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_leader());
    uint8_t leader = cluster.leader();
    uint8_t away = leader == 1 ? 2 : 1;
    cluster.crash(away);
    for (int i = 0; i < 500; i++) {
        cluster.propose(leader);
        cluster.run_for(1 * MS);
    }
    cluster.start(away);
    uint64_t before = cluster.committed.size();
    for (int i = 0; i < 200; i++) {
        cluster.propose(leader);
        cluster.run_for(1 * MS);
    }
    EXPECT_GE(cluster.committed.size(), before + 195);
    EXPECT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    EXPECT_GT(cluster.fetched[leader], 50U);
}

/*
 * Idle, a cluster sends a heartbeat and its answer per follower and interval, and no more.
 */
TEST(RaftStep, IdleClusterSendsHeartbeatsOnly)
{
    raft_cluster cluster(3, 8);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    cluster.sent.clear();
    cluster.run_for(10 * NS_PER_S);
    EXPECT_NEAR(static_cast<double>(cluster.sent[PEER_APPEND]), 400, 4);
    EXPECT_NEAR(static_cast<double>(cluster.sent[PEER_APPEND_ANSWER]), 400, 4);
    EXPECT_EQ(cluster.sent[PEER_VOTE], 0U);
}

/* One entry, one message to each follower and one answer. */
TEST(RaftStep, EntryCostsOneMessageEach)
{
    raft_cluster cluster(3, 8);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until([&] { return cluster.agree(); }, 5 * NS_PER_S));
    cluster.sent.clear();
    for (int i = 0; i < 100; i++) {
        cluster.propose(cluster.leader());
        cluster.run_for(2 * MS);
    }
    EXPECT_LE(cluster.sent[PEER_APPEND], 210U);
    EXPECT_LE(cluster.sent[PEER_APPEND_ANSWER], 210U);
}

} // namespace
