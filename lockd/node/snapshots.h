/*
 * What a node knows of snapshots: what the state is now, as far as a snapshot of it says
 * so, and which snapshots lie in the data directory.
 */
#ifndef NODE_SNAPSHOTS_H
#define NODE_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/configurations.h"
#include "node/files.h"
#include "node/node.h"
#include "protocol/member_list.h"

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
    bool damaged;     /* A part of it cannot be read, or is not what was written. */
    bool told;        /* ... which was said. */
};

struct snapshots {
    /* The last entry that is applied here, and the configuration that it leaves. */
    struct entry_id applied;
    uint64_t applied_sum;
    struct indexed_configuration configuration;

    uint32_t count;
    struct kept_snapshot kept[NODE_SNAPSHOTS_MAX]; /* Ascending */
    bool damaged;                                  /* One of them is. */
    uint64_t newest_ns;   /* When the newest became durable, or this node started */
    uint64_t duration_ns; /* How long the last one that was taken took; 0: none yet */
};

/* An entry was applied. */
void snapshots_applied(struct snapshots *snapshots, const struct entry_head *head);

/* ... which made this the configuration. */
void snapshots_configure(struct snapshots *snapshots, uint64_t index,
        const struct configuration *configuration);

/* What the header of a snapshot says of its cluster; false: it cannot be read. */
bool snapshots_read_cluster(
        const struct snapshot_header *header, struct cluster_record *cluster);
void snapshots_write_cluster(const struct snapshots *snapshots,
        const struct cluster_settings *settings, struct snapshot_header *header);

/* One more lies in the directory: the newest. */
void snapshots_add(struct snapshots *snapshots, const struct snapshot_header *header);

/* Of those that are not damaged; NULL: there is none. */
struct kept_snapshot *snapshots_newest(struct snapshots *snapshots);

/* The one that a restart falls back to; the newest if there is no other, NULL: none. */
const struct kept_snapshot *snapshots_older(const struct snapshots *snapshots);

/* The index of the last one that was made, whether it is damaged or not; 0: none. */
uint64_t snapshots_last(const struct snapshots *snapshots);

/* A part of it is not what was written: it no longer counts, and goes when it can. */
void snapshots_damaged(struct snapshots *snapshots, uint64_t index);

/* Whether what was read is an intact piece of the snapshot: its header, or one chunk. */
bool snapshots_is_sound(const struct file_done *done);
struct kept_snapshot *snapshots_find(struct snapshots *snapshots, uint64_t index);

/* Of log, after which the next one is due: as the setting says, or twice the newest. */
uint64_t snapshots_due_bytes(
        const struct snapshots *snapshots, const struct snapshot_settings *settings);

/* One more may be made: at most two lie there, so that there are never more than three. */
bool snapshots_have_place(const struct snapshots *snapshots);

/* One to remove: one too many, or one that is damaged. NULL: none. */
const struct kept_snapshot *snapshots_superfluous(const struct snapshots *snapshots);
void snapshots_remove(struct snapshots *snapshots, uint64_t index);

void snapshots_check(const struct snapshots *snapshots);

#ifdef __cplusplus
}
#endif

#endif
