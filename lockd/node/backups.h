/*
 * Gives clients this node's newest snapshot, piece by piece: protocol/backup.h.
 *
 * Who wants a new one waits until the snapshotter has taken it. From then on it stays in the
 * directory until it was read, or until nobody has asked for a piece of it for a while. One
 * snapshot is given at a time, and one piece is read at a time; a client asks again for what it
 * could not get. So whatever clients do, one more snapshot than otherwise lies on the disk.
 */
#ifndef NODE_BACKUPS_H
#define NODE_BACKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/conn.h"
#include "node/files.h"
#include "node/snapshots.h"
#include "node/snapshotter.h"
#include "node/times.h"
#include "protocol/backup.h"

#ifdef __cplusplus
extern "C" {
#endif

struct backups {
    uint8_t self;
    const struct receiver *receiver;
    struct snapshotter *snapshotter;
    struct snapshots *snapshots;
    struct files *files;
    struct conns *conns;
    const struct times *times;

    uint64_t wanted;   /* Somebody waits for a snapshot that has this entry; 0: nobody */
    uint32_t failures; /* Of the snapshotter, when it was wanted */
    uint64_t given;    /* Index of the one that is read; 0: none. It is pinned. */
    uint64_t asked_ns; /* When somebody last asked for it, or for a new one */
    bool reading;      /* A piece, for this client: */
    uint32_t conn;
    uint32_t serial;
};

/* The caller fills in the pointers. */

/* FRAME_BACKUP */
void backups_frame(struct backups *backups, struct conn *conn, const struct frame *frame);

/* A piece was read. */
void backups_done(struct backups *backups, const struct file_done *done);

/* Turn end */
void backups_turn(struct backups *backups);

uint64_t backups_deadline(const struct backups *backups);
void backups_check(const struct backups *backups);

#ifdef __cplusplus
}
#endif

#endif
