#include "base/hash.h"

#include <gtest/gtest.h>
#include <vector>

#include "base/prng.h"

namespace {

/* The number is in files on disks: it must never change. */
TEST(Hash, IsXxh3)
{
    EXPECT_EQ(hash_bytes(nullptr, 0, 0), UINT64_C(0x2d06800538d394c2));
}

TEST(Hash, DependsOnSeedAndEveryByte)
{
    unsigned char bytes[300] = {};
    uint64_t plain = hash_bytes(bytes, sizeof(bytes), 1);
    EXPECT_NE(plain, hash_bytes(bytes, sizeof(bytes), 2));
    for (unsigned char &byte : bytes) {
        byte = 1;
        EXPECT_NE(plain, hash_bytes(bytes, sizeof(bytes), 1));
        byte = 0;
    }
}

TEST(Hash, InPiecesIsTheSame)
{
    struct prng prng;
    prng_init(&prng, 1);
    std::vector<unsigned char> bytes(5000);
    for (unsigned char &byte : bytes)
        byte = static_cast<unsigned char>(prng_next(&prng));
    for (int round = 0; round < 500; round++) {
        size_t size = prng_below(&prng, bytes.size() + 1);
        uint64_t seed = prng_next(&prng);
        struct hash_state state;
        hash_begin(&state, seed);
        for (size_t at = 0; at < size;) {
            size_t piece = prng_between(&prng, 1, size - at);
            hash_add(&state, bytes.data() + at, piece);
            at += piece;
        }
        hash_add(&state, nullptr, 0);
        ASSERT_EQ(hash_end(&state), hash_bytes(bytes.data(), size, seed));
    }
}

} // namespace
