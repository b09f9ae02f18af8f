/*
 * Writes a history in the format lockhist/1: one line of JSON per operation, as the
 * client saw it. lockcheck reads it afterwards.
 *
 * Times are CLOCK_MONOTONIC in ns: `call` read before the request was handed to the
 * library, `ret` after the library returned the outcome.
 */
#ifndef BENCH_BENCH_HISTORY_H
#define BENCH_BENCH_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

struct history {
    FILE *out; /* NULL: nothing is written */
    uint64_t ttl_ns;
};

enum history_op {
    HISTORY_OPEN,
    HISTORY_KEEPALIVE, /* The library sends keepalives: recorded by their effect */
    HISTORY_CLOSE,
    HISTORY_ACQUIRE,
    HISTORY_TRY,
    HISTORY_RELEASE,
    HISTORY_QUERY,
};

struct history_line {
    uint64_t proc;
    enum history_op op;
    enum lk_status status;
    const char *lock; /* NULL for OPEN and CLOSE; no character that JSON would escape */
    uint64_t session;
    uint64_t call_ns;
    uint64_t ret_ns;
    uint64_t token;       /* 0: none */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    uint64_t holder;      /* QUERY: the holder's session; 0: the lock is free */
};

/* False: the error was printed. `path` NULL: no history is written. */
bool history_open(struct history *history, const char *path, uint64_t ttl_ns);

/* False: a write failed, and the error was printed. */
bool history_close(struct history *history);

void history_write(struct history *history, const struct history_line *line);

/* What a status claims, in the words of the format. */
const char *history_claim(enum history_op op, enum lk_status status);

/*
 * True when `op` is over for its `proc` with an unknown outcome: the next one needs a new
 * proc.
 */
bool history_ends_proc(enum history_op op, enum lk_status status);

#ifdef __cplusplus
}
#endif

#endif
