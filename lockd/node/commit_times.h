/*
 * When entries were committed: for how long a member, or this node's own state, has been
 * behind.
 *
 * A sample is taken about every `step_ns` while the commit index moves. When there is no
 * more room, every other sample is dropped and the step doubles. Samples that everybody
 * has passed are dropped too, so the step is short as long as nobody is far behind.
 */
#ifndef NODE_COMMIT_TIMES_H
#define NODE_COMMIT_TIMES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    COMMIT_TIMES_MAX = 64
};

struct commit_time {
    uint64_t index;
    uint64_t at_ns; /* CLOCK_MONOTONIC */
};

struct commit_times {
    uint32_t count;
    uint64_t step_ns;
    struct commit_time samples[COMMIT_TIMES_MAX]; /* Both fields grow */
};

void commit_times_init(struct commit_times *times);

/* `commit` is committed now. `passed`: nobody asks about an index below this any more. */
void commit_times_note(
        struct commit_times *times, uint64_t commit, uint64_t passed, uint64_t now_ns);

/*
 * How long ago the first entry after `index` was committed, to within a step; 0: it is not
 * committed, or only just was.
 */
uint64_t commit_times_lag_ns(
        const struct commit_times *times, uint64_t index, uint64_t now_ns);

void commit_times_check(const struct commit_times *times);

#ifdef __cplusplus
}
#endif

#endif
