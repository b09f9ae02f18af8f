/* What wal does step by step; whole lives are store_power_test.cc's. */
#include "worlds/store_machine.h"

#include "base/mark.h"
#include "base/units.h"
#include "store/chain.h"

namespace {

using namespace store_test;

bytes body_of(size_t count, unsigned char fill)
{
    return bytes(count, fill);
}

TEST(StoreWal, WantsAFirstSegmentAndWaitsForIt)
{
    machine machine;
    EXPECT_FALSE(wal_has_room(machine.wal, 0, 0));
    EXPECT_EQ(wal_wanted_segment(machine.wal), 1U);
    machine.make_segment();
    EXPECT_TRUE(wal_has_room(machine.wal, 0, 0));
    EXPECT_EQ(wal_wanted_segment(machine.wal), 0U);
    /* The next is wanted as soon as this one is begun. */
    machine.vote(1, 1);
    EXPECT_EQ(wal_wanted_segment(machine.wal), 2U);
    wal_write write;
    ASSERT_TRUE(wal_next_write(machine.wal, &write));
    EXPECT_EQ(write.place.segment, 1U);
    EXPECT_EQ(write.place.offset, 0U);
    EXPECT_EQ(write.count, 2 * BLOCK) << "header and record in one write";
}

TEST(StoreWal, HasNoRoomWithoutTheNextSegment)
{
    machine machine;
    machine.make_segment();
    while (wal_has_room(machine.wal, 0, 0)) {
        wal_add_vote(machine.wal, 1, 1);
        wal_write write;
        ASSERT_TRUE(wal_next_write(machine.wal, &write));
        wal_written(machine.wal, write.id);
    }
    wal_check(machine.wal);
    EXPECT_EQ(wal_wanted_segment(machine.wal), 2U);
    EXPECT_FALSE(wal_is_full(machine.wal));
    machine.make_segment();
    EXPECT_TRUE(wal_has_room(machine.wal, 0, 0));
}

TEST(StoreWal, SaysWhenThereMayBeNoMoreSegments)
{
    wal_settings settings = tiny_settings();
    settings.segments_max = 2;
    machine machine(settings);
    while (machine.has_room(0, 0)) {
        machine.vote(1, 1);
        machine.flush();
    }
    EXPECT_TRUE(wal_is_full(machine.wal));
    EXPECT_EQ(wal_wanted_segment(machine.wal), 0U);
    machine.boot();
    EXPECT_FALSE(wal_has_room(machine.wal, 0, 0));
}

TEST(StoreWal, StepMustFitIntoTwoSegments)
{
    wal_settings settings = tiny_settings();
    settings.segment_bytes = 8 * BLOCK;
    settings.buffer_bytes = 64 * BLOCK;
    machine machine(settings);
    for (int count = 0; count < 5; count++)
        machine.vote(1, 1);
    machine.flush();
    machine.make_segment();
    /* An entry of this many blocks, a vote and a truncation: seven go into a segment. */
    const auto blocks = [](uint64_t count) {
        return count * BLOCK - (BLOCK - 1) - 64;
    };
    EXPECT_TRUE(wal_has_room(machine.wal, 1, blocks(6) - 1));
    EXPECT_FALSE(wal_has_room(machine.wal, 1, blocks(6)));
}

/*
 * Whatever has room is taken, and with nothing in flight there is room for what was
 * planned.
 */
TEST(StoreWal, RoomIsEnoughForTheWorstCase)
{
    wal_settings settings = tiny_settings();
    uint64_t entry = ENTRY_HEAD_BYTES + settings.entry_body_max;
    settings.buffer_bytes = wal_step_bytes(&settings, 1, entry);
    settings.segment_bytes = settings.buffer_bytes;
    machine machine(settings);
    dice dice(3);
    for (uint64_t term = 1; term < 500; term++) {
        machine.flush();
        ASSERT_TRUE(machine.has_room(1, entry));
        if (dice.coin())
            wal_add_vote(machine.wal, term, 1);
        uint64_t last = wal_last(machine.wal).index;
        if (last > 0 && dice.coin())
            wal_add_truncate(machine.wal, last);
        if (wal_cluster(machine.wal) == 0)
            wal_set_cluster(machine.wal, CLUSTER);
        uint32_t most = static_cast<uint32_t>(dice.below(settings.entry_body_max + 1));
        memset(wal_open_entry(machine.wal, most), 1, most);
        entry_head head{};
        head.id = {term, wal_last(machine.wal).index + 1};
        head.kind = ENTRY_BATCH;
        head.body_bytes = static_cast<uint32_t>(dice.below(most + 1));
        wal_seal_entry(machine.wal, &head);
        wal_check(machine.wal);
    }
}

TEST(StoreWal, WritesAreBoundedInNumberAndSize)
{
    wal_settings settings = tiny_settings();
    settings.buffer_bytes = 4 * MIB;
    settings.segment_bytes = 8 * MIB;
    settings.entry_body_max = 512 * 1024;
    settings.writes_max = 2;
    machine machine(settings);
    machine.append(1, body_of(10, 1));
    ASSERT_TRUE(machine.submit());
    EXPECT_EQ(machine.in_flight[0].write.count, 2 * BLOCK);
    for (int count = 0; count < 6; count++)
        machine.append(1, body_of(500 * 1024, 2));
    ASSERT_TRUE(machine.submit());
    EXPECT_FALSE(machine.submit()) << "two are in flight";
    EXPECT_GT(machine.in_flight[1].write.count, MIB / 2);
    EXPECT_LE(machine.in_flight[1].write.count, MIB) << "the rest is for the next write";
    /* Durable goes in order. */
    machine.complete(1);
    EXPECT_EQ(wal_durable(machine.wal), 0U);
    machine.complete(0);
    EXPECT_GT(wal_durable(machine.wal), MIB / 2);
    EXPECT_GT(mark_count("log_written_out_of_order"), 0U);
    machine.flush();
    EXPECT_EQ(wal_durable(machine.wal), wal_end(machine.wal));
    machine.boot();
    EXPECT_EQ(machine.entries().size(), 7U);
}

TEST(StoreWal, LongestEntryOfAllIsKept)
{
    wal_settings settings = tiny_settings();
    settings.buffer_bytes = 4 * MIB;
    settings.segment_bytes = 4 * MIB;
    settings.entry_body_max = ENTRY_BODY_MAX;
    machine machine(settings);
    machine.append(1, body_of(ENTRY_BODY_MAX, 9));
    machine.receive(1, body_of(ENTRY_BODY_MAX, 8));
    machine.flush();
    for (uint64_t blocks : {1, 7, 300, 1024}) {
        machine.boot(blocks * BLOCK);
        EXPECT_EQ(machine.entries().size(), 2U);
    }
}

TEST(StoreWal, DroppedEntryLeavesNothing)
{
    machine machine;
    machine.append(1, body_of(10, 1));
    machine.need_room(1, 5000);
    uint64_t end = wal_end(machine.wal);
    memset(wal_open_entry(machine.wal, 4900), 7, 4900);
    EXPECT_TRUE(wal_entry_is_open(machine.wal));
    wal_drop_entry(machine.wal);
    EXPECT_FALSE(wal_entry_is_open(machine.wal));
    EXPECT_EQ(wal_end(machine.wal), end);
    machine.check_entry(1);
    machine.append(1, body_of(11, 2));
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.entries().size(), 2U);
}

TEST(StoreWal, PaddingIsZero)
{
    machine machine;
    machine.append(1, body_of(10, 0xff), 2 * BLOCK);
    machine.receive(1, body_of(10, 0xff));
    machine.flush();
    for (uint64_t record = 1; record <= 2; record++) {
        const bytes &segment = machine.disk.at(1);
        for (uint64_t at = 64 + 56 + 10; at < BLOCK; at++)
            ASSERT_EQ(segment[record * BLOCK + at], 0) << at;
    }
}

TEST(StoreWal, FindsEntriesInBufferAndOnDisk)
{
    machine machine;
    for (unsigned char count = 1; count <= 100; count++) {
        machine.append(1, body_of(count * 30U, count));
        machine.flush();
    }
    EXPECT_GT(wal_window_begin(machine.wal), 50U);
    EXPECT_LT(wal_window_begin(machine.wal), 100U);
    for (uint64_t index = 1; index <= 100; index++)
        machine.check_entry(index);
    entry_head head;
    EXPECT_EQ(wal_find(machine.wal, 0, &head), nullptr);
    EXPECT_EQ(wal_find(machine.wal, 101, &head), nullptr);
    machine.boot();
    EXPECT_EQ(wal_window_begin(machine.wal), 101U);
    for (uint64_t index = 1; index <= 100; index++)
        machine.check_entry(index);
}

TEST(StoreWal, LocatesWithinALongSegment)
{
    wal_settings settings = tiny_settings();
    settings.buffer_bytes = 4 * MIB;
    settings.segment_bytes = 20 * MIB;
    settings.entry_body_max = 100 * 1024;
    machine machine(settings);
    for (unsigned char count = 0; count < 180; count++) {
        machine.append(1, body_of(100 * 1024, count));
        machine.flush();
    }
    for (uint64_t index = 1; index <= 180; index++) {
        wal_place place = wal_locate(machine.wal, index);
        uint64_t offset = BLOCK + (index - 1) * format_entry_bytes(100 * 1024);
        ASSERT_LE(place.offset, offset);
        ASSERT_LE(offset - place.offset, MIB + 100 * 1024);
    }
    /* After a truncation it is the new entry that is found. */
    machine.vote(2, 1);
    machine.truncate(90);
    for (unsigned char count = 0; count < 20; count++)
        machine.append(2, body_of(1000, count));
    machine.flush();
    machine.boot();
    for (uint64_t index = 80; index < 110; index++)
        machine.check_entry(index);
}

/*
 * [Raft 3.5] What a new leader had cut off never comes back, in memory or after a restart.
 */
TEST(StoreWal, CutOffEntriesAreGone)
{
    machine machine;
    for (unsigned char count = 1; count <= 9; count++)
        machine.append(1, body_of(count, count));
    machine.flush();
    machine.vote(2, 3);
    machine.truncate(5);
    EXPECT_EQ(wal_last(machine.wal).index, 4U);
    entry_head head;
    for (uint64_t index = 5; index <= 9; index++)
        EXPECT_EQ(wal_find(machine.wal, index, &head), nullptr);
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.entries().size(), 4U);
    EXPECT_EQ(machine.decision.last.index, 4U);
    EXPECT_EQ(machine.decision.last.term, 1U);
    machine.receive(2, body_of(1, 0x77));
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.entries().size(), 5U);
    EXPECT_EQ(machine.decision.last.term, 2U);
    machine.check_entry(5);
}

TEST(StoreWal, LogCanBeCutToNothing)
{
    machine machine;
    machine.append(1, body_of(1, 1));
    machine.vote(2, 3);
    machine.truncate(1);
    EXPECT_TRUE(wal_last_is_known(machine.wal));
    EXPECT_EQ(wal_last_sum(machine.wal), 0U);
    machine.receive(2, body_of(2, 2));
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.entries().size(), 1U);
}

/* A truncation beyond the sums that are kept: the next entry brings the sum. */
TEST(StoreWal, LongTruncationTakesTheChainFromTheNextEntry)
{
    machine machine;
    for (uint64_t count = 0; count < CHAIN_MAX + 20; count++)
        machine.append(1, body_of(3, static_cast<unsigned char>(count)));
    uint64_t sum = 0;
    for (uint64_t index = 1; index <= CHAIN_MAX + 20; index++) {
        EXPECT_EQ(wal_sum_at(machine.wal, index, &sum), index > 20);
        if (index > 20) {
            EXPECT_EQ(sum, machine.entries()[index - 1].head.sum);
        }
    }
    machine.vote(2, 3);
    machine.truncate(11);
    EXPECT_FALSE(wal_last_is_known(machine.wal));
    EXPECT_EQ(wal_last(machine.wal).index, 10U);
    EXPECT_EQ(wal_last(machine.wal).term, 0U);
    EXPECT_FALSE(wal_sum_at(machine.wal, 10, &sum));
    machine.flush();
    machine.boot();
    EXPECT_FALSE(wal_last_is_known(machine.wal));
    EXPECT_EQ(machine.decision.last.index, 10U);
    machine.receive(2, body_of(4, 4));
    EXPECT_TRUE(wal_last_is_known(machine.wal));
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.decision.last.index, 11U);
    EXPECT_EQ(machine.decision.last.term, 2U);
    EXPECT_TRUE(wal_sum_at(machine.wal, 10, &sum));
    EXPECT_EQ(sum, machine.entries()[9].head.sum);
    EXPECT_GT(mark_count("chain_unknown"), 0U);
    EXPECT_GT(mark_count("chain_adopted"), 0U);
}

/* ... or who has read it from disk tells it. */
TEST(StoreWal, LongTruncationCanBeToldTheSum)
{
    machine machine;
    for (uint64_t count = 0; count < CHAIN_MAX + 20; count++)
        machine.append(1, body_of(3, static_cast<unsigned char>(count)));
    machine.vote(2, 3);
    machine.truncate(11);
    /* A segment may begin meanwhile. */
    for (int count = 0; count < 20; count++)
        machine.vote(2, 3);
    machine.flush();
    machine.boot();
    const entry_head &last = machine.entries()[9].head;
    EXPECT_EQ(machine.read_entry(10, 1), machine.entries()[9].entry);
    wal_learn_last(machine.wal, last.id, last.sum);
    EXPECT_EQ(wal_last_sum(machine.wal), last.sum);
    for (int count = 0; count < 20; count++)
        machine.vote(2, 3);
    machine.append(2, body_of(4, 4));
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.decision.last.index, 11U);
}

/* Writing the very same record again must not bring back what once followed it. */
TEST(StoreWal, OldFollowersStayForgotten)
{
    machine machine;
    machine.append(1, body_of(1, 1));
    machine.flush();
    for (int round = 0; round < 5; round++) {
        machine.append(1, body_of(5000, 2));
        ASSERT_TRUE(machine.submit());
        machine.append(1, body_of(5000, 3));
        ASSERT_TRUE(machine.submit());
        /* The first is lost, the second is not. */
        uint64_t first = machine.in_flight[0].write.place.offset;
        machine.cut_power([&](uint64_t, uint64_t offset) { return offset != first; });
        machine.boot();
        ASSERT_EQ(machine.decision.verdict, RECOVERY_CUT);
        ASSERT_EQ(machine.entries().size(), 1U);
        /* Now the same first one, and nothing else. */
        machine.append(1, body_of(5000, 2));
        machine.flush();
        machine.boot();
        ASSERT_EQ(machine.entries().size(), 2U);
        ASSERT_EQ(machine.decision.verdict, RECOVERY_CUT);
        machine.vote(machine.decision.term + 1, 1);
        machine.truncate(2);
        machine.flush();
    }
}

TEST(StoreWal, SegmentOfAnotherSizeIsUsedOrReplaced)
{
    machine machine;
    machine.vote(1, 1);
    machine.flush();
    ASSERT_EQ(wal_wanted_segment(machine.wal), 2U);
    /* A larger one is as good; a smaller one, half made perhaps, is wanted again. */
    machine.disk[2] = bytes(20 * BLOCK);
    machine.boot();
    EXPECT_EQ(wal_wanted_segment(machine.wal), 0U);
    machine.disk[2] = bytes(11 * BLOCK);
    machine.boot();
    EXPECT_EQ(wal_wanted_segment(machine.wal), 2U);
    machine.disk[2] = bytes(20 * BLOCK);
    machine.boot();
    for (uint64_t term = 2; term < 60; term++)
        machine.vote(term, 1);
    machine.flush();
    EXPECT_EQ(wal_segment_end(machine.wal, 2), 20 * BLOCK);
    machine.boot();
}

TEST(StoreWal, DamagedLogIsNotWrittenTo)
{
    machine machine;
    for (uint64_t term = 1; term < 4; term++) {
        machine.vote(term, 1);
        machine.flush();
    }
    machine.disk.at(1)[BLOCK] ^= 1;
    found now = read_log(machine.recovery, machine.settings, machine.disk, BLOCK);
    ASSERT_EQ(now.decision.verdict, RECOVERY_DAMAGED);
    wal_init(machine.wal, &machine.settings, machine.recovery);
    wal_write write;
    EXPECT_FALSE(wal_has_room(machine.wal, 0, 0));
    EXPECT_EQ(wal_wanted_segment(machine.wal), 0U);
    EXPECT_FALSE(wal_next_write(machine.wal, &write));
    EXPECT_DEATH(wal_add_vote(machine.wal, 9, 1), "closed");
}

TEST(StoreWal, BootstrapThatWasNotWrittenLeavesNoCluster)
{
    machine machine;
    machine.vote(1, 2);
    /*
     * The first entry of all begins a segment, whose header is written and the entry is
     * not.
     */
    while (wal_segment_end(machine.wal, 1) < machine.settings.segment_bytes)
        machine.vote(1, 2);
    machine.flush();
    machine.append(1, body_of(10, 1));
    ASSERT_TRUE(machine.submit());
    machine.cut_power([](uint64_t, uint64_t offset) { return offset < BLOCK; });
    machine.boot();
    EXPECT_EQ(machine.decision.end.segment, 2U);
    EXPECT_EQ(machine.decision.end.offset, BLOCK);
    EXPECT_EQ(machine.decision.cluster, 0U);
    wal_set_cluster(machine.wal, CLUSTER + 1);
}

/* A cluster that was never bootstrapped for good does not make the next one foreign. */
TEST(StoreWal, HeaderOfALostBootstrapIsNotForeign)
{
    machine machine;
    machine.vote(1, 2);
    machine.flush();
    while (wal_segment_end(machine.wal, 1) < machine.settings.segment_bytes)
        machine.append(1, body_of(10, 1));
    machine.append(1, body_of(10, 2));
    /* All that is left is the header of the second segment. */
    while (machine.submit()) {
    }
    machine.cut_power([](uint64_t segment, uint64_t) { return segment == 2; });
    machine.boot();
    EXPECT_EQ(machine.decision.verdict, RECOVERY_CUT);
    EXPECT_EQ(machine.decision.cluster, 0U);
    machine.need_room(1, 100);
    wal_set_cluster(machine.wal, CLUSTER + 1);
    machine.append(1, body_of(10, 3));
    machine.flush();
    machine.boot();
    EXPECT_EQ(machine.decision.cluster, CLUSTER + 1);
}

TEST(StoreWal, PlanIsMeasured)
{
    wal_settings settings = tiny_settings();
    settings.segment_bytes = 64 * MIB;
    settings.buffer_bytes = 4 * MIB;
    settings.segments_max = 1024;
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    EXPECT_EQ(wal_carve(&arena, &settings), nullptr);
    EXPECT_EQ(recovery_carve(&arena, &settings), nullptr);
    EXPECT_GT(arena_used_bytes(&arena), 5 * MIB);
    EXPECT_LT(arena_used_bytes(&arena), 8 * MIB);
}

TEST(StoreWalDeathTest, MistakesAreFound)
{
    machine machine;
    machine.append(1, body_of(10, 1));
    machine.vote(3, 1);
    EXPECT_DEATH(wal_add_vote(machine.wal, 2, 1), "takes_record") << "an older term";
    EXPECT_DEATH(wal_add_vote(machine.wal, 3, 2), "takes_record") << "two votes in a term";
    EXPECT_DEATH(wal_add_truncate(machine.wal, 2), "takes_record") << "nothing to cut";
    EXPECT_DEATH(wal_set_cluster(machine.wal, CLUSTER + 1), "cluster");
    EXPECT_DEATH(wal_written(machine.wal, 77), "ring_has");
    wal_open_entry(machine.wal, 10);
    EXPECT_DEATH(wal_add_vote(machine.wal, 4, 1), "is_open");
}

} // namespace
