/*
 * Where in the files the log stands: its segments, and a sparse index of entries.
 *
 * The places of some entries are kept: of the first, and from then on of one about every
 * `step` bytes. When there is no more room, every other place goes and the step doubles, so
 * that a log of any length needs the same memory. Truncations drop what they cut off. So
 * places grow in index and in position, and an entry is always found behind the last place
 * whose index is not above its own.
 *
 * Segments [1, begun] have a header; [begun + 1, existing] are made and wait for their turn.
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
};

/* An entry's record. */
struct entry_place {
    uint64_t index;
    struct wal_place place;
};

struct places {
    struct segment *segments; /* Of number n at n - 1 */
    uint64_t begun;
    uint64_t existing;
    uint64_t segments_max;
    struct entry_place *entries;
    uint64_t entry_count;
    uint64_t step;
};

void places_carve(
        struct places *places, struct arena *arena, const struct wal_settings *settings);
void places_init(struct places *places);
void places_copy(struct places *to, const struct places *from);

/* The segment in which the log ends; NULL before the first. */
struct segment *places_current(const struct places *places);

/* Segment `number` exists. */
struct segment *places_segment(const struct places *places, uint64_t number);

/* The next segment exists now. False if that is one more than there may be. */
bool places_add_segment(struct places *places, uint64_t bytes);

/* The last of those that are not begun does not exist any more. */
void places_drop_segment(struct places *places);

/* The log goes on in the next segment, which exists; `start` is the position reached. */
void places_begin_segment(struct places *places, uint64_t start);

/* Where the next byte of the log goes. {0, 0} before the first segment. */
struct wal_place places_end(const struct places *places);
uint64_t places_end_position(const struct places *places);

/* An entry's record begins at the end. Say so before its bytes are added. */
void places_note_entry(struct places *places, uint64_t index);

/* `count` more bytes of the current segment are used. */
void places_add_bytes(struct places *places, uint64_t count);

/* Entries from `from` on are cut off. */
void places_cut(struct places *places, uint64_t from);

/* Whether the first entry begins before `position`. */
bool places_have_entry_before(const struct places *places, uint64_t position);

/* A place at or before the live record of `index`; the log's begin if none is nearer. */
struct wal_place places_locate(const struct places *places, uint64_t index);

#ifdef __cplusplus
}
#endif

#endif
