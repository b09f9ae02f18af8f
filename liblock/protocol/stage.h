/*
 * Where a node's time goes: FRAME_STAGES has an empty body, FRAME_STAGES_ANSWER is how many
 * rows and how many sums follow, the rows, and the sums. A row is its head and the non-zero
 * buckets of a histogram (base/histogram.h), as in a status.
 *
 * Rows and sums have numbers, and a reader skips those that it does not know. So a newer
 * node may send more. A node that does not know the frame closes the connection, as it does
 * with every kind that it does not know.
 *
 *     first command in   handed on          committed           answered
 *            |--- queue ----|---- replicate ----|----- answer ------|
 *                           |-- write --|       |- apply -|
 */
#ifndef PROTOCOL_STAGE_H
#define PROTOCOL_STAGE_H

#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum stage {
    STAGE_QUEUE = 0,     /* Leader: an entry's first command, received to handed on, ns */
    STAGE_WRITE = 1,     /* Handed to the disk to durable there, ns */
    STAGE_REPLICATE = 2, /* Leader: handed to disk and peers to durable on a majority, ns */
    STAGE_APPLY = 3,     /* A turn that applied entries: from its clock reading, ns */
    STAGE_ANSWER = 4,    /* Leader: committed to an entry's last answer sent, ns */
    STAGE_TURN = 5,      /* A turn of the loop, without its sleep, ns */
    STAGE_COMMANDS = 6,  /* Leader: commands in an entry that has some */
    STAGE_BYTES = 7,     /* Leader: bytes of an entry's body */
    STAGE_COUNT = 8,
};

/* Counted since the node's start. */
enum stage_sum {
    SUM_APPLIED = 0,      /* Entries applied */
    SUM_SYSTEM_CALLS = 1, /* Calls of io_uring_enter */
    SUM_RECEIVED = 2,     /* Bytes received from clients and peers */
    SUM_SENT = 3,    /* Bytes sent to them, each written once to where it is sent from */
    SUM_LOGGED = 4,  /* Bytes of entries, each written once to where they are logged from */
    SUM_WRITTEN = 5, /* Bytes written to disk: what is logged, and padding */
    SUM_WRITES = 6,  /* Writes to disk */
    SUM_COUNT = 7,
};

struct stages_head {
    uint64_t uptime_ns;
    uint8_t rows;
    uint8_t sums;
};

struct stage_row {
    uint8_t stage;
    uint64_t greatest; /* Of all values, exact; 0 when there is none */
};

struct stage_value {
    uint8_t sum;
    uint64_t value;
};

void wire_stages_head(struct wire *wire, struct stages_head *head);

/* The buckets follow it, their count first: node_status.h. */
void wire_stage_row(struct wire *wire, struct stage_row *row);
void wire_stage_value(struct wire *wire, struct stage_value *value);

#ifdef __cplusplus
}
#endif

#endif
