/*
 * The core against a cluster that answers anything, a few hundred lives long: what the fuzzer
 * searches for (tests/fuzz/core_fuzz.cc), from random numbers, in every test run. No assertion
 * of the library is reachable from the wire.
 *
 *     HOSTILE_FROM=1 HOSTILE_COUNT=100000 unit_tests --gtest_filter='CoreHostile.*'
 */
#include <cstdlib>

#include "base/prng.h"
#include "worlds/hostile_world.h"

namespace {

uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(CoreHostile, NothingThatACriminalClusterSaysBreaksTheClient)
{
    uint64_t from = number_from("HOSTILE_FROM", 1);
    uint64_t count = number_from("HOSTILE_COUNT", 1000);
    for (uint64_t seed = from; seed < from + count; seed++) {
        RecordProperty("seed", std::to_string(seed)); /* An assertion ends the process. */
        struct prng dice;
        prng_init(&dice, seed);
        std::vector<uint8_t> bytes(200 + prng_below(&dice, 2000));
        for (uint8_t &byte : bytes)
            byte = static_cast<uint8_t>(prng_next(&dice));
        hostile_world world(bytes.data(), bytes.size());
        world.live();
        ASSERT_FALSE(HasFailure()) << "HOSTILE_FROM=" << seed;
    }
    EXPECT_GT(mark_count("client_open_unawaited"), 0u);
    EXPECT_GT(mark_count("client_busy_again"), 0u);
    EXPECT_GT(mark_count("client_foreign"), 0u);
}

} // namespace
