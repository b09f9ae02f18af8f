/* What passed between this node and others: see objections.h. */
#include "node/objections.h"

#include "base/units.h"
#include "protocol/hello.h"

enum {
    OBJECTION_S = 10 /* What happened in this time is a condition of the node. */
};

static bool is_recent(const struct objection *objection, uint64_t now_ns)
{
    return objection->why != 0 && now_ns - objection->at_ns < OBJECTION_S * NS_PER_S;
}

static enum condition condition_of_objection(uint8_t why)
{
    switch ((enum refusal)why) {
    case REFUSED_CLUSTER:
        return CONDITION_OTHER_CLUSTER;
    case REFUSED_DIRECTORY:
        return CONDITION_OTHER_DIRECTORY;
    case REFUSED_TWICE:
        return CONDITION_ID_TAKEN;
    case REFUSED_HISTORY:
        return CONDITION_CONTRADICTED;
    case REFUSED_VERSION:
        return CONDITION_VERSION_REFUSED;
    case REFUSED_FULL:
        return CONDITION_HEALTHY;
    case REFUSED_MEMBERS:
    case REFUSED_NONSENSE:
    case REFUSED_ID:
    case REFUSED_NODE:
    case REFUSED_TERM:
    case REFUSED_CROWDED:
    case REFUSED_REMOVED:
        break;
    case REFUSED_NOT_MEMBER:
        return CONDITION_NOT_MEMBER;
    }
    return CONDITION_NOT_ACCEPTED;
}

enum condition objections_of_others(const struct roster *roster, uint64_t now_ns)
{
    enum condition condition = CONDITION_HEALTHY;
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct objection *objected = &roster->peers[i].objected;
        if (is_recent(objected, now_ns) && condition == CONDITION_HEALTHY)
            condition = condition_of_objection(objected->why);
    }
    return condition;
}

bool objections_are_to_most(const struct roster *roster, uint64_t now_ns)
{
    int members = 0;
    int of_another_cluster = 0;
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct peer *peer = &roster->peers[i];
        const struct objection *refused = &peer->refused;
        members += peer->member;
        of_another_cluster += peer->member && is_recent(refused, now_ns) &&
                              refused->why == REFUSED_CLUSTER;
    }
    return 2 * of_another_cluster > members;
}

enum condition objections_to_others(const struct roster *roster, uint64_t now_ns)
{
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct objection *refused = &roster->peers[i].refused;
        bool harmless = refused->why == REFUSED_MEMBERS ||
                        refused->why == REFUSED_VERSION || refused->why == REFUSED_REMOVED;
        if (!is_recent(refused, now_ns) || harmless)
            continue; /* The other one says it of itself. */
        return refused->why == REFUSED_HISTORY ? CONDITION_CONTRADICTED
                                               : CONDITION_STRANGER;
    }
    return CONDITION_HEALTHY;
}
