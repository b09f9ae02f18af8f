/* Who has taken most of what one party may have: for the status of a node. */
#include "locks/quotas.h"
#include "protocol/node_status.h"

enum {
    LOOK_MAX = 1024 /* Parties looked at in one call */
};

static_assert((int)SHARE_SESSIONS == (int)QUOTA_SESSIONS + 1 &&
                      (int)SHARE_NAME_BLOCKS == (int)QUOTA_NAME_BLOCKS + 1,
        "shares are named in the order of quotas");

/* a of b is a larger part than c of d. */
static bool is_larger(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (uint64_t)a * d > (uint64_t)c * b;
}

static void take_if_larger(const struct locks *locks, enum party_kind kind,
        const struct party *party, struct share_view *view)
{
    for (int quota = 0; quota < QUOTA_COUNT; quota++) {
        uint32_t used = party->counts[quota];
        uint32_t most = quotas_most(locks, kind, (enum quota)quota);
        if (view->who.count != 0 && !is_larger(used, most, view->used, view->most))
            continue;
        *view = (struct share_view){
                .who = {.bytes = party->key, .count = party->key_bytes},
                .of = (uint8_t)(quota + 1),
                .used = used,
                .most = most,
        };
    }
}

void locks_largest_share(struct locks *locks, bool of_label, struct share_view *view)
{
    enum party_kind kind = of_label ? PARTY_LABEL : PARTY_ADDRESS;
    struct party_table *table = &locks->parties[kind];
    *view = (struct share_view){0};
    if (pool_has(&table->pool, table->largest))
        take_if_larger(locks, kind, pool_at(&table->pool, table->largest), view);
    uint32_t at = pool_has(&table->pool, table->looked_at) ? table->looked_at : 0;
    for (int i = 0; i < LOOK_MAX; i++) {
        at = pool_next(&table->pool, at);
        if (at == 0)
            break; /* The next call begins with the first. */
        const struct party *party = pool_at(&table->pool, at);
        const unsigned char *before = view->who.bytes;
        take_if_larger(locks, kind, party, view);
        if (view->who.bytes != before)
            table->largest = at;
    }
    table->looked_at = at;
}
