#include "base/text.h"

#include <gtest/gtest.h>
#include <string>

namespace {

std::string shown(const std::string &bytes, size_t room = 200)
{
    std::string text(room, '!');
    size_t count = text_show(text.data(), room, bytes.data(), bytes.size());
    EXPECT_LT(count, room);
    EXPECT_EQ(text[count], '\0');
    return text.substr(0, count);
}

TEST(Text, ShowsWhatIsPlainAsItIs)
{
    for (const char *plain : {"", "build", "a b", "b\xc3\xa4r", "\xe6\x97\xa5\xe6\x9c\xac",
                 "\xf0\x9f\x94\x92", "~\"\\"})
        EXPECT_EQ(shown(plain), plain);
}

TEST(Text, ShowsBytesThatCommandATerminal)
{
    EXPECT_EQ(shown("a\x1b[2J\n\r\t\x7f"), "a\\x1b[2J\\x0a\\x0d\\x09\\x7f");
    EXPECT_EQ(shown(std::string("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(shown("\xc2\x9b"), "\\xc2\\x9b");          /* CSI in one character */
    EXPECT_EQ(shown("\xe2\x80\xae"), "\\xe2\\x80\\xae"); /* From right to left */
    EXPECT_EQ(shown("\xef\xbb\xbf"), "\\xef\\xbb\\xbf"); /* Byte order mark */
    EXPECT_EQ(shown("\xe2\x80\x8b"), "\\xe2\\x80\\x8b"); /* No width */
}

TEST(Text, ShowsBytesThatAreNotUtf8)
{
    EXPECT_EQ(shown("a\xff"), "a\\xff");
    EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf");          /* Too long a form */
    EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* A surrogate */
    EXPECT_EQ(shown("\xe2\x82"), "\\xe2\\x82");          /* Cut off */
}

TEST(Text, IsCutWithinItsRoomAndNeverWithinACharacter)
{
    EXPECT_EQ(shown("abcdef", 4), "abc");
    EXPECT_EQ(shown("ab\x01", 6), "ab");
    EXPECT_EQ(shown("ab\x01", 7), "ab\\x01");
    EXPECT_EQ(shown("a\xc3\xa4", 3), "a");
    EXPECT_EQ(shown("a\xc3\xa4", 4), "a\xc3\xa4");
    EXPECT_EQ(shown("a", 1), "");
}

/* Whatever the bytes are: what is shown is printable, and has no more than its room. */
TEST(Text, AnyBytesAreSafe)
{
    uint32_t dice = 1;
    for (int i = 0; i < 20000; i++) {
        std::string bytes;
        for (uint32_t n = dice % 9; n > 0; n--) {
            dice = dice * 1664525 + 1013904223;
            bytes += static_cast<char>(dice >> 24);
        }
        dice = dice * 1664525 + 1013904223;
        for (char c : shown(bytes, 1 + dice % 40))
            ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
    }
}

} // namespace
