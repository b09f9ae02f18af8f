/*
 * How many bytes lockd moves for a request, an answer and an entry. The floor moves the
 * same.
 *
 * The numbers come from lockd's own layout functions. A unit test measures these with the
 * protocol's measuring cursor and compares, so that the floor follows every change of the
 * protocol.
 *
 *     client -> leader     frame head, section, requests of one connection
 *     leader -> client     frame head, section, answers of one connection
 *     leader -> follower   append head, entry
 *     follower -> leader   frame head, append answer
 *     disk                 record head, entry, zeros up to the end of the block
 *
 *     entry                entry head, batch head, sections without their secrets, requests
 */
#ifndef BENCH_FLOOR_SIZES_H
#define BENCH_FLOOR_SIZES_H

#include "protocol/batch.h"
#include "protocol/entry.h"
#include "protocol/frame.h"
#include "protocol/request.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* As lockbench names its locks: "bench-12345-o678". */
    FLOOR_NAME_BYTES = 16,
    FLOOR_ACQUIRE_BYTES = 28 + FLOOR_NAME_BYTES,
    FLOOR_RELEASE_BYTES = 20 + FLOOR_NAME_BYTES,
    /* Each lock is acquired and released, so every request here is the mean of the two. */
    FLOOR_REQUEST_BYTES = (FLOOR_ACQUIRE_BYTES + FLOOR_RELEASE_BYTES) / 2,

    FLOOR_SECTION_BYTES = 42,
    FLOOR_SECTION_LOGGED_BYTES = FLOOR_SECTION_BYTES - SECRET_BYTES + 1, /* `unproved` */
    FLOOR_ANSWER_SECTION_BYTES = 38,
    FLOOR_ANSWER_BYTES = 23,

    FLOOR_REQUESTS_HEAD_BYTES = FRAME_HEAD_BYTES + FLOOR_SECTION_BYTES,
    FLOOR_ANSWERS_HEAD_BYTES = FRAME_HEAD_BYTES + FLOOR_ANSWER_SECTION_BYTES,
    FLOOR_ACK_BYTES = FRAME_HEAD_BYTES + 63,

    FLOOR_BLOCK_BYTES = 4096,
    FLOOR_RECORD_HEAD_BYTES = 64,
    /* What comes before an entry: on the wire, and on disk. */
    FLOOR_APPEND_HEAD_BYTES = FRAME_HEAD_BYTES + PEER_APPEND_HEAD_BYTES,
    FLOOR_ENTRY_AT = FLOOR_RECORD_HEAD_BYTES,
    FLOOR_SECTIONS_AT = FLOOR_ENTRY_AT + ENTRY_HEAD_BYTES + BATCH_HEAD_BYTES,
    /*
     * lockd sends an append head and the entry, and writes a record head and the entry.
     * Here the record head is the last part of the append head, so that the same bytes
     * serve both: this is what goes before them on the wire.
     */
    FLOOR_WIRE_BEFORE_BYTES = FLOOR_APPEND_HEAD_BYTES - FLOOR_RECORD_HEAD_BYTES,
};

#ifdef __cplusplus
}
#endif

#endif
