#include "base/arena.h"

#include <array>
#include <cstdint>
#include <gtest/gtest.h>

namespace {

TEST(Arena, MeasuresWhatItGives)
{
    alignas(64) std::array<unsigned char, 256> memory{};
    struct arena measure;
    struct arena arena;
    arena_init(&measure, nullptr, 0);
    arena_init(&arena, memory.data(), memory.size());
    for (struct arena *each : {&measure, &arena}) {
        void *odd = arena_take(each, "odd", 3, 1, 1);
        void *aligned = arena_take(each, "aligned", 2, 64, 64);
        if (each == &measure) {
            EXPECT_EQ(odd, nullptr);
            EXPECT_EQ(aligned, nullptr);
        } else {
            EXPECT_EQ(odd, memory.data());
            EXPECT_EQ(aligned, memory.data() + 64);
        }
    }
    EXPECT_EQ(arena_used_bytes(&measure), 192U);
    EXPECT_EQ(arena_used_bytes(&arena), 192U);

    uint32_t count = 0;
    const struct arena_row *rows = arena_rows(&arena, &count);
    ASSERT_EQ(count, 2U);
    EXPECT_STREQ(rows[1].name, "aligned");
    EXPECT_EQ(rows[1].count, 2U);
    EXPECT_EQ(rows[1].item_bytes, 64U);
}

TEST(ArenaDeathTest, RefusesWhatIsNotThere)
{
    alignas(64) std::array<unsigned char, 64> memory{};
    struct arena arena;
    arena_init(&arena, memory.data(), memory.size());
    EXPECT_DEATH(arena_take(&arena, "big", 65, 1, 1), "room");
    EXPECT_DEATH(arena_take(&arena, "huge", SIZE_MAX, 2, 1), "SIZE_MAX");
    arena_take(&arena, "all", 64, 1, 1);
    EXPECT_DEATH(arena_take(&arena, "more", 1, 1, 1), "room");
    arena_seal(&arena);
    EXPECT_DEATH(arena_take(&arena, "late", 0, 1, 1), "sealed");
}

} // namespace
