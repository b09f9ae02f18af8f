/* The stream of frames, cut and damaged in every way. */
#include "protocol/frame.h"

#include <memory>

#include "base/mark.h"
#include "worlds/messages.h"

namespace {

using namespace messages;

struct heard {
    frame_kind kind;
    std::string body;
    bool operator==(const heard &) const = default;
};

bytes seal(frame_kind kind, const bytes &body)
{
    bytes frame(FRAME_HEAD_BYTES + body.size());
    std::copy(body.begin(), body.end(), frame.begin() + FRAME_HEAD_BYTES);
    frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
    return frame;
}

const frame_kind KINDS[] = {FRAME_HELLO, FRAME_REQUESTS, FRAME_ANSWERS, FRAME_STATUS_ANSWER,
        FRAME_PEER_VOTE, FRAME_PEER_APPEND, FRAME_PEER_READ_ANSWER};

/* A stream of random frames, and what should be heard of it. */
bytes make_stream(dice &dice, size_t count, uint32_t body_max, std::vector<heard> &expected)
{
    bytes stream;
    for (size_t i = 0; i < count; i++) {
        frame_kind kind = KINDS[dice.below(std::size(KINDS))];
        size_t size = dice.below(5) == 0 ? body_max * dice.below(2) : dice.below(body_max);
        bytes body(size);
        for (unsigned char &byte : body)
            byte = dice.byte(0, 255);
        bytes frame = seal(kind, body);
        stream.insert(stream.end(), frame.begin(), frame.end());
        expected.push_back({kind, std::string(body.begin(), body.end())});
    }
    return stream;
}

void take_all(frame_reader &reader, std::vector<heard> &taken)
{
    struct frame frame;
    while (frame_reader_next(&reader, &frame))
        taken.push_back({frame.kind, std::string(view(frame.body, frame.body_bytes))});
}

/*
 * The next piece of the stream: through the reader's own space, or from memory that is gone
 * after the feed.
 */
size_t feed_piece(
        frame_reader &reader, const bytes &stream, size_t at, size_t most, bool straight)
{
    size_t count = std::min(most, stream.size() - at);
    if (straight) {
        size_t room = 0;
        unsigned char *space = frame_reader_space(&reader, &room);
        count = std::min(count, room);
        memcpy(space, &stream[at], count);
        frame_reader_feed(&reader, space, count);
    } else {
        frame_reader_feed(&reader, std::data(stream) + at, count);
    }
    return count;
}

enum class path {
    COPIED,
    STRAIGHT,
    MIXED,
};

std::vector<heard> hear(
        frame_reader &reader, dice &dice, const bytes &stream, size_t most, path path)
{
    std::vector<heard> taken;
    for (size_t at = 0; at < stream.size();) {
        bool straight = path == path::STRAIGHT || (path == path::MIXED && dice.coin());
        size_t count = std::min(1 + dice.below(most), stream.size() - at);
        bytes piece(stream.begin() + static_cast<ptrdiff_t>(at),
                stream.begin() + static_cast<ptrdiff_t>(at + count));
        at += feed_piece(reader, piece, 0, count, straight);
        take_all(reader, taken);
    }
    return taken;
}

class FrameStream : public ::testing::TestWithParam<path> {};

TEST_P(FrameStream, IsHeardHoweverItIsCut)
{
    const uint32_t body_max = 300;
    uint64_t moved = mark_count("frame_part_moved");
    for (uint64_t seed = 0; seed < 200; seed++) {
        class dice dice(seed);
        std::vector<heard> expected;
        bytes stream = make_stream(dice, 40, body_max, expected);
        bytes buffer(FRAME_HEAD_BYTES + body_max + dice.below(3) * 100);
        struct frame_reader reader;
        frame_reader_init(&reader, buffer.data(), buffer.size());
        size_t most = size_t{1} << dice.below(11);
        ASSERT_EQ(hear(reader, dice, stream, most, GetParam()), expected)
                << "seed " << seed;
        ASSERT_EQ(reader.fault, FRAME_FAULT_NONE);
    }
    if (GetParam() == path::STRAIGHT) {
        EXPECT_GT(mark_count("frame_part_moved"), moved);
    }
}

TEST_P(FrameStream, IsHeardByteByByte)
{
    class dice dice(1);
    std::vector<heard> expected;
    bytes stream = make_stream(dice, 20, 100, expected);
    bytes buffer(FRAME_HEAD_BYTES + 100);
    struct frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    EXPECT_EQ(hear(reader, dice, stream, 1, GetParam()), expected);
}

INSTANTIATE_TEST_SUITE_P(
        Paths, FrameStream, ::testing::Values(path::COPIED, path::STRAIGHT, path::MIXED));

TEST(Frame, WholeIsHandedOutWhereItLies)
{
    std::vector<heard> expected;
    class dice dice(3);
    bytes stream = make_stream(dice, 10, 200, expected);
    bytes buffer(FRAME_HEAD_BYTES + 200);
    struct frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    frame_reader_feed(&reader, stream.data(), stream.size());
    struct frame frame;
    size_t at = 0;
    while (frame_reader_next(&reader, &frame)) {
        EXPECT_EQ(frame.body, stream.data() + at + FRAME_HEAD_BYTES);
        at += FRAME_HEAD_BYTES + frame.body_bytes;
    }
    EXPECT_EQ(at, stream.size());
    EXPECT_EQ(reader.held, 0U);
}

/* A long frame that is received straight into the buffer stays where it was received. */
TEST(Frame, ReceivedStraightIsHandedOutWhereItLies)
{
    bytes stream = seal(FRAME_ANSWERS, bytes(1000, 7));
    bytes buffer(2000);
    struct frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    struct frame frame;
    for (size_t at = 0; at < stream.size(); at += 127) {
        EXPECT_FALSE(frame_reader_next(&reader, &frame));
        size_t room = 0;
        EXPECT_EQ(frame_reader_space(&reader, &room), buffer.data() + at);
        EXPECT_EQ(room, buffer.size() - at);
        feed_piece(reader, stream, at, 127, true);
    }
    ASSERT_TRUE(frame_reader_next(&reader, &frame));
    EXPECT_EQ(frame.body, buffer.data() + FRAME_HEAD_BYTES);
}

/* Damage anywhere, one bit: the frame is not handed out. */
TEST(Frame, DamagedIsRefused)
{
    for (frame_kind kind : {FRAME_REQUESTS, FRAME_PEER_APPEND}) {
        bytes sound = seal(kind, bytes(PEER_APPEND_HEAD_BYTES, 0x5a));
        for (size_t bit = 0; bit < sound.size() * 8; bit++) {
            bytes damaged = sound;
            damaged[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
            /* Something behind it, so that a longer length does not just wait. */
            damaged.resize(damaged.size() + 1024);
            bytes buffer(1024);
            struct frame_reader reader;
            frame_reader_init(&reader, buffer.data(), buffer.size());
            frame_reader_feed(&reader, damaged.data(), damaged.size());
            struct frame frame;
            ASSERT_FALSE(frame_reader_next(&reader, &frame)) << "bit " << bit;
            ASSERT_NE(reader.fault, FRAME_FAULT_NONE) << "bit " << bit;
        }
    }
}

/* Entries carry sums of their own. */
TEST(Frame, SumOfAnAppendCoversItsHead)
{
    bytes frame = seal(FRAME_PEER_APPEND, bytes(PEER_APPEND_HEAD_BYTES + 10, 1));
    frame.back() ^= 1;
    bytes buffer(1024);
    struct frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    frame_reader_feed(&reader, frame.data(), frame.size());
    struct frame taken;
    EXPECT_TRUE(frame_reader_next(&reader, &taken));
}

enum frame_fault fault_of(const bytes &stream, size_t buffer_bytes)
{
    bytes buffer(buffer_bytes);
    struct frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    frame_reader_feed(&reader, stream.data(), stream.size());
    struct frame frame;
    while (frame_reader_next(&reader, &frame))
        ;
    return reader.fault;
}

TEST(Frame, FaultSaysWhy)
{
    const bytes sound = seal(FRAME_REQUESTS, bytes(100, 1));
    EXPECT_EQ(fault_of(sound, 116), FRAME_FAULT_NONE);
    bytes bad = sound;
    bad[6] = FRAME_VERSION + 1;
    EXPECT_EQ(fault_of(bad, 116), FRAME_FAULT_VERSION);
    for (uint8_t kind : {0, 17, 31, 45, 95, 128, 255}) {
        bad = sound;
        bad[4] = kind;
        EXPECT_EQ(fault_of(bad, 116), FRAME_FAULT_KIND) << int{kind};
    }
    bad = sound;
    bad[7] = 1;
    EXPECT_EQ(fault_of(bad, 116), FRAME_FAULT_KIND);
    bad = sound;
    bad[20] ^= 1;
    EXPECT_EQ(fault_of(bad, 116), FRAME_FAULT_SUM);
}

/* The head alone is enough to refuse: nothing is waited for, no memory spent. */
TEST(Frame, TooLongIsRefusedByItsHead)
{
    bytes frame = seal(FRAME_REQUESTS, bytes(101, 1));
    EXPECT_EQ(fault_of(frame, 116), FRAME_FAULT_LENGTH);
    frame.resize(FRAME_HEAD_BYTES);
    EXPECT_EQ(fault_of(frame, 116), FRAME_FAULT_LENGTH);
    frame.resize(FRAME_HEAD_BYTES - 1);
    EXPECT_EQ(fault_of(frame, 116), FRAME_FAULT_NONE);
    bytes longest(FRAME_HEAD_BYTES, 0xff);
    longest[4] = FRAME_REQUESTS;
    longest[5] = 0;
    longest[6] = FRAME_VERSION;
    longest[7] = 0;
    EXPECT_EQ(fault_of(longest, 116), FRAME_FAULT_LENGTH);
    EXPECT_EQ(fault_of(longest, FRAME_HEAD_BYTES), FRAME_FAULT_LENGTH);
}

TEST(Frame, NothingIsHeardAfterAFault)
{
    uint64_t faults = mark_count("frame_fault");
    bytes sound = seal(FRAME_REQUESTS, bytes(10, 1));
    bytes bad = sound;
    bad[20] ^= 1;
    bytes stream = sound;
    stream.insert(stream.end(), bad.begin(), bad.end());
    stream.insert(stream.end(), sound.begin(), sound.end());
    bytes buffer(64);
    struct frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    std::vector<heard> taken;
    frame_reader_feed(&reader, stream.data(), stream.size());
    take_all(reader, taken);
    EXPECT_EQ(taken.size(), 1U);
    EXPECT_EQ(reader.fault, FRAME_FAULT_SUM);
    for (bool straight : {false, true, true}) {
        feed_piece(reader, sound, 0, sound.size(), straight);
        take_all(reader, taken);
    }
    EXPECT_EQ(taken.size(), 1U);
    EXPECT_EQ(mark_count("frame_fault"), faults + 1);
}

} // namespace
