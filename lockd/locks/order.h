/*
 * The orders of the lists in the state: each goes by a number in its items, from the least
 * to the greatest (state.h). Where the number is, is said by its distance from the list's
 * node in the item.
 */
#ifndef LOCKS_ORDER_H
#define LOCKS_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The distance of a list's number from its node. */
#define ORDER_BY(type, node, number) \
    ((ptrdiff_t)offsetof(type, number) - (ptrdiff_t)offsetof(type, node))

#define ORDER_HOLDS_OF_SESSION ORDER_BY(struct hold, in_session, token)
#define ORDER_WAITS_OF_SESSION ORDER_BY(struct wait, in_session, due.tie_low)
#define ORDER_ANSWERS          ORDER_BY(struct remembered, in_session, number)
#define ORDER_CHANGES          ORDER_BY(struct told, in_session, change.change)
#define ORDER_HOLDERS          ORDER_BY(struct hold, in_lock, token)
#define ORDER_QUEUE            ORDER_BY(struct wait, in_lock, due.tie_low)
#define ORDER_ENDING           ORDER_BY(struct session, ending, end_order)
#define ORDER_READY            ORDER_BY(struct lock, ready, ready_order)

/* Whether each number is greater than the one before. */
bool order_holds(const struct list *list, ptrdiff_t distance);

/*
 * Sort the list, without memory beyond it. False: two numbers are equal. Costs no more than
 * a walk if the order holds already.
 */
bool order_restore(struct list *list, ptrdiff_t distance);

#ifdef __cplusplus
}
#endif

#endif
