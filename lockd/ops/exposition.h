/*
 * The text format of Prometheus, version 0.0.4: families of samples.
 *
 *     # HELP lockd_term Raft term.
 *     # TYPE lockd_term gauge
 *     lockd_term 7
 *
 * Labels are given as text, such as `peer="2"`. Their values come from fixed words and
 * numbers, so nothing in them needs escaping. They never have names of locks.
 */
#ifndef OPS_EXPOSITION_H
#define OPS_EXPOSITION_H

#include "base/histogram.h"
#include "ops/page.h"

#ifdef __cplusplus
extern "C" {
#endif

enum exposition_unit {
    EXPOSITION_COUNT,   /* The number itself */
    EXPOSITION_SECONDS, /* The number is ns, and shown in seconds. */
};

/* Begin a family. `type`: "gauge", "counter" or "histogram". */
void exposition_family(
        struct page *page, const char *name, const char *type, const char *help);

/* One sample of the family begun last. `labels` may be "". */
void exposition_sample(
        struct page *page, const char *name, const char *labels, uint64_t value);
void exposition_sample_seconds(
        struct page *page, const char *name, const char *labels, uint64_t ns);

/* `used` of `most`, as a number from 0 to 1 with three digits; 0 of 0 is 0. */
void exposition_sample_ratio(struct page *page, const char *name, const char *labels,
        uint64_t used, uint64_t most);

/*
 * A histogram: its borders are powers of two, because those are borders of struct histogram
 * too, and so the counts are exact. The sum is made from the middles of
 * its buckets and off by less than a thirty-second. Only the buckets are read.
 */
void exposition_histogram(struct page *page, const char *name, const char *labels,
        const struct histogram *histogram, enum exposition_unit unit);

#ifdef __cplusplus
}
#endif

#endif
