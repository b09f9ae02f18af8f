#include "core/core_timer.h"

static const struct core_request *of_limit_link(const struct list_node *node)
{
    const char *at = (const char *)node - offsetof(struct core_request, limit_link);
    return (const struct core_request *)(const void *)at;
}

/* Whether nothing in the list ends later. */
static bool ends_last(const struct timers *timers, uint64_t at_ns)
{
    return list_is_empty(&timers->in_order) ||
           of_limit_link(list_last(&timers->in_order))->timer.key <= at_ns;
}

void timers_set(struct timers *timers, struct core_request *request, uint64_t at_ns)
{
    if (list_is_linked(&request->limit_link))
        list_remove(&request->limit_link);
    else if (heap_has(&request->timer))
        heap_remove(&timers->heap, &request->timer);
    if (at_ns == UINT64_MAX)
        return;
    request->timer.key = at_ns;
    request->timer.tie_high = request->handle;
    if (request->kind != CORE_ACQUIRE && ends_last(timers, at_ns))
        list_push_back(&timers->in_order, &request->limit_link);
    else
        heap_add(&timers->heap, &request->timer);
}

struct core_request *timers_first(const struct timers *timers)
{
    struct list_node *node = list_first(&timers->in_order);
    struct heap_node *timer = heap_first(&timers->heap);
    if (node == NULL && timer == NULL)
        return NULL;
    if (timer == NULL || (node != NULL && of_limit_link(node)->timer.key <= timer->key))
        return LIST_OWNER(node, struct core_request, limit_link);
    return LIST_OWNER(timer, struct core_request, timer);
}

void timers_check(const struct timers *timers)
{
    uint64_t last_ns = 0;
    const struct list_node *node = list_first(&timers->in_order);
    for (; node != NULL; node = list_next(&timers->in_order, node)) {
        const struct core_request *request = of_limit_link(node);
        assert(last_ns <= request->timer.key && !heap_has(&request->timer));
        last_ns = request->timer.key;
    }
    heap_check(&timers->heap);
}
