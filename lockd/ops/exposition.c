#include "ops/exposition.h"

/* Borders: 2^first, 2^(first + 1), ... up to 2^last. */
struct borders {
    uint32_t first;
    uint32_t last;
};

/* 8.2 us to 68 s; holds and waits may take longer. */
static const struct borders of_seconds = {.first = 13, .last = 36};
static const struct borders of_counts = {.first = 1, .last = 20};

void exposition_family(
        struct page *page, const char *name, const char *type, const char *help)
{
    page_add(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_name(struct page *page, const char *name, const char *labels)
{
    if (labels[0] == 0)
        page_add(page, "%s ", name);
    else
        page_add(page, "%s{%s} ", name, labels);
}

void exposition_sample(
        struct page *page, const char *name, const char *labels, uint64_t value)
{
    put_name(page, name, labels);
    page_add(page, "%llu\n", (unsigned long long)value);
}

void exposition_sample_seconds(
        struct page *page, const char *name, const char *labels, uint64_t ns)
{
    put_name(page, name, labels);
    page_seconds(page, ns);
    page_add(page, "\n");
}

void exposition_sample_ratio(struct page *page, const char *name, const char *labels,
        uint64_t used, uint64_t most)
{
    uint64_t thousandths = most == 0 ? 0 : used * 1000 / most;
    put_name(page, name, labels);
    page_add(page, "%llu.%03llu\n", (unsigned long long)(thousandths / 1000),
            (unsigned long long)(thousandths % 1000));
}

/* ---- Histograms ---- */

static void put_value(struct page *page, enum exposition_unit unit, uint64_t value)
{
    if (unit == EXPOSITION_SECONDS)
        page_seconds(page, value);
    else
        page_add(page, "%llu", (unsigned long long)value);
}

/* ` name_bucket{labels,le="` and what comes after the border. */
static void put_bucket(
        struct page *page, const char *name, const char *labels, const char *border)
{
    const char *comma = labels[0] == 0 ? "" : ",";
    page_add(page, "%s_bucket{%s%sle=\"%s", name, labels, comma, border);
}

static void end_bucket(struct page *page, uint64_t count)
{
    page_add(page, "\"} %llu\n", (unsigned long long)count);
}

/* How many values are below the bucket `end`. */
static uint64_t count_to(const struct histogram *histogram, uint32_t *bucket, uint32_t end)
{
    uint64_t count = 0;
    for (; *bucket < end; ++*bucket)
        count += histogram->buckets[*bucket];
    return count;
}

static uint64_t sum_of(const struct histogram *histogram)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t begin = histogram_bucket_begin(i);
        uint64_t middle = begin + (histogram_bucket_end(i) - begin) / 2;
        sum += histogram->buckets[i] * middle;
    }
    return sum;
}

static void put_suffixed(
        struct page *page, const char *name, const char *suffix, const char *labels)
{
    page_add(page, "%s%s", name, suffix);
    if (labels[0] != 0)
        page_add(page, "{%s}", labels);
    page_add(page, " ");
}

void exposition_histogram(struct page *page, const char *name, const char *labels,
        const struct histogram *histogram, enum exposition_unit unit)
{
    const struct borders *borders = unit == EXPOSITION_SECONDS ? &of_seconds : &of_counts;
    uint32_t bucket = 0;
    uint64_t count = 0;
    for (uint32_t power = borders->first; power <= borders->last; power++) {
        uint64_t border = UINT64_C(1) << power;
        count += count_to(histogram, &bucket, histogram_bucket(border));
        put_bucket(page, name, labels, "");
        /* A count below 2^n is at most 2^n - 1. With durations one ns is nothing. */
        put_value(page, unit, unit == EXPOSITION_SECONDS ? border : border - 1);
        end_bucket(page, count);
    }
    count += count_to(histogram, &bucket, HISTOGRAM_BUCKETS);
    put_bucket(page, name, labels, "+Inf");
    end_bucket(page, count);
    put_suffixed(page, name, "_sum", labels);
    put_value(page, unit, sum_of(histogram));
    page_add(page, "\n");
    put_suffixed(page, name, "_count", labels);
    page_add(page, "%llu\n", (unsigned long long)count);
}
