/*
 * A merge sort of linked nodes. Each node is added to rows of 1, 2, 4, ... nodes as one is
 * added to a binary number. So short rows are merged soon after they were read, while they
 * are in the processor's caches.
 */
#include "locks/order.h"

#include <assert.h>

enum {
    ROWS_MAX = 32 /* A row of 2^31 nodes: more than there are parts. */
};

static uint64_t number_of(const struct list_node *node, ptrdiff_t distance)
{
    return *(const uint64_t *)(const void *)((const char *)node + distance);
}

bool order_holds(const struct list *list, ptrdiff_t distance)
{
    const struct list_node *before = list_first(list);
    if (before == NULL)
        return true;
    for (const struct list_node *node = list_next(list, before); node != NULL;
            node = list_next(list, node)) {
        if (number_of(node, distance) <= number_of(before, distance))
            return false;
        before = node;
    }
    return true;
}

/* Rows end with NULL, and only `next` is kept. */
static struct list_node *merge(
        struct list_node *one, struct list_node *other, ptrdiff_t distance)
{
    struct list_node *merged = NULL;
    struct list_node **end = &merged;
    while (one != NULL && other != NULL) {
        if (number_of(other, distance) < number_of(one, distance)) {
            *end = other;
            end = &other->next;
            other = other->next;
        } else {
            *end = one;
            end = &one->next;
            one = one->next;
        }
    }
    *end = one != NULL ? one : other;
    return merged;
}

static struct list_node *sort(struct list_node *node, ptrdiff_t distance)
{
    struct list_node *rows[ROWS_MAX] = {NULL};
    while (node != NULL) {
        struct list_node *row = node;
        node = node->next;
        row->next = NULL;
        int i = 0;
        for (; rows[i] != NULL; i++) {
            row = merge(rows[i], row, distance);
            rows[i] = NULL;
        }
        assert(i < ROWS_MAX - 1);
        rows[i] = row;
    }
    struct list_node *sorted = NULL;
    for (int i = 0; i < ROWS_MAX; i++)
        sorted = merge(rows[i], sorted, distance);
    return sorted;
}

bool order_restore(struct list *list, ptrdiff_t distance)
{
    if (order_holds(list, distance))
        return true;
    list->head.prev->next = NULL;
    struct list_node *node = sort(list->head.next, distance);
    struct list_node *before = &list->head;
    for (; node != NULL; node = node->next) {
        before->next = node;
        node->prev = before;
        before = node;
    }
    before->next = &list->head;
    list->head.prev = before;
    return order_holds(list, distance);
}
