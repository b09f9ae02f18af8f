#include "base/heap.h"

#include <array>
#include <gtest/gtest.h>
#include <set>
#include <tuple>

#include "base/prng.h"
#include "worlds/carved.h"

namespace {

using entry = std::tuple<uint64_t, uint64_t, uint64_t, struct heap_node *>;

entry entry_of(struct heap_node *node)
{
    return {node->key, node->tie_high, node->tie_low, node};
}

TEST(Heap, AgreesWithStdSet)
{
    carved room(4096);
    struct heap heap;
    std::array<struct heap_node, 40> nodes{};
    heap_carve(&heap, &room.arena, "heap", nodes.size());
    struct prng prng;
    prng_init(&prng, 1);
    std::set<entry> model;
    for (int step = 0; step < 50000; step++) {
        uint64_t at = prng_below(&prng, nodes.size());
        struct heap_node *node = &nodes.at(at);
        if (!heap_has(node)) {
            node->key = prng_below(&prng, 10);
            node->tie_high = prng_below(&prng, 2);
            node->tie_low = at;
            heap_add(&heap, node);
            model.insert(entry_of(node));
        } else if (prng_below(&prng, 2) == 0) {
            model.erase(entry_of(node));
            heap_move(&heap, node, prng_below(&prng, 10));
            model.insert(entry_of(node));
        } else {
            heap_remove(&heap, node);
            model.erase(entry_of(node));
            ASSERT_FALSE(heap_has(node));
        }
        heap_check(&heap);
        ASSERT_EQ(heap_count(&heap), model.size());
        ASSERT_EQ(heap_first(&heap), model.empty() ? nullptr : std::get<3>(*model.begin()));
    }
}

TEST(HeapDeathTest, AssertsItsContract)
{
    carved room(4096);
    struct heap heap;
    struct heap_node a {};
    struct heap_node b {};
    heap_carve(&heap, &room.arena, "heap", 1);
    EXPECT_EQ(heap_first(&heap), nullptr);
    EXPECT_DEATH(heap_remove(&heap, &a), "heap_has");
    heap_add(&heap, &a);
    EXPECT_DEATH(heap_add(&heap, &a), "heap_has");
    EXPECT_DEATH(heap_add(&heap, &b), "count_max");
}

} // namespace
