/*
 * The locks by name. Buckets go by the top bits of the name's hash and chains are sorted by
 * (hash, name), so walking the buckets gives the locks in an order that is the same on all
 * nodes, however large the table.
 */
#ifndef LOCKS_NAMETABLE_H
#define LOCKS_NAMETABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct locks;
struct lock;

struct nametable {
    uint32_t *heads;
    uint32_t bits; /* There are 2^bits buckets; at least one bit. */
    uint32_t count;
};

void nametable_carve(struct nametable *table, struct arena *arena, uint32_t lock_count);
void nametable_init(struct nametable *table);

uint64_t nametable_hash(struct span name);

/* The lock of that name; NULL: it has no hold and no wait. */
struct lock *nametable_find(const struct locks *locks, struct span name);

/* The same, for callers that also need the hash of the name. */
struct lock *nametable_find_hashed(
        const struct locks *locks, struct span name, uint64_t hash);

/* Whether that is the lock's name. */
bool nametable_names(const struct locks *locks, const struct lock *lock, struct span name);

/* Link a lock whose name and hash are set and are not in the table. */
void nametable_add(struct locks *locks, uint32_t handle, struct span name);

/* Unlink it. Returns its handle, for the caller to give back. */
uint32_t nametable_remove(struct locks *locks, const struct lock *lock);

/* The bucket of a hash, its first hash, and its first lock (0: none). */
static inline uint32_t nametable_bucket(const struct nametable *table, uint64_t hash)
{
    return (uint32_t)(hash >> (64 - table->bits));
}

static inline uint64_t nametable_bucket_begin(
        const struct nametable *table, uint32_t bucket)
{
    return (uint64_t)bucket << (64 - table->bits);
}

static inline uint32_t nametable_bucket_count(const struct nametable *table)
{
    return UINT32_C(1) << table->bits;
}

/* A name of that hash is looked up, or forgotten, soon: fetch its bucket. */
static inline void nametable_expect(const struct nametable *table, uint64_t hash)
{
    __builtin_prefetch(&table->heads[nametable_bucket(table, hash)], 1);
}

#ifdef __cplusplus
}
#endif

#endif
