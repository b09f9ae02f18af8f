/*
 * What is told to those who only look: the node and, through it, readers. Lists of locks go
 * in the order of (hash, name); those of a session's holds and waits in the order in which
 * they came.
 */
#include <assert.h>
#include <string.h>

#include "locks/claim.h"
#include "locks/sessions.h"
#include "locks/state.h"

enum {
    LIST_BUCKETS_MAX = 4096, /* Looked at for one page */
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

/* Holds, then waits, from the one at `skip` on. */
static uint32_t copy_list(
        const struct session *session, uint32_t skip, struct change *changes, uint32_t most)
{
    uint32_t count = 0;
    for (struct list_node *node = list_first(&session->holds); node != NULL && count < most;
            node = list_next(&session->holds, node)) {
        const struct hold *hold = LIST_OWNER(node, struct hold, in_session);
        if (skip > 0)
            skip--;
        else
            changes[count++] = (struct change){
                    .kind = CHANGE_HOLDS, .number = hold->number, .token = hold->token};
    }
    for (struct list_node *node = list_first(&session->waits); node != NULL && count < most;
            node = list_next(&session->waits, node)) {
        const struct wait *wait = LIST_OWNER(node, struct wait, in_session);
        if (skip > 0)
            skip--;
        else
            changes[count++] =
                    (struct change){.kind = CHANGE_WAITS, .number = wait->number};
    }
    return count;
}

uint32_t locks_changes(const struct locks *locks, uint64_t session_id, uint64_t after,
        uint32_t skip, struct change *changes, uint32_t most, bool *listed)
{
    const struct session *session = sessions_find(locks, session_id);
    *listed = false;
    if (session == NULL || session->end_order != 0)
        return 0;
    uint64_t gone =
            session->confirmed > session->dropped ? session->confirmed : session->dropped;
    *listed = after < gone;
    return *listed ? copy_list(session, skip, changes, most)
                   : copy_changes(session, after, changes, most);
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

static bool has_prefix(
        const struct locks *locks, const struct lock *lock, struct span prefix)
{
    return lock->name_bytes >= prefix.count &&
           namechain_compare_head(&locks->blocks, lock->name, prefix) == 0;
}

/* A page being filled. */
struct page {
    const struct locks *locks;
    struct span prefix;
    uint64_t cursor; /* The first hash that is wanted */
    struct lock_view *views;
    unsigned char *scratch;
    uint32_t most;
    uint32_t count;
    uint64_t last_hash;   /* Of the lock looked at last */
    uint32_t group_begin; /* Where the views of locks with that hash begin */
};

/*
 * Add what is wanted of a bucket. False: the page is full, and its cursor stands where the
 * next one begins. Locks of equal hash stay together, as the cursor cannot part them; only
 * more of them than fit into a whole page are cut off.
 */
static bool add_bucket(struct page *page, uint32_t bucket)
{
    uint32_t at = page->locks->names.heads[bucket];
    while (at != 0) {
        const struct lock *lock = pool_at(&page->locks->locks, at);
        at = lock->next;
        if (lock->hash < page->cursor || !has_prefix(page->locks, lock, page->prefix))
            continue;
        if (page->count == 0 || lock->hash != page->last_hash)
            page->group_begin = page->count;
        if (page->count == page->most) {
            bool group_is_page = page->group_begin == 0;
            page->count = group_is_page ? page->count : page->group_begin;
            page->cursor = group_is_page ? lock->hash + 1 : lock->hash;
            return false;
        }
        page->last_hash = lock->hash;
        view_lock(page->locks, lock, &page->views[page->count],
                page->scratch + page->count * (size_t)(NAME_BYTES_MAX + LABEL_BYTES_MAX));
        page->count++;
    }
    return true;
}

uint32_t locks_list(const struct locks *locks, struct span prefix, uint64_t *cursor,
        struct lock_view *views, uint32_t most, unsigned char *scratch)
{
    assert(most > 0);
    struct page page = {
            .locks = locks,
            .prefix = prefix,
            .cursor = *cursor,
            .views = views,
            .most = most,
    };
    page.scratch = scratch;
    const struct nametable *table = &locks->names;
    uint32_t begin = nametable_bucket(table, *cursor);
    uint32_t left = nametable_bucket_count(table) - begin;
    uint32_t end = begin + (left < LIST_BUCKETS_MAX ? left : LIST_BUCKETS_MAX);
    for (uint32_t bucket = begin; bucket < end; bucket++) {
        if (!add_bucket(&page, bucket)) {
            *cursor = page.cursor;
            return page.count;
        }
    }
    *cursor = end == nametable_bucket_count(table) ? 0 : nametable_bucket_begin(table, end);
    return page.count;
}
