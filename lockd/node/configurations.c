/* The configurations that this node knows: see configurations.h. */
#include "node/configurations.h"

void configurations_init(
        struct configurations *configurations, const struct node_settings *settings)
{
    *configurations = (struct configurations){.self = settings->self, .changed = true};
    struct configuration *first = &configurations->newest.is;
    for (uint8_t i = 0; i < settings->member_count; i++) {
        struct member *member = &first->members[i];
        member->id = settings->members[i].id;
        member->role = MEMBER_VOTER;
        member->priority = PRIORITY_DEFAULT;
        memcpy(member->address, settings->members[i].address, sizeof member->address);
        configurations->listed |= UINT64_C(1) << member->id;
    }
    first->count = settings->member_count;
    configurations->before = configurations->newest;
}

bool configuration_read(struct configuration *configuration, const struct entry_head *head,
        const unsigned char *body)
{
    struct wire wire = wire_reader(body, head->body_bytes);
    if (head->kind == ENTRY_CONFIGURATION) {
        wire_configuration(&wire, configuration);
        return !wire.failed;
    }
    if (head->kind != ENTRY_BOOTSTRAP)
        return false;
    struct bootstrap bootstrap;
    wire_bootstrap(&wire, &bootstrap);
    configuration_of_bootstrap(configuration, &bootstrap);
    return !wire.failed;
}

/* An entry of an earlier version has no addresses: then --cluster's are as good as before. */
static void keep_addresses(const struct configuration *before, struct configuration *after)
{
    for (uint8_t i = 0; i < after->count; i++) {
        struct member *member = &after->members[i];
        const struct member *was = configuration_find(before, member->id);
        if (member->address[0] == 0 && was)
            memcpy(member->address, was->address, sizeof member->address);
    }
}

void configurations_take(struct configurations *configurations, uint64_t index,
        const struct configuration *configuration)
{
    if (index <= configurations->newest.index)
        return;
    configurations->before = configurations->newest;
    configurations->newest.index = index;
    configurations->newest.is = *configuration;
    keep_addresses(&configurations->before.is, &configurations->newest.is);
    configurations->changed = true;
}

void configurations_cut(struct configurations *configurations, uint64_t from)
{
    if (configurations->newest.index < from)
        return;
    configurations->newest = configurations->before;
    configurations->changed = true;
}

static bool is_own(const struct configurations *configurations, const struct member *member)
{
    return member->id == configurations->self &&
           (member->incarnation == 0 || configurations->incarnation == 0 ||
                   member->incarnation == configurations->incarnation);
}

struct raft_configuration configuration_for_raft(
        const struct configurations *configurations,
        const struct configuration *configuration)
{
    struct raft_configuration sets = {0};
    for (uint8_t i = 0; i < configuration->count; i++) {
        const struct member *member = &configuration->members[i];
        bool namesake =
                member->id == configurations->self && !is_own(configurations, member);
        if (namesake)
            sets.has_namesake = true;
        else if (member->role == MEMBER_VOTER)
            sets.voters |= UINT64_C(1) << member->id;
        else
            sets.learners |= UINT64_C(1) << member->id;
    }
    return sets;
}

const struct member *configurations_self(const struct configurations *configurations)
{
    const struct member *member =
            configuration_find(&configurations->newest.is, configurations->self);
    return member && is_own(configurations, member) ? member : NULL;
}

void configurations_restart(struct configurations *configurations, uint64_t index,
        const struct configuration *configuration)
{
    struct indexed_configuration restarted = {.index = index, .is = *configuration};
    keep_addresses(&configurations->newest.is, &restarted.is);
    configurations->newest = restarted;
    configurations->before = restarted;
    configurations->changed = true;
}

void configurations_restore(struct configurations *configurations, uint64_t index,
        const struct configuration *configuration)
{
    if (configurations->newest.index <= index) {
        configurations_restart(configurations, index, configuration);
    } else if (configurations->before.index < index) {
        configurations->before.index = index;
        configurations->before.is = *configuration;
    }
}

uint64_t configurations_unlisted(struct configurations *configurations)
{
    if (configurations->newest.index == 0 || !configurations_self(configurations))
        return 0;
    const struct configuration *newest = &configurations->newest.is;
    uint64_t unlisted = configurations->listed;
    for (uint8_t i = 0; i < newest->count; i++)
        unlisted &= ~(UINT64_C(1) << newest->members[i].id);
    configurations->listed = 0;
    return unlisted;
}

void configurations_check(const struct configurations *configurations)
{
    assert(configurations->before.index <= configurations->newest.index);
    assert(configurations->newest.is.count >= 1);
}
