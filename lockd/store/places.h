/*
 * Where in the files the log lies: its segments, and a sparse index of entries.
 *
 * The places of some entries are kept: of the first one, and from there of one about every
 * `step` bytes. When there is no more room, every other place is dropped and the step
 * doubles, so that a log of any length needs the same memory. A truncation drops the places
 * that it cuts off. So places grow in index and in position, and an entry always lies at or
 * after the last place whose index is not above its own.
 *
 * Segment numbers only grow, and the segments are kept in a ring: [begin.segment, begun]
 * have a header, [begun + 1, existing] exist and wait for their turn, and there are at most
 * `segments_max` of both together. When the beginning of the log moves, the segments before
 * it are gone and their places in the ring free.
 *
 * A segment can become the first if its header names an entry before it that is still in
 * the log at that index. A truncation that removes that entry ends this permanently.
 */
#ifndef STORE_PLACES_H
#define STORE_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PLACES_STEP = 1024 * 1024, /* To begin with */
    PLACES_MAX = 16384
};

struct segment {
    uint64_t start; /* Position of its first byte */
    uint64_t bytes; /* It holds at most */
    uint64_t used;
    /* The last entry before it. Its term is 0: the log cannot begin with this segment. */
    struct entry_id before;
    uint64_t before_sum;
};

/* An entry's record. */
struct entry_place {
    uint64_t index;
    struct wal_place place;
};

struct places {
    struct log_begin begin;
    struct segment *segments; /* Of number n at n % segments_max */
    uint64_t begun;           /* Highest numbers; one less than the first: none */
    uint64_t existing;
    uint64_t segments_max;
    struct entry_place *entries;
    uint64_t entry_count;
    uint64_t step;
};

void places_carve(
        struct places *places, struct arena *arena, const struct wal_settings *settings);

/* A log without segments that begins there. */
void places_init(struct places *places, const struct log_begin *begin);
void places_copy(struct places *to, const struct places *from);

/* The segment in which the log ends; NULL before the first. */
struct segment *places_current(const struct places *places);

/* Segment `number`, which exists and is not before the beginning. */
struct segment *places_segment(const struct places *places, uint64_t number);

/* Whether there are as many segments as there may be. */
bool places_is_full(const struct places *places);

/* The next segment exists now. False if that is one more than there may be. */
bool places_add_segment(struct places *places, uint64_t bytes);

/* The last of those that are not begun no longer exists. */
void places_drop_segment(struct places *places);

/*
 * The log continues in the next segment, which exists, after the entry `before`. `start` is
 * the position reached; in a log that begins later, the first segment gives it.
 */
void places_begin_segment(
        struct places *places, uint64_t start, struct entry_id before, uint64_t sum);

/* Where the next byte of the log goes. {0, 0} before the first segment. */
struct wal_place places_end(const struct places *places);
uint64_t places_end_position(const struct places *places);

/* An entry's record begins at the end. Say so before its bytes are added. */
void places_note_entry(struct places *places, uint64_t index);

/* `count` more bytes of the current segment are used. */
void places_add_bytes(struct places *places, uint64_t count);

/* Entries from `from` on, which is not before the beginning, are cut off. */
void places_cut(struct places *places, uint64_t from);

/*
 * Begin the log with the latest segment that can be the first, has no entry from `index` on
 * before it, and whose header ends at or before position `durable`. False if the log begins
 * there or later already.
 */
bool places_drop_before(struct places *places, uint64_t index, uint64_t durable);

/*
 * The last entry before the first segment after `number` that can be the first, and whose
 * header ends at or before position `durable`. False: there is none.
 */
bool places_last_through(const struct places *places, uint64_t number, uint64_t durable,
        struct entry_id *last);

/*
 * The log is begun anew with the segment after the last one begun, after an entry that it
 * does not have. All segments before are gone.
 */
void places_restart(struct places *places, const struct log_begin *begin);

/*
 * The entry after which the latest segment begins that has at least `bytes` of the log from
 * its beginning on; the one before the log if there is none.
 */
struct entry_id places_behind(const struct places *places, uint64_t bytes);

/* Whether the first entry that ever was begins before `position`. */
bool places_have_entry_before(const struct places *places, uint64_t position);

/*
 * A place at or before the live record of `index`; the log's beginning if none is nearer;
 * {0, 0} if the entry was before the beginning.
 */
struct wal_place places_locate(const struct places *places, uint64_t index);

#ifdef __cplusplus
}
#endif

#endif
