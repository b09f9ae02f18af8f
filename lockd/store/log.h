/*
 * What is known of a log after its last record.
 *
 * Recovery uses this as it reads and wal as it writes, with the same functions: they say
 * what a record must contain to follow here, and what it changes. So recovery accepts what
 * wal writes.
 *
 * The log begins where places.begin says, and the chain agrees. The header of the first
 * segment must name the entry before the beginning. If that is not segment 1, the header is
 * trusted for all that only the records before it could tell: position, sum before, term
 * and vote.
 */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "protocol/entry.h"
#include "store/chain.h"
#include "store/format.h"
#include "store/places.h"

#ifdef __cplusplus
extern "C" {
#endif

struct log {
    struct places places;
    struct chain chain;
    uint64_t previous; /* Sum of the last record or header; 0 in an empty log */
    uint64_t cluster;
    uint64_t incarnation; /* 0: not known yet */
    uint64_t term;
    uint8_t vote;
    uint8_t node; /* The node that writes it; 0: not known yet */
    uint32_t run;
    uint64_t
            leaving; /* Nothing more is added to this segment, once there is a next; 0: none */
};

void log_carve(struct log *log, struct arena *arena, const struct wal_settings *settings);

/* Nothing is known yet of a log that begins with its first entry ... */
void log_init(struct log *log);

/* ... or later. */
void log_init_at(struct log *log, const struct log_begin *begin);
void log_copy(struct log *to, const struct log *from);

/* Bytes that are left in the segment in which the log ends; none if it is being left. */
uint64_t log_left(const struct log *log);

/*
 * Whether the header begins the next segment of this log; and the function that begins it.
 */
bool log_takes_header(const struct log *log, const struct segment_header *header);
void log_take_header(struct log *log, const struct segment_header *header);

/* See wal_drop_before(); what is before position `durable` is on disk. */
bool log_drop_before(struct log *log, uint64_t index, uint64_t durable);

/*
 * The log, all of which is durable, is begun anew after an entry that it does not have. Who
 * writes it, its run, term and vote stay.
 */
void log_restart(struct log *log, const struct log_begin *begin);

/*
 * Whether the record follows here; and the function that continues after it. `head`: of its
 * entry, if it is one.
 */
bool log_takes_record(
        const struct log *log, const struct record *record, const struct entry_head *head);
void log_take_record(
        struct log *log, const struct record *record, const struct entry_head *head);

#ifdef __cplusplus
}
#endif

#endif
