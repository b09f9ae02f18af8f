/*
 * A snapshot on its way to a member whose log ends before the leader's begins.
 *
 * FRAME_PEER_SNAPSHOT carries one piece of the snapshot's file: first its header, then its
 * chunks. The receiver answers each piece with FRAME_PEER_SNAPSHOT_ANSWER, which says what it
 * wants next: so a connection that broke costs one piece. After the last piece it answers
 * when the snapshot is its state.
 */
#ifndef PROTOCOL_PEER_SNAPSHOT_H
#define PROTOCOL_PEER_SNAPSHOT_H

#include <stdint.h>

#include "protocol/entry.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PEER_SNAPSHOT_HEAD_BYTES = 52 /* Of a piece, before the file's bytes */
};

struct peer_snapshot {
    uint64_t term;        /* Of the leader that sends it */
    struct entry_id last; /* The snapshot's last entry, */
    uint64_t last_sum;    /* ... and its sum */
    uint64_t file_bytes;
    uint64_t offset;     /* Of the piece in the file */
    uint32_t count;      /* Bytes of the piece */
    struct span content; /* ... and where they are: after the head */
};

enum peer_snapshot_wish {
    PEER_SNAPSHOT_MORE = 0,    /* The piece at `offset` */
    PEER_SNAPSHOT_NOTHING = 1, /* The log has what the snapshot has. */
    PEER_SNAPSHOT_LATER = 2,   /* It cannot be taken now: the same piece again, later. */
};

struct peer_snapshot_answer {
    uint64_t term;
    struct entry_id last; /* Of the snapshot that it answers */
    uint64_t offset;
    uint8_t wish; /* enum peer_snapshot_wish */
};

/* The head; the reader is at the content then, which peer_snapshot_content() takes. */
void wire_peer_snapshot(struct wire *wire, struct peer_snapshot *piece);
void peer_snapshot_content(struct wire *wire, struct peer_snapshot *piece);
void wire_peer_snapshot_answer(struct wire *wire, struct peer_snapshot_answer *answer);

#ifdef __cplusplus
}
#endif

#endif
