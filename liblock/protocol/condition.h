/*
 * The condition of a node: one number on the wire, and the words for it that every program
 * shows. Only the node itself decides its condition (lockd/node/own_status.c).
 */
#ifndef PROTOCOL_CONDITION_H
#define PROTOCOL_CONDITION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum condition {
    CONDITION_HEALTHY = 0,
    /* Its directory was emptied: it may have forgotten a vote. */
    CONDITION_BLANK = 1,
    /* 2 is reserved. It meant a damaged log, but a node with one does not start. */
    CONDITION_NOT_BOOTSTRAPPED = 3,
    CONDITION_NO_LEADER = 4,
    /* It leads, but others may already elect another leader. */
    CONDITION_NO_MAJORITY = 5,
    /* The next segment of its log could not be reserved. */
    CONDITION_NO_SPACE = 6,
    /* It has applied far less than its leader has committed. */
    CONDITION_BEHIND = 7,
    /* A write to its disk does not end: it neither leads nor votes. */
    CONDITION_DISK_STALLED = 8,
    /* Its log has no room left, because its disk is full. */
    CONDITION_DISK_FULL = 9,
    /* ... because all segments that it may have are full. */
    CONDITION_LOG_FULL = 10,
    /* The last segment that it may have is in use. */
    CONDITION_LOG_NEARLY_FULL = 11,
    /* It still applies its log after its start, and serves nobody meanwhile. */
    CONDITION_REPLAYING = 12,
    /* It leads and is heard, but too few members write what it sends. */
    CONDITION_NO_COMMIT = 13,
    /* The clock of its leader, or its own, runs at a wrong rate. */
    CONDITION_CLOCK_SUSPECT = 14,
    /* A part of its log cannot be read back. */
    CONDITION_READ_ERROR = 16,
    /* Its snapshots cannot be written, so its log grows. */
    CONDITION_SNAPSHOT_FAILING = 17,
    /* It leads, and a member takes no more of a snapshot that it needs. */
    CONDITION_SNAPSHOT_STUCK = 18,
    /* It takes over another member's state, and serves nobody meanwhile. */
    CONDITION_INSTALLING = 19,
    /* Of something that has a limit nine tenths are in use. */
    CONDITION_NEARLY_FULL = 20,
    /* It found its log damaged and gave it up, and is to join again as a new member. */
    CONDITION_REPAIRING = 21,
    /* The other members refuse it: they are of another cluster. */
    CONDITION_OTHER_CLUSTER = 24,
    /* ... they know another data directory of this node. */
    CONDITION_OTHER_DIRECTORY = 25,
    /* ... another process is this node already. */
    CONDITION_ID_TAKEN = 26,
    /* ... its id, its list of members, its term or its version is not what they expect. */
    CONDITION_NOT_ACCEPTED = 27,
    /* Its log and another member's contradict each other. */
    CONDITION_CONTRADICTED = 28,
    /* It refuses a process that says to be another member, as it can be none. */
    CONDITION_STRANGER = 29,
    /* It was removed from the cluster, or replaced. */
    CONDITION_REMOVED = 30,
    /* It gets the log, and counts for nothing yet. */
    CONDITION_LEARNER = 31,
    /* A change of the members is not committed yet. */
    CONDITION_MEMBERS_CHANGE = 32,
    /* It is new, and the cluster was not told to take it. */
    CONDITION_NOT_MEMBER = 33,
    /* The cluster was restored, and grants nothing until nobody can hold an old lock. */
    CONDITION_QUARANTINE = 34,
    /* Some member knows a later version than the cluster uses. Nothing is wrong. */
    CONDITION_UPGRADE_OPEN = 36,
    /* The cluster uses a version that this program does not know. */
    CONDITION_VERSION_REFUSED = 37,
    CONDITION_COUNT /* One more than the greatest; a newer node may say others. */
};

/* What people and scripts read of a condition. No member is NULL. */
struct condition_words {
    const char *name;     /* For scripts: one word, which never changes */
    const char *sentence; /* What is wrong. The subject, "node 3", comes before it. */
    const char *cure;     /* What the operator should do; "" if there is nothing to do */
};

/* For any number: an unknown one has words too. The texts are static. */
const struct condition_words *condition_describe(uint32_t condition);

#ifdef __cplusplus
}
#endif

#endif
