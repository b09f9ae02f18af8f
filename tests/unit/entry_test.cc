/* Entries and the chain that their sums make of the log. */
#include "protocol/entry.h"

#include <cstring>

#include "worlds/messages.h"

namespace {

using namespace messages;

entry_head make_head(uint64_t index, uint64_t previous_sum, uint32_t body_bytes)
{
    return {{3, index}, index == 1 ? UINT64_C(0) : 3, 77, previous_sum, 0, body_bytes,
            ENTRY_BATCH};
}

bytes seal(entry_head &head, unsigned char fill)
{
    bytes entry(entry_bytes(&head), fill);
    entry_seal(entry.data(), &head);
    return entry;
}

TEST(Entry, ComesBackAsItWas)
{
    for (uint32_t body_bytes : {0U, 1U, 100U, uint32_t{ENTRY_BODY_MAX}}) {
        entry_head head = make_head(9, 5, body_bytes);
        bytes entry = seal(head, 1);
        ASSERT_EQ(entry.size(), ENTRY_HEAD_BYTES + body_bytes);
        entry_head heard;
        ASSERT_TRUE(entry_decode(entry.data(), entry.size(), &heard));
        EXPECT_TRUE(entry_id_equal(heard.id, head.id));
        EXPECT_EQ(heard.previous_term, head.previous_term);
        EXPECT_EQ(heard.cluster, head.cluster);
        EXPECT_EQ(heard.previous_sum, head.previous_sum);
        EXPECT_EQ(heard.sum, head.sum);
        EXPECT_EQ(heard.body_bytes, body_bytes);
        EXPECT_EQ(heard.kind, ENTRY_BATCH);
    }
}

TEST(Entry, DamagedIsRefused)
{
    entry_head head = make_head(9, 5, 40);
    const bytes entry = seal(head, 1);
    for (size_t bit = 0; bit < entry.size() * 8; bit++) {
        bytes damaged = entry;
        damaged[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
        ASSERT_FALSE(entry_decode(damaged.data(), damaged.size(), &head)) << "bit " << bit;
    }
}

/* Also when its bytes do stand behind the end: they are not to be read. */
TEST(Entry, CutShortIsRefused)
{
    entry_head head = make_head(9, 5, 40);
    const bytes entry = seal(head, 1);
    for (size_t size = 0; size < entry.size(); size++) {
        bytes cut(entry.begin(), entry.begin() + static_cast<ptrdiff_t>(size));
        ASSERT_FALSE(entry_decode(cut.data(), cut.size(), &head));
        ASSERT_FALSE(entry_decode(entry.data(), size, &head));
    }
}

/* More may stand behind it: entries lie one behind another. */
TEST(Entry, IsFollowedByAnything)
{
    entry_head head = make_head(9, 5, 40);
    bytes entry = seal(head, 1);
    entry.resize(entry.size() + 10);
    EXPECT_TRUE(entry_decode(entry.data(), entry.size(), &head));
}

/*
 * Raises the number at `at` by one and makes the sum right again, as a faulty writer would.
 */
bytes forge(bytes entry, size_t at, uint64_t add)
{
    uint64_t value;
    memcpy(&value, &entry[at], sizeof(value));
    value += add;
    memcpy(&entry[at], &value, sizeof(value));
    return entry;
}

TEST(Entry, SumCoversEveryFieldOfTheHead)
{
    entry_head head = make_head(9, 5, 8);
    const bytes entry = seal(head, 1);
    for (size_t at : {8, 16, 24, 32, 40, 48}) {
        bytes forged = forge(entry, at, 1);
        EXPECT_FALSE(entry_decode(forged.data(), forged.size(), &head)) << "offset " << at;
    }
}

/* Two logs that differ in one bit of one entry have different sums from there on. */
TEST(Entry, SumsAreAChain)
{
    uint64_t sums[2] = {0, 0};
    for (uint64_t index = 1; index <= 50; index++) {
        uint64_t *sum = sums;
        for (unsigned char log : {0, 1}) {
            entry_head head = make_head(index, *sum, 16);
            seal(head, index == 20 ? log : 0);
            *sum++ = head.sum;
        }
        EXPECT_EQ(sums[0] == sums[1], index < 20) << index;
    }
}

/* [Raft 3.6.1] */
TEST(Entry, LaterIsByTermThenIndex)
{
    EXPECT_TRUE(entry_id_less({1, 9}, {2, 1}));
    EXPECT_FALSE(entry_id_less({2, 1}, {1, 9}));
    EXPECT_TRUE(entry_id_less({2, 1}, {2, 2}));
    EXPECT_FALSE(entry_id_less({2, 2}, {2, 2}));
    EXPECT_TRUE(entry_id_equal({2, 2}, {2, 2}));
    EXPECT_FALSE(entry_id_equal({2, 2}, {2, 3}));
    EXPECT_FALSE(entry_id_equal({1, 2}, {2, 2}));
}

} // namespace
