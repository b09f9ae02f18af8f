/*
 * The limit program's parts: its sizes are lockd's, its cutter loses no frame, and its
 * comparison of logs sees one different byte.
 */
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "floor/floor_log.h"
#include "floor/floor_sizes.h"
#include "floor/floor_stream.h"
#include "protocol/answer.h"
#include "protocol/peer.h"
#include "store/wal.h"

namespace {

/* How long the protocol makes a message of that kind. */
template <typename Message>
size_t measure(void (*layout)(struct wire *, Message *), Message message)
{
    struct wire wire = wire_measure();
    layout(&wire, &message);
    EXPECT_FALSE(wire.failed);
    return wire.at;
}

struct request request_of(enum request_kind kind)
{
    static const unsigned char name[] = "bench-12345-o678";
    struct request request = {};
    request.kind = kind;
    request.number = 1;
    request.target = kind == REQUEST_RELEASE ? 1 : 0;
    request.name = {name, FLOOR_NAME_BYTES};
    return request;
}

TEST(FloorSizes, RequestsAreThoseOfTheProtocol)
{
    struct section section = {};
    section.session = 1;
    section.count = 1;
    EXPECT_EQ(measure(wire_section, section), size_t{FLOOR_SECTION_BYTES});
    EXPECT_EQ(measure(wire_section_logged, section), size_t{FLOOR_SECTION_LOGGED_BYTES});
    EXPECT_EQ(measure(wire_request, request_of(REQUEST_ACQUIRE)),
            size_t{FLOOR_ACQUIRE_BYTES});
    EXPECT_EQ(measure(wire_request, request_of(REQUEST_RELEASE)),
            size_t{FLOOR_RELEASE_BYTES});
    EXPECT_EQ(2 * FLOOR_REQUEST_BYTES, FLOOR_ACQUIRE_BYTES + FLOOR_RELEASE_BYTES);
}

TEST(FloorSizes, AnswersAreThoseOfTheProtocol)
{
    struct answer_section section = {};
    section.session = 1;
    EXPECT_EQ(measure(wire_answer_section, section), size_t{FLOOR_ANSWER_SECTION_BYTES});
    struct answer answer = {};
    answer.kind = REQUEST_ACQUIRE;
    answer.token = 1;
    EXPECT_EQ(measure(wire_answer, answer), size_t{FLOOR_ANSWER_BYTES});
}

TEST(FloorSizes, MessagesBetweenNodesAreThoseOfTheProtocol)
{
    struct peer_message message = {};
    message.from = 1;
    message.to = 2;
    message.kind = PEER_APPEND;
    EXPECT_EQ(FRAME_HEAD_BYTES + measure(wire_peer_message, message),
            size_t{FLOOR_APPEND_HEAD_BYTES});
    message.kind = PEER_APPEND_ANSWER;
    EXPECT_EQ(FRAME_HEAD_BYTES + measure(wire_peer_message, message),
            size_t{FLOOR_ACK_BYTES});
}

TEST(FloorSizes, RecordsAreThoseOfTheStore)
{
    EXPECT_EQ(int{FLOOR_RECORD_HEAD_BYTES}, int{WAL_RECORD_HEAD_BYTES});
    EXPECT_EQ(int{FLOOR_BLOCK_BYTES}, int{WAL_BLOCK_BYTES});
    struct batch_head head = {};
    EXPECT_EQ(measure(wire_batch_head, head), size_t{BATCH_HEAD_BYTES});
}

/* Three frames of 1, 0 and 2 items, cut at every place and at every second one. */
TEST(FloorStream, FramesAreWholeWhereverTheyWereCut)
{
    std::vector<unsigned char> bytes;
    for (uint16_t items : {1, 0, 2}) {
        size_t at = bytes.size();
        uint32_t body = int{FLOOR_ANSWERS_HEAD_BYTES} - int{FRAME_HEAD_BYTES} +
                        items * int{FLOOR_ANSWER_BYTES};
        bytes.resize(at + FRAME_HEAD_BYTES + body);
        memcpy(&bytes[at], &body, sizeof body);
        memcpy(&bytes[at + floor_answers.count_at], &items, sizeof items);
    }
    for (uint32_t step = 1; step <= bytes.size(); step++) {
        struct floor_stream stream;
        floor_stream_init(&stream, -1, &floor_requests, 2, 0);
        std::string seen;
        for (uint32_t at = 0; at < bytes.size(); at += step) {
            uint32_t left = static_cast<uint32_t>(bytes.size()) - at;
            struct floor_arrived arrived = {&bytes[at], left < step ? left : step};
            while (const unsigned char *frame = floor_stream_cut(&stream, &arrived))
                seen += std::to_string(floor_frame_items(&floor_answers, frame));
        }
        EXPECT_EQ(seen, "102") << "received in steps of " << step;
        free(stream.frame);
        free(stream.part);
    }
}

TEST(FloorLog, RecordsFollowOneAnotherAndBeginAgain)
{
    struct floor_log log = {-1, 4 * FLOOR_BLOCK_BYTES, 0};
    EXPECT_EQ(floor_log_place(&log, 2 * FLOOR_BLOCK_BYTES), 0u);
    EXPECT_EQ(floor_log_place(&log, FLOOR_BLOCK_BYTES), 2u * FLOOR_BLOCK_BYTES);
    EXPECT_EQ(floor_log_place(&log, 2 * FLOOR_BLOCK_BYTES), 0u);
}

TEST(FloorLog, OneByteMakesLogsDiffer)
{
    struct floor_log logs[2];
    uint64_t blocks = 0;
    for (struct floor_log &log : logs)
        floor_log_open(&log, "/var/tmp", 2 * 1024 * 1024);
    EXPECT_TRUE(floor_logs_equal(logs, 2, &blocks));
    EXPECT_EQ(blocks, 0u);
    unsigned char *slots = floor_slots_map();
    unsigned char *block = floor_slot_record(slots, 0);
    block[FLOOR_BLOCK_BYTES - 1] = 1;
    const off_t place = 300 * FLOOR_BLOCK_BYTES;
    for (struct floor_log &log : logs)
        ASSERT_EQ(pwrite(log.fd, block, FLOOR_BLOCK_BYTES, place), FLOOR_BLOCK_BYTES);
    EXPECT_TRUE(floor_logs_equal(logs, 2, &blocks));
    EXPECT_EQ(blocks, 1u);
    block[17] = 1;
    ASSERT_EQ(pwrite(logs[1].fd, block, FLOOR_BLOCK_BYTES, place), FLOOR_BLOCK_BYTES);
    EXPECT_FALSE(floor_logs_equal(logs, 2, &blocks));
    for (struct floor_log &log : logs)
        close(log.fd);
}

} // namespace
