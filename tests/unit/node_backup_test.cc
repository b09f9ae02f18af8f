/* A node gives clients its newest snapshot, piece by piece: node/backups.h. */
#include "base/mark.h"
#include "node/replica.h"
#include "protocol/backup.h"
#include "protocol/snapshot_reader.h"
#include "worlds/node_world.h"

using namespace node_test;

namespace {

constexpr uint32_t operators = 20; /* A connection of theirs */

struct Piece {
    backup_answer head{};
    bytes content;
};

class Backups : public testing::Test {
protected:
    void SetUp() override
    {
        world.hello(1, world.peer_hello(1));
        world.turn();
        world.run_until(world.now_ns + 2 * NS_PER_S);
        ASSERT_TRUE(raft_leads_committed(node_raft(world.replica())));
        world.client(operators);
        world.client(operators + 1);
    }

    Piece ask(uint64_t index, uint64_t offset, uint32_t conn = operators)
    {
        backup_request request{index, offset};
        world.heard[conn].clear();
        world.say(conn, make_frame(FRAME_BACKUP,
                                [&](wire &wire) { wire_backup_request(&wire, &request); }));
        world.turn();
        Piece piece;
        EXPECT_EQ(world.heard[conn].size(), 1U);
        if (world.heard[conn].empty())
            return piece;
        wire wire = world.heard[conn].at(0).reader();
        wire_backup_answer(&wire, &piece.head);
        EXPECT_TRUE(wire_complete(&wire));
        piece.content.assign(
                piece.head.piece.bytes, piece.head.piece.bytes + piece.head.piece.count);
        return piece;
    }

    /* Until it is not told to wait. */
    Piece ask_patiently(uint64_t index, uint64_t offset, uint32_t conn = operators)
    {
        Piece piece = ask(index, offset, conn);
        for (int i = 0; i < 100 && piece.head.result == BACKUP_WAIT; i++) {
            world.run_until(world.now_ns + 10 * NS_PER_MS);
            piece = ask(index, offset, conn);
        }
        return piece;
    }

    static bool is_whole(const bytes &file)
    {
        snapshot_reader reader;
        span records;
        snapshot_reader_init(&reader);
        while (!snapshot_reader_is_done(&reader)) {
            snapshot_piece piece = snapshot_reader_next(&reader);
            if (piece.offset + piece.bytes > file.size() ||
                    snapshot_reader_take(&reader, file.data() + piece.offset, piece.bytes,
                            &records) != SNAPSHOT_GOOD)
                return false;
        }
        return reader.header.file_bytes == file.size();
    }

    NodeWorld world{2, 3};
};

TEST_F(Backups, ThePiecesMakeASnapshotOfAllThatWasApplied)
{
    uint64_t applied = locks_index(world.replica()->locks);
    Piece piece = ask_patiently(0, 0);
    ASSERT_EQ(piece.head.result, BACKUP_PIECE);
    EXPECT_GE(piece.head.index, applied);
    bytes file;
    while (!piece.content.empty()) {
        EXPECT_EQ(piece.head.offset, file.size());
        file.insert(file.end(), piece.content.begin(), piece.content.end());
        piece = ask_patiently(piece.head.index, file.size());
        ASSERT_EQ(piece.head.result, BACKUP_PIECE);
    }
    EXPECT_EQ(file.size(), piece.head.bytes);
    EXPECT_TRUE(is_whole(file));
    EXPECT_EQ(world.replica()->upkeep.backups.given, 0U) << "it may be removed now";
}

TEST_F(Backups, AnotherOneWaitsUntilTheFirstWasRead)
{
    Piece first = ask_patiently(0, 0);
    ASSERT_EQ(first.head.result, BACKUP_PIECE);
    EXPECT_EQ(ask(0, 0, operators + 1).head.result, BACKUP_BUSY);
    EXPECT_EQ(ask(first.head.index, first.head.bytes).head.piece.count, 0U);
    EXPECT_EQ(ask_patiently(0, 0, operators + 1).head.result, BACKUP_PIECE);
}

TEST_F(Backups, WhoGoesAwayIsForgotten)
{
    uint64_t before = mark_count("backup_forgotten");
    Piece first = ask_patiently(0, 0);
    ASSERT_EQ(first.head.result, BACKUP_PIECE);
    world.run_until(world.now_ns + 20 * NS_PER_S);
    EXPECT_EQ(mark_count("backup_forgotten"), before + 1);
    EXPECT_EQ(ask_patiently(0, 0, operators + 1).head.result, BACKUP_PIECE);
}

TEST_F(Backups, WhatIsNotThereIsSaidToBeGone)
{
    EXPECT_EQ(ask(77, 0).head.result, BACKUP_GONE);
}

TEST_F(Backups, APlaceThatIsNoneIsNonsense)
{
    Piece first = ask_patiently(0, 0);
    for (uint64_t offset :
            {uint64_t{1}, first.head.bytes + 4096, UINT64_MAX / 4096 * 4096}) {
        backup_request request{first.head.index, offset};
        world.client(operators + 2);
        world.say(operators + 2, make_frame(FRAME_BACKUP, [&](wire &wire) {
            wire_backup_request(&wire, &request);
        }));
        world.turn();
        EXPECT_TRUE(world.closed[operators + 2]) << offset;
    }
}

TEST_F(Backups, ADiskThatFailsIsSaid)
{
    world.files_fail = true;
    EXPECT_EQ(ask_patiently(0, 0).head.result, BACKUP_FAILED);
    world.files_fail = false;
    world.run_until(world.now_ns + 20 * NS_PER_S);
    EXPECT_EQ(ask_patiently(0, 0).head.result, BACKUP_PIECE);
}

TEST_F(Backups, ANodeWithoutAStateHasNone)
{
    NodeWorld blank(2, 3);
    blank.client(operators);
    backup_request request{0, 0};
    blank.say(operators, make_frame(FRAME_BACKUP, [&](wire &wire) {
        wire_backup_request(&wire, &request);
    }));
    blank.turn();
    ASSERT_EQ(blank.heard[operators].size(), 1U);
    EXPECT_EQ(blank.heard[operators].at(0).body.at(0), BACKUP_NONE);
}

} // namespace
