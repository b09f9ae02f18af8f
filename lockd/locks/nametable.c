#include "locks/nametable.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/hash.h"
#include "locks/state.h"

/* Part of the order of lists: never to change. */
#define NAME_SEED UINT64_C(0x6c6f636b6e616d65)

void nametable_carve(struct nametable *table, struct arena *arena, uint32_t lock_count)
{
    uint32_t bits = 1;
    while ((UINT32_C(1) << bits) <= lock_count / 2)
        bits++;
    *table = (struct nametable){.bits = bits};
    table->heads = arena_take(arena, "buckets of names", nametable_bucket_count(table),
            sizeof(uint32_t), alignof(uint32_t));
}

void nametable_init(struct nametable *table)
{
    /* An empty table is all zero: do not touch what was never used. */
    if (table->count > 0)
        memset(table->heads, 0, nametable_bucket_count(table) * sizeof(uint32_t));
    table->count = 0;
}

uint64_t nametable_hash(struct span name)
{
    return hash_bytes(name.bytes, name.count, NAME_SEED);
}

/* The order of a lock and (hash, name), as memcmp returns it. */
static int compare(
        const struct locks *locks, const struct lock *lock, uint64_t hash, struct span name)
{
    if (lock->hash != hash)
        return lock->hash < hash ? -1 : 1;
    uint32_t common = lock->name_bytes < name.count ? lock->name_bytes : name.count;
    struct span head = {.bytes = name.bytes, .count = common};
    int order = namechain_compare_head(&locks->blocks, lock->name, head);
    if (order != 0 || lock->name_bytes == name.count)
        return order;
    return lock->name_bytes < name.count ? -1 : 1;
}

bool nametable_names(const struct locks *locks, const struct lock *lock, struct span name)
{
    return lock->name_bytes == name.count &&
           namechain_compare_head(&locks->blocks, lock->name, name) == 0;
}

struct lock *nametable_find_hashed(
        const struct locks *locks, struct span name, uint64_t hash)
{
    uint32_t at = locks->names.heads[nametable_bucket(&locks->names, hash)];
    while (at != 0) {
        struct lock *lock = pool_at(&locks->locks, at);
        int order = compare(locks, lock, hash, name);
        if (order >= 0)
            return order == 0 ? lock : NULL;
        at = lock->next;
    }
    return NULL;
}

struct lock *nametable_find(const struct locks *locks, struct span name)
{
    return nametable_find_hashed(locks, name, nametable_hash(name));
}

void nametable_add(struct locks *locks, uint32_t handle, struct span name)
{
    struct lock *lock = pool_at(&locks->locks, handle);
    uint32_t *link = &locks->names.heads[nametable_bucket(&locks->names, lock->hash)];
    while (*link != 0) {
        struct lock *other = pool_at(&locks->locks, *link);
        int order = compare(locks, other, lock->hash, name);
        assert(order != 0);
        if (order > 0)
            break;
        link = &other->next;
    }
    lock->next = *link;
    *link = handle;
    locks->names.count++;
}

uint32_t nametable_remove(struct locks *locks, const struct lock *lock)
{
    uint32_t *link = &locks->names.heads[nametable_bucket(&locks->names, lock->hash)];
    struct lock *found = pool_at(&locks->locks, *link);
    while (found != lock) {
        link = &found->next;
        found = pool_at(&locks->locks, *link);
    }
    uint32_t handle = *link;
    *link = lock->next;
    locks->names.count--;
    return handle;
}
