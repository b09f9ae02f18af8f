#include "locks/told.h"

#include <assert.h>

#include "base/mark.h"
#include "locks/object.h"

static struct told *first_of(const struct session *session)
{
    struct list_node *node = list_first(&session->changes);
    return node == NULL ? NULL : LIST_OWNER(node, struct told, in_session);
}

void told_drop(struct locks *locks, struct session *session)
{
    struct told *told = first_of(session);
    assert(told != NULL);
    object_change(locks, BEFORE, PART_CHANGE, told);
    list_remove(&told->in_session);
    session->change_count--;
    pool_give(&locks->changes, pool_handle_of(&locks->changes, told));
}

/* Room for one more, at the cost of the session's own oldest if need be. */
static bool make_room(struct locks *locks, struct session *session)
{
    const struct cluster_settings *settings = &locks->settings;
    bool full = session->change_count >= settings->changes_per_session_max ||
                pool_count(&locks->changes) >= settings->changes_max;
    if (!full)
        return true;
    MARK(locks_change_dropped);
    struct told *oldest = first_of(session);
    if (oldest == NULL)
        return false;
    session->dropped = oldest->change.change;
    told_drop(locks, session);
    return true;
}

void told_link(struct locks *locks, struct told *told)
{
    list_push_back(&told->session->changes, &told->in_session);
    told->session->change_count++;
    object_change(locks, AFTER, PART_CHANGE, told);
}

void told_add(struct locks *locks, struct session *session, struct change change)
{
    assert(session->end_order == 0);
    object_change(locks, BEFORE, PART_SESSION, session);
    bool room = make_room(locks, session);
    session->change++;
    if (!room)
        session->dropped = session->change;
    object_change(locks, AFTER, PART_SESSION, session);
    if (!list_is_linked(&session->changed))
        list_push_back(&locks->changed, &session->changed);
    if (!room)
        return;

    struct told *told = pool_at(&locks->changes, pool_take(&locks->changes));
    told->session = session;
    told->change = change;
    told->change.change = session->change;
    told_link(locks, told);
}

void told_confirm(struct locks *locks, struct session *session, uint64_t confirmed)
{
    if (confirmed > session->change)
        confirmed = session->change;
    if (confirmed <= session->confirmed)
        return;
    session->confirmed = confirmed;
    for (struct told *told = first_of(session);
            told != NULL && told->change.change <= confirmed; told = first_of(session))
        told_drop(locks, session);
}
