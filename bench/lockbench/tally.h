/*
 * Counts the latencies, outcomes, gaps and errors of a run. Pure.
 *
 * Latency covers operations that started within the measured span, whenever they ended: so
 * a stall at the end is not cut off. Throughput counts operations that ended within the
 * span.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TALLY_STATUSES = LK_STATUS_VERSION + 1,
    TALLY_SLICE_NS = 10000000 /* Of the timeline */
};

/* 10 ms of the measured span. */
struct tally_slice {
    uint32_t grants;
    uint64_t longest_gap_ns; /* The whole gap, if part of it is in the slice */
};

/* Of acquires, or of releases. */
struct tally_side {
    struct histogram latency;
    uint64_t in_span;                   /* Succeeded within the span */
    uint64_t by_status[TALLY_STATUSES]; /* All, including the warm-up */
};

struct tally {
    uint64_t begin_ns;
    uint64_t end_ns;
    struct tally_side acquires;
    struct tally_side releases;
    struct histogram both;
    struct histogram lateness; /* Of acquires: how late they started */
    struct histogram granted;  /* Acquires: from their start to the grant ... */
    struct histogram refused;  /* ... or to BUSY */
    uint64_t left_out;         /* Open loop: due within the span, and skipped */
    uint64_t last_grant_ns;
    uint64_t longest_gap_ns;    /* Without a grant, within the span */
    struct tally_slice *slices; /* Of the span; the caller's memory, zeroed, or NULL */
    uint64_t slice_count;
    uint64_t wrong;
    char first_wrong[200]; /* The first wrong operation */
};

/* Resets everything but the slices. */
void tally_init(struct tally *tally, uint64_t begin_ns, uint64_t end_ns);

/* The span ends at `now_ns` if that is earlier. Call before tally_end(). */
void tally_cut(struct tally *tally, uint64_t now_ns);

/* How long the span is; 0: nothing was measured. */
uint64_t tally_span_ns(const struct tally *tally);

/* An acquire or release that was due at `from_ns` ended at `now_ns`. */
void tally_acquired(
        struct tally *tally, enum lk_status status, uint64_t from_ns, uint64_t now_ns);
void tally_released(
        struct tally *tally, enum lk_status status, uint64_t from_ns, uint64_t now_ns);

/* An acquire that was due at `from_ns` starts now. */
void tally_begun(struct tally *tally, uint64_t from_ns, uint64_t now_ns);

/* An acquire that started at `call_ns` ended: this time is only the cluster's. */
void tally_answered(
        struct tally *tally, enum lk_status status, uint64_t call_ns, uint64_t now_ns);

/* An acquire that was due at `from_ns` was skipped. */
void tally_left_out(struct tally *tally, uint64_t from_ns);

/* Something that must never happen. */
void tally_wrong(struct tally *tally, const char *what, const char *lock, uint64_t token);

/* The run has ended: the gap up to the end of the span counts too. */
void tally_end(struct tally *tally);

/* True when nothing was wrong and something was done. */
bool tally_is_good(const struct tally *tally);

#ifdef __cplusplus
}
#endif

#endif
