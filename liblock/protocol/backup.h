/*
 * A backup, on a client's connection: the file of a snapshot, piece by piece. FRAME_BACKUP asks
 * for a piece, FRAME_BACKUP_ANSWER has it.
 *
 *     client                              node
 *       |  {index 0}              ->        |  takes a snapshot of what it has applied
 *       |  <-  WAIT, or a first piece       |  ... which stays on disk while it is read
 *       |  {index, offset}        ->        |
 *       |  <-  PIECE                        |
 *       |  {index, offset = bytes}  ->      |  It may be removed.
 *
 * A backup is a snapshot as it lies in a data directory: lockd/doc/snapshot-files.md. Whoever
 * can connect can read it, as he can read the locks; the secrets of sessions are in it, too.
 *
 * Both bodies may be longer than is known here: what a later version adds is passed over.
 */
#ifndef PROTOCOL_BACKUP_H
#define PROTOCOL_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BACKUP_PIECE_BYTES = 56 * 1024, /* At most; a whole number of blocks of the file */
};

struct backup_request {
    uint64_t index; /* Of the snapshot; 0: a new one, of all that is applied now */
    uint64_t offset;
};

enum backup_result {
    BACKUP_PIECE = 0,
    BACKUP_WAIT = 1,   /* The snapshot is being taken, or the piece is read: ask again. */
    BACKUP_BUSY = 2,   /* Somebody else takes a backup of this node. */
    BACKUP_GONE = 3,   /* No such snapshot is kept: begin anew. */
    BACKUP_NONE = 4,   /* The node has no state, or takes over the state of its leader. */
    BACKUP_FAILED = 5, /* The node cannot write or read the file. */
};

struct backup_answer {
    uint8_t result; /* enum backup_result */
    uint8_t node;
    uint64_t index;
    uint64_t bytes; /* Of the whole file */
    uint64_t offset;
    struct span piece;
};

void wire_backup_request(struct wire *wire, struct backup_request *request);
void wire_backup_answer(struct wire *wire, struct backup_answer *answer);

#ifdef __cplusplus
}
#endif

#endif
