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
        [CONDITION_OTHER_CLUSTER] = {"other-cluster",
                "is refused by the other members, because it is of another cluster",
                "start it with the data directory that it had in this cluster, or correct its --cluster and --data"},
        [CONDITION_OTHER_DIRECTORY] = {"other-directory",
                "is refused by the other members, because they know another data directory of it",
                "start it with the data directory that it had, or correct its --id and --data"},
        [CONDITION_ID_TAKEN] = {"id-taken",
                "is refused by the other members, because another process with its id is alive",
                "stop one of the two processes, or correct its --id"},
        [CONDITION_NOT_ACCEPTED] = {"not-accepted", "is refused by other members",
                "see the lines peer-refused in its log, which say why"},
        [CONDITION_CONTRADICTED] = {"contradicted",
                "has a log that contradicts another member's: an old copy of a data directory was put back",
                "stop the node with the old copy; the lines peer-refused in the log name the members"},
        [CONDITION_STRANGER] = {"stranger",
                "refuses a process that has another member's id, but is of another cluster, has another data directory, or is a second one",
                "see the line peer-refused in its log, which has the address; stop that process or correct its settings"},
};

static const struct condition_words unknown = {"unknown",
        "is in a condition that this version does not know", "update this program"};

const struct condition_words *condition_describe(uint32_t condition)
{
    uint32_t count = sizeof(table) / sizeof(table[0]);
    return condition < count && table[condition].name != NULL ? &table[condition]
                                                              : &unknown;
}
