/*
 * Cluster settings: defaults, ranges, and the body of the bootstrap entry.
 */
#include "protocol/settings.h"

#include "base/units.h"

#define TTL_LIMIT_NS (UINT64_C(86400) * NS_PER_S)

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
    return times && objects && memory && shares && is_capacity(s->work_max) &&
           is_capacity(s->count_max);
}

void wire_settings(struct wire *wire, struct cluster_settings *settings)
{
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

/* Left out if none is known, as in entries of earlier versions. */
static void walk_incarnations(struct wire *wire, struct bootstrap *bootstrap)
{
    bool known = wire->mode == WIRE_READ && wire_left(wire) > 0;
    for (uint8_t i = 0; i < MEMBERS_MAX && wire->mode != WIRE_READ; i++)
        known = known || bootstrap->incarnations[i] != 0;
    for (uint8_t i = 0; i < bootstrap->members.count && known && !wire->failed; i++)
        wire_u64(wire, &bootstrap->incarnations[i]);
}

void wire_bootstrap(struct wire *wire, struct bootstrap *bootstrap)
{
    if (wire->mode == WIRE_READ)
        *bootstrap = (struct bootstrap){0};
    wire_settings(wire, &bootstrap->settings);
    walk_members(wire, &bootstrap->members);
    wire_u64(wire, &bootstrap->wall_ns);
    walk_incarnations(wire, bootstrap);
}
