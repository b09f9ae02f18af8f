/*
 * The one pure file that is compiled without base/pure.h in front: xxhash.h mentions malloc,
 * in functions that are not used here. Used header-only, nothing of it but mem* functions
 * remains in the object when optimized, which tests/tidy checks.
 */
#include "base/hash.h"

#include <assert.h>
#include <stdalign.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(sizeof(struct hash_state) == sizeof(XXH3_state_t), "room for the state");
static_assert(alignof(struct hash_state) == alignof(XXH3_state_t), "aligned as the state");

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

void hash_begin(struct hash_state *state, uint64_t seed)
{
    /* The state is ours by contract; xxHash reads and writes only through its own type. */
    XXH3_state_t *inner = (XXH3_state_t *)(void *)state;
    XXH3_INITSTATE(inner);
    XXH_errorcode code = XXH3_64bits_reset_withSeed(inner, seed);
    assert(code == XXH_OK);
}

void hash_add(struct hash_state *state, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    XXH_errorcode code = XXH3_64bits_update((XXH3_state_t *)(void *)state, bytes, size);
    assert(code == XXH_OK);
}

uint64_t hash_end(const struct hash_state *state)
{
    return XXH3_64bits_digest((const XXH3_state_t *)(const void *)state);
}
