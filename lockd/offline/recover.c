#include "offline/recover.h"

#include "offline/new_life.h"
#include "offline/survivor.h"

static int recover_from(const struct config *config, struct survivor *survivor)
{
    switch (survivor->found.verdict) {
    case RECOVERY_CLEAN:
    case RECOVERY_CUT:
        break;
    case RECOVERY_BLANK:
        return offline_fail(
                "--recover %s: it has no log: use the directory of another member",
                config->recover);
    case RECOVERY_DAMAGED:
    case RECOVERY_FOREIGN:
    case RECOVERY_NEWER:
        return offline_fail(
                "--recover %s: its log cannot be trusted from segment %llu, offset %llu on: use the directory of another member, or restore a backup",
                config->recover, (unsigned long long)survivor->found.bad.segment,
                (unsigned long long)survivor->found.bad.offset);
    }
    if (survivor->state.memory == NULL)
        return offline_fail("--recover %s: no cluster was founded there", config->recover);
    return offline_begin_life(config, &survivor->state, config->recover);
}

int offline_recover(const struct config *config)
{
    struct survivor survivor;
    if (config->only_member != config->node.self)
        return offline_fail(
                "--recover %s: confirm with --only-member %u that this node is to be the only member of a new cluster",
                config->recover, config->node.self);
    if (!config->accept_loss)
        return offline_fail(
                "--recover %s: what the lost members had and this directory does not is lost; compare all that are left with --inspect, take the one with the last entry, and confirm with --accept-loss",
                config->recover);
    const char *why = survivor_read(&survivor, config->recover, config->node.versions);
    int status = why == NULL ? recover_from(config, &survivor)
                             : offline_fail("--recover %s: %s", config->recover, why);
    survivor_drop(&survivor);
    return status;
}
