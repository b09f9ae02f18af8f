/*
 * When requests have waited long enough.
 *
 * A program gives most of its requests the same time for an answer, so the limit that is
 * set last ends last: these requests are in a list, in that order. Each acquire waits for a
 * time of its own, so acquires are in a heap, with everything else that would be out of
 * order.
 */
#ifndef CORE_CORE_TIMER_H
#define CORE_CORE_TIMER_H

#include "base/numbers.h"
#include "core/core_objects.h"

#ifdef __cplusplus
extern "C" {
#endif

struct timers {
    struct heap heap;
    struct list in_order;
};

/* UINT64_MAX: none. */
void timers_set(struct timers *timers, struct core_request *request, uint64_t at_ns);

/* The request whose limit is next; NULL: there is none. */
struct core_request *timers_first(const struct timers *timers);

/* When that is; UINT64_MAX: never. Inline, because each step calls it twice. */
static inline uint64_t timers_deadline(const struct timers *timers)
{
    struct list_node *node = list_first(&timers->in_order);
    const struct heap_node *timer = heap_first(&timers->heap);
    uint64_t deadline = UINT64_MAX;
    if (node != NULL)
        deadline = LIST_OWNER(node, struct core_request, limit_link)->timer.key;
    return timer != NULL ? u64_min(deadline, timer->key) : deadline;
}

void timers_check(const struct timers *timers);

#ifdef __cplusplus
}
#endif

#endif
