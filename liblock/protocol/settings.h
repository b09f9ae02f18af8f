/*
 * Cluster settings: what `locks` needs to know beyond the entries. They are decided once,
 * when the cluster is bootstrapped. The first entry has them, with the members. They are
 * permanently the same on all nodes: applying reads no local setting.
 */
#ifndef PROTOCOL_SETTINGS_H
#define PROTOCOL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MEMBERS_MAX = 7,
    NODE_ID_MAX = 63,
    CAPACITY_MAX = 16777214, /* Of anything: 24 bits of a handle name an item. */
};

struct cluster_settings {
    uint64_t max_ttl_ns;    /* The longest ttl of a session; 1 s to 24 h */
    uint64_t min_ttl_ns;    /* The shortest */
    uint64_t term_grace_ns; /* How far a new term lifts the deadlines of sessions */
    uint32_t work_max;      /* Items of due work per entry */
    uint32_t sessions_max;
    uint32_t locks_max;
    uint32_t holds_max;
    uint32_t waits_max;
    uint32_t waits_per_lock_max;
    uint32_t answers_max; /* Remembered answers, of all sessions */
    uint32_t changes_max; /* Unconfirmed changes, of all sessions */
    uint32_t changes_per_session_max;
    uint32_t name_blocks_max;       /* Blocks of NAME_BLOCK_BYTES for names and labels */
    uint32_t count_max;             /* Times that an owner may enter one lock */
    uint32_t holds_per_session_max; /* Waits count too, as they become holds. */
    uint32_t waits_per_session_max;
    /*
     * What one client address may take of sessions, holds, waits, answers and name blocks,
     * in percent; 100: all. So may one label.
     */
    uint32_t address_percent;
    uint32_t label_percent;
};

struct members {
    uint8_t count;
    uint8_t ids[MEMBERS_MAX]; /* Ascending, 1 to NODE_ID_MAX */
};

/* The body of ENTRY_BOOTSTRAP. */
struct bootstrap {
    struct cluster_settings settings;
    struct members members;
    uint64_t wall_ns; /* When, for people */
    /*
     * Of each member's data directory, in the order of the ids; 0: not known. An entry of an
     * earlier version has none.
     */
    uint64_t incarnations[MEMBERS_MAX];
};

void wire_settings(struct wire *wire, struct cluster_settings *settings);
void wire_bootstrap(struct wire *wire, struct bootstrap *bootstrap);

/* The defaults of a new cluster. */
struct cluster_settings settings_default(void);

/* True when every value is in its range and their relations hold. */
bool settings_valid(const struct cluster_settings *settings);

#ifdef __cplusplus
}
#endif

#endif
