/*
 * The log on disk may begin anywhere: segments go at the front, and their places are used
 * again.
 */
#include <functional>
#include <gtest/gtest.h>

#include "base/mark.h"
#include "store/log.h"
#include "worlds/store_machine.h"

namespace {

using namespace store_test;

entry_head head_of(entry_id id, entry_id before, uint64_t sum_before)
{
    entry_head head{};
    head.id = id;
    head.previous_term = before.term;
    head.previous_sum = sum_before;
    head.cluster = CLUSTER;
    head.sum = id.index * 1000;
    head.kind = ENTRY_BATCH;
    return head;
}

/* ---- The chain ---- */

class StoreChain : public testing::Test {
protected:
    StoreChain() : memory(1 << 16)
    {
        chain_carve(&chain, &memory.arena, "chain");
        chain_init(&chain, {3, 20}, 20000);
    }

    void add(uint64_t count)
    {
        for (; count > 0; count--) {
            entry_id before = chain_last(&chain);
            chain_link link;
            ASSERT_TRUE(chain_at(&chain, before.index, &link));
            entry_head head = head_of({3, before.index + 1}, before, link.sum);
            ASSERT_TRUE(chain_fits(&chain, &head));
            chain_add(&chain, &head);
        }
    }

    void expect_sum(uint64_t index, bool known)
    {
        chain_link link;
        EXPECT_EQ(chain_at(&chain, index, &link), known) << index;
        EXPECT_EQ(link.sum, known ? index * 1000 : 0U);
    }

    carved memory;
    struct chain chain {};
};

TEST_F(StoreChain, BeginsBehindAnEntryWhoseSumIsKnown)
{
    EXPECT_TRUE(chain_is_known(&chain));
    EXPECT_TRUE(entry_id_equal(chain_last(&chain), {3, 20}));
    expect_sum(20, true);
    expect_sum(19, false);
    expect_sum(0, false);
    entry_head wrong = head_of({3, 21}, {3, 20}, 20001);
    EXPECT_FALSE(chain_fits(&chain, &wrong));
    add(2);
    expect_sum(22, true);
    chain_cut(&chain, 21);
    EXPECT_TRUE(chain_is_known(&chain));
    EXPECT_TRUE(entry_id_equal(chain_last(&chain), {3, 20}));
    EXPECT_DEATH(chain_cut(&chain, 20), "before");
}

TEST_F(StoreChain, DropsAPrefix)
{
    add(10);
    chain_drop_before(&chain, {3, 25}, 25000);
    expect_sum(24, false);
    expect_sum(25, true);
    expect_sum(26, true);
    EXPECT_DEATH(chain_drop_before(&chain, {3, 24}, 24000), "before");
    EXPECT_DEATH(chain_drop_before(&chain, {3, 26}, 1), "sum");
    chain_drop_before(&chain, {3, 30}, 30000);
    EXPECT_TRUE(entry_id_equal(chain_last(&chain), {3, 30}));
    add(CHAIN_MAX + 5);
    expect_sum(30, true);
    expect_sum(31, false);
    /* To where sums are not kept any more: the caller knows it. */
    chain_drop_before(&chain, {3, 33}, 33000);
    expect_sum(30, false);
    expect_sum(33, true);
    expect_sum(34, false);
    /* Cut back to the beginning, which is known although nothing behind it is. */
    chain_cut(&chain, 34);
    EXPECT_TRUE(chain_is_known(&chain));
    add(1);
    expect_sum(34, true);
}

/* ---- Places ---- */

class StorePlacesBegin : public testing::Test {
protected:
    StorePlacesBegin() : memory(2 << 20)
    {
        wal_settings settings = tiny_settings();
        settings.segments_max = 4;
        places_carve(&places, &memory.arena, &settings);
        const log_begin begin = {{3, 20}, 20000, 7};
        places_init(&places, &begin);
    }

    /* A segment with two entries of a mebibyte, so that each has a place of its own. */
    void segment(uint64_t first_entry, uint64_t start)
    {
        ASSERT_TRUE(places_add_segment(&places, 4 * PLACES_STEP));
        places_begin_segment(
                &places, start, {3, first_entry - 1}, (first_entry - 1) * 1000);
        places_add_bytes(&places, BLOCK);
        for (uint64_t index = first_entry; index < first_entry + 2; index++) {
            places_note_entry(&places, index);
            places_add_bytes(&places, PLACES_STEP);
        }
    }

    carved memory;
    struct places places {};
};

TEST_F(StorePlacesBegin, RingOfSegmentsIsUsedAgain)
{
    EXPECT_EQ(places_current(&places), nullptr);
    EXPECT_EQ(places_locate(&places, 20).segment, 0U);
    EXPECT_EQ(places_locate(&places, 21).segment, 7U);
    uint64_t entry = 21;
    uint64_t start = 1000 * BLOCK; /* As its header says */
    for (uint64_t number = 7; number <= 10; number++, entry += 2) {
        segment(entry, start);
        start = places_end_position(&places);
    }
    EXPECT_TRUE(places_is_full(&places));
    EXPECT_FALSE(places_add_segment(&places, BLOCK));
    EXPECT_TRUE(places_have_entry_before(&places, 0));

    for (uint64_t round = 0; round < 9; round++, entry += 2) {
        uint64_t first = places.begin.segment;
        uint64_t begin = places.begin.before.index + 1;
        EXPECT_FALSE(places_drop_before(&places, begin + 1, start));
        EXPECT_FALSE(places_drop_before(&places, begin + 2, 0));
        ASSERT_TRUE(places_drop_before(&places, begin + 2, start));
        EXPECT_EQ(places.begin.segment, first + 1);
        EXPECT_TRUE(entry_id_equal(places.begin.before, {3, begin + 1}));
        EXPECT_EQ(places.begin.sum, (begin + 1) * 1000);
        EXPECT_EQ(places_locate(&places, begin + 1).segment, 0U);
        EXPECT_EQ(places_locate(&places, begin + 2).segment, first + 1);
        EXPECT_EQ(places_locate(&places, begin + 2).offset, BLOCK);
        EXPECT_EQ(places_locate(&places, entry - 1).segment, first + 3);
        EXPECT_FALSE(places_is_full(&places));
        segment(entry, start);
        start = places_end_position(&places);
        EXPECT_TRUE(places_is_full(&places));
    }
    /* Several at once; the last stays, whatever is asked for. */
    EXPECT_TRUE(places_drop_before(&places, entry + 100, start));
    EXPECT_EQ(places.begin.segment, places.begun);
    EXPECT_FALSE(places_drop_before(&places, entry + 100, start));
}

TEST_F(StorePlacesBegin, SegmentThatWasCutBackOverIsNoBegin)
{
    segment(21, 0);
    segment(23, places_end_position(&places));
    segment(25, places_end_position(&places));
    places_cut(&places, 24);
    EXPECT_EQ(places.entry_count, 3U);
    EXPECT_TRUE(places_drop_before(&places, 1000, places_end_position(&places)));
    EXPECT_EQ(places.begin.segment, 8U);
    EXPECT_EQ(places_locate(&places, 22).segment, 0U);
    EXPECT_EQ(places_locate(&places, 24).segment, 8U);
}

/* ---- The log: what a first header may say ---- */

class StoreLogBegin : public testing::Test {
protected:
    StoreLogBegin() : memory(2 << 20)
    {
        wal_settings settings = tiny_settings();
        log_carve(&log, &memory.arena, &settings);
        const log_begin begin = {{3, 20}, 20000, 7};
        log_init_at(&log, &begin);
        places_add_segment(&log.places, 12 * BLOCK);
        header.place = {.run = 4,
                .segment = 7,
                .position = 500 * BLOCK,
                .durable = 9 * BLOCK,
                .previous = 77};
        header.node = 2;
        header.vote = 1;
        header.segment_bytes = 12 * BLOCK;
        header.cluster = CLUSTER;
        header.term = 5;
        header.last = {3, 20};
        header.last_sum = 20000;
        header.sum = 88;
    }

    bool takes(const std::function<void(segment_header &)> &change) const
    {
        segment_header changed = header;
        change(changed);
        return log_takes_header(&log, &changed);
    }

    carved memory;
    struct log log {};
    segment_header header{};
};

TEST_F(StoreLogBegin, FirstHeaderIsTheRootOfTrust)
{
    EXPECT_TRUE(takes([](auto &) {}));
    /* What only the records before it could tell. */
    EXPECT_TRUE(takes([](auto &h) { h.place.position += BLOCK; }));
    EXPECT_TRUE(takes([](auto &h) { h.place.previous++; }));
    EXPECT_TRUE(takes([](auto &h) { h.term++; }));
    EXPECT_TRUE(takes([](auto &h) { h.vote = 0; }));
    /* What the beginning says, or the header itself. */
    EXPECT_FALSE(takes([](auto &h) { h.last.index++; }));
    EXPECT_FALSE(takes([](auto &h) { h.last.term = 0; }));
    EXPECT_FALSE(takes([](auto &h) { h.last_sum++; }));
    EXPECT_FALSE(takes([](auto &h) { h.place.segment++; }));
    EXPECT_FALSE(takes([](auto &h) { h.place.durable = h.place.position + 1; }));
    EXPECT_FALSE(takes([](auto &h) { h.node = 0; }));
    EXPECT_FALSE(takes([](auto &h) { h.segment_bytes += BLOCK; }));
}

TEST_F(StoreLogBegin, GoesOnBehindTheFirstHeader)
{
    log_take_header(&log, &header);
    EXPECT_EQ(log.term, 5U);
    EXPECT_EQ(log.vote, 1U);
    EXPECT_EQ(places_end_position(&log.places), 501 * BLOCK);
    const auto at_end = [&](record_kind kind, uint64_t value) {
        record record{};
        record.kind = kind;
        record.place = {.run = 4,
                .segment = 7,
                .position = places_end_position(&log.places),
                .durable = 0,
                .previous = log.previous};
        record.value = value;
        return record;
    };
    record truncate = at_end(RECORD_TRUNCATE, 20);
    EXPECT_FALSE(log_takes_record(&log, &truncate, nullptr));
    entry_head head = head_of({5, 21}, {3, 20}, 20000);
    record entry = at_end(RECORD_ENTRY, head.sum);
    entry.payload_bytes = static_cast<uint32_t>(entry_bytes(&head));
    entry.sum = 99;
    ASSERT_TRUE(log_takes_record(&log, &entry, &head));
    log_take_record(&log, &entry, &head);
    truncate = at_end(RECORD_TRUNCATE, 20);
    EXPECT_FALSE(log_takes_record(&log, &truncate, nullptr));
    truncate = at_end(RECORD_TRUNCATE, 21);
    truncate.sum = 100;
    ASSERT_TRUE(log_takes_record(&log, &truncate, nullptr));
    log_take_record(&log, &truncate, nullptr);
    EXPECT_TRUE(entry_id_equal(chain_last(&log.chain), {3, 20}));
    EXPECT_TRUE(chain_is_known(&log.chain));
}

/* ---- The whole ---- */

/* Entries that fill `count` segments, all of them durable. */
void fill(machine &machine, uint64_t count)
{
    uint64_t wanted = machine.disk.empty() ? count : machine.disk.rbegin()->first + count;
    while (machine.disk.empty() || machine.disk.rbegin()->first < wanted) {
        machine.append(1, bytes(5000, 'x'));
        machine.flush();
    }
}

TEST(StoreBegin, LogOfFewSegmentsNeverEnds)
{
    wal_settings settings = tiny_settings();
    settings.segments_max = 4;
    machine machine(settings);
    machine.vote(1, 2);
    for (int round = 0; round < 20; round++) {
        while (!wal_is_full(machine.wal)) {
            machine.append(1, bytes(5000, 'x'));
            machine.flush();
            machine.make_segment();
            machine.check();
        }
        EXPECT_EQ(wal_wanted_segment(machine.wal), 0U);
        ASSERT_TRUE(machine.drop_before(machine.entries().size()));
        EXPECT_FALSE(machine.drop_before(machine.entries().size()));
        EXPECT_EQ(wal_wanted_segment(machine.wal), machine.begin.segment + 1);
        machine.check();
        for (uint64_t index = 1; index <= machine.entries().size(); index++)
            machine.check_entry(index);
        if (round % 3 == 0)
            machine.boot();
        ASSERT_FALSE(testing::Test::HasFatalFailure());
    }
    EXPECT_GT(machine.begin.segment, 50U);
    machine.boot();
    EXPECT_EQ(machine.decision.vote, 2U);
    EXPECT_EQ(machine.decision.cluster, CLUSTER);
    EXPECT_EQ(wal_begin(machine.wal).segment, machine.begin.segment);
}

TEST(StoreBegin, WhatIsNotDurableIsNoBegin)
{
    machine machine;
    while (wal_segment_end(machine.wal, 2) == 0) {
        machine.flush();
        machine.append(1, bytes(5000, 'x'));
    }
    EXPECT_FALSE(machine.drop_before(machine.entries().size()));
    machine.flush();
    EXPECT_TRUE(machine.drop_before(machine.entries().size()));
    EXPECT_EQ(machine.begin.segment, 2U);
}

TEST(StoreBegin, RecoveryIsToldWhereTheLogBegins)
{
    machine machine;
    fill(machine, 6);
    segments before = machine.disk;
    ASSERT_TRUE(machine.drop_before(machine.entries().size() - 10));
    uint64_t first = machine.begin.segment;
    ASSERT_GT(first, 2U);
    EXPECT_EQ(machine.read(machine.disk, BLOCK).decision.verdict, RECOVERY_CLEAN);

    /* A crash came before the removal of all files. */
    uint64_t met = mark_count("recovery_before_the_log");
    EXPECT_EQ(machine.read(before, BLOCK).decision.verdict, RECOVERY_CLEAN);
    EXPECT_EQ(mark_count("recovery_before_the_log"), met + first - 1);
    segments some = before;
    some.erase(1);
    found found = machine.read(some, BLOCK);
    EXPECT_EQ(found.decision.verdict, RECOVERY_CLEAN);
    EXPECT_EQ(found.happenings.front().head.id.index, machine.begin.before.index + 1);

    /* Nobody said that it begins later: a file is missing. */
    recovery_decision decision =
            read_log(machine.recovery, machine.settings, machine.disk, BLOCK).decision;
    EXPECT_EQ(decision.verdict, RECOVERY_DAMAGED);
    EXPECT_EQ(decision.bad.segment, 1U);

    /* The file that it begins with is missing, or damaged, or is of another log. */
    segments wrong = machine.disk;
    wrong.erase(first);
    decision = machine.read(wrong, BLOCK).decision;
    EXPECT_EQ(decision.verdict, RECOVERY_DAMAGED);
    EXPECT_EQ(decision.bad.segment, first);
    EXPECT_EQ(machine.read({}, BLOCK).decision.verdict, RECOVERY_DAMAGED);
    wrong = machine.disk;
    wrong[first][100] ^= 1;
    EXPECT_EQ(machine.read(wrong, BLOCK).decision.verdict, RECOVERY_DAMAGED);
    log_begin other = machine.begin;
    other.sum++;
    decision = read_log(machine.recovery, machine.settings, machine.disk, BLOCK, &other)
                       .decision;
    EXPECT_EQ(decision.verdict, RECOVERY_DAMAGED);
    EXPECT_EQ(decision.bad.segment, first);
}

TEST(StoreBegin, HeaderAloneIsALog)
{
    machine machine;
    fill(machine, 3);
    ASSERT_TRUE(machine.drop_before(machine.entries().size() + 1));
    segments disk;
    disk[machine.begin.segment] = machine.disk.at(machine.begin.segment);
    bytes &first = disk.begin()->second;
    std::fill(first.begin() + BLOCK, first.end(), 0);
    found found = machine.read(disk, BLOCK);
    EXPECT_EQ(found.decision.verdict, RECOVERY_CLEAN);
    EXPECT_TRUE(entry_id_equal(found.decision.last, machine.begin.before));
    EXPECT_EQ(found.decision.end.offset, BLOCK);
}

} // namespace
