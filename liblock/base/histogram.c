#include "base/histogram.h"

#include <assert.h>

enum {
    CUT_BITS = HISTOGRAM_CUT_BITS,
    CUTS = 1 << CUT_BITS,
    VALUE_BITS = HISTOGRAM_VALUE_BITS
};

static_assert(HISTOGRAM_BUCKETS == CUTS + (VALUE_BITS - CUT_BITS) * CUTS,
        "one row of cuts for the values below, and one for each power of two");

uint64_t histogram_bucket_begin(uint32_t bucket)
{
    assert(bucket <= HISTOGRAM_BUCKETS);
    if (bucket < 2 * CUTS)
        return bucket;
    uint32_t shift = bucket / CUTS - 1;
    return (uint64_t)(CUTS + bucket % CUTS) << shift;
}

uint64_t histogram_bucket_end(uint32_t bucket)
{
    assert(bucket < HISTOGRAM_BUCKETS);
    return histogram_bucket_begin(bucket + 1);
}

void histogram_init(struct histogram *histogram)
{
    *histogram = (struct histogram){.least = UINT64_MAX};
}

static void widen(struct histogram *histogram, uint64_t least, uint64_t greatest)
{
    if (least < histogram->least)
        histogram->least = least;
    if (greatest > histogram->greatest)
        histogram->greatest = greatest;
}

void histogram_add_bucket(struct histogram *histogram, uint32_t bucket, uint64_t count)
{
    if (count == 0)
        return;
    assert(bucket < HISTOGRAM_BUCKETS);
    histogram->buckets[bucket] += count;
    histogram->count += count;
    widen(histogram, histogram_bucket_begin(bucket), histogram_bucket_end(bucket) - 1);
}

void histogram_merge(struct histogram *histogram, const struct histogram *more)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += more->buckets[i];
    histogram->count += more->count;
    widen(histogram, more->least, more->greatest);
}

void histogram_subtract(struct histogram *histogram, const struct histogram *before)
{
    struct histogram rest;
    histogram_init(&rest);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t now = histogram->buckets[i];
        histogram_add_bucket(
                &rest, i, now > before->buckets[i] ? now - before->buckets[i] : 0);
    }
    /* Least and greatest from before still bound what is left. */
    if (rest.count > 0 && rest.least < histogram->least)
        rest.least = histogram->least;
    if (rest.count > 0 && rest.greatest > histogram->greatest)
        rest.greatest = histogram->greatest;
    *histogram = rest;
}

/*
 * `a` times `b` over `c`, for a <= c; exact up to where halving both loses the lowest bits.
 */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t product;
    while (__builtin_mul_overflow(a, b, &product)) {
        a /= 2;
        c /= 2;
    }
    return product / c;
}

/* How many values, from the smallest, the rank covers: at least one. */
static uint64_t rank_place(const struct histogram *histogram, uint32_t rank)
{
    uint64_t whole = histogram->count / HISTOGRAM_ALL * rank;
    uint64_t part =
            (histogram->count % HISTOGRAM_ALL * rank + HISTOGRAM_ALL - 1) / HISTOGRAM_ALL;
    return whole + part == 0 ? 1 : whole + part;
}

uint64_t histogram_at(const struct histogram *histogram, uint32_t rank)
{
    assert(rank <= HISTOGRAM_ALL);
    if (histogram->count == 0)
        return 0;
    uint64_t place = rank_place(histogram, rank);
    if (place >= histogram->count)
        return histogram->greatest;
    uint32_t bucket = 0;
    while (place > histogram->buckets[bucket]) {
        place -= histogram->buckets[bucket];
        bucket++;
    }
    uint64_t begin = histogram_bucket_begin(bucket);
    uint64_t width = histogram_bucket_end(bucket) - begin - 1;
    uint64_t value = begin + scale(place, width, histogram->buckets[bucket]);
    if (value < histogram->least)
        return histogram->least;
    return value > histogram->greatest ? histogram->greatest : value;
}

/* Of values times `unit`. Adds means of buckets, so that no sum can overflow. */
static uint64_t mean_of(const struct histogram *histogram, uint64_t unit)
{
    uint64_t mean = 0;
    uint64_t rest = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && histogram->count > 0; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        uint64_t begin = histogram_bucket_begin(i);
        uint64_t middle = (begin + (histogram_bucket_end(i) - begin) / 2) * unit;
        uint64_t share;
        if (__builtin_mul_overflow(middle, histogram->buckets[i], &share)) {
            mean += scale(histogram->buckets[i], middle, histogram->count);
        } else {
            mean += share / histogram->count;
            rest += share % histogram->count;
        }
        mean += rest / histogram->count;
        rest %= histogram->count;
    }
    return mean;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    return mean_of(histogram, 1);
}

uint64_t histogram_mean_milli(const struct histogram *histogram)
{
    return mean_of(histogram, 1000);
}
