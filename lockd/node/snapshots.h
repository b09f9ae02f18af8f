/*
 * What a node knows of snapshots: what the state is now, as far as a snapshot of it says
 * so, and which snapshots lie in the data directory.
 */
#ifndef NODE_SNAPSHOTS_H
#define NODE_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A snapshot in the data directory, whole and durable. */
struct kept_snapshot {
    struct entry_id last;
    uint64_t last_sum;
    uint64_t bytes; /* Of the file */
    uint32_t chunk_bytes;
    uint64_t wall_ns; /* When it was taken */
    uint64_t pinned;  /* How many sendings read it: until they end it stays. */
};

struct snapshots {
    /* The last entry that is applied here, and the configuration that it leaves. */
    struct entry_id applied;
    uint64_t applied_sum;
    uint32_t configuration_bytes;
    unsigned char configuration[SNAPSHOT_CONFIGURATION_MAX];

    uint32_t count;
    struct kept_snapshot kept[NODE_SNAPSHOTS_MAX]; /* Ascending */
    uint64_t newest_ns;   /* When the newest became durable, or this node started */
    uint64_t duration_ns; /* How long the last one that was taken took; 0: none yet */
};

/* An entry was applied. */
void snapshots_applied(struct snapshots *snapshots, const struct entry_head *head);

/* ... which made this the configuration. */
void snapshots_configure(
        struct snapshots *snapshots, const unsigned char *body, uint32_t count);

/* One more lies in the directory: the newest. */
void snapshots_add(struct snapshots *snapshots, const struct snapshot_header *header);

/* NULL: there is none. */
struct kept_snapshot *snapshots_newest(struct snapshots *snapshots);

/* The one that a restart falls back to; the newest if there is no other, NULL: none. */
const struct kept_snapshot *snapshots_older(const struct snapshots *snapshots);
struct kept_snapshot *snapshots_find(struct snapshots *snapshots, uint64_t index);

/* Of log, after which the next one is due: as the setting says, or twice the newest. */
uint64_t snapshots_due_bytes(
        const struct snapshots *snapshots, const struct snapshot_settings *settings);

/* One more may be made: at most two lie there, so that there are never more than three. */
bool snapshots_have_place(const struct snapshots *snapshots);

/* One to remove, so that two are left; NULL: none. */
const struct kept_snapshot *snapshots_superfluous(const struct snapshots *snapshots);
void snapshots_remove(struct snapshots *snapshots, uint64_t index);

void snapshots_check(const struct snapshots *snapshots);

#ifdef __cplusplus
}
#endif

#endif
