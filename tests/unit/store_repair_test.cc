/* What is kept of a log that is given up: whose it is, and its newest term and vote. */
#include "worlds/store_machine.h"

#include "base/hash.h"
#include "base/mark.h"
#include "protocol/wire.h"

namespace {

using namespace store_test;

constexpr uint64_t DIRECTORY = 77;

repair_block some_block()
{
    return {.node = 3,
            .vote = 1,
            .moving = true,
            .cluster = CLUSTER,
            .given_up = DIRECTORY,
            .term = 9,
            .folder = 2};
}

TEST(StoreRepair, TheFileIsReadAsItWasWritten)
{
    unsigned char block[WAL_BLOCK_BYTES];
    repair_block written = some_block();
    for (bool moving : {true, false}) {
        written.moving = moving;
        repair_write(block, &written);
        repair_block read{};
        ASSERT_EQ(repair_read(block, &read), REPAIR_GOOD);
        EXPECT_EQ(read.node, 3);
        EXPECT_EQ(read.vote, 1);
        EXPECT_EQ(read.moving, moving);
        EXPECT_EQ(read.cluster, CLUSTER);
        EXPECT_EQ(read.given_up, DIRECTORY);
        EXPECT_EQ(read.term, 9U);
        EXPECT_EQ(read.folder, 2U);
    }
}

TEST(StoreRepair, ADamagedOrNewerFileIsTold)
{
    unsigned char block[WAL_BLOCK_BYTES];
    repair_block written = some_block();
    repair_block read{};
    repair_write(block, &written);
    for (size_t at : {size_t{0}, size_t{5}, size_t{24}, size_t{4000}, BLOCK - 1}) {
        block[at] ^= 1;
        EXPECT_EQ(repair_read(block, &read), REPAIR_DAMAGED) << at;
        block[at] ^= 1;
    }
    block[4] = REPAIR_VERSION + 1;
    wire_put_u64(block + BLOCK - 8, hash_bytes(block, BLOCK - 8, 0));
    EXPECT_EQ(repair_read(block, &read), REPAIR_NEWER);
}

/* A log of two segments; its last vote is in the second one, for node 1 in term 4. */
class StoreGivenUp : public testing::Test {
protected:
    StoreGivenUp() : machine(settings())
    {
        add([&] { machine.vote(1, 2); });
        add([&] { machine.append(1, bytes(10, 1)); });
        add([&] { machine.append(1, bytes(5000, 2)); });
        add([&] { machine.append(1, bytes(BLOCK, 3)); });
        add([&] { machine.append(1, bytes(BLOCK, 4)); });
        add([&] { machine.vote(4, 1); });
        add([&] { machine.append(4, bytes(10, 5)); });
        spots = spots_of(machine.disk);
    }

    static wal_settings settings()
    {
        wal_settings settings = tiny_settings();
        settings.segment_bytes = 9 * BLOCK;
        settings.incarnation = DIRECTORY;
        return settings;
    }

    template <class What> void add(What what)
    {
        what();
        machine.flush();
    }

    /* False: it cannot be said whose the log was. */
    bool give_up(const segments &disk, repair_block *repair)
    {
        found now = read_log(machine.recovery, machine.settings, disk, 3 * BLOCK);
        EXPECT_EQ(now.decision.verdict, RECOVERY_DAMAGED);
        return recovery_give_up(machine.recovery, repair);
    }

    store_test::machine machine;
    std::vector<spot> spots;
};

/* Wherever one record or header is damaged, but for the last, which nobody vouches for. */
TEST_F(StoreGivenUp, TermAndVoteAreTheNewestThatIsIntact)
{
    ASSERT_EQ(spots.back().segment, 2U);
    for (size_t at = 0; at + 1 < spots.size(); at++) {
        segments disk = machine.disk;
        disk.at(spots[at].segment).at(spots[at].offset + 20) ^= 1;
        repair_block repair{};
        ASSERT_TRUE(give_up(disk, &repair)) << at;
        EXPECT_EQ(repair.node, 2) << at;
        EXPECT_EQ(repair.cluster, CLUSTER) << at;
        EXPECT_EQ(repair.given_up, DIRECTORY) << at;
        EXPECT_EQ(repair.term, 4U) << at;
        EXPECT_TRUE(repair.moving);
        EXPECT_NE(repair.vote, 0) << at;
    }
}

/* The vote of term 4 is gone; an entry of it says that there was one. */
TEST_F(StoreGivenUp, ALostVoteCountsAsUsed)
{
    segments disk = machine.disk;
    size_t votes = 0;
    for (const spot &spot : spots) {
        format_block block;
        format_read(&disk.at(spot.segment)[spot.offset], &block);
        bool is_vote = block.finding == FORMAT_RECORD && block.record.kind == RECORD_VOTE &&
                       block.record.value == 4;
        votes += is_vote;
        if (is_vote)
            disk.at(spot.segment).at(spot.offset + 20) ^= 1;
    }
    ASSERT_EQ(votes, 1U);
    repair_block repair{};
    ASSERT_TRUE(give_up(disk, &repair));
    EXPECT_EQ(repair.term, 4U);
    EXPECT_EQ(repair.vote, 2) << "for itself: nobody else gets it";
}

/* A client decides what is in an entry: also something that looks like a vote. */
TEST_F(StoreGivenUp, WhatStandsInATornEntryIsNoVote)
{
    bytes forged(2 * BLOCK - 200, 0);
    record vote{};
    vote.kind = RECORD_VOTE;
    vote.vote = 3;
    vote.value = 1000;
    size_t heads = size_t{WAL_RECORD_HEAD_BYTES} + ENTRY_HEAD_BYTES;
    size_t at = BLOCK - heads;
    format_write_record(&forged[at], &vote);
    add([&] { machine.append(4, forged); });
    add([&] { machine.append(4, bytes(10, 6)); });
    add([&] { machine.append(4, bytes(10, 7)); });
    spots = spots_of(machine.disk);
    segments disk = machine.disk;
    const spot &entry = spots[spots.size() - 3];
    ASSERT_EQ(entry.count, 2 * BLOCK);
    disk.at(entry.segment).at(entry.offset + 200) ^= 1;
    repair_block repair{};
    ASSERT_TRUE(give_up(disk, &repair));
    EXPECT_EQ(repair.term, 4U);
}

/* Without an intact header nobody can say whose log it was. */
TEST_F(StoreGivenUp, ALogOfNobodyIsNotGivenUp)
{
    segments disk = machine.disk;
    for (const spot &spot : spots) {
        if (spot.is_header)
            disk.at(spot.segment).at(spot.offset + 20) ^= 1;
    }
    repair_block repair{};
    EXPECT_FALSE(give_up(disk, &repair));
}

TEST_F(StoreGivenUp, AFileThatCannotBeReadIsDamage)
{
    recovery_init(machine.recovery, &machine.settings);
    recovery_call_damaged(machine.recovery);
    found now = read_begun_log(machine.recovery, machine.disk, 3 * BLOCK);
    EXPECT_EQ(now.decision.verdict, RECOVERY_DAMAGED);
}

} // namespace
