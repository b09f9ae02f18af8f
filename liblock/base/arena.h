/*
 * The arena: all memory of a node, handed out once at the start and never again.
 *
 * The owner maps the memory (zero-filled; untouched pages cost nothing), carves every pool,
 * ring and table from it under a label, then seals it. An arena without memory measures: it
 * hands out NULL and counts, so the same carving code tells how much to map, and gives the
 * rows that `lockd --plan` prints.
 *
 * Nothing is given back. Running out is a mistake in the sums, so it is an assertion.
 */
#ifndef LOCKD_BASE_ARENA_H
#define LOCKD_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ARENA_ROW_MAX 160

/* One line of the worksheet. */
struct arena_row {
    const char *name;
    size_t count;
    size_t item_bytes;
};

struct arena {
    unsigned char *memory; /* NULL while measuring. */
    size_t bytes;          /* Size of memory; SIZE_MAX while measuring. */
    size_t used_bytes;
    bool sealed;
    uint32_t row_count;
    struct arena_row rows[ARENA_ROW_MAX];
};

/*
 * Start with `bytes` of zero-filled `memory`, or with NULL to measure (`bytes` is ignored).
 * The memory must have the largest alignment that will be needed; a page is enough.
 */
void arena_init(struct arena *arena, void *memory, size_t bytes);

/*
 * Take zeroed room for `count` items; NULL while measuring. `align` is a power of two.
 * `name` is kept, not copied: pass a literal. The same name may be taken several times.
 */
void *arena_take(struct arena *arena, const char *name, size_t count, size_t item_bytes,
        size_t align);

/* Nothing more can be taken from now on. */
void arena_seal(struct arena *arena);

/* Bytes handed out so far, padding included: what to map after having measured. */
size_t arena_used_bytes(const struct arena *arena);

/* The worksheet: `*count` rows in the order in which they were taken. */
const struct arena_row *arena_rows(const struct arena *arena, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif
