/*
 * How long entries take, stage by stage; `lockctl status --latency` shows it.
 *
 * node reads no clock, so a stage begins and ends where io read one: at the start of a turn
 * (when its input came), before the end of the turn is stepped, and when its effects were
 * handed on (the first event of the next turn tells that time). Work in between belongs to
 * the stage that waits for it: time spent on applying never counts as time of the disk.
 *
 *     turn n       start | requests come, first command of the batch       queue begins
 *                     end | batch sealed
 *               handed on | its bytes go to the disk and to the peers       queue ends;
 *                         |                                                 write, replicate
 *     turn n + i   start | the disk is done                                write ends
 *     turn n + k   start | the answer of a peer: committed                 replicate ends;
 *                     end | applied, answers written                        answer
 *               handed on |
 *     turn n + k+1 start | the kernel has the last of them                 answer ends
 *
 * All is done once per entry, per write or per turn, never once per command. Of an entry's
 * answers the last is followed, in the connection's buffer that it was written to.
 */
#ifndef NODE_STAGES_H
#define NODE_STAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/histogram.h"
#include "node/conn.h"
#include "node/node.h"
#include "protocol/stage.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When an entry that this node sealed passed from stage to stage. */
struct entry_stages {
    uint64_t admitted_ns; /* Its first command came; */
    uint64_t handed_ns;   /* then it went to the disk and to the peers, ... */
    /* ... and was known to be committed; 0: in the turn that applies it */
    uint64_t committed_ns;
};

/* Bytes that are added up are counted since start. */
struct stages {
    struct loop_figures loop;
    struct histogram rows[STAGE_COUNT];
    struct histogram commit_latency; /* From sealed to applied */
    uint64_t sums[SUM_COUNT];
    uint64_t begun_ns; /* When this turn began */
    bool busy;         /* This turn wrote to the log, or applied: */
    bool applied;      /* entries */
};

void stages_init(struct stages *stages);

/* The turn before was handed on at `handed_ns`, after its end at `ended_ns`. */
void stages_end_turn(struct stages *stages, uint64_t ended_ns, uint64_t handed_ns);

/* A write that was handed on at `handed_ns` is durable. */
void stages_durable(struct stages *stages, uint64_t handed_ns, uint64_t now_ns);

/* What the entry was, for stages_finish(). */
struct finished_entry {
    uint64_t sealed_ns;
    uint32_t command_count;
    uint32_t body_bytes;
    struct entry_stages stages;
};

/* An entry is applied. `last`: the connection of its last answer, if it is still open. */
void stages_finish(struct stages *stages, const struct finished_entry *entry,
        struct conn *last, uint64_t now_ns);

/* One of the connection's buffers has left. */
void stages_sent(struct stages *stages, struct conn *conn, uint64_t now_ns);

/*
 * What was noted since the start. Of a row, the buckets and the greatest value are kept up
 * to date.
 */
const struct histogram *stages_row(const struct stages *stages, enum stage stage);
uint64_t stages_sum(const struct stages *stages, enum stage_sum sum);

/* Answer FRAME_STAGES. */
void stages_frame(const struct stages *stages, struct conns *conns, struct conn *conn,
        uint64_t uptime_ns);
void stages_check(const struct stages *stages);

#ifdef __cplusplus
}
#endif

#endif
