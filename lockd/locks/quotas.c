#include "locks/quotas.h"

#include <string.h>

#include "base/hash.h"
#include "base/mark.h"

static_assert((int)CLIENT_ADDRESS_BYTES <= (int)LABEL_BYTES_MAX, "a party's key has room");
static_assert(
        LIMIT_LABEL_SESSIONS - LIMIT_ADDRESS_SESSIONS == QUOTA_COUNT &&
                LIMIT_ADDRESS_NAME_BLOCKS - LIMIT_ADDRESS_SESSIONS == QUOTA_NAME_BLOCKS &&
                LIMIT_ADDRESS_HOLDS - LIMIT_ADDRESS_SESSIONS == QUOTA_HOLDS,
        "limits are in the order of quotas");

void quotas_carve(struct locks *locks, struct arena *arena)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        struct party_table *table = &locks->parties[kind];
        uint32_t most = locks->plan.sessions_max;
        pool_carve(&table->pool, arena, "parties", most, sizeof(struct party));
        buckets_carve(&table->by_key, arena, "buckets of parties", most,
                offsetof(struct party, next));
    }
}

void quotas_init(struct locks *locks)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        pool_init(&locks->parties[kind].pool);
        buckets_init(&locks->parties[kind].by_key);
        locks->parties[kind].looked_at = 0;
        locks->parties[kind].largest = 0;
    }
}

static uint64_t key_hash(struct span key)
{
    return hash_bytes(key.bytes, key.count, 0);
}

static struct party *find(const struct party_table *table, struct span key)
{
    uint32_t at = buckets_first(&table->by_key, key_hash(key));
    while (at != 0) {
        struct party *party = pool_at(&table->pool, at);
        if (party->key_bytes == key.count && memcmp(party->key, key.bytes, key.count) == 0)
            return party;
        at = party->next;
    }
    return NULL;
}

static struct span key_of(
        enum party_kind kind, const unsigned char *address, struct span label)
{
    static const unsigned char unknown[CLIENT_ADDRESS_BYTES];
    if (kind == PARTY_LABEL)
        return label;
    bool known = memcmp(address, unknown, CLIENT_ADDRESS_BYTES) != 0;
    return (struct span){.bytes = address, .count = known ? CLIENT_ADDRESS_BYTES : 0};
}

struct parties quotas_find(
        const struct locks *locks, const unsigned char *address, struct span label)
{
    struct parties parties = {{NULL}};
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        struct span key = key_of((enum party_kind)kind, address, label);
        if (key.count > 0)
            parties.of[kind] = find(&locks->parties[kind], key);
    }
    return parties;
}

/* Rounded up, so that of few there are not fewer still. */
static uint32_t part_of(uint32_t most, uint32_t percent)
{
    return (uint32_t)(((uint64_t)most * percent + 99) / 100);
}

uint32_t quotas_most(const struct locks *locks, enum party_kind kind, enum quota quota)
{
    const struct cluster_settings *settings = &locks->settings;
    uint32_t percent =
            kind == PARTY_ADDRESS ? settings->address_percent : settings->label_percent;
    switch (quota) {
    case QUOTA_SESSIONS:
        return part_of(settings->sessions_max, percent);
    case QUOTA_HOLDS:
        return part_of(settings->holds_max, percent);
    case QUOTA_WAITS:
        return part_of(settings->waits_max, percent);
    case QUOTA_ANSWERS:
        return part_of(settings->answers_max, percent);
    case QUOTA_NAME_BLOCKS:
        return part_of(settings->name_blocks_max, percent);
    case QUOTA_COUNT:
        break;
    }
    return 0;
}

void quotas_follow_settings(struct locks *locks)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        for (int quota = 0; quota < QUOTA_COUNT; quota++)
            locks->quota_most[kind][quota] =
                    quotas_most(locks, (enum party_kind)kind, (enum quota)quota);
    }
}

enum limit quotas_name(enum party_kind kind, enum quota quota)
{
    MARK(locks_quota_met);
    int first = kind == PARTY_ADDRESS ? LIMIT_ADDRESS_SESSIONS : LIMIT_LABEL_SESSIONS;
    return (enum limit)(first + (int)quota);
}

static struct party *make(struct party_table *table, struct span key)
{
    uint32_t handle = pool_take(&table->pool);
    struct party *party = pool_at(&table->pool, handle);
    memcpy(party->key, key.bytes, key.count);
    party->key_bytes = (uint8_t)key.count;
    buckets_add(&table->by_key, &table->pool, key_hash(key), handle);
    return party;
}

void quotas_join(struct locks *locks, struct session *session, struct span label)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        struct party_table *table = &locks->parties[kind];
        struct span key = key_of((enum party_kind)kind, session->address, label);
        if (key.count == 0)
            continue;
        struct party *party = find(table, key);
        session->parties[kind] = party == NULL ? make(table, key) : party;
    }
    quotas_charge(session, QUOTA_SESSIONS, 1);
    quotas_charge(session, QUOTA_NAME_BLOCKS, namechain_blocks(label.count));
}

void quotas_leave(struct locks *locks, struct session *session)
{
    quotas_discharge(session, QUOTA_SESSIONS, 1);
    quotas_discharge(session, QUOTA_NAME_BLOCKS, namechain_blocks(session->label_bytes));
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        struct party_table *table = &locks->parties[kind];
        struct party *party = session->parties[kind];
        if (party == NULL || party->counts[QUOTA_SESSIONS] > 0)
            continue;
        struct span key = {.bytes = party->key, .count = party->key_bytes};
        pool_give(&table->pool,
                buckets_remove(&table->by_key, &table->pool, key_hash(key), party));
    }
}
