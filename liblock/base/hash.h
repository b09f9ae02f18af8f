/*
 * Hashes and checksums: XXH3, 64 bits. For corruption and for tables, not for secrets. The
 * numbers are part of the formats on disk and wire, where `seed` binds them to a place.
 */
#ifndef LOCKD_BASE_HASH_H
#define LOCKD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The hash of `size` bytes; `bytes` may be NULL if there are none. */
uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed);

/* Room for the state of a hash taken in pieces; the caller must not look inside. */
#define HASH_STATE_WORDS 72
#if defined(__cplusplus)
struct alignas(64) hash_state {
    uint64_t words[HASH_STATE_WORDS];
};
#else
struct hash_state {
    _Alignas(64) uint64_t words[HASH_STATE_WORDS];
};
#endif

/*
 * The same hash over bytes that lie in several pieces: begin, add each in order, end. The
 * state refers to nothing outside itself. It costs more than hash_bytes() for short input.
 */
void hash_begin(struct hash_state *state, uint64_t seed);
void hash_add(struct hash_state *state, const void *bytes, size_t size);
uint64_t hash_end(const struct hash_state *state);

#ifdef __cplusplus
}
#endif

#endif
