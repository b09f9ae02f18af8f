/*
 * Cluster settings: what `locks` needs to know beyond the entries. The first entry has them,
 * with the members. Some can be changed, by an entry of their own. They are the same on all
 * nodes that have applied the same entries: applying reads no local setting.
 */
#ifndef PROTOCOL_SETTINGS_H
#define PROTOCOL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/hello.h"
#include "protocol/version.h"
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

    uint16_t version; /* Of the cluster: version.h */
    /* All members must have known the next version for so long; 0: only on request */
    uint64_t upgrade_after_ns;
};

/* Settings that an entry can change; the value of each is a number. */
enum setting_id {
    SETTING_VERSION = 1,       /* Only upwards */
    SETTING_UPGRADE_AFTER = 2, /* ns */
};

enum {
    SETTINGS_CHANGE_MAX = 8
};

struct setting_value {
    uint16_t setting; /* enum setting_id */
    uint64_t value;
};

/* The body of ENTRY_SETTINGS: a list of settings and their new values. */
struct settings_change {
    uint64_t wall_ns; /* When, for people */
    uint8_t count;
    struct setting_value values[SETTINGS_CHANGE_MAX];
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
     * earlier version ends before this, or before what follows.
     */
    uint64_t incarnations[MEMBERS_MAX];
    /* Where each is reached: host:port; "": not known */
    char addresses[MEMBERS_MAX][ADDRESS_BYTES_MAX];
    uint64_t token_first; /* token.h; in entries of earlier versions 1 */
};

/* An address of ADDRESS_BYTES_MAX, NUL-terminated; "" for none. */
void wire_address(struct wire *wire, char *address);

void wire_bootstrap(struct wire *wire, struct bootstrap *bootstrap);

/* The settings as a record (wire.h): what else there may be behind them is passed over. */
void wire_cluster_settings(struct wire *wire, struct cluster_settings *settings);
void wire_settings_change(struct wire *wire, struct settings_change *change);

/* The version to which it raises the cluster; 0: it does not. */
uint16_t settings_change_version(const struct settings_change *change);

/* Every setting is one that this source knows, with a value in its range. */
bool settings_change_valid(const struct settings_change *change);

/* It is valid. */
void settings_apply(
        struct cluster_settings *settings, const struct settings_change *change);

/* The defaults of a new cluster. */
struct cluster_settings settings_default(void);

/* True when every value is in its range and their relations hold. */
bool settings_valid(const struct cluster_settings *settings);

#ifdef __cplusplus
}
#endif

#endif
