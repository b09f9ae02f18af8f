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
        [CONDITION_DISK_STALLED] = {"disk-stalled",
                "does not take part, because its disk does not finish a write",
                "check or replace the disk of its data directory; the node takes part again when the write is done"},
        [CONDITION_DISK_FULL] = {"disk-full",
                "takes no new entries, because its disk is full and its log has no room left",
                "free space on the disk of its data directory; the node takes part again by itself"},
        [CONDITION_LOG_FULL] = {"log-full",
                "takes no new entries, because its log has used all segments that it may have",
                "restart it with a larger --segments"},
        [CONDITION_LOG_NEARLY_FULL] = {"log-nearly-full",
                "uses the last segment that its log may have",
                "restart it with a larger --segments, before the segment is full"},
        [CONDITION_REPLAYING] = {"replaying",
                "applies its log after its start and serves nobody yet",
                "wait until it has applied what is committed"},
        [CONDITION_NO_COMMIT] = {"no-commit", "leads, but no majority writes what it sends",
                "help the members whose disks do not take it"},
        [CONDITION_CLOCK_SUSPECT] = {"clock-suspect",
                "sees that its leader's clock and its own run at different rates",
                "check the clock source of both machines, because leases depend on it"},
        [CONDITION_READ_ERROR] = {"read-error", "cannot read a part of its own log",
                "check its disk (dmesg, smartctl), keep a copy of its data directory, and put the damaged file back if you have a good copy of it; it does not start again as it is"},
        [CONDITION_SNAPSHOT_FAILING] = {"snapshot-failing",
                "cannot write a snapshot of its state, so it keeps its log, which grows",
                "check the disk of its data directory, and free space on it"},
        [CONDITION_SNAPSHOT_STUCK] = {"snapshot-stuck",
                "leads, and a member takes no more of the snapshot that it needs",
                "check that member's disk, and the network to it; its log says what it lacks"},
        [CONDITION_INSTALLING] = {"installing",
                "takes over the state of the leader, because it lacks entries that the others no longer have",
                "wait until it has loaded the snapshot"},
        [CONDITION_NEARLY_FULL] = {"nearly-full",
                "has nine tenths of something in use that has a limit; what is full is refused with LIMIT",
                "look for a client that takes more than it should; if all need it, make a cluster with larger limits"},
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
