/*
 * The write-ahead log: where bytes lie. (recovery.h says what recovery trusts.)
 *
 * Records of entries, votes and truncations follow one another in preallocated segment
 * files. Each record begins on a new block of WAL_BLOCK_BYTES; a segment begins with a
 * header block. `position` counts the bytes of the whole log, headers included, across
 * segments.
 *
 * This module builds records in one buffer, a ring of `buffer_bytes`. From there they are
 * written to disk and sent to peers without another copy. The module says what to write
 * next, knows what is durable, and knows where on disk an entry begins. It does no I/O:
 * `io` performs a struct wal_write and gives its id back when it is durable.
 *
 * Invariants: durable <= written <= end; a write covers records that lie side by side both
 * in the buffer and in one segment; buffer space is reused only after it is durable.
 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "protocol/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WAL_BLOCK_BYTES = 4096,
    WAL_VERSION = 1,
    WAL_RECORD_HEAD_BYTES = 64,
    WAL_WRITES_MAX = 8, /* In flight at most */
};

struct wal_settings {
    uint8_t node;
    uint64_t incarnation; /* Of a directory in which there is no log yet: a random number */
    /* Both are multiples of the block. A segment holds the longest entry and a header; the
       buffer is smaller than 8 MiB so that it can be registered. */
    uint64_t segment_bytes;
    uint64_t buffer_bytes;
    uint32_t entry_body_max; /* The longest body that is ever appended */
    uint32_t writes_max;     /* Writes in flight, 1 to WAL_WRITES_MAX */
    uint32_t segments_max;   /* Segments that may exist at once; not fewer than there are */
};

/*
 * Where the log begins: after the entry `before`, with that sum, and with that segment. The
 * segment's header says the same about the place before it. The entries before it are no
 * longer in any file. A log that has all its entries begins after {0, 0}, sum 0, with
 * segment 1.
 */
struct log_begin {
    struct entry_id before;
    uint64_t sum;
    uint64_t segment;
};

/* Where in the files: segment numbers begin with 1, only grow, and are never reused. */
struct wal_place {
    uint64_t segment;
    uint64_t offset;
};

/* Bytes to make durable at `place`; they stay untouched until wal_written(id). */
struct wal_write {
    uint64_t id;
    struct wal_place place;
    const unsigned char *bytes;
    uint64_t count; /* Multiple of the block */
};

struct wal;
struct recovery;

struct wal *wal_carve(struct arena *arena, const struct wal_settings *settings);

/*
 * Buffer bytes that a step of that size may need. buffer_bytes and segment_bytes must both
 * be at least that for the largest step, or wal_has_room() could stay false forever.
 */
uint64_t wal_step_bytes(
        const struct wal_settings *settings, uint32_t entry_count, uint64_t entry_bytes);

/*
 * Continue after what recovery found (recovery.h). A first segment is wanted if none
 * exists. If recovery's verdict is none of RECOVERY_BLANK, _CLEAN and _CUT, then what was
 * found can be read, but there is never room and nothing is wanted.
 *
 * A segment that was made and not begun, but is smaller than segment_bytes, is wanted
 * again: its file then has to be replaced.
 */
void wal_init(struct wal *wal, const struct wal_settings *settings,
        const struct recovery *recovery);

/* The buffer, for io to register. */
const unsigned char *wal_buffer(const struct wal *wal, uint64_t *bytes);

/* Learned with the first entry; from then on it is in every segment header. 0: none yet. */
void wal_set_cluster(struct wal *wal, uint64_t cluster);
uint64_t wal_cluster(const struct wal *wal);

/*
 * Which data directory this is: a random number, made with the log's first segment and kept
 * in every segment header. 0: not known, in a directory of an earlier version.
 */
uint64_t wal_incarnation(const struct wal *wal);

/*
 * Appending. Before any of these, call wal_has_room() with the sum of what the step may
 * append. It is false while the buffer waits for the disk or the next segment does not
 * exist yet. `entry_bytes` are those of whole entries, with their heads; a vote and a
 * truncation are always counted in addition.
 */
bool wal_has_room(const struct wal *wal, uint32_t entry_count, uint64_t entry_bytes);

/*
 * The same for the segments alone, whatever waits in the buffer. While the next segment
 * does not exist, entries leave the last blocks of this one to votes and truncations
 * (`entry_bytes` is 0): a node whose log is full still takes part in elections.
 */
bool wal_segments_have_room(
        const struct wal *wal, uint32_t entry_count, uint64_t entry_bytes);

/* Segments begun, and how many there may be. */
uint64_t wal_segments_used(const struct wal *wal);
uint64_t wal_segments_max(const struct wal *wal);
void wal_add_vote(struct wal *wal, uint64_t term, uint8_t vote);

/*
 * Remove the entry `from`, which is in the log, and all after it. See wal_last_is_known().
 */
void wal_add_truncate(struct wal *wal, uint64_t from);

/* A whole, checked entry of another node: copied into the buffer. */
void wal_add_entry(
        struct wal *wal, const unsigned char *entry, const struct entry_head *head);

/*
 * A leader's own entry is built where it will be written from. wal_open_entry returns where
 * its body of up to `body_max` bytes goes; nothing else may be added until it is sealed or
 * dropped. wal_seal_entry fills in previous_term, previous_sum, cluster and sum of `head`.
 */
unsigned char *wal_open_entry(struct wal *wal, uint32_t body_max);
bool wal_entry_is_open(const struct wal *wal);
void wal_seal_entry(struct wal *wal, struct entry_head *head);
void wal_drop_entry(struct wal *wal);

/* The next thing to write, if anything is unwritten and a place in flight is free. */
bool wal_next_write(struct wal *wal, struct wal_write *write);

/* Write `id` is durable. Completions may come in any order. */
void wal_written(struct wal *wal, uint64_t id);

/* Position after the last record */
uint64_t wal_end(const struct wal *wal);

/* Position up to which everything is durable */
uint64_t wal_durable(const struct wal *wal);

/* The segment that io should create ahead of need; 0: none wanted now. */
uint64_t wal_wanted_segment(const struct wal *wal);
void wal_segment_ready(struct wal *wal, uint64_t number);

/* All segments that may exist are begun: once the last is full, there is no more room. */
bool wal_is_full(const struct wal *wal);

/*
 * Entries before `index`, which are committed and in a snapshot, are no longer needed. The
 * log then begins with the latest segment whose header is durable and that has no other
 * entry before it. False: it begins there already. If true, the files of all segments
 * before wal_begin().segment may be removed, and there may be as many new ones.
 */
bool wal_drop_before(struct wal *wal, uint64_t index);
struct log_begin wal_begin(const struct wal *wal);

/*
 * The entry after which the log may begin so that at least `bytes` of it are kept, by whole
 * segments.
 */
struct entry_id wal_behind(const struct wal *wal, uint64_t bytes);

/*
 * Begin the log anew after an entry that it does not have, or does not have with this id: a
 * snapshot of another member has all up to there. Nothing is in the buffer that is not
 * durable, and `begin->segment` is wal_next_segment(). The beginning is durable already
 * (store/begin_format.h). Term, vote, cluster and incarnation stay.
 */
void wal_restart_at(struct wal *wal, const struct log_begin *begin);

/*
 * Nothing more is to be added to this segment: if the log ends in it, the next record begins
 * the next segment, once that exists.
 */
void wal_leave_segment(struct wal *wal, uint64_t number);

/*
 * What must be dropped so that this segment, which the log has, goes: entries up to `last`.
 * False: no later segment could be the first of the log yet.
 */
bool wal_last_through(const struct wal *wal, uint64_t number, struct entry_id *last);

/* The segment that will be begun next, whether it exists or not. */
uint64_t wal_next_segment(const struct wal *wal);

/* Nothing waits to be written or is being written. */
bool wal_is_settled(const struct wal *wal);

/* Last entry, durable or not, and its sum (the chain continues from it). */
struct entry_id wal_last(const struct wal *wal);
uint64_t wal_last_sum(const struct wal *wal);

/*
 * False only after a truncation that went back over more than the last thousand entries:
 * then the last entry's term and sum are no longer kept (wal_last() says term 0,
 * wal_last_sum() must not be called). The next wal_add_entry() brings them; before
 * wal_seal_entry() the entry must be read from disk and its id and sum given to
 * wal_learn_last().
 */
bool wal_last_is_known(const struct wal *wal);
void wal_learn_last(struct wal *wal, struct entry_id id, uint64_t sum);

/* The first index from which on every entry lies in the buffer; last + 1 if none does. */
uint64_t wal_window_begin(const struct wal *wal);

/* An entry that still lies in the buffer: its whole bytes. NULL if it does not. */
const unsigned char *wal_find(
        const struct wal *wal, uint64_t index, struct entry_head *head);

/*
 * An entry's sum, if it is the last or among the thousand before it, or the one before the
 * log's beginning; false if it must be read, or is before that.
 */
bool wal_sum_at(const struct wal *wal, uint64_t index, uint64_t *sum);

/*
 * Reading from disk: begin at a place at or before the record of `index` and walk records
 * with wal_walk_next; records of other indexes, or of another term than the log now has at
 * that index (they were cut off), are skipped. {0, 0}: the entry is before the beginning of
 * the log and can no longer be read.
 */
struct wal_place wal_locate(const struct wal *wal, uint64_t index);

/* Whether a record that begins at this place of the log was written and is durable. */
bool wal_is_durable_at(const struct wal *wal, struct wal_place place);

/* Bytes used in a segment; 0 if it is not begun, or before the beginning. */
uint64_t wal_segment_end(const struct wal *wal, uint64_t number);

enum wal_walk_result {
    WAL_WALK_ENTRY, /* An entry is in the chunk. */
    WAL_WALK_OTHER, /* A vote or truncation, or a segment header. */
    WAL_WALK_MORE,  /* Cut off by the end of the chunk: continue to read at `at`. */
    /* No whole record of this log: it is not written yet, or the bytes are damaged. */
    WAL_WALK_END,
};

/* Walks the records of one chunk read from one segment. */
struct wal_walk {
    const unsigned char *bytes;
    size_t count;
    size_t at; /* Offset in the chunk of the next record; a multiple of the block */
    const unsigned char *entry;
    struct entry_head head;
    struct wal_place place; /* Of its first byte; segment 0: not known */
    uint64_t position;      /* ... in the whole log */
};

void wal_walk_init(struct wal_walk *walk, const void *bytes, size_t count);

/* The same for bytes that were read there: records that belong to other places end it. */
void wal_walk_at(const struct wal *wal, struct wal_walk *walk, struct wal_place place,
        const void *bytes, size_t count);
enum wal_walk_result wal_walk_next(struct wal_walk *walk);

/*
 * How many bytes of the chunk are whole records, by their heads alone: there the next read
 * begins, if it is to begin before this chunk is walked. A walk that finds damage ends
 * earlier.
 */
size_t wal_walk_whole(const struct wal_walk *walk);

void wal_check(const struct wal *wal);

#ifdef __cplusplus
}
#endif

#endif
