/*
 * The words for each condition.
 */
#include "protocol/condition.h"

#include <stddef.h>

static const struct condition_words table[] = {
        [CONDITION_HEALTHY] = {"healthy", "is healthy", ""},
        [CONDITION_BLANK] = {"blank",
                "does not take part, because its data directory was emptied",
                "put back the directory that it had last; without it the node stays out of the cluster"},
        [CONDITION_NOT_BOOTSTRAPPED] = {"not-bootstrapped",
                "waits for all members to bootstrap the cluster",
                "start the members that are missing"},
        [CONDITION_NO_LEADER] = {"no-leader", "knows no leader",
                "start the other nodes, or check the network between them"},
        [CONDITION_NO_MAJORITY] = {"no-majority", "leads, but hears no majority",
                "start the other nodes, or check the network between them"},
        [CONDITION_NO_SPACE] = {"no-space", "cannot reserve the next segment of its log",
                "free space on the disk of its data directory"},
        [CONDITION_BEHIND] = {"behind",
                "has applied far less than the cluster has committed",
                "wait until it has caught up; if it does not, check its disk and its load"},
};

static const struct condition_words unknown = {"unknown",
        "is in a condition that this version does not know", "update this program"};

const struct condition_words *condition_describe(uint32_t condition)
{
    uint32_t count = sizeof(table) / sizeof(table[0]);
    return condition < count && table[condition].name != NULL ? &table[condition]
                                                              : &unknown;
}
