/*
 * The load as most programs make it: liblock's blocking calls, with one thread per slot.
 * Threads share clients. Closed loop only.
 */
#ifndef BENCH_BLOCKING_H
#define BENCH_BLOCKING_H

#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As engine_run(), without a history; `second` is not called. */
enum engine_end blocking_run(const struct settings *settings, struct tally *tally,
        const struct engine_watcher *watcher);

#ifdef __cplusplus
}
#endif

#endif
