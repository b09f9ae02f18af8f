/*
 * The bytes of a snapshot file and of the file that says where a log begins: what is written
 * is read, and nothing else is believed.
 */
#include <cstring>
#include <gtest/gtest.h>
#include <string>

#include "base/hash.h"
#include "base/mark.h"
#include "protocol/snapshot_reader.h"
#include "worlds/snapshot_file.h"
#include "worlds/store_machine.h"

namespace {

using namespace snapshot_test;
using store_test::found;
using store_test::machine;
using store_test::read_log;
using store_test::segments;

constexpr uint32_t CHUNK = 2 * SNAPSHOT_BLOCK_BYTES;

bytes records_of(size_t count)
{
    bytes records(count);
    for (size_t i = 0; i < count; i++)
        records[i] = static_cast<unsigned char>(i * 7 + i / 251);
    return records;
}

TEST(StoreSnapshot, IsReadAsItWasWritten)
{
    for (size_t count :
            {size_t{1}, size_t{CHUNK - 32}, size_t{CHUNK - 31}, size_t{50000}}) {
        bytes records = records_of(count);
        bytes file = make_file(header_of(7, 70), CHUNK, records);
        Read read = read_file(file);
        EXPECT_EQ(read.finding, SNAPSHOT_GOOD);
        EXPECT_TRUE(read.whole);
        EXPECT_EQ(read.records, records);
        EXPECT_EQ(read.header.last.index, 70U);
        EXPECT_EQ(read.header.last.term, 7U);
        EXPECT_EQ(read.header.cluster_version, 1U);
        EXPECT_EQ(read.header.file_bytes, file.size());
        EXPECT_EQ(std::string(reinterpret_cast<const char *>(read.header.configuration),
                          read.header.configuration_bytes),
                "configuration");
    }
}

TEST(StoreSnapshot, AnyChangedByteIsSeen)
{
    const bytes file = make_file(header_of(7, 70), CHUNK, records_of(20000));
    for (size_t at = 0; at < file.size(); at += 97) {
        bytes changed = file;
        changed[at] ^= 0x10;
        Read read = read_file(changed);
        bool padding = read.finding == SNAPSHOT_GOOD;
        if (padding) /* Behind the records of the last chunk: nobody reads it. */
            EXPECT_GT(at, file.size() - SNAPSHOT_BLOCK_BYTES);
        else
            EXPECT_FALSE(read.whole);
    }
}

TEST(StoreSnapshot, APartIsNotWhole)
{
    const bytes file = make_file(header_of(7, 70), CHUNK, records_of(20000));
    for (size_t count = 0; count < file.size(); count += SNAPSHOT_BLOCK_BYTES)
        EXPECT_FALSE(read_file(bytes(file.begin(), file.begin() + count)).whole) << count;
}

TEST(StoreSnapshot, ChunksOfAnotherAreSeen)
{
    bytes file = make_file(header_of(7, 70), CHUNK, records_of(20000));
    const bytes later = make_file(header_of(7, 71), CHUNK, records_of(20000));
    std::copy(later.begin() + SNAPSHOT_BLOCK_BYTES,
            later.begin() + SNAPSHOT_BLOCK_BYTES + CHUNK,
            file.begin() + SNAPSHOT_BLOCK_BYTES);
    EXPECT_EQ(read_file(file).finding, SNAPSHOT_DAMAGED);

    /* Of the same index, but not the ones that the header was made for. */
    uint64_t before = mark_count("snapshot_of_other_chunks");
    bytes other = records_of(20000);
    other[0] ^= 1;
    bytes mixed = make_file(header_of(7, 70), CHUNK, other);
    const bytes right = make_file(header_of(7, 70), CHUNK, records_of(20000));
    std::copy(right.begin(), right.begin() + SNAPSHOT_BLOCK_BYTES, mixed.begin());
    EXPECT_EQ(read_file(mixed).finding, SNAPSHOT_DAMAGED);
    EXPECT_GT(mark_count("snapshot_of_other_chunks"), before);

    /* In another order. */
    bytes swapped = right;
    std::swap_ranges(swapped.begin() + SNAPSHOT_BLOCK_BYTES,
            swapped.begin() + SNAPSHOT_BLOCK_BYTES + CHUNK,
            swapped.begin() + SNAPSHOT_BLOCK_BYTES + CHUNK);
    EXPECT_EQ(read_file(swapped).finding, SNAPSHOT_DAMAGED);
}

TEST(StoreSnapshot, ANewerOneIsNamedSo)
{
    bytes file = make_file(header_of(7, 70), CHUNK, records_of(10));
    file[4] = SNAPSHOT_VERSION + 1;
    wire_put_u16(file.data() + 6, 0x0203);
    repair_sum(file.data());
    EXPECT_EQ(read_file(file).finding, SNAPSHOT_NEWER);
    snapshot_header newer;
    EXPECT_EQ(snapshot_read_header(file.data(), &newer), SNAPSHOT_NEWER);
    EXPECT_EQ(newer.cluster_version, 0x0203) << "it stands there in every version";
    file[0] = 'x';
    repair_sum(file.data());
    EXPECT_EQ(read_file(file).finding, SNAPSHOT_DAMAGED);
}

/* ---- Where a log begins ---- */

begin_block begin_of(uint64_t segment, bool fresh)
{
    begin_block begin{};
    begin.node = 2;
    begin.cluster = store_test::CLUSTER;
    begin.incarnation = 99;
    begin.begin = {{3, 20}, 20000, segment};
    begin.fresh = fresh;
    begin.term = fresh ? 5 : 0;
    begin.vote = fresh ? 3 : 0;
    return begin;
}

TEST(StoreBeginFile, IsReadAsItWasWritten)
{
    unsigned char block[WAL_BLOCK_BYTES];
    for (bool fresh : {false, true}) {
        begin_block begin = begin_of(4, fresh);
        log_begin_write(block, &begin);
        begin_block again;
        ASSERT_EQ(log_begin_read(block, &again), BEGIN_GOOD);
        EXPECT_EQ(again.node, 2U);
        EXPECT_EQ(again.cluster, static_cast<uint64_t>(store_test::CLUSTER));
        EXPECT_EQ(again.incarnation, 99U);
        EXPECT_EQ(again.begin.segment, 4U);
        EXPECT_EQ(again.begin.sum, 20000U);
        EXPECT_TRUE(entry_id_equal(again.begin.before, {3, 20}));
        EXPECT_EQ(again.fresh, fresh);
        EXPECT_EQ(again.term, begin.term);
        EXPECT_EQ(again.vote, begin.vote);
        for (size_t at = 0; at < sizeof block; at += 13) {
            block[at] ^= 1;
            EXPECT_EQ(log_begin_read(block, &again), BEGIN_DAMAGED) << at;
            block[at] ^= 1;
        }
    }
    block[4] = BEGIN_VERSION + 1;
    repair_sum(block);
    begin_block again;
    EXPECT_EQ(log_begin_read(block, &again), BEGIN_NEWER);
}

/* A log that was begun anew may have no record yet, and then goes on like any other. */
TEST(StoreBeginFile, AFreshLogNeedsNoHeader)
{
    machine machine;
    segments disk;
    disk[4] = bytes(machine.settings.segment_bytes);
    begin_block begin = begin_of(4, true);
    uint64_t before = mark_count("recovery_fresh_log");
    found found =
            read_log(machine.recovery, machine.settings, disk, store_test::BLOCK, begin);
    EXPECT_EQ(found.decision.verdict, RECOVERY_CLEAN);
    EXPECT_EQ(found.decision.term, 5U);
    EXPECT_EQ(found.decision.vote, 3U);
    EXPECT_TRUE(entry_id_equal(found.decision.last, {3, 20}));
    EXPECT_GT(mark_count("recovery_fresh_log"), before);

    begin.fresh = false;
    begin.term = 0;
    begin.vote = 0;
    found = read_log(machine.recovery, machine.settings, disk, store_test::BLOCK, begin);
    EXPECT_EQ(found.decision.verdict, RECOVERY_DAMAGED);
}

TEST(StoreBeginFile, TheLogIsBegunAnewWhileItRuns)
{
    machine machine;
    machine.make_segment();
    wal_set_cluster(machine.wal, store_test::CLUSTER);
    wal_add_vote(machine.wal, 5, 3);
    machine.flush();
    ASSERT_TRUE(wal_is_settled(machine.wal));
    begin_block begin = begin_of(wal_next_segment(machine.wal), true);
    ASSERT_EQ(begin.begin.segment, 2U);
    wal_restart_at(machine.wal, &begin.begin);
    wal_check(machine.wal);
    EXPECT_TRUE(entry_id_equal(wal_last(machine.wal), {3, 20}));
    EXPECT_EQ(wal_end(machine.wal), 0U);
    machine.make_segment();
    entry_head head{};
    head.id = {5, 21};
    head.kind = ENTRY_BATCH;
    head.body_bytes = 4;
    memcpy(wal_open_entry(machine.wal, 4), "next", 4);
    wal_seal_entry(machine.wal, &head);
    machine.flush();
    wal_check(machine.wal);
    found found = read_log(
            machine.recovery, machine.settings, machine.disk, store_test::BLOCK, begin);
    EXPECT_EQ(found.decision.verdict, RECOVERY_CLEAN);
    EXPECT_EQ(found.decision.term, 5U);
    EXPECT_EQ(found.decision.vote, 3U);
    ASSERT_EQ(found.happenings.size(), 1U);
    EXPECT_EQ(found.happenings[0].head.id.index, 21U);
}

TEST(StoreBeginFile, KeepsAtLeastSoMuch)
{
    machine machine;
    machine.make_segment();
    wal_set_cluster(machine.wal, store_test::CLUSTER);
    EXPECT_EQ(wal_behind(machine.wal, 0).index, 0U);
    for (uint64_t index = 1; index <= 60; index++) {
        machine.make_segment();
        entry_head head{};
        head.id = {1, index};
        head.kind = ENTRY_BATCH;
        head.body_bytes = 4;
        memcpy(wal_open_entry(machine.wal, 4), "next", 4);
        wal_seal_entry(machine.wal, &head);
        machine.flush();
    }
    /* Segments of twelve blocks: a header and eleven entries. */
    EXPECT_EQ(wal_behind(machine.wal, 0).index, 55U);
    EXPECT_EQ(wal_behind(machine.wal, 6 * store_test::BLOCK).index, 55U);
    EXPECT_EQ(wal_behind(machine.wal, 6 * store_test::BLOCK + 1).index, 44U);
    EXPECT_EQ(wal_behind(machine.wal, 1000 * store_test::BLOCK).index, 0U);
    ASSERT_TRUE(wal_drop_before(machine.wal, 40));
    EXPECT_EQ(wal_begin(machine.wal).before.index, 33U);
    EXPECT_EQ(wal_behind(machine.wal, 1000 * store_test::BLOCK).index, 33U);
}

} // namespace
