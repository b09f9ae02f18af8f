/*
 * Binary min-heap of intrusive nodes, for deadlines. It is ordered by (key, tie_high,
 * tie_low), so that the caller decides the order of equal keys too. If the order must be
 * the same on all replicas, no two triples may be equal.
 *
 * A node knows its place: removing and moving take logarithmic time without a search. A
 * node is outside when its slot is 0, as in fresh memory, and must not move while it is
 * inside.
 */
#ifndef LOCKD_BASE_HEAP_H
#define LOCKD_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

struct heap_node {
    uint64_t key;
    uint64_t tie_high;
    uint64_t tie_low;
    uint32_t slot; /* Place in the heap, from 1; 0: not inside. Only the heap writes it. */
};

struct heap {
    struct heap_node **slots; /* From index 1 on. */
    uint32_t count;
    uint32_t count_max;
};

/* Take memory for `count` nodes; the heap is empty then. `name` is kept: a literal. */
void heap_carve(struct heap *heap, struct arena *arena, const char *name, uint32_t count);

/* Forget all nodes without touching them: clear them, like the pool they are in. */
void heap_init(struct heap *heap);

/* Add a node whose key and ties are set; there must be room. */
void heap_add(struct heap *heap, struct heap_node *node);

/* Remove a node that is inside. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Give a node that is inside another key. */
void heap_move(struct heap *heap, struct heap_node *node, uint64_t key);

/* Assert the order of all and that every node knows its place. For tests and checkers. */
void heap_check(const struct heap *heap);

/* The least node; NULL if there is none. */
static inline struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->slots[1];
}

static inline bool heap_has(const struct heap_node *node)
{
    return node->slot != 0;
}

static inline uint32_t heap_count(const struct heap *heap)
{
    return heap->count;
}

#ifdef __cplusplus
}
#endif

#endif
