/*
 * Frames: how messages follow one another in a connection.
 *
 *     offset  bytes  field
 *          0      4  length: of the body, without these 16 bytes
 *          4      2  kind (enum frame_kind)
 *          6      1  version of this head (FRAME_VERSION); hello.h has that of the rest
 *          7      1  zero
 *          8      8  XXH3-64 of the covered part of the body, seeded with bytes 0 to 7
 *
 * The covered part is the whole body, except in FRAME_PEER_APPEND: there it is the first
 * PEER_APPEND_HEAD_BYTES, because each entry after them has its own sum.
 *
 * The reader below cuts a stream into frames. It copies only frames that arrive in parts: a
 * frame that arrived whole is handed out where it lies.
 */
#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FRAME_HEAD_BYTES = 16,
    FRAME_VERSION = 1,
    FRAME_CLIENT_BODY_MAX = 64 * 1024 - FRAME_HEAD_BYTES, /* From a client or to one. */
    PEER_APPEND_HEAD_BYTES = 96, /* What the sum of an append covers (peer.h). */
};

enum frame_kind {
    FRAME_HELLO = 1,    /* hello.h: the first frame of the connecting side */
    FRAME_WELCOME = 2,  /* hello.h: the first frame back */
    FRAME_REFUSED = 3,  /* hello.h: the last frame before a connection is closed */
    FRAME_LEADER = 4,   /* hello.h: pushed to clients when the leader changes */
    FRAME_REQUESTS = 5, /* request.h */
    FRAME_ANSWERS = 6,  /* answer.h */
    FRAME_READ = 7,     /* read.h: query of a lock, or a page of the list */
    FRAME_READ_ANSWER = 8,
    FRAME_STATUS = 9, /* node_status.h: the status of this node; needs no majority */
    FRAME_STATUS_ANSWER = 10,
    FRAME_STAGES = 11, /* stage.h: where this node's time goes; needs no majority */
    FRAME_STAGES_ANSWER = 12,
    FRAME_ADMIN = 13, /* admin.h: what an operator wants of the cluster */
    FRAME_ADMIN_ANSWER = 14,
    FRAME_BACKUP = 15, /* backup.h: a piece of this node's newest snapshot */
    FRAME_BACKUP_ANSWER = 16,
    FRAME_PEER_VOTE = 32, /* peer.h, from here on: between nodes only */
    FRAME_PEER_VOTE_ANSWER = 33,
    FRAME_PEER_APPEND = 34,
    FRAME_PEER_APPEND_ANSWER = 35,
    FRAME_PEER_TIMEOUT_NOW = 36,
    FRAME_PEER_READ = 37,
    FRAME_PEER_READ_ANSWER = 38,
    FRAME_PEER_WELCOME = 39,  /* hello.h: the first frame back to another node */
    FRAME_PEER_PROBE = 40,    /* Empty: is this connection alive? */
    FRAME_PEER_ALIVE = 41,    /* Empty: it is. */
    FRAME_PEER_SNAPSHOT = 42, /* peer_snapshot.h: a piece of a snapshot */
    FRAME_PEER_SNAPSHOT_ANSWER = 43,
    FRAME_PEER_MEMBERS = 44, /* member_list.h: where the members are */
    /*
     * Kinds that a later version may send without asking: who does not know one passes over
     * the frame, if the sender knows a later version. Every other unknown kind is nonsense.
     */
    FRAME_SKIPPED_FIRST = 96,
    FRAME_SKIPPED_LAST = 127,
};

struct frame {
    enum frame_kind kind;
    const unsigned char *body;
    uint32_t body_bytes;
};

/* Why the rest of a stream cannot be read. All of these end the connection. */
enum frame_fault {
    FRAME_FAULT_NONE,
    FRAME_FAULT_VERSION, /* The other side speaks another version. */
    FRAME_FAULT_KIND,    /* No such kind. */
    FRAME_FAULT_LENGTH,  /* Longer than this side accepts. */
    FRAME_FAULT_SUM,     /* Damaged on the way. */
};

struct frame_reader {
    unsigned char *buffer; /* For the frame that has not arrived whole; caller's memory. */
    size_t buffer_bytes;
    size_t held;                /* Bytes in the buffer. */
    const unsigned char *input; /* What frame_reader_feed was given, not yet read. */
    size_t input_bytes;
    size_t consumed; /* Bytes at the buffer's start that belong to handed-out frames. */
    enum frame_fault fault;
};

/* A frame of this kind means nothing to this version. */
static inline bool frame_may_be_skipped(enum frame_kind kind)
{
    return kind >= FRAME_SKIPPED_FIRST && kind <= FRAME_SKIPPED_LAST;
}

/* `buffer_bytes` bounds a frame: FRAME_HEAD_BYTES and the longest body that is accepted. */
void frame_reader_init(struct frame_reader *reader, void *buffer, size_t buffer_bytes);

/*
 * Where the next bytes may be received straight into, without a copy; `*room` is never 0.
 * Bytes received there are fed with the same pointer.
 */
unsigned char *frame_reader_space(struct frame_reader *reader, size_t *room);

/*
 * Give it what arrived. All frames must be taken (until frame_reader_next returns false)
 * before the next feed; the rest of `bytes` is then kept in the buffer.
 */
void frame_reader_feed(struct frame_reader *reader, const void *bytes, size_t count);

/*
 * Take the next frame. False when there is none yet, or permanently once `fault` is set.
 * The frame is valid until the next call of a function of this reader.
 */
bool frame_reader_next(struct frame_reader *reader, struct frame *frame);

/* After frame_reader_next() returned false: part of another frame has arrived. */
static inline bool frame_reader_holds_part(const struct frame_reader *reader)
{
    return reader->held > reader->consumed;
}

/*
 * Write the head before a body that is already at `head + FRAME_HEAD_BYTES`. The sum is
 * computed here.
 */
void frame_seal(unsigned char *head, enum frame_kind kind, uint32_t body_bytes);

#ifdef __cplusplus
}
#endif

#endif
