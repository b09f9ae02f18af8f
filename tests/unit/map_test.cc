#include "base/map.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

#include "base/prng.h"
#include "worlds/carved.h"

namespace {

using model_map = std::map<uint64_t, std::set<uint32_t>>;

std::set<uint32_t> values_of(const struct map &map, uint64_t key)
{
    std::set<uint32_t> values;
    struct map_cursor at;
    for (bool ok = map_find(&map, key, &at); ok; ok = map_find_next(&map, &at))
        EXPECT_TRUE(values.insert(at.value).second);
    return values;
}

/* Few slots, so that runs are long and wrap around; few keys, so that they repeat. */
void run_against_model(uint32_t capacity, uint64_t key_count, uint64_t seed)
{
    carved room(1 << 16);
    struct map map;
    map_carve(&map, &room.arena, "map", capacity);
    struct prng prng;
    prng_init(&prng, seed);
    model_map model;
    for (int step = 0; step < 20000; step++) {
        uint64_t key = prng_below(&prng, key_count) << 40;
        auto value = static_cast<uint32_t>(prng_below(&prng, 4));
        if (model[key].count(value) != 0) {
            map_remove(&map, key, value);
            model[key].erase(value);
        } else if (map_count(&map) < capacity) {
            map_add(&map, key, value);
            model[key].insert(value);
        }
        if (step == 10000) {
            map_init(&map);
            model.clear();
        }
        size_t count = 0;
        for (const auto &[each, values] : model) {
            ASSERT_EQ(values_of(map, each), values);
            count += values.size();
        }
        ASSERT_EQ(map_count(&map), count);
    }
}

TEST(Map, AgreesWithStdMap)
{
    run_against_model(1, 3, 1);
    run_against_model(7, 6, 2);
    run_against_model(64, 40, 3);
}

TEST(MapDeathTest, AssertsItsContract)
{
    carved room(1 << 16);
    struct map map;
    map_carve(&map, &room.arena, "map", 2);
    EXPECT_DEATH(map_remove(&map, 1, 1), "found");
    map_add(&map, 1, 1);
    EXPECT_DEATH(map_add(&map, 1, 1), "value");
    map_add(&map, 1, 2);
    EXPECT_DEATH(map_add(&map, 1, 3), "count_max");
}

} // namespace
