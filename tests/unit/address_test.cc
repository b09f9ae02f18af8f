/* Addresses as people write them. */
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/address.h"

namespace {

struct parsed {
    bool good;
    std::string host;
    unsigned port;
    std::string text;
    std::string why;
};

parsed parse(const std::string &text)
{
    struct address address;
    const char *why = "";
    char written[ADDRESS_TEXT_BYTES] = "";
    bool good = address_parse(text.data(), text.size(), &address, &why);
    size_t length = good ? address_text(&address, written) : 0;
    EXPECT_EQ(length, strlen(written));
    return {good, address.host, address.port, written, why};
}

} // namespace

TEST(Address, HostsAndPorts)
{
    struct {
        const char *text;
        const char *host;
        unsigned port;
        const char *written;
    } rows[] = {
            {"10.0.0.1:7000", "10.0.0.1", 7000, "10.0.0.1:7000"},
            {"10.0.0.1", "10.0.0.1", 5625, "10.0.0.1:5625"},
            {"db-1.example.org:1", "db-1.example.org", 1, "db-1.example.org:1"},
            {"[::1]:65535", "::1", 65535, "[::1]:65535"},
            {"[fe80::1%eth0]", "fe80::1%eth0", 5625, "[fe80::1%eth0]:5625"},
    };
    for (const auto &row : rows) {
        parsed got = parse(row.text);
        EXPECT_TRUE(got.good) << row.text << ": " << got.why;
        EXPECT_EQ(got.host, row.host);
        EXPECT_EQ(got.port, row.port);
        EXPECT_EQ(got.text, row.written);
        EXPECT_EQ(parse(got.text).text, row.written) << "what is written can be read";
    }
}

TEST(Address, NonsenseIsRefusedWithAReason)
{
    const char *const rows[] = {"", ":5625", "host:", "host:0", "host:65536", "host:123456",
            "host:12x", "host:-1", "::1", "1:2:3", "[::1", "[]:1", "[::1]5625",
            "[::1]:", "a b:1", "a,b", "a=b", "a/b", "[a]b]:1", "h\n:1"};
    for (const char *text : rows) {
        parsed got = parse(text);
        EXPECT_FALSE(got.good) << text;
        EXPECT_FALSE(got.why.empty()) << text;
    }
    EXPECT_TRUE(parse(std::string(255, 'a')).good);
    EXPECT_FALSE(parse(std::string(256, 'a')).good);
    EXPECT_NE(parse("::1").why.find("brackets"), std::string::npos);
}

/* Only the bytes given are looked at. */
TEST(Address, ReadsNoFurtherThanTold)
{
    struct address address;
    const char *why;
    EXPECT_TRUE(address_parse("host:12345", 7, &address, &why));
    EXPECT_EQ(address.port, 12u);
}
