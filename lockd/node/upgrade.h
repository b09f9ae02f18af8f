/*
 * The cluster's version: which one all members know, and the entry that makes the cluster use
 * it.
 *
 * What a member knows, it says in each greeting. As long as its connection lasts that is so,
 * because another program would have made another connection. So the leader raises the
 * version only while it is connected with all members, and hears them. It does so when an operator asks, or
 * by itself when all members have known the version for the time that the settings say:
 * time that this leader has served; the next one counts anew.
 */
#ifndef NODE_UPGRADE_H
#define NODE_UPGRADE_H

#include "locks/locks.h"
#include "node/batcher.h"
#include "node/roster.h"
#include "node/served.h"

#ifdef __cplusplus
extern "C" {
#endif

struct upgrade {
    const struct node_settings *settings;
    const struct raft *raft;
    const struct locks *locks;
    const struct roster *roster;
    const struct served *served;
    const struct times *times;
    struct batcher *batcher;
    uint64_t able_term;  /* In this term, ... */
    uint64_t able_since; /* ... since this served time all members know a later version. */
};

/*
 * The version that all members know, as the leader sees it; that of the cluster if not all
 * are connected, and heard within the longest election timeout.
 */
uint16_t upgrade_next(const struct upgrade *upgrade);

/* Bit set of the members that do not know a later version, or are not connected. */
uint64_t upgrade_missing(const struct upgrade *upgrade);

/* For how long all members have known upgrade_next(); 0: it is not later than the cluster's. */
uint64_t upgrade_waited_ns(const struct upgrade *upgrade);

/* Some member that this node hears knows a later version than the cluster uses. */
bool upgrade_is_open(const struct upgrade *upgrade);

/* This node does not know the version that the cluster uses. */
bool upgrade_is_too_late(const struct upgrade *upgrade);

/* Turn end, on a leader: is it time to raise the version without a request? */
void upgrade_time(struct upgrade *upgrade);

/* Propose these settings. False: another proposal waits; ask again later. */
bool upgrade_propose(struct upgrade *upgrade, const struct settings_change *change);

/* The same for the version. */
bool upgrade_finish(struct upgrade *upgrade, uint16_t version);
void upgrade_check(const struct upgrade *upgrade);

#ifdef __cplusplus
}
#endif

#endif
