/*
 * What the node, and through it readers, may see of the state. Lists of locks are in the
 * order of (hash, name); lists of a session's holds and waits are in the order in which
 * they came.
 */
#include <assert.h>
#include <string.h>

#include "locks/claim.h"
#include "locks/sessions.h"
#include "locks/state.h"

enum {
    LIST_BUCKETS_MAX = 16384, /* Looked at for one page */
    AHEAD_MAX = 4096,         /* Waits looked at to find a place in the queue */
};

bool locks_session(const struct locks *locks, uint64_t id, struct session_view *view)
{
    const struct session *session = sessions_find(locks, id);
    if (session == NULL || session->end_order != 0)
        return false;
    *view = (struct session_view){
            .id = id,
            .slot = pool_index(pool_handle_of(&locks->sessions, session)),
            .ttl_ns = session->ttl_ns,
            .deadline = session->deadline,
            .change = session->change,
            .confirmed = session->confirmed,
    };
    memcpy(view->secret, session->secret, SECRET_BYTES);
    return true;
}

bool locks_next_changed(struct locks *locks, uint64_t *session)
{
    struct list_node *node = list_first(&locks->changed);
    if (node == NULL)
        return false;
    list_remove(node);
    *session = LIST_OWNER(node, struct session, changed)->id;
    return true;
}

static uint32_t copy_changes(const struct session *session, uint64_t after,
        struct change *changes, uint32_t most)
{
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->changes);
            node != NULL && count < most; node = list_next(&session->changes, node)) {
        const struct told *told = LIST_OWNER(node, struct told, in_session);
        if (told->change.change > after)
            changes[count++] = told->change;
    }
    return count;
}

static uint32_t copy_waits(const struct session *session, struct changes_from *from,
        struct change *changes, uint32_t most)
{
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->waits); node != NULL && count < most;
            node = list_next(&session->waits, node)) {
        const struct wait *wait = LIST_OWNER(node, struct wait, in_session);
        if (wait->due.tie_low <= from->order)
            continue;
        from->order = wait->due.tie_low;
        changes[count++] = (struct change){.kind = CHANGE_WAITS, .number = wait->number};
    }
    return count;
}

static uint32_t copy_holds(const struct session *session, struct changes_from *from,
        struct change *changes, uint32_t most)
{
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->holds); node != NULL && count < most;
            node = list_next(&session->holds, node)) {
        const struct hold *hold = LIST_OWNER(node, struct hold, in_session);
        if (hold->token <= from->token)
            continue;
        from->token = hold->token;
        changes[count++] = (struct change){
                .kind = CHANGE_HOLDS, .number = hold->number, .token = hold->token};
    }
    return count;
}

uint32_t locks_changes(const struct locks *locks, uint64_t session_id,
        struct changes_from *from, struct change *changes, uint32_t most)
{
    const struct session *session = sessions_find(locks, session_id);
    from->listed = false;
    if (session == NULL || session->end_order != 0)
        return 0;
    uint64_t gone =
            session->confirmed > session->dropped ? session->confirmed : session->dropped;
    from->listed = from->after < gone;
    if (!from->listed)
        return copy_changes(session, from->after, changes, most);
    uint32_t count = copy_waits(session, from, changes, most);
    return count + copy_holds(session, from, changes + count, most - count);
}

static uint64_t time_until(const struct locks *locks, uint64_t deadline)
{
    return deadline > locks->time ? deadline - locks->time : 0;
}

static void view_holder(const struct locks *locks, const struct hold *hold,
        struct lock_view *view, unsigned char *label)
{
    const struct session *session = hold->session;
    view->session = session->id;
    view->owner = hold->owner;
    view->token = hold->token;
    view->count = hold->count;
    view->held_ns = locks->time - hold->granted_at;
    if (session->end_order == 0)
        view->remain_ns = time_until(locks, sessions_due_at(locks, session));
    namechain_read(&locks->blocks, session->label, session->label_bytes, label);
    view->label = (struct span){.bytes = label, .count = session->label_bytes};
}

static void view_lock(const struct locks *locks, const struct lock *lock,
        struct lock_view *view, unsigned char *scratch)
{
    namechain_read(&locks->blocks, lock->name, lock->name_bytes, scratch);
    *view = (struct lock_view){
            .name = {.bytes = scratch, .count = lock->name_bytes},
            .waits = lock->wait_count,
            .ahead = lock->wait_count,
    };
    struct list_node *first = list_first(&lock->holders);
    if (first != NULL)
        view_holder(locks, LIST_OWNER(first, struct hold, in_lock), view,
                scratch + NAME_BYTES_MAX);
}

void locks_view(const struct locks *locks, struct span name, struct lock_view *view,
        unsigned char *scratch)
{
    assert(name.count <= NAME_BYTES_MAX);
    const struct lock *lock = nametable_find(locks, name);
    if (lock != NULL) {
        view_lock(locks, lock, view, scratch);
        return;
    }
    if (name.count > 0)
        memcpy(scratch, name.bytes, name.count);
    *view = (struct lock_view){.name = {.bytes = scratch, .count = name.count}};
}

uint32_t locks_ahead(const struct locks *locks, struct span name, uint64_t session)
{
    const struct lock *lock = nametable_find(locks, name);
    if (lock == NULL)
        return 0;
    uint32_t ahead = 0;
    for (struct list_node *node = list_first(&lock->queue);
            node != NULL && ahead < AHEAD_MAX; node = list_next(&lock->queue, node)) {
        if (LIST_OWNER(node, struct wait, in_lock)->session->id == session)
            return ahead;
        ahead++;
    }
    return lock->wait_count;
}

static bool has_prefix(
        const struct locks *locks, const struct lock *lock, struct span prefix)
{
    return lock->name_bytes >= prefix.count &&
           namechain_compare_head(&locks->blocks, lock->name, prefix) == 0;
}

/* A page being filled. */
struct filling {
    const struct locks *locks;
    const struct view_page *page;
    struct span prefix;
    uint64_t cursor; /* The first hash that is wanted */
    uint32_t count;
    uint64_t last_hash;   /* Of the lock taken last */
    uint32_t group_begin; /* Where the views of locks with that hash begin */
};

/*
 * Add the wanted locks of a bucket. False: the page is full, and its cursor is where the
 * next one begins. Locks of equal hash stay together, because the cursor cannot separate
 * them. If more of them exist than fit into a whole page, the rest is cut off.
 */
static bool add_bucket(struct filling *filling, uint32_t bucket)
{
    uint32_t at = filling->locks->names.heads[bucket];
    while (at != 0) {
        const struct lock *lock = pool_at(&filling->locks->locks, at);
        at = lock->next;
        if (lock->hash < filling->cursor ||
                !has_prefix(filling->locks, lock, filling->prefix))
            continue;
        if (filling->count == 0 || lock->hash != filling->last_hash)
            filling->group_begin = filling->count;
        if (filling->count == filling->page->most) {
            bool group_is_page = filling->group_begin == 0;
            filling->count = group_is_page ? filling->count : filling->group_begin;
            filling->cursor = group_is_page ? lock->hash + 1 : lock->hash;
            return false;
        }
        filling->last_hash = lock->hash;
        view_lock(filling->locks, lock, &filling->page->views[filling->count],
                filling->page->scratch + filling->count * (size_t)VIEW_SCRATCH_BYTES);
        filling->count++;
    }
    return true;
}

uint32_t locks_list(const struct locks *locks, struct span prefix, uint64_t *cursor,
        const struct view_page *page)
{
    assert(page->most > 0);
    if (pool_count(&locks->locks) == 0) {
        *cursor = 0;
        return 0;
    }
    struct filling filling = {
            .locks = locks, .page = page, .prefix = prefix, .cursor = *cursor};
    const struct nametable *table = &locks->names;
    uint32_t begin = nametable_bucket(table, *cursor);
    uint32_t left = nametable_bucket_count(table) - begin;
    uint32_t end = begin + (left < LIST_BUCKETS_MAX ? left : LIST_BUCKETS_MAX);
    for (uint32_t bucket = begin; bucket < end; bucket++) {
        if (!add_bucket(&filling, bucket)) {
            *cursor = filling.cursor;
            return filling.count;
        }
    }
    *cursor = end == nametable_bucket_count(table) ? 0 : nametable_bucket_begin(table, end);
    return filling.count;
}
