/* Layout of a configuration, and what follows from one. */
#include "protocol/member_list.h"

static void walk_member(struct wire *wire, struct member *member)
{
    wire_u8(wire, &member->id);
    wire_u8(wire, &member->role);
    wire_u8(wire, &member->priority);
    wire_u64(wire, &member->incarnation);
    wire_address(wire, member->address);
    wire_require(wire, member->id >= 1 && member->id <= NODE_ID_MAX);
    wire_require(wire, member->role >= MEMBER_VOTER && member->role <= MEMBER_OBSERVER);
}

static uint32_t count_ids(uint64_t ids)
{
    uint32_t count = 0;
    for (; ids != 0; ids &= ids - 1)
        count++;
    return count;
}

void wire_configuration(struct wire *wire, struct configuration *configuration)
{
    if (wire->mode == WIRE_READ)
        *configuration = (struct configuration){0};
    wire_u8(wire, &configuration->count);
    wire_require(wire, configuration->count >= 1 &&
                               configuration->count <= (uint8_t)CONFIGURATION_MAX);
    uint8_t before = 0;
    for (uint8_t i = 0; i < configuration->count && !wire->failed; i++) {
        walk_member(wire, &configuration->members[i]);
        wire_require(wire, configuration->members[i].id > before);
        before = configuration->members[i].id;
    }
    if (wire->failed)
        return;
    uint32_t voters = count_ids(configuration_ids(configuration, MEMBER_VOTER));
    wire_require(wire, voters >= 1 && voters <= MEMBERS_MAX);
    uint32_t learners = count_ids(configuration_ids(configuration, MEMBER_LEARNER));
    wire_require(wire, learners <= LEARNERS_MAX);
    wire_require(wire, configuration->count - voters - learners <= LEARNERS_MAX);
}

void wire_cluster_record(struct wire *wire, struct cluster_record *record)
{
    wire_cluster_settings(wire, &record->settings);
    wire_u64(wire, &record->index);
    wire_require(wire, record->index >= 1);
    wire_configuration(wire, &record->configuration);
}

void wire_member_places(struct wire *wire, struct member_places *places)
{
    wire_u64(wire, &places->index);
    wire_configuration(wire, &places->configuration);
}

void configuration_of_bootstrap(
        struct configuration *configuration, const struct bootstrap *bootstrap)
{
    *configuration = (struct configuration){.count = bootstrap->members.count};
    for (uint8_t i = 0; i < bootstrap->members.count; i++) {
        struct member *member = &configuration->members[i];
        member->id = bootstrap->members.ids[i];
        member->role = MEMBER_VOTER;
        member->priority = PRIORITY_DEFAULT;
        member->incarnation = bootstrap->incarnations[i];
        memcpy(member->address, bootstrap->addresses[i], sizeof member->address);
    }
}

const struct member *configuration_find(
        const struct configuration *configuration, uint8_t id)
{
    for (uint8_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].id == id)
            return &configuration->members[i];
    }
    return NULL;
}

uint64_t configuration_ids(const struct configuration *configuration, enum member_role role)
{
    uint64_t ids = 0;
    for (uint8_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].role == (uint8_t)role)
            ids |= UINT64_C(1) << configuration->members[i].id;
    }
    return ids;
}

bool configuration_follows(
        const struct configuration *before, const struct configuration *after)
{
    uint64_t changed = configuration_ids(before, MEMBER_VOTER) ^
                       configuration_ids(after, MEMBER_VOTER);
    if ((changed & (changed - 1)) != 0)
        return false;
    for (uint8_t i = 0; i < after->count; i++) {
        const struct member *member = &after->members[i];
        const struct member *was = configuration_find(before, member->id);
        bool same = was && was->incarnation == member->incarnation;
        if (member->role == MEMBER_VOTER && !same)
            return false;
    }
    return true;
}
