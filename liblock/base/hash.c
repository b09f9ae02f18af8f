/*
 * The only pure file that is compiled without base/pure.h: xxhash.h mentions malloc, in
 * functions that are not used here. It is used header-only, so only mem* functions remain
 * in the optimized object; tests/tidy checks this.
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
    /*
     * The caller's state is ours to use; xxHash reads and writes it only through its own
     * type.
     */
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
