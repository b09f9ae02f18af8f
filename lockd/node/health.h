/*
 * Whether this node's own log lets it do its work.
 *
 * A log that takes no entries, or a part of it that cannot be read, makes a node unfit to
 * lead. raft is told (RAFT_FITNESS) and gives up the lead; the status and the log name the
 * cause. The state ends when the cause ends. raft sees a stalled disk by itself; here the
 * disk counts as stalled, too, when the next segment is not made in that time.
 */
#ifndef NODE_HEALTH_H
#define NODE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "node/journal.h"
#include "node/notices.h"
#include "node/reader.h"
#include "node/times.h"
#include "protocol/condition.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Segments that io is asked to make. */
struct segments {
    bool asked;
    uint64_t retry_ns; /* There was no space: do not retry before; 0: there is. */
};

/* A condition that the log told last, and when. */
struct told_condition {
    enum condition now; /* CONDITION_HEALTHY: none */
    uint64_t looked_ns;
    uint64_t told_ns[CONDITION_COUNT]; /* When each began, as told; 0: never */
};

struct health {
    const struct raft *raft;
    const struct wal *wal;
    const struct journal *journal;
    const struct reader *reader;
    const struct segments *segments;
    const struct times *times;
    struct notices *notices;
    uint64_t stall_ns;         /* No progress for so long is a stall */
    uint64_t entry_bytes_max;  /* What a leader must have room for */
    uint64_t roomless_ns;      /* Since when there is no room for it; 0: there is */
    bool lacks_state;          /* Its state is being replaced by another member's. */
    enum peer_fitness fitness; /* As raft was told */
    struct told_condition told;
};

/* The caller fills in the pointers and the two limits. */
void health_check(const struct health *health);

/* Turn end. True: the fitness has changed; the event tells raft. */
bool health_judge(struct health *health, struct raft_event *event);

/*
 * What is wrong with this node's disk and log: CONDITION_HEALTHY, or one of READ_ERROR,
 * DISK_STALLED, DISK_FULL, LOG_FULL (it cannot lead), NO_SPACE, LOG_NEARLY_FULL (it can).
 */
enum condition health_of_log(const struct health *health);

/*
 * Turn end: log that a condition began or ended. A condition that comes and goes is logged
 * once in a while.
 */
void health_tell(struct health *health, enum condition now);

/* Whether it is time for health_tell(): several times a second. */
bool health_tell_is_due(const struct health *health);

#ifdef __cplusplus
}
#endif

#endif
