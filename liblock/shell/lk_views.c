/* The answers of queries and lists, as structs. */
#include <string.h>

#include "lk_internal.h"

static void copy_span(char *to, struct span from)
{
    if (from.count > 0)
        memcpy(to, from.bytes, from.count);
    to[from.count] = '\0';
}

static bool read_view(struct wire *wire, struct lk_lock *lock)
{
    struct lock_view view = {0};
    wire_lock_view(wire, &view);
    if (wire->failed)
        return false;
    copy_span(lock->name, view.name);
    copy_span(lock->label, view.label);
    lock->name_len = view.name.count;
    lock->session = view.session;
    lock->owner = view.owner;
    lock->token = view.token;
    lock->count = view.count;
    lock->waits = view.waits;
    lock->ahead = view.ahead;
    lock->held_ns = view.held_ns;
    lock->remain_ns = view.remain_ns;
    return true;
}

bool views_lock(const struct core_completion *completion, const unsigned char *room,
        struct lk_lock *lock)
{
    struct wire wire = wire_reader(room, completion->read_bytes);
    return completion->read.count == 1 && read_view(&wire, lock) && wire_complete(&wire);
}

bool views_list(const struct core_completion *completion, const unsigned char *room,
        struct lk_list *list)
{
    struct wire wire = wire_reader(room, completion->read_bytes);
    if (completion->read.count > list->room)
        return false;
    for (uint32_t i = 0; i < completion->read.count; i++) {
        if (!read_view(&wire, &list->locks[i]))
            return false;
    }
    list->count = completion->read.count;
    list->cursor = completion->read.cursor;
    list->read.index = completion->read.index;
    list->read.time_ns = completion->read.time;
    return wire_complete(&wire);
}
