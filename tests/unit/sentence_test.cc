#include <gtest/gtest.h>

#include <string>

#include "base/sentence.h"

namespace {

std::string text(const sentence &sentence)
{
    return {sentence.bytes, sentence.count};
}

TEST(Sentence, IsPutTogetherFromPieces)
{
    sentence made{};
    sentence_add(&made, "version ");
    sentence_add_u64(&made, 0);
    sentence_add(&made, " of ");
    sentence_add_u64(&made, UINT64_MAX);
    EXPECT_EQ(text(made), "version 0 of 18446744073709551615");
}

TEST(Sentence, NamesNodes)
{
    const std::pair<uint64_t, const char *> cases[] = {{0, "no node"}, {1 << 3, "node 3"},
            {1 << 1 | 1 << 5, "nodes 1 and 5"},
            {1 << 1 | 1 << 2 | UINT64_C(1) << 63, "nodes 1, 2 and 63"}};
    for (const auto &[nodes, expected] : cases) {
        sentence made{};
        sentence_add_nodes(&made, nodes);
        EXPECT_EQ(text(made), expected);
    }
}

TEST(Sentence, IsCutWhereItDoesNotFit)
{
    sentence made{};
    for (int i = 0; i < SENTENCE_BYTES_MAX; i++)
        sentence_add(&made, "ab ");
    EXPECT_EQ(made.count, static_cast<uint32_t>(SENTENCE_BYTES_MAX));
}

} // namespace
