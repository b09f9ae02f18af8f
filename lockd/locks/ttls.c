#include "locks/ttls.h"

#include <assert.h>

/* A ttl of 2^e + r is in step 8 * e + r / 2^(e - 3); those below 8 ns share steps. */
static uint32_t step_of(uint64_t ttl_ns)
{
    assert(ttl_ns > 0);
    uint32_t power = 63 - (uint32_t)__builtin_clzll(ttl_ns);
    uint32_t cut = 0;
    if (power >= TTL_CUT_BITS)
        cut = (uint32_t)(ttl_ns >> (power - TTL_CUT_BITS)) & ((1U << TTL_CUT_BITS) - 1);
    return (power << TTL_CUT_BITS) + cut;
}

static uint64_t step_ns(uint32_t step)
{
    uint32_t power = step >> TTL_CUT_BITS;
    uint64_t cut = step & ((1U << TTL_CUT_BITS) - 1);
    uint64_t ns = UINT64_C(1) << power;
    return power >= TTL_CUT_BITS ? ns + (cut << (power - TTL_CUT_BITS)) : ns;
}

void ttls_init(struct ttls *ttls)
{
    *ttls = (struct ttls){.shortest = TTL_STEPS};
}

void ttls_add(struct ttls *ttls, uint64_t ttl_ns)
{
    uint32_t step = step_of(ttl_ns);
    ttls->counts[step]++;
    if (step < ttls->shortest)
        ttls->shortest = step;
}

void ttls_remove(struct ttls *ttls, uint64_t ttl_ns)
{
    uint32_t step = step_of(ttl_ns);
    assert(ttls->counts[step] > 0);
    ttls->counts[step]--;
    while (ttls->shortest < TTL_STEPS && ttls->counts[ttls->shortest] == 0)
        ttls->shortest++;
}

uint64_t ttls_shortest_ns(const struct ttls *ttls)
{
    return ttls->shortest == TTL_STEPS ? UINT64_MAX : step_ns(ttls->shortest);
}
