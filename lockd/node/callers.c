#include "node/callers.h"

#include <string.h>

#include "base/hash.h"

void callers_carve(struct callers *callers, struct arena *arena, uint32_t most)
{
    pool_carve(&callers->pool, arena, "node.callers", most, sizeof(struct caller));
    map_carve(&callers->by_address, arena, "node.callers_by_address", most);
}

void callers_init(struct callers *callers)
{
    pool_init(&callers->pool);
    map_init(&callers->by_address);
}

static bool is_known(const unsigned char *address)
{
    static const unsigned char unknown[CLIENT_ADDRESS_BYTES];
    return memcmp(address, unknown, CLIENT_ADDRESS_BYTES) != 0;
}

static uint64_t key_of(const unsigned char *address)
{
    return hash_bytes(address, CLIENT_ADDRESS_BYTES, 0);
}

/* Its handle; 0: it has no client here. */
static uint32_t find(const struct callers *callers, const unsigned char *address)
{
    struct map_cursor at;
    for (bool ok = map_find(&callers->by_address, key_of(address), &at); ok;
            ok = map_find_next(&callers->by_address, &at)) {
        const struct caller *caller = pool_at(&callers->pool, at.value);
        if (memcmp(caller->address, address, CLIENT_ADDRESS_BYTES) == 0)
            return at.value;
    }
    return 0;
}

uint32_t callers_clients(const struct callers *callers, const unsigned char *address)
{
    uint32_t handle = is_known(address) ? find(callers, address) : 0;
    if (handle == 0)
        return 0;
    const struct caller *caller = pool_at(&callers->pool, handle);
    return caller->clients;
}

void callers_add(struct callers *callers, const unsigned char *address)
{
    if (!is_known(address))
        return;
    uint32_t handle = find(callers, address);
    if (handle == 0) {
        handle = pool_take(&callers->pool);
        struct caller *added = pool_at(&callers->pool, handle);
        memcpy(added->address, address, CLIENT_ADDRESS_BYTES);
        map_add(&callers->by_address, key_of(address), handle);
    }
    struct caller *caller = pool_at(&callers->pool, handle);
    caller->clients++;
}

void callers_remove(struct callers *callers, const unsigned char *address)
{
    if (!is_known(address))
        return;
    uint32_t handle = find(callers, address);
    struct caller *caller = pool_at(&callers->pool, handle);
    assert(caller->clients > 0);
    caller->clients--;
    if (caller->clients > 0)
        return;
    map_remove(&callers->by_address, key_of(address), handle);
    pool_give(&callers->pool, handle);
}

const struct caller *callers_largest(const struct callers *callers)
{
    const struct caller *largest = NULL;
    for (uint32_t at = pool_next(&callers->pool, 0); at != 0;
            at = pool_next(&callers->pool, at)) {
        const struct caller *caller = pool_at(&callers->pool, at);
        if (largest == NULL || caller->clients > largest->clients)
            largest = caller;
    }
    return largest;
}
