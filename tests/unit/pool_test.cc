#include "base/pool.h"

#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "base/prng.h"
#include "worlds/carved.h"

namespace {

struct item {
    uint64_t number;
};

TEST(Pool, AgreesWithStdMap)
{
    carved room(4096);
    struct pool pool;
    pool_carve(&pool, &room.arena, "items", 30, sizeof(struct item));
    struct prng prng;
    prng_init(&prng, 1);
    std::map<uint32_t, uint64_t> model;
    for (int step = 0; step < 50000; step++) {
        if (prng_below(&prng, 2) == 0) {
            uint32_t handle = pool_take(&pool);
            ASSERT_EQ(handle == 0, model.size() == pool_capacity(&pool));
            if (handle != 0) {
                auto *item = static_cast<struct item *>(pool_at(&pool, handle));
                ASSERT_EQ(item->number, 0U);
                ASSERT_EQ(pool_handle_of(&pool, item), handle);
                item->number = prng_next(&prng);
                ASSERT_TRUE(model.emplace(handle, item->number).second);
            }
        } else if (!model.empty()) {
            auto victim = model.begin();
            std::advance(victim, prng_below(&prng, model.size()));
            uint32_t handle = victim->first;
            model.erase(victim);
            pool_give(&pool, handle);
            ASSERT_FALSE(pool_has(&pool, handle));
        }
        ASSERT_EQ(pool_count(&pool), model.size());
        size_t walked = 0;
        for (uint32_t handle = 0; (handle = pool_next(&pool, handle)) != 0; walked++) {
            ASSERT_TRUE(pool_has(&pool, handle));
            auto *item = static_cast<struct item *>(pool_at(&pool, handle));
            ASSERT_EQ(item->number, model.at(handle));
        }
        ASSERT_EQ(walked, model.size());
    }
}

TEST(Pool, TakesWhatWasGivenLast)
{
    carved room(4096);
    struct pool pool;
    pool_carve(&pool, &room.arena, "items", 3, sizeof(struct item));
    uint32_t first = pool_take(&pool);
    pool_take(&pool);
    pool_give(&pool, first);
    uint32_t again = pool_take(&pool);
    EXPECT_EQ(pool_index(again), pool_index(first));
    EXPECT_NE(again, first);
}

TEST(Pool, IsEmptyAfterInitAndOldHandlesAreInvalid)
{
    carved room(4096);
    struct pool pool;
    pool_carve(&pool, &room.arena, "items", 3, sizeof(struct item));
    uint32_t old = pool_take(&pool);
    pool_init(&pool);
    EXPECT_EQ(pool_count(&pool), 0U);
    EXPECT_FALSE(pool_has(&pool, old));
    EXPECT_NE(pool_take(&pool), old);
    EXPECT_FALSE(pool_has(&pool, old));
}

TEST(PoolDeathTest, AnOldHandleIsAnAssertion)
{
    carved room(4096);
    struct pool pool;
    pool_carve(&pool, &room.arena, "items", 3, sizeof(struct item));
    uint32_t handle = pool_take(&pool);
    pool_give(&pool, handle);
    pool_take(&pool);
    EXPECT_DEATH(pool_at(&pool, handle), "pool_has");
    EXPECT_DEATH(pool_give(&pool, handle), "pool_has");
    EXPECT_DEATH(pool_at(&pool, 0), "pool_has");
}

} // namespace
