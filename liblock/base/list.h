/*
 * Intrusive doubly linked list, whose nodes know whether they are linked.
 *
 * The head is a node before the first and after the last. A node is unlinked when it is all
 * zero, as fresh memory is, and again after list_remove(); linking a linked node and
 * removing an unlinked one are assertions. Nothing is owned: a node must not move while it
 * is linked, and neither must a head.
 */
#ifndef LOCKD_BASE_LIST_H
#define LOCKD_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct list_node {
    struct list_node *next; /* NULL: not linked. */
    struct list_node *prev;
};

struct list {
    struct list_node head;
};

/* The object of `type` whose `member` is at `node`, which is not NULL. */
#define LIST_OWNER(node, type, member) \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->head.next = &list->head;
    list->head.prev = &list->head;
}

static inline bool list_is_linked(const struct list_node *node)
{
    return node->next != NULL;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

/* Link `node` before `place`, which is linked. */
static inline void list_insert_before(struct list_node *place, struct list_node *node)
{
    assert(list_is_linked(place));
    assert(!list_is_linked(node));
    node->next = place;
    node->prev = place->prev;
    place->prev->next = node;
    place->prev = node;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
    list_insert_before(&list->head, node);
}

static inline void list_push_front(struct list *list, struct list_node *node)
{
    list_insert_before(list->head.next, node);
}

static inline void list_remove(struct list_node *node)
{
    assert(list_is_linked(node));
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
    node->prev = NULL;
}

/* The first or last node; NULL if there is none. */
static inline struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.next;
}

static inline struct list_node *list_last(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.prev;
}

/* The node after `node`, which is in `list`; NULL after the last. */
static inline struct list_node *list_next(
        const struct list *list, const struct list_node *node)
{
    assert(list_is_linked(node));
    return node->next == &list->head ? NULL : node->next;
}

/* The node before `node`, which is in `list`; NULL before the first. */
static inline struct list_node *list_prev(
        const struct list *list, const struct list_node *node)
{
    assert(list_is_linked(node));
    return node->prev == &list->head ? NULL : node->prev;
}

#ifdef __cplusplus
}
#endif

#endif
