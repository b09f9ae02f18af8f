/* Messages of earlier versions are read as ever, also with more behind them. */
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <map>

#include "golden_messages.h"

namespace {

std::map<std::string, std::string> read_golden(const char *name)
{
    std::map<std::string, std::string> lines;
    std::ifstream file(std::string(GOLDEN_FOLDER) + "/" + name);
    std::string message;
    std::string hex;
    while (file >> message >> hex)
        lines[message] = hex;
    return lines;
}

TEST(GoldenMessages, Version1IsReadAlsoWithMoreBehindIt)
{
    auto lines = read_golden("messages-1.txt");
    for (const golden::known_message &known : golden::known_messages()) {
        auto bytes = golden::from_hex(lines[known.name]);
        ASSERT_FALSE(bytes.empty()) << known.name;
        EXPECT_TRUE(known.reads(bytes)) << known.name;
        bytes.insert(bytes.end(), 7, 0xee);
        EXPECT_TRUE(known.reads(bytes)) << known.name;
    }
}

TEST(GoldenMessages, Version1IsWhatIsWrittenToday)
{
    if (VERSION_MOST > 1)
        GTEST_SKIP() << "another version is written today";
    auto lines = read_golden("messages-1.txt");
    for (const golden::known_message &known : golden::known_messages())
        EXPECT_EQ(lines[known.name], known.hex) << known.name;
}

} // namespace

int main(int count, char **arguments)
{
    if (count > 1 && std::strcmp(arguments[1], "--make") == 0) {
        for (const golden::known_message &known : golden::known_messages())
            std::cout << known.name << ' ' << known.hex << '\n';
        return 0;
    }
    testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
