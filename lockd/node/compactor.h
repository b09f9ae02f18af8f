/*
 * Removes the part of the log that a snapshot makes superfluous, and old snapshots.
 *
 * The log may begin behind the older of the two snapshots that are kept, so that each of them
 * is enough for a restart. Kept are at least `keep_bytes` of it, and what a member still needs: one that was heard within the last ten minutes, because its
 * entries are read faster than a snapshot is sent, and one that is sent a snapshot. But for
 * one that falls further and further behind no more is kept than four times `keep_bytes`, or
 * than what makes three snapshots due. So the log is bounded however slow a member is. And of a
 * part that cannot be read nothing is kept: mender.h.
 *
 * In this order, so that a crash at any moment leaves a log that can be read:
 *
 *     1  the snapshot is durable                        snapshotter.h
 *     2  raft and the log begin later, in memory        they decide where: whole segments
 *     3  the file that says where is durable            store/begin_format.h
 *     4  the segments before are removed, oldest first
 */
#ifndef NODE_COMPACTOR_H
#define NODE_COMPACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "node/files.h"
#include "node/roster.h"
#include "node/snapshots.h"
#include "node/times.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* For slow members: that many times keep_bytes, or what makes so many snapshots due */
    COMPACTOR_SLOW_FACTOR = 4,
    COMPACTOR_DUE_FACTOR = 3,
};

enum compactor_state {
    COMPACTOR_IDLE,
    COMPACTOR_WRITING, /* Where the log begins */
    COMPACTOR_PUBLISHING,
    COMPACTOR_REMOVING, /* A segment */
    COMPACTOR_TIDYING,  /* A snapshot */
};

struct compactor {
    const struct snapshot_settings *settings;
    struct raft *raft;
    struct wal *wal;
    struct files *files;
    struct snapshots *snapshots;
    const struct roster *roster;
    const struct times *times;

    enum compactor_state state;
    bool told;           /* The file says where the log begins. */
    bool fresh;          /* It is begun anew: what the file says, or is to say. */
    uint64_t writing;    /* The segment that the file is to name, while it is written, */
    uint64_t begin;      /* ... and the one that it names durably */
    uint64_t first_file; /* Segments before this one are removed. */
    uint64_t keep_from;  /* Sendings need entries from here on; UINT64_MAX: none */
    uint64_t mend_to;    /* What holds entries up to here is damaged; 0: nothing is. */
    uint64_t looked_ns;  /* When it was last decided where the log may begin, ... */
    uint64_t looked_segment; /* ... and what the next segment was then */
    uint64_t retry_ns;
    unsigned char *block;
};

void compactor_carve(struct compactor *compactor, struct arena *arena);

/* The log was recovered: there are no segments before its beginning. */
void compactor_init(struct compactor *compactor);

/* Turn end. Moves the beginning of the log and of raft's. */
void compactor_turn(struct compactor *compactor);

void compactor_done(struct compactor *compactor, const struct file_done *done);

/* Nothing is under way, and the file says where the log begins. */
static inline bool compactor_is_idle(const struct compactor *compactor)
{
    return compactor->state == COMPACTOR_IDLE && compactor->told;
}

/*
 * The log is to be begun anew behind a snapshot: write that down. It is idle, and nothing is
 * added to the log until it is idle again. Then compactor_began_anew() says whether it was
 * done; if not, the log continues as it was.
 */
void compactor_begin_anew(struct compactor *compactor, const struct log_begin *begin);
bool compactor_began_anew(const struct compactor *compactor);

void compactor_check(const struct compactor *compactor);

#ifdef __cplusplus
}
#endif

#endif
