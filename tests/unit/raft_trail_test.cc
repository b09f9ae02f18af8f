#include "raft/raft_trail.h"

#include <gtest/gtest.h>
#include <vector>

#include "base/prng.h"
#include "worlds/carved.h"

namespace {

/* The last entry within `bound`, by looking at each. */
struct entry_id within(const std::vector<uint64_t> &terms, struct entry_id bound)
{
    for (uint64_t index = std::min<uint64_t>(bound.index, terms.size()); index > 0; index--)
        if (terms[index - 1] <= bound.term)
            return {terms[index - 1], index};
    return {0, 0};
}

TEST(RaftTrail, AgreesWithAListOfTerms)
{
    carved memory(1 << 16);
    struct raft_trail trail;
    raft_trail_carve(&trail, &memory.arena, 64);
    raft_trail_init(&trail);
    struct prng prng;
    prng_init(&prng, 1);
    std::vector<uint64_t> model;
    uint64_t term = 1;
    for (int step = 0; step < 20000; step++) {
        if (prng_below(&prng, 8) == 0)
            term += prng_below(&prng, 3);
        if (!model.empty() && prng_below(&prng, 10) == 0) {
            uint64_t from =
                    model.size() - prng_below(&prng, std::min<uint64_t>(model.size(), 30));
            raft_trail_cut(&trail, from);
            model.resize(from - 1);
        } else if (raft_trail_has_room(&trail, term)) {
            model.push_back(term);
            raft_trail_add(&trail, {term, model.size()});
        } else {
            raft_trail_cut(&trail, 1);
            model.clear();
        }
        ASSERT_EQ(trail.last.index, model.size());
        ASSERT_EQ(trail.last.term, model.empty() ? 0 : model.back());
        uint64_t index = prng_below(&prng, model.size() + 3);
        bool there = index > 0 && index <= model.size();
        ASSERT_EQ(raft_trail_term(&trail, index), there ? model[index - 1] : 0);
        struct entry_id bound = {prng_below(&prng, term + 2), index};
        ASSERT_TRUE(entry_id_equal(raft_trail_within(&trail, bound), within(model, bound)));
    }
}

TEST(RaftTrailDeathTest, TakesEntriesInOrder)
{
    carved memory(1 << 12);
    struct raft_trail trail;
    raft_trail_carve(&trail, &memory.arena, 2);
    raft_trail_init(&trail);
    EXPECT_DEATH(raft_trail_add(&trail, {1, 2}), "index");
    raft_trail_add(&trail, {2, 1});
    EXPECT_DEATH(raft_trail_add(&trail, {1, 2}), "term");
    EXPECT_DEATH(raft_trail_cut(&trail, 2), "from");
    raft_trail_add(&trail, {3, 2});
    EXPECT_TRUE(raft_trail_has_room(&trail, 3));
    EXPECT_FALSE(raft_trail_has_room(&trail, 4));
    EXPECT_DEATH(raft_trail_add(&trail, {4, 3}), "count_max");
}

} // namespace
