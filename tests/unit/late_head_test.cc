/* Heads that are written last: of a section, of a frame, of one within the other. */
#include "protocol/late_head.h"

#include <gtest/gtest.h>

#include <array>

namespace {

using buffer = std::array<unsigned char, 256>;

size_t put(buffer &bytes, size_t at, unsigned char value)
{
    bytes[at] = value;
    return at + 1;
}

TEST(LateHead, IsWrittenBeforeWhatItCounts)
{
    buffer bytes{};
    late_head head{};
    size_t end = late_head_leave(&head, 10, 2);
    EXPECT_EQ(end, 12u);
    end = put(bytes, end, 'a');
    end = put(bytes, end, 'b');
    EXPECT_TRUE(head.open);
    EXPECT_EQ(late_head_behind(&head, end), 2u);

    uint16_t count = 2;
    wire wire = late_head_write(&head, bytes.data());
    wire_u16(&wire, &count);
    late_head_done(&wire);
    EXPECT_FALSE(head.open);
    EXPECT_EQ(bytes[10], 2);
    EXPECT_EQ(bytes[11], 0);
    EXPECT_EQ(bytes[12], 'a');
    EXPECT_EQ(bytes[13], 'b');
    EXPECT_EQ(bytes[9], 0) << "nothing in front of it is touched";
}

TEST(LateHead, OfAFrameSealsWhatStandsBehindIt)
{
    buffer bytes{};
    late_head frame{};
    size_t end = late_head_leave(&frame, 3, FRAME_HEAD_BYTES);
    for (unsigned char value = 0; value < 20; value++)
        end = put(bytes, end, value);
    late_head_seal_frame(&frame, bytes.data(), end, FRAME_ANSWERS);
    EXPECT_FALSE(frame.open);

    buffer room{};
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, bytes.data() + 3, end - 3);
    struct frame heard {};
    ASSERT_TRUE(frame_reader_next(&reader, &heard));
    EXPECT_EQ(heard.kind, FRAME_ANSWERS);
    ASSERT_EQ(heard.body_bytes, 20u);
    EXPECT_EQ(heard.body[19], 19);
}

TEST(LateHead, OfASectionInAFrameIsWrittenFirst)
{
    buffer bytes{};
    late_head frame{};
    late_head section{};
    size_t end = late_head_leave(&frame, 0, FRAME_HEAD_BYTES);
    end = late_head_leave(&section, end, 1);
    end = put(bytes, end, 'x');
    wire wire = late_head_write(&section, bytes.data());
    uint8_t count = 1;
    wire_u8(&wire, &count);
    late_head_done(&wire);
    late_head_seal_frame(&frame, bytes.data(), end, FRAME_REQUESTS);

    buffer room{};
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, bytes.data(), end);
    struct frame heard {};
    ASSERT_TRUE(frame_reader_next(&reader, &heard));
    ASSERT_EQ(heard.body_bytes, 2u);
    EXPECT_EQ(heard.body[0], 1);
    EXPECT_EQ(heard.body[1], 'x');
}

TEST(LateHeadDeathTest, IsLeftAndWrittenOnce)
{
    buffer bytes{};
    late_head head{};
    EXPECT_DEATH(late_head_write(&head, bytes.data()), "open");
    late_head_leave(&head, 0, 2);
    EXPECT_DEATH(late_head_leave(&head, 4, 2), "open");
    wire wire = late_head_write(&head, bytes.data());
    EXPECT_DEATH(late_head_done(&wire), "at");
}

} // namespace
