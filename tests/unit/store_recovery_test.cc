/*
 * What recovery believes, by table. Damage before the durable end is always found, and a
 * torn tail is always cut; nothing in between.
 */
#include "worlds/store_machine.h"

#include <functional>

#include "base/hash.h"
#include "base/mark.h"

namespace {

using namespace store_test;

bytes body_of(size_t count, unsigned char fill)
{
    return bytes(count, fill);
}

wal_settings table_settings()
{
    wal_settings settings = tiny_settings();
    settings.segment_bytes = 9 * BLOCK;
    return settings;
}

/*
 * Three segments with a bit of everything, each record written when the one before it was
 * durable; the fourth segment is made and not begun. The last record fills two blocks.
 */
class StoreRecovery : public testing::Test {
protected:
    StoreRecovery() : machine(table_settings())
    {
        add([&] { machine.vote(1, 2); });
        add([&] { machine.append(1, body_of(10, 1)); });
        add([&] { machine.append(1, body_of(5000, 2)); });
        add([&] { machine.append(1, body_of(BLOCK, 3), 2 * BLOCK); });
        add([&] { machine.vote(3, 0); });
        add([&] { machine.truncate(2); });
        add([&] { machine.receive(3, body_of(300, 4)); });
        add([&] { machine.receive(3, body_of(8000, 5)); });
        add([&] { machine.receive(3, body_of(0, 6)); });
        add([&] { machine.vote(4, 1); });
        add([&] { machine.append(5, body_of(7000, 7)); });
        add([&] { machine.append(5, body_of(6500, 8)); });
        add([&] { machine.append(5, body_of(71, 9)); });
        add([&] { machine.append(5, body_of(6000, 10)); });
        machine.make_segment();
        spots = spots_of(machine.disk);
    }

    void add(const std::function<void()> &what)
    {
        what();
        machine.flush();
    }

    found read(const segments &disk, size_t step = 3 * BLOCK)
    {
        return read_log(machine.recovery, machine.settings, disk, step);
    }

    bytes &content(segments &disk, const spot &spot)
    {
        return disk.at(spot.segment);
    }

    /* What is found of a log whose records from `first_bad` on do not follow. */
    void expect(const segments &disk, size_t first_bad, recovery_verdict verdict)
    {
        found now = read(disk);
        ASSERT_EQ(now.decision.verdict, verdict);
        size_t records = 0;
        for (size_t at = 0; at < first_bad; at++)
            records += !spots[at].is_header;
        ASSERT_EQ(now.happenings.size(), records);
        for (size_t at = 0; at < records; at++)
            ASSERT_EQ(now.happenings[at], machine.story[at]);
    }

    /* Damage to this one is known by those that are behind it. */
    bool is_vouched(size_t at) const
    {
        uint64_t durable = 0;
        for (size_t other = 0; other < spots.size(); other++)
            if (other != at)
                durable = std::max(durable, spots[other].durable);
        return spots[at].position < durable;
    }

    store_test::machine machine;
    std::vector<spot> spots;
};

TEST_F(StoreRecovery, IsLaidOutAsTheTableNeeds)
{
    ASSERT_EQ(machine.disk.size(), 4U);
    ASSERT_EQ(spots.back().segment, 3U);
    ASSERT_EQ(spots.back().count, 2 * BLOCK);
    ASSERT_EQ(wal_segment_end(machine.wal, 1), machine.settings.segment_bytes);
    ASSERT_LT(wal_segment_end(machine.wal, 2), machine.settings.segment_bytes);
    ASSERT_EQ(spots.size(), machine.story.size() + 3);
    for (size_t at = 0; at < spots.size(); at++)
        ASSERT_EQ(is_vouched(at), at < spots.size() - 1) << at;
}

TEST_F(StoreRecovery, CleanLogIsFoundWhole)
{
    for (uint64_t step = 1; step <= 9; step++) {
        found now = read(machine.disk, step * BLOCK);
        ASSERT_EQ(now.happenings, machine.story);
        const recovery_decision &decision = now.decision;
        ASSERT_EQ(decision.verdict, RECOVERY_CLEAN);
        ASSERT_EQ(decision.term, 4U);
        ASSERT_EQ(decision.vote, 1U);
        ASSERT_EQ(decision.node, 2U);
        ASSERT_EQ(decision.cluster, CLUSTER);
        ASSERT_EQ(decision.last.term, 5U);
        ASSERT_EQ(decision.last.index, machine.entries().size());
        ASSERT_EQ(decision.end.segment, spots.back().segment);
        ASSERT_EQ(decision.end.offset, spots.back().offset + spots.back().count);
        ASSERT_EQ(decision.durable_at_least, spots.back().position);
    }
}

TEST_F(StoreRecovery, NothingIsBlank)
{
    for (const segments &disk : {segments{}, segments{{1, bytes()}},
                 segments{{1, bytes(9 * BLOCK)}}, segments{{1, bytes(2 * BLOCK + 17)}}}) {
        found now = read(disk);
        EXPECT_EQ(now.decision.verdict, RECOVERY_BLANK);
        EXPECT_EQ(now.decision.node, 0U);
        EXPECT_EQ(now.decision.last.index, 0U);
    }
    /* The first write of all, torn: nobody was told of it. */
    segments header_only{{1, machine.disk.at(1)}};
    std::fill(header_only.at(1).begin() + BLOCK, header_only.at(1).end(), 0);
    EXPECT_EQ(read(header_only).decision.verdict, RECOVERY_BLANK);
    segments no_header{{1, bytes(9 * BLOCK)}};
    std::copy_n(&machine.disk.at(1)[BLOCK], BLOCK, &no_header.at(1)[BLOCK]);
    EXPECT_EQ(read(no_header).decision.verdict, RECOVERY_BLANK);
}

TEST_F(StoreRecovery, TornLastRecordIsCut)
{
    const spot &last = spots.back();
    /* Every number of sectors that made it to the disk, from either end. */
    for (uint64_t sectors = 0; sectors < last.count / SECTOR; sectors++) {
        uint64_t kept = sectors * SECTOR;
        segments head = machine.disk;
        std::fill_n(&content(head, last)[last.offset + kept], last.count - kept, 0);
        bool is_whole = kept >= last.meant;
        recovery_verdict torn = kept == 0 ? RECOVERY_CLEAN : RECOVERY_CUT;
        expect(head, spots.size() - !is_whole, is_whole ? RECOVERY_CLEAN : torn);

        segments tail = machine.disk;
        std::fill_n(&content(tail, last)[last.offset], last.count - kept, 0);
        bool is_left = kept > last.count - last.meant;
        expect(tail, spots.size() - 1, is_left ? RECOVERY_CUT : RECOVERY_CLEAN);
    }
    EXPECT_GT(mark_count("recovery_torn_entry"), 0U);
}

TEST_F(StoreRecovery, FlippedBitOfAnyByteIsFound)
{
    for (size_t at = 0; at < spots.size(); at++) {
        const spot &spot = spots[at];
        for (uint64_t byte = 0; byte < spot.count; byte++) {
            bool is_meant = byte < spot.meant;
            if (!is_meant && byte % 97 != 0)
                continue; /* Of the padding a few will do. */
            SCOPED_TRACE(testing::Message() << "record " << at << ", byte " << byte);
            segments disk = machine.disk;
            content(disk, spot)[spot.offset + byte] ^=
                    static_cast<unsigned char>(1U << (byte % 8));
            if (!is_meant)
                expect(disk, spots.size(), RECOVERY_CLEAN);
            else
                expect(disk, at, is_vouched(at) ? RECOVERY_DAMAGED : RECOVERY_CUT);
            if (HasFatalFailure())
                return;
        }
    }
}

TEST_F(StoreRecovery, DamageIsNamedByItsPlace)
{
    for (size_t at = 0; at + 1 < spots.size(); at++) {
        SCOPED_TRACE(at);
        const spot &spot = spots[at];
        segments disk = machine.disk;
        std::fill_n(&content(disk, spot)[spot.offset], BLOCK, 0);
        expect(disk, at, RECOVERY_DAMAGED);
        recovery_decision decision = read(disk).decision;
        EXPECT_EQ(decision.durable_at_least, spots.back().position);
        uint64_t end = at == 0 ? 0 : spots[at - 1].offset + spots[at - 1].count;
        if (spot.is_header && at > 0 && end < machine.settings.segment_bytes) {
            /* Nothing says that the segment before it was at its end. */
            EXPECT_EQ(decision.bad.segment, spot.segment - 1);
            EXPECT_EQ(decision.bad.offset, end);
        } else {
            EXPECT_EQ(decision.bad.segment, spot.segment);
            EXPECT_EQ(decision.bad.offset, spot.offset);
        }
    }
}

TEST_F(StoreRecovery, MisdirectedAndSwappedRecordsAreFound)
{
    for (size_t to = 0; to + 1 < spots.size(); to++) {
        for (size_t from = 0; from < spots.size(); from++) {
            if (from == to)
                continue;
            SCOPED_TRACE(testing::Message() << from << " over " << to);
            bool is_misnamed = spots[from].is_header && spots[to].is_header;
            segments disk = machine.disk;
            bytes moved(&content(disk, spots[from])[spots[from].offset],
                    &content(disk, spots[from])[spots[from].offset] + BLOCK);
            bytes gone(&content(disk, spots[to])[spots[to].offset],
                    &content(disk, spots[to])[spots[to].offset] + BLOCK);
            std::copy(moved.begin(), moved.end(),
                    &content(disk, spots[to])[spots[to].offset]);
            ASSERT_EQ(read(disk).decision.verdict, RECOVERY_DAMAGED);
            if (!is_misnamed)
                expect(disk, to, RECOVERY_DAMAGED);
            std::copy(gone.begin(), gone.end(),
                    &content(disk, spots[from])[spots[from].offset]);
            if (!is_misnamed)
                expect(disk, std::min(from, to), RECOVERY_DAMAGED);
            if (HasFatalFailure())
                return;
        }
    }
}

TEST_F(StoreRecovery, MissingSegmentIsDamage)
{
    for (uint64_t gone = 1; gone <= 3; gone++) {
        segments disk = machine.disk;
        disk.erase(gone);
        recovery_decision decision = read(disk).decision;
        EXPECT_EQ(decision.verdict, RECOVERY_DAMAGED);
        EXPECT_EQ(decision.bad.segment, gone);
        EXPECT_EQ(decision.bad.offset, 0U);
    }
    EXPECT_GT(mark_count("recovery_gap"), 0U);
    segments far{{70000, bytes(BLOCK)}};
    EXPECT_EQ(read(far).decision.verdict, RECOVERY_DAMAGED);
}

TEST_F(StoreRecovery, MisnamedSegmentIsDamage)
{
    for (uint64_t from = 1; from <= 3; from++) {
        for (uint64_t to = 1; to <= 4; to++) {
            segments disk = machine.disk;
            disk[to] = machine.disk.at(from);
            recovery_decision decision = read(disk).decision;
            EXPECT_EQ(decision.verdict, from == to ? RECOVERY_CLEAN : RECOVERY_DAMAGED);
            if (from != to) {
                EXPECT_EQ(decision.bad.segment, to);
            }
        }
    }
    EXPECT_GT(mark_count("recovery_misnamed_file"), 0U);
}

TEST_F(StoreRecovery, ShortFileIsDamage)
{
    for (uint64_t number = 1; number <= 3; number++) {
        for (uint64_t blocks = 0; blocks < 9; blocks++) {
            SCOPED_TRACE(testing::Message() << number << " with " << blocks);
            segments disk = machine.disk;
            disk.at(number).resize(blocks * BLOCK + 100);
            recovery_decision decision = read(disk).decision;
            ASSERT_EQ(decision.verdict, RECOVERY_DAMAGED);
            ASSERT_EQ(decision.bad.segment, number);
            ASSERT_EQ(decision.bad.offset, blocks * BLOCK);
        }
    }
    /* The one that is being made is short as long as it takes. */
    segments disk = machine.disk;
    disk.at(4).resize(BLOCK);
    expect(disk, spots.size(), RECOVERY_CLEAN);
    EXPECT_GT(mark_count("recovery_short_file"), 0U);
    EXPECT_GT(mark_count("recovery_empty_file"), 0U);
}

TEST_F(StoreRecovery, WhatWasNotReadIsNotBelieved)
{
    recovery_init(machine.recovery, &machine.settings);
    recovery_begin_segment(machine.recovery, 1, 9 * BLOCK);
    recovery_feed(machine.recovery, machine.disk.at(1).data(), 2 * BLOCK);
    recovery_item item;
    while (recovery_next(machine.recovery, &item)) {
    }
    EXPECT_EQ(recovery_decide(machine.recovery).verdict, RECOVERY_CUT);
    recovery_begin_segment(machine.recovery, 2, 9 * BLOCK);
    recovery_feed(machine.recovery, machine.disk.at(2).data(), 9 * BLOCK);
    while (recovery_next(machine.recovery, &item)) {
    }
    EXPECT_EQ(recovery_decide(machine.recovery).verdict, RECOVERY_DAMAGED);
    EXPECT_GT(mark_count("recovery_unread"), 0U);
}

/* Give a block its sum again. */
void reseal(unsigned char *block, size_t sum_at)
{
    uint64_t sum = hash_bytes(block, sum_at, 0);
    for (size_t at = 0; at < 8; at++)
        block[sum_at + at] = static_cast<unsigned char>(sum >> (8 * at));
}

TEST_F(StoreRecovery, ForeignSegmentIsRefused)
{
    enum {
        NODE_AT = 5,
        CLUSTER_AT = 56
    };
    for (uint64_t number = 2; number <= 3; number++) {
        for (size_t field : {NODE_AT, CLUSTER_AT}) {
            segments disk = machine.disk;
            disk.at(number)[field] ^= 1;
            reseal(disk.at(number).data(), BLOCK - 8);
            recovery_decision decision = read(disk).decision;
            EXPECT_EQ(decision.verdict, RECOVERY_FOREIGN);
            EXPECT_EQ(decision.bad.segment, number);
            EXPECT_EQ(decision.node, machine.settings.node);
            EXPECT_EQ(decision.cluster, CLUSTER);
        }
    }
    EXPECT_GT(mark_count("recovery_foreign"), 0U);
}

TEST_F(StoreRecovery, NewerVersionIsRefused)
{
    constexpr size_t VERSION_AT = 4;
    for (const spot &spot : spots) {
        segments disk = machine.disk;
        unsigned char *block = &content(disk, spot)[spot.offset];
        block[VERSION_AT] = WAL_VERSION + 1;
        /* Without its sum it is damaged, not newer. */
        EXPECT_NE(read(disk).decision.verdict, RECOVERY_NEWER);
        size_t sum_at = spot.is_header ? 4088 : 56;
        reseal(block, sum_at);
        recovery_decision decision = read(disk).decision;
        EXPECT_EQ(decision.verdict, RECOVERY_NEWER);
        EXPECT_EQ(decision.bad.segment, spot.segment);
        EXPECT_EQ(decision.bad.offset, spot.offset);
    }
    EXPECT_GT(mark_count("recovery_newer"), 0U);
}

/* An entry's bytes may be made to look like records: they speak for nothing. */
TEST_F(StoreRecovery, EntryThatImitatesARecordIsNotBelieved)
{
    bytes body(2 * BLOCK);
    record fake{};
    fake.kind = RECORD_VOTE;
    fake.value = 99;
    fake.place = {7, 3, 1, UINT64_MAX, 0};
    /* The body's second block begins this many bytes in. */
    size_t at = BLOCK - 64 - 56;
    format_write_record(&body[at], &fake);
    machine.append(5, body);
    machine.submit();
    machine.complete(0);
    machine.append(5, body_of(3, 3));
    machine.flush();
    spots = spots_of(machine.disk);
    found now = read(machine.disk);
    EXPECT_EQ(now.decision.verdict, RECOVERY_CLEAN);
    EXPECT_EQ(now.happenings, machine.story);

    /* Nor when it is whole and stands behind the end. */
    auto imitation = std::find_if(spots.begin(), spots.end(),
            [](const spot &each) { return each.count == 3 * BLOCK; });
    ASSERT_NE(imitation, spots.end());
    const spot &before = *(imitation - 1);
    segments disk = machine.disk;
    std::fill_n(&content(disk, before)[before.offset], BLOCK, 0);
    EXPECT_EQ(read(disk).decision.verdict, RECOVERY_DAMAGED);
    EXPECT_LE(read(disk).decision.durable_at_least, wal_durable(machine.wal));
}

} // namespace
