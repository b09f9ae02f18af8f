/*
 * Log-linear histogram of integers: how often each value came, in fixed memory.
 *
 * Each power of two is cut into 16 equal buckets, and values below 32 have a bucket each.
 * So a value read back is off by less than a sixteenth of itself, whether it is 3 commands
 * or 3 seconds in ns. Values from 2^44 on (4.9 hours in ns) count in the last bucket.
 *
 *     value    0 .. 31      bucket = value, exact
 *     value    2^e + r      bucket = 16 * (e - 4) + 16 + r / 2^(e - 4), e from 5 to 43
 *
 * Histograms can be added (merge), subtracted (the difference of two readings of one
 * histogram is the histogram of the time between) and sent. The numbers of buckets and
 * their counts are sent, so the borders of buckets are part of the protocol.
 *
 * Least and greatest are exact while values are added one by one. A histogram made from
 * buckets knows them only to the border of the bucket.
 */
#ifndef LOCKD_BASE_HISTOGRAM_H
#define LOCKD_BASE_HISTOGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HISTOGRAM_BUCKETS = 656,
    HISTOGRAM_ALL = 100000, /* Ranks are in parts of this: p99.9 is 99900. */
    HISTOGRAM_CUT_BITS = 4,
    HISTOGRAM_VALUE_BITS = 44,
};

struct histogram {
    uint64_t count;
    uint64_t least;    /* UINT64_MAX when empty */
    uint64_t greatest; /* 0 when empty */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *histogram);

/* The bucket of a value. */
static inline uint32_t histogram_bucket(uint64_t value)
{
    if (value >> HISTOGRAM_CUT_BITS == 0)
        return (uint32_t)value;
    if (value >> HISTOGRAM_VALUE_BITS != 0)
        return HISTOGRAM_BUCKETS - 1;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_CUT_BITS;
    return (shift << HISTOGRAM_CUT_BITS) + (uint32_t)(value >> shift);
}

/* Inline, because a node does this several times in every turn. */
static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[histogram_bucket(value)]++;
    histogram->count++;
    if (value < histogram->least)
        histogram->least = value;
    if (value > histogram->greatest)
        histogram->greatest = value;
}

/* Add `count` values of a bucket, as received; `bucket` is below HISTOGRAM_BUCKETS. */
void histogram_add_bucket(struct histogram *histogram, uint32_t bucket, uint64_t count);

/* Add all that is in `more`. */
void histogram_merge(struct histogram *histogram, const struct histogram *more);

/*
 * Take out all that is in `before`, an earlier reading of the same histogram. If `before`
 * has more (the program was restarted between), buckets stop at 0.
 */
void histogram_subtract(struct histogram *histogram, const struct histogram *before);

/*
 * The value that `rank` of HISTOGRAM_ALL values do not exceed: 50000 is the median, 100000
 * the greatest. Within a bucket values are taken as evenly spread. 0 when empty.
 */
uint64_t histogram_at(const struct histogram *histogram, uint32_t rank);

/*
 * The mean, from the middles of the buckets: exact when all values are below 32. 0 when
 * empty.
 */
uint64_t histogram_mean(const struct histogram *histogram);

/* The mean times 1000, for means of small numbers. */
uint64_t histogram_mean_milli(const struct histogram *histogram);

/* What a bucket holds: values in [begin, end). */
uint64_t histogram_bucket_begin(uint32_t bucket);
uint64_t histogram_bucket_end(uint32_t bucket);

#ifdef __cplusplus
}
#endif

#endif
