/*
 * Cluster settings: defaults, ranges, the body of the bootstrap entry, and changes.
 */
#include "protocol/settings.h"

#include <assert.h>

#include "base/address.h"
#include "base/units.h"
#include "protocol/token.h"

#define TTL_LIMIT_NS           (UINT64_C(86400) * NS_PER_S)
#define UPGRADE_AFTER_LIMIT_NS (UINT64_C(366) * 86400 * NS_PER_S)

struct cluster_settings settings_default(void)
{
    return (struct cluster_settings){
            .max_ttl_ns = 60 * NS_PER_S,
            .min_ttl_ns = 1 * NS_PER_S,
            .term_grace_ns = 2 * NS_PER_S,
            .work_max = 1024,
            .sessions_max = 262144,
            .locks_max = 1048576,
            .holds_max = 1048576,
            .waits_max = 262144,
            .waits_per_lock_max = 65535,
            .answers_max = 2097152,
            .changes_max = 262144,
            .changes_per_session_max = 64,
            .name_blocks_max = 2097152,
            .count_max = 1000000,
            .holds_per_session_max = 1000000,
            .waits_per_session_max = 131072,
            .address_percent = 97,
            .label_percent = 97,
            .version = VERSION_FIRST,
            .upgrade_after_ns = UINT64_C(86400) * NS_PER_S,
    };
}

static bool is_capacity(uint32_t count)
{
    return count >= 1 && count <= CAPACITY_MAX;
}

static bool is_percent(uint32_t share)
{
    return share >= 1 && share <= 100;
}

bool settings_valid(const struct cluster_settings *s)
{
    bool times = s->max_ttl_ns >= NS_PER_S && s->max_ttl_ns <= TTL_LIMIT_NS &&
                 s->min_ttl_ns >= NS_PER_MS && s->min_ttl_ns <= s->max_ttl_ns &&
                 s->term_grace_ns <= TTL_LIMIT_NS;
    bool objects = is_capacity(s->sessions_max) && is_capacity(s->locks_max) &&
                   is_capacity(s->holds_max) && is_capacity(s->waits_max) &&
                   is_capacity(s->waits_per_lock_max) && is_capacity(s->name_blocks_max);
    bool memory = is_capacity(s->answers_max) && is_capacity(s->changes_max) &&
                  is_capacity(s->changes_per_session_max);
    bool shares = is_capacity(s->holds_per_session_max) &&
                  is_capacity(s->waits_per_session_max) && is_percent(s->address_percent) &&
                  is_percent(s->label_percent);
    bool upgrade = s->version >= 1 && s->upgrade_after_ns <= UPGRADE_AFTER_LIMIT_NS;
    return upgrade && times && objects && memory && shares && is_capacity(s->work_max) &&
           is_capacity(s->count_max);
}

void wire_cluster_settings(struct wire *wire, struct cluster_settings *settings)
{
    struct wire_record record = wire_record_begin(wire);
    wire_u16(wire, &settings->version);
    wire_u64(wire, &settings->upgrade_after_ns);
    wire_u64(wire, &settings->max_ttl_ns);
    wire_u64(wire, &settings->min_ttl_ns);
    wire_u64(wire, &settings->term_grace_ns);
    wire_u32(wire, &settings->work_max);
    wire_u32(wire, &settings->sessions_max);
    wire_u32(wire, &settings->locks_max);
    wire_u32(wire, &settings->holds_max);
    wire_u32(wire, &settings->waits_max);
    wire_u32(wire, &settings->waits_per_lock_max);
    wire_u32(wire, &settings->answers_max);
    wire_u32(wire, &settings->changes_max);
    wire_u32(wire, &settings->changes_per_session_max);
    wire_u32(wire, &settings->name_blocks_max);
    wire_u32(wire, &settings->count_max);
    wire_u32(wire, &settings->holds_per_session_max);
    wire_u32(wire, &settings->waits_per_session_max);
    wire_u32(wire, &settings->address_percent);
    wire_u32(wire, &settings->label_percent);
    wire_require(wire, settings_valid(settings));
    wire_record_end(wire, &record);
}

static void walk_members(struct wire *wire, struct members *members)
{
    if (wire->mode == WIRE_READ)
        *members = (struct members){0};
    wire_u8(wire, &members->count);
    wire_require(wire, members->count >= 1 && members->count <= MEMBERS_MAX);
    uint8_t before = 0;
    for (uint8_t i = 0; i < members->count && !wire->failed; i++) {
        wire_u8(wire, &members->ids[i]);
        wire_require(wire, members->ids[i] > before && members->ids[i] <= NODE_ID_MAX);
        before = members->ids[i];
    }
}

/* Entries of earlier versions end here; what is not known at the end is left out. */
static bool goes_on(const struct wire *wire, bool known)
{
    return wire->mode == WIRE_READ ? wire_left(wire) > 0 : known;
}

static bool knows_token(const struct bootstrap *bootstrap)
{
    return bootstrap->token_first > 1;
}

static bool knows_addresses(const struct bootstrap *bootstrap)
{
    bool known = knows_token(bootstrap);
    for (int i = 0; i < MEMBERS_MAX; i++)
        known = known || bootstrap->addresses[i][0] != 0;
    return known;
}

static bool knows_incarnations(const struct bootstrap *bootstrap)
{
    bool known = knows_addresses(bootstrap);
    for (int i = 0; i < MEMBERS_MAX; i++)
        known = known || bootstrap->incarnations[i] != 0;
    return known;
}

static void walk_incarnations(struct wire *wire, struct bootstrap *bootstrap)
{
    if (!goes_on(wire, knows_incarnations(bootstrap)))
        return;
    for (uint8_t i = 0; i < bootstrap->members.count && !wire->failed; i++)
        wire_u64(wire, &bootstrap->incarnations[i]);
}

/* Text of a fixed size. What is read is an address that a node could connect to. */
void wire_address(struct wire *wire, char *address)
{
    struct span text = {(const unsigned char *)address, 0};
    if (wire->mode != WIRE_READ)
        text.count = (uint32_t)strlen(address);
    wire_span(wire, &text, ADDRESS_BYTES_MAX - 1);
    if (wire->mode != WIRE_READ || wire->failed)
        return;
    memset(address, 0, ADDRESS_BYTES_MAX);
    if (text.count == 0)
        return;
    memcpy(address, text.bytes, text.count);
    struct address parsed;
    const char *why;
    wire_require(wire, memchr(address, 0, text.count) == NULL &&
                               address_parse(address, text.count, &parsed, &why));
}

static void walk_addresses(struct wire *wire, struct bootstrap *bootstrap)
{
    if (!goes_on(wire, knows_addresses(bootstrap)))
        return;
    for (uint8_t i = 0; i < bootstrap->members.count && !wire->failed; i++)
        wire_address(wire, bootstrap->addresses[i]);
}

static void walk_token(struct wire *wire, struct bootstrap *bootstrap)
{
    if (goes_on(wire, knows_token(bootstrap)))
        wire_u64(wire, &bootstrap->token_first);
    else
        bootstrap->token_first = 1;
    wire_require(wire, bootstrap->token_first >= 1 && bootstrap->token_first < TOKEN_END);
}

void wire_bootstrap(struct wire *wire, struct bootstrap *bootstrap)
{
    if (wire->mode == WIRE_READ)
        *bootstrap = (struct bootstrap){0};
    wire_cluster_settings(wire, &bootstrap->settings);
    walk_members(wire, &bootstrap->members);
    wire_u64(wire, &bootstrap->wall_ns);
    walk_incarnations(wire, bootstrap);
    walk_addresses(wire, bootstrap);
    walk_token(wire, bootstrap);
}

void wire_settings_change(struct wire *wire, struct settings_change *change)
{
    if (wire->mode == WIRE_READ)
        *change = (struct settings_change){0};
    wire_u64(wire, &change->wall_ns);
    wire_u8(wire, &change->count);
    wire_require(wire, change->count >= 1 && change->count <= SETTINGS_CHANGE_MAX);
    for (uint8_t i = 0; i < change->count && !wire->failed; i++) {
        wire_u16(wire, &change->values[i].setting);
        wire_u64(wire, &change->values[i].value);
    }
}

uint16_t settings_change_version(const struct settings_change *change)
{
    uint16_t version = 0;
    for (uint8_t i = 0; i < change->count; i++) {
        if (change->values[i].setting == SETTING_VERSION)
            version = (uint16_t)change->values[i].value;
    }
    return version;
}

static bool is_valid(const struct setting_value *value)
{
    switch ((enum setting_id)value->setting) {
    case SETTING_VERSION:
        return value->value >= 1 && value->value <= UINT16_MAX;
    case SETTING_UPGRADE_AFTER:
        return value->value <= UPGRADE_AFTER_LIMIT_NS;
    }
    return false;
}

bool settings_change_valid(const struct settings_change *change)
{
    bool valid = true;
    for (uint8_t i = 0; i < change->count; i++)
        valid = valid && is_valid(&change->values[i]);
    return valid;
}

void settings_apply(struct cluster_settings *settings, const struct settings_change *change)
{
    assert(settings_change_valid(change));
    for (uint8_t i = 0; i < change->count; i++) {
        uint64_t value = change->values[i].value;
        if (change->values[i].setting == SETTING_UPGRADE_AFTER)
            settings->upgrade_after_ns = value;
        if (change->values[i].setting == SETTING_VERSION && value > settings->version)
            settings->version = (uint16_t)value;
    }
}
