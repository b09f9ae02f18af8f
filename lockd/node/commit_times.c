/* Samples of the commit index over time: see commit_times.h. */
#include "node/commit_times.h"

#include <assert.h>
#include <string.h>

#include "base/units.h"

static const uint64_t first_step_ns = 100 * NS_PER_MS;

void commit_times_init(struct commit_times *times)
{
    *times = (struct commit_times){.step_ns = first_step_ns};
}

/* Drop the samples at or before `passed`: everybody has what was committed by then. */
static void drop_passed(struct commit_times *times, uint64_t passed)
{
    uint32_t first = 0;
    while (first < times->count && times->samples[first].index <= passed)
        first++;
    if (first == 0)
        return;
    times->count -= first;
    memmove(times->samples, times->samples + first, times->count * sizeof *times->samples);
    if (times->count == 0)
        times->step_ns = first_step_ns;
}

static void thin_out(struct commit_times *times)
{
    for (size_t i = 0; i < COMMIT_TIMES_MAX / 2; i++)
        times->samples[i] = times->samples[2 * i];
    times->count = COMMIT_TIMES_MAX / 2;
    times->step_ns *= 2;
}

void commit_times_note(
        struct commit_times *times, uint64_t commit, uint64_t passed, uint64_t now_ns)
{
    drop_passed(times, passed);
    if (commit <= passed)
        return;
    if (times->count > 0) {
        const struct commit_time *last = &times->samples[times->count - 1];
        if (commit <= last->index || now_ns < last->at_ns + times->step_ns)
            return;
    }
    if (times->count == COMMIT_TIMES_MAX)
        thin_out(times);
    times->samples[times->count++] = (struct commit_time){.index = commit, .at_ns = now_ns};
}

uint64_t commit_times_lag_ns(
        const struct commit_times *times, uint64_t index, uint64_t now_ns)
{
    for (uint32_t i = 0; i < times->count; i++) {
        if (times->samples[i].index > index)
            return now_ns - times->samples[i].at_ns;
    }
    return 0;
}

void commit_times_check(const struct commit_times *times)
{
    assert(times->count <= COMMIT_TIMES_MAX);
    assert(times->step_ns >= first_step_ns);
    for (uint32_t i = 1; i < times->count; i++) {
        assert(times->samples[i - 1].index < times->samples[i].index);
        assert(times->samples[i - 1].at_ns < times->samples[i].at_ns);
    }
}
