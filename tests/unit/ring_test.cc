#include "base/ring.h"

#include <array>
#include <deque>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace {

TEST(Ring, AgreesWithStdDeque)
{
    struct prng prng;
    prng_init(&prng, 1);
    std::array<uint64_t, 8> items{};
    struct ring ring;
    ring_init_at(&ring, items.size(), 5);
    std::deque<uint64_t> model;
    for (int step = 0; step < 20000; step++) {
        if (ring_room(&ring) > 0 && prng_below(&prng, 2) == 0) {
            uint64_t number = prng_next(&prng);
            items.at(ring_push(&ring)) = number;
            model.push_back(number);
        } else if (!ring_is_empty(&ring) && prng_below(&prng, 4) > 0) {
            EXPECT_EQ(items.at(ring_pop(&ring)), model.front());
            model.pop_front();
        } else if (prng_below(&prng, 2) == 0) {
            uint64_t kept = prng_below(&prng, model.size() + 1);
            ring_cut(&ring, ring.begin + kept);
            model.resize(kept);
        } else {
            uint64_t gone = prng_below(&prng, model.size() + 1);
            ring_pop_before(&ring, ring.begin + gone);
            model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(gone));
        }
        ASSERT_EQ(ring_count(&ring), model.size());
        ASSERT_EQ(ring_room(&ring), items.size() - model.size());
        for (size_t i = 0; i < model.size(); i++)
            ASSERT_EQ(items.at(ring_at(&ring, ring.begin + i)), model[i]);
    }
}

TEST(RingDeathTest, NeverOverwrites)
{
    struct ring ring;
    ring_init(&ring, 2);
    EXPECT_DEATH(ring_pop(&ring), "ring_has");
    ring_push(&ring);
    ring_push(&ring);
    EXPECT_DEATH(ring_push(&ring), "ring_room");
    EXPECT_DEATH(ring_at(&ring, 2), "ring_has");
}

} // namespace
