#include "base/heap.h"

#include <assert.h>
#include <stdalign.h>

static bool is_before(const struct heap_node *a, const struct heap_node *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    if (a->tie_high != b->tie_high)
        return a->tie_high < b->tie_high;
    return a->tie_low < b->tie_low;
}

static void place(struct heap *heap, struct heap_node *node, uint32_t slot)
{
    heap->slots[slot] = node;
    node->slot = slot;
}

/* Put `node` at `slot` or nearer to the top, moving down what is greater. */
static void sift_up(struct heap *heap, struct heap_node *node, uint32_t slot)
{
    while (slot > 1 && is_before(node, heap->slots[slot / 2])) {
        place(heap, heap->slots[slot / 2], slot);
        slot /= 2;
    }
    place(heap, node, slot);
}

/* Put `node` at `slot` or farther from the top, moving up what is less. */
static void sift_down(struct heap *heap, struct heap_node *node, uint32_t slot)
{
    while (slot <= heap->count / 2) {
        uint32_t child = slot * 2;
        if (child < heap->count && is_before(heap->slots[child + 1], heap->slots[child]))
            child++;
        if (!is_before(heap->slots[child], node))
            break;
        place(heap, heap->slots[child], slot);
        slot = child;
    }
    place(heap, node, slot);
}

/* Put `node`, which may be greater or less than what was at `slot`, where it belongs. */
static void settle(struct heap *heap, struct heap_node *node, uint32_t slot)
{
    if (slot > 1 && is_before(node, heap->slots[slot / 2]))
        sift_up(heap, node, slot);
    else
        sift_down(heap, node, slot);
}

void heap_carve(struct heap *heap, struct arena *arena, const char *name, uint32_t count)
{
    assert(0 < count && count < UINT32_MAX / 2);
    *heap = (struct heap){.count_max = count};
    heap->slots = arena_take(arena, name, (size_t)count + 1, sizeof(struct heap_node *),
            alignof(struct heap_node *));
}

void heap_init(struct heap *heap)
{
    heap->count = 0;
}

void heap_add(struct heap *heap, struct heap_node *node)
{
    assert(!heap_has(node));
    assert(heap->count < heap->count_max);
    heap->count++;
    sift_up(heap, node, heap->count);
}

/* Assert that the node is in this heap. */
static void assert_inside(const struct heap *heap, const struct heap_node *node)
{
    assert(heap_has(node));
    assert(node->slot <= heap->count);
    assert(heap->slots[node->slot] == node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    assert_inside(heap, node);
    uint32_t slot = node->slot;
    struct heap_node *last = heap->slots[heap->count];
    heap->count--;
    node->slot = 0;
    if (last != node)
        settle(heap, last, slot);
}

void heap_move(struct heap *heap, struct heap_node *node, uint64_t key)
{
    assert_inside(heap, node);
    node->key = key;
    settle(heap, node, node->slot);
}

void heap_check(const struct heap *heap)
{
    assert(heap->count <= heap->count_max);
    for (uint32_t slot = 1; slot <= heap->count; slot++) {
        assert(heap->slots[slot]->slot == slot);
        if (slot > 1)
            assert(!is_before(heap->slots[slot], heap->slots[slot / 2]));
    }
}
