/*
 * Figures about holds, waits and sessions, for the operator: see locks.h. Nothing that an
 * outcome depends on reads them.
 */
#include "base/numbers.h"
#include "locks/state.h"

static const struct survey survey_begin = {.oldest_at = UINT64_MAX};

const struct locks_figures *locks_read_figures(const struct locks *locks)
{
    return &locks->figures;
}

void locks_forget_figures(struct locks *locks)
{
    locks->figures = (struct locks_figures){0};
    histogram_init(&locks->figures.hold_ns);
    histogram_init(&locks->figures.wait_ns);
    locks->survey = survey_begin;
}

static bool survey_hold(struct locks *locks)
{
    struct survey *survey = &locks->survey;
    if (survey->hold >= locks->holds.used_count)
        return false;
    const struct hold *hold = pool_peek(&locks->holds, survey->hold++);
    if (hold != NULL)
        survey->oldest_at = u64_min(survey->oldest_at, hold->granted_at);
    return true;
}

static bool survey_lock(struct locks *locks)
{
    struct survey *survey = &locks->survey;
    if (survey->lock >= locks->locks.used_count)
        return false;
    const struct lock *lock = pool_peek(&locks->locks, survey->lock++);
    if (lock != NULL && lock->wait_count > survey->longest_queue)
        survey->longest_queue = lock->wait_count;
    return true;
}

/* All were looked at: that is news, and the next look begins. */
static void survey_end(struct locks *locks)
{
    const struct survey *survey = &locks->survey;
    bool any = survey->oldest_at <= locks->time;
    locks->figures.oldest_hold_ns = any ? locks->time - survey->oldest_at : 0;
    locks->figures.longest_queue = survey->longest_queue;
    locks->survey = survey_begin;
}

void locks_survey(struct locks *locks, uint32_t items)
{
    for (uint32_t i = 0; i < items; i++) {
        bool held = survey_hold(locks);
        bool locked = survey_lock(locks);
        if (!held && !locked) {
            survey_end(locks);
            return;
        }
    }
}
