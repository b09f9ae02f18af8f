/* The layouts of lockd/doc/log-format.md, byte for byte. */
#include "store/format.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <string>

#include "worlds/dice.h"

namespace {

using messages::bytes;
using messages::dice;

std::string hex(const unsigned char *begin, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (size_t at = 0; at < count; at++) {
        text += digits[begin[at] / 16];
        text += digits[begin[at] % 16];
    }
    return text;
}

bool same_place(const record_place &a, const record_place &b)
{
    return a.run == b.run && a.segment == b.segment && a.position == b.position &&
           a.durable == b.durable && a.previous == b.previous;
}

record_place random_place(dice &dice)
{
    return {dice.small(), dice.number(), dice.number(), dice.number(), dice.number()};
}

TEST(StoreFormat, RecordsComeBack)
{
    dice dice(1);
    for (int round = 0; round < 1000; round++) {
        bytes block(WAL_BLOCK_BYTES, 0xaa);
        record written{};
        written.kind =
                static_cast<record_kind>(dice.between(RECORD_ENTRY, RECORD_TRUNCATE));
        written.place = random_place(dice);
        written.value = dice.number();
        if (written.kind == RECORD_VOTE)
            written.vote = dice.byte(0, 255);
        if (written.kind == RECORD_ENTRY)
            written.payload_bytes = static_cast<uint32_t>(
                    ENTRY_HEAD_BYTES + dice.below(ENTRY_BODY_MAX + 1));
        format_write_record(block.data(), &written);
        format_block found;
        format_read(block.data(), &found);
        ASSERT_EQ(found.finding, FORMAT_RECORD);
        ASSERT_EQ(found.record.kind, written.kind);
        ASSERT_TRUE(same_place(found.record.place, written.place));
        ASSERT_EQ(found.record.vote, written.vote);
        ASSERT_EQ(found.record.payload_bytes, written.payload_bytes);
        ASSERT_EQ(found.record.value, written.value);
        ASSERT_EQ(found.record.sum, written.sum);
        /* Only the head is written. */
        ASSERT_EQ(block[WAL_RECORD_HEAD_BYTES], 0xaa);
    }
}

TEST(StoreFormat, HeadersComeBack)
{
    dice dice(2);
    for (int round = 0; round < 1000; round++) {
        bytes block(WAL_BLOCK_BYTES, 0xaa);
        segment_header written{};
        written.place = random_place(dice);
        written.node = dice.byte(0, 255);
        written.vote = dice.byte(0, 255);
        written.segment_bytes = dice.number();
        written.cluster = dice.number();
        written.term = dice.number();
        written.last = {dice.number(), dice.number()};
        written.last_sum = dice.number();
        format_write_header(block.data(), &written);
        format_block found;
        format_read(block.data(), &found);
        ASSERT_EQ(found.finding, FORMAT_HEADER);
        const segment_header &header = found.header;
        ASSERT_TRUE(same_place(header.place, written.place));
        ASSERT_EQ(header.node, written.node);
        ASSERT_EQ(header.vote, written.vote);
        ASSERT_EQ(header.segment_bytes, written.segment_bytes);
        ASSERT_EQ(header.cluster, written.cluster);
        ASSERT_EQ(header.term, written.term);
        ASSERT_EQ(header.last.term, written.last.term);
        ASSERT_EQ(header.last.index, written.last.index);
        ASSERT_EQ(header.last_sum, written.last_sum);
        ASSERT_EQ(header.sum, written.sum);
    }
}

TEST(StoreFormat, RecordIsLaidOutSo)
{
    std::array<unsigned char, WAL_BLOCK_BYTES> block{};
    record vote{};
    vote.kind = RECORD_VOTE;
    vote.vote = 3;
    vote.value = 0x0102030405060708;
    vote.place = {0x11121314, 0x2122232425262728, 0x3132333435363738, 0x4142434445464748,
            0x5152535455565758};
    format_write_record(block.data(), &vote);
    EXPECT_EQ(hex(block.data(), WAL_RECORD_HEAD_BYTES),
            "6c726563" /* "lrec" */
            "01"       /* version */
            "02"       /* a vote */
            "03"       /* for node 3 */
            "00"
            "00000000"           /* nothing behind the head */
            "14131211"           /* run */
            "2827262524232221"   /* segment */
            "3837363534333231"   /* position */
            "4847464544434241"   /* durable */
            "5857565554535251"   /* sum before */
            "0807060504030201"   /* term */
            "0d2861379e525b5e"); /* sum */
}

TEST(StoreFormat, HeaderIsLaidOutSo)
{
    std::array<unsigned char, WAL_BLOCK_BYTES> block{};
    block.fill(0xff);
    segment_header header{};
    header.place = {0x11121314, 0x2122232425262728, 0x3132333435363738, 0x4142434445464748,
            0x5152535455565758};
    header.node = 5;
    header.vote = 3;
    header.segment_bytes = 0x4000000;
    header.cluster = 0x6162636465666768;
    header.term = 0x7172737475767778;
    header.last = {0x8182838485868788, 0x9192939495969798};
    header.last_sum = 0xa1a2a3a4a5a6a7a8;
    format_write_header(block.data(), &header);
    EXPECT_EQ(hex(block.data(), 96), "6c736567" /* "lseg" */
                                     "01"       /* version */
                                     "05"       /* node */
                                     "03"       /* vote */
                                     "00"
                                     "00000000"
                                     "14131211"         /* run */
                                     "2827262524232221" /* segment */
                                     "3837363534333231" /* position */
                                     "4847464544434241" /* durable */
                                     "5857565554535251" /* sum before */
                                     "0000000400000000" /* bytes of the file */
                                     "6867666564636261" /* cluster */
                                     "7877767574737271" /* term */
                                     "8887868584838281" /* last entry: term */
                                     "9897969594939291" /* ... index */
                                     "a8a7a6a5a4a3a2a1" /* ... sum */
    );
    EXPECT_EQ(hex(&block[WAL_BLOCK_BYTES - 8], 8), "0d40758089c60bb0");
    EXPECT_TRUE(std::all_of(
            &block[96], &block[WAL_BLOCK_BYTES - 8], [](auto byte) { return byte == 0; }));
}

/* Whatever the sum says, what is out of range is nothing. */
TEST(StoreFormat, OutOfRangeIsNothing)
{
    const auto finding_of = [](record record) {
        bytes block(WAL_BLOCK_BYTES);
        format_write_record(block.data(), &record);
        format_block found;
        format_read(block.data(), &found);
        return found.finding;
    };
    record fine{};
    fine.kind = RECORD_ENTRY;
    fine.payload_bytes = ENTRY_HEAD_BYTES + ENTRY_BODY_MAX;
    EXPECT_EQ(finding_of(fine), FORMAT_RECORD);
    record wrong = fine;
    wrong.payload_bytes++;
    EXPECT_DEATH(finding_of(wrong), "wire_complete");
    wrong.payload_bytes = ENTRY_HEAD_BYTES - 1;
    EXPECT_DEATH(finding_of(wrong), "wire_complete");
    wrong = fine;
    wrong.vote = 1;
    EXPECT_DEATH(finding_of(wrong), "wire_complete");
    wrong = fine;
    wrong.kind = RECORD_TRUNCATE;
    EXPECT_DEATH(finding_of(wrong), "wire_complete");
}

TEST(StoreFormat, SizesAreWholeBlocks)
{
    EXPECT_EQ(format_blocks(0), 0U);
    EXPECT_EQ(format_blocks(1), 4096U);
    EXPECT_EQ(format_blocks(4096), 4096U);
    EXPECT_EQ(format_record_bytes(0), 4096U);
    EXPECT_EQ(format_entry_bytes(4096 - 64 - 56), 4096U);
    EXPECT_EQ(format_entry_bytes(4096 - 64 - 55), 8192U);
}

} // namespace
