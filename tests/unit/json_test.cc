#include "tool/json_writer.h"

#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <string>

namespace {

std::string written(const std::function<void(struct json *)> &write)
{
    char *text = nullptr;
    size_t count = 0;
    FILE *out = open_memstream(&text, &count);
    struct json json;
    json_init(&json, out);
    write(&json);
    fclose(out);
    std::string result(text, count);
    free(text);
    return result;
}

/* The members that json_bytes makes of a name. */
std::string name_of(const std::string &bytes)
{
    std::string all = written([&](struct json *json) {
        json_begin_object(json, nullptr);
        json_bytes(json, "n", bytes.data(), bytes.size());
        json_end(json);
    });
    return all.substr(1, all.size() - 3);
}

TEST(Json, NestsWithCommasWhereTheyBelong)
{
    EXPECT_EQ(written([](struct json *json) {
        json_begin_object(json, nullptr);
        json_u64(json, "a", UINT64_MAX);
        json_begin_array(json, "b");
        json_begin_object(json, nullptr);
        json_end(json);
        json_u64(json, nullptr, 1);
        json_end(json);
        json_bool(json, "c", true);
        json_null(json, "d");
        json_text(json, "e", nullptr);
        json_hex(json, "f", 255);
        json_end(json);
    }),
            "{\"a\":18446744073709551615,\"b\":[{},1],\"c\":true,\"d\":null,\"e\":null,"
            "\"f\":\"00000000000000ff\"}\n");
}

TEST(Json, EscapesWhatIsSpecial)
{
    EXPECT_EQ(name_of("a\"b\\c\n\t\x01\x7f"), R"("n":"a\"b\\c\n\t\u0001\u007f")");
    EXPECT_EQ(name_of("gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x92"),
            "\"n\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x92\"");
    EXPECT_EQ(name_of(std::string("a\0b", 3)), R"("n":"a\u0000b")");
}

/* The same bytes that text_show() does not show, and readers get them back. */
TEST(Json, EscapesWhatPlaysTricksWithATerminal)
{
    EXPECT_EQ(name_of("a\xc2\x9b"
                      "b\xe2\x80\xaez"),
            R"("n":"a\u009bb\u202ez")");
    EXPECT_EQ(name_of("\xf3\xa0\x80\xa0"), R"("n":"\udb40\udc20")");
}

TEST(Json, SaysExactlyWhatIsNotUtf8)
{
    EXPECT_EQ(name_of("a\xff"
                      "b"),
            R"("n":"a\ufffdb","n_hex":"61ff62")");
    /* Too long a form, a surrogate, past the last code point, cut off. */
    EXPECT_EQ(name_of("\xc0\xaf"), R"("n":"\ufffd\ufffd","n_hex":"c0af")");
    EXPECT_EQ(name_of("\xe0\x80\xaf"), R"("n":"\ufffd\ufffd\ufffd","n_hex":"e080af")");
    EXPECT_EQ(name_of("\xed\xa0\x80"), R"("n":"\ufffd\ufffd\ufffd","n_hex":"eda080")");
    EXPECT_EQ(name_of("\xf4\x90\x80\x80"),
            R"("n":"\ufffd\ufffd\ufffd\ufffd","n_hex":"f4908080")");
    EXPECT_EQ(name_of("\xe2\x82"), R"("n":"\ufffd\ufffd","n_hex":"e282")");
}

TEST(JsonDeathTest, KeysStandInObjectsOnly)
{
    EXPECT_DEATH(written([](struct json *json) {
        json_begin_object(json, nullptr);
        json_u64(json, nullptr, 1);
    }),
            "key");
}

} // namespace
