/* The answers of queries and lists, as structs. */
#include <string.h>

#include "lk_internal.h"

void give_struct(void *theirs, size_t their_bytes, const void *ours, size_t our_bytes)
{
    size_t bytes = their_bytes < sizeof(size_t) ? our_bytes : their_bytes;
    memcpy(theirs, ours, bytes < our_bytes ? bytes : our_bytes);
}

static void copy_span(char *to, struct span from)
{
    if (from.count > 0)
        memcpy(to, from.bytes, from.count);
    to[from.count] = '\0';
}

/* One view of the answer, into a caller's struct of `bytes`. */
static bool read_view(struct wire *wire, struct lk_lock *lock, size_t bytes)
{
    struct lock_view view = {0};
    wire_lock_view(wire, &view);
    if (wire->failed)
        return false;
    struct lk_lock full = {.size = bytes,
            .name_len = view.name.count,
            .session = view.session,
            .owner = view.owner,
            .token = view.token,
            .count = view.count,
            .waits = view.waits,
            .ahead = view.ahead,
            .held_ns = view.held_ns,
            .remain_ns = view.remain_ns};
    copy_span(full.name, view.name);
    copy_span(full.label, view.label);
    give_struct(lock, bytes, &full, sizeof(full));
    return true;
}

bool views_lock(const struct core_completion *completion, const unsigned char *room,
        struct lk_lock *lock)
{
    struct wire wire = wire_reader(room, completion->read_bytes);
    return completion->read.count == 1 && read_view(&wire, lock, lock->size) &&
           wire_complete(&wire);
}

void views_read(const struct core_completion *completion, struct lk_read *read)
{
    read->index = completion->read.index;
    read->time_ns = completion->read.time;
}

/* The caller's locks are `lock_size` apart, if it said so. */
static size_t stride_of(const struct lk_list *list)
{
    size_t known = offsetof(struct lk_list, lock_size) + sizeof(list->lock_size);
    size_t stride = list->size >= known ? list->lock_size : 0;
    return stride < sizeof(size_t) ? sizeof(struct lk_lock) : stride;
}

bool views_list(const struct core_completion *completion, const unsigned char *room,
        struct lk_list *list)
{
    struct wire wire = wire_reader(room, completion->read_bytes);
    size_t stride = stride_of(list);
    if (completion->read.count > list->room)
        return false;
    for (uint32_t i = 0; i < completion->read.count; i++) {
        void *place = (unsigned char *)list->locks + i * stride;
        if (!read_view(&wire, place, stride))
            return false;
    }
    list->count = completion->read.count;
    list->cursor = completion->read.cursor;
    views_read(completion, &list->read);
    return wire_complete(&wire);
}
