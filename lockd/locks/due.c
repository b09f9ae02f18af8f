#include "locks/due.h"

#include <assert.h>

#include "base/mark.h"
#include "base/numbers.h"
#include "locks/claim.h"
#include "locks/sessions.h"
#include "locks/told.h"

/* Take one of the entry's items; false: none is left. */
static bool take_item(struct locks *locks)
{
    if (locks->work_left == 0)
        return false;
    locks->work_left--;
    return true;
}

/* Continue with the ends of sessions. */
static void work_on_ending(struct locks *locks)
{
    while (!list_is_empty(&locks->ending)) {
        if (!take_item(locks)) {
            MARK(locks_ending_left_over);
            return;
        }
        struct list_node *first = list_first(&locks->ending);
        sessions_end_step(locks, LIST_OWNER(first, struct session, ending));
    }
}

static void work_on_ready(struct locks *locks)
{
    if (is_quarantined(locks))
        return;
    while (!list_is_empty(&locks->ready)) {
        if (!take_item(locks)) {
            MARK(locks_grants_left_over);
            return;
        }
        struct list_node *first = list_first(&locks->ready);
        claim_grant(locks, LIST_OWNER(first, struct lock, ready));
    }
}

void due_work(struct locks *locks)
{
    work_on_ending(locks);
    work_on_ready(locks);
}

void due_fail_wait(struct locks *locks, struct wait *wait, enum status status)
{
    struct session *session = wait->session;
    struct lock *lock = wait->lock;
    struct change change = {
            .kind = CHANGE_FAILED,
            .status = (uint8_t)status,
            .number = wait->number,
    };
    claim_unwait(locks, wait);
    told_add(locks, session, change);
    claim_settle(locks, lock);
}

/* The first of the heap is due. */
static void do_due(struct locks *locks, struct heap_node *node)
{
    if (node->tie_high == DUE_WAIT) {
        due_fail_wait(locks, wait_of_due(node), STATUS_TIMEOUT);
        locks->work_left--;
        return;
    }
    struct session *session = session_of_due(node);
    if (sessions_file(locks, session)) {
        MARK(locks_session_lifted);
        locks->work_left--;
        return;
    }
    /* The beginning of an end costs no item: its first step follows at once. */
    sessions_end(locks, session, LOST_EXPIRED);
    work_on_ending(locks);
}

/* The first of what is due by then; NULL: nothing. */
static struct heap_node *first_due(const struct locks *locks, uint64_t time)
{
    struct heap_node *first = heap_first(&locks->due);
    return first != NULL && first->key <= time ? first : NULL;
}

/* All that is due by then, then the grants which this makes possible. */
static void do_all_due(struct locks *locks, uint64_t time)
{
    work_on_ending(locks);
    for (struct heap_node *node = first_due(locks, time);
            node != NULL && locks->work_left > 0; node = first_due(locks, time))
        do_due(locks, node);
    due_work(locks);
}

void locks_due(struct locks *locks)
{
    do_all_due(locks, locks->time_before);
    do_all_due(locks, locks->time);
}

uint64_t locks_deadline(const struct locks *locks)
{
    const struct heap_node *first = heap_first(&locks->due);
    uint64_t due = first == NULL ? UINT64_MAX : first->key;
    return is_quarantined(locks) ? u64_min(due, locks->quarantine) : due;
}

uint32_t locks_work_done(const struct locks *locks)
{
    return locks->settings.work_max - locks->work_left;
}

bool locks_has_work(const struct locks *locks)
{
    bool grants = !list_is_empty(&locks->ready) && !is_quarantined(locks);
    return !list_is_empty(&locks->ending) || grants ||
           first_due(locks, locks->time) != NULL;
}
