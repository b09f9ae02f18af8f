#include "base/histogram.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "base/prng.h"

namespace {

struct Histogram : histogram {
    Histogram() : histogram()
    {
        histogram_init(this);
    }
};

/* Spread over many powers of two, as latencies are. */
std::vector<uint64_t> values_of(uint64_t seed, size_t count, uint64_t bits_max)
{
    struct prng prng;
    prng_init(&prng, seed);
    std::vector<uint64_t> values;
    for (size_t i = 0; i < count; i++)
        values.push_back(prng_next(&prng) >> (63 - prng_below(&prng, bits_max)));
    return values;
}

uint64_t exact(std::vector<uint64_t> values, uint64_t rank)
{
    std::sort(values.begin(), values.end());
    size_t place = (values.size() * rank + HISTOGRAM_ALL - 1) / HISTOGRAM_ALL;
    return values.at(place == 0 ? 0 : place - 1);
}

TEST(Histogram, BucketsCoverAllValuesWithoutGaps)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t begin = histogram_bucket_begin(i);
        uint64_t end = histogram_bucket_end(i);
        ASSERT_LT(begin, end);
        ASSERT_EQ(histogram_bucket(begin), i);
        ASSERT_EQ(histogram_bucket(end - 1), i);
        ASSERT_LE((end - begin - 1) * 16, begin);
        ASSERT_EQ(i == 0 ? 0 : histogram_bucket_end(i - 1), begin);
    }
    EXPECT_EQ(histogram_bucket_end(HISTOGRAM_BUCKETS - 1), UINT64_C(1) << 44);
    EXPECT_EQ(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1U);
    EXPECT_EQ(histogram_bucket(31), 31U);
    EXPECT_EQ(histogram_bucket(32), 32U);
    EXPECT_EQ(histogram_bucket(33), 32U);
}

TEST(Histogram, PercentilesAgreeWithSortedValues)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Histogram histogram;
        std::vector<uint64_t> values = values_of(seed, 1 + seed * 97, 1 + seed * 2);
        for (uint64_t value : values)
            histogram_add(&histogram, value);
        ASSERT_EQ(histogram.count, values.size());
        for (uint32_t rank : {0, 1, 1000, 50000, 90000, 99000, 99900, 99999, 100000}) {
            uint64_t truth = exact(values, rank);
            uint64_t told = histogram_at(&histogram, rank);
            ASSERT_LE(told, truth + truth / 16) << "seed " << seed << " rank " << rank;
            ASSERT_GE(told + told / 16, truth) << "seed " << seed << " rank " << rank;
        }
        EXPECT_EQ(histogram_at(&histogram, HISTOGRAM_ALL), exact(values, HISTOGRAM_ALL));
        EXPECT_EQ(histogram.least, *std::min_element(values.begin(), values.end()));
    }
}

TEST(Histogram, SmallValuesAreExact)
{
    Histogram histogram;
    for (uint64_t i = 0; i < 32; i++)
        histogram_add(&histogram, i);
    for (uint32_t i = 1; i <= 32; i++)
        EXPECT_EQ(histogram_at(&histogram, i * HISTOGRAM_ALL / 32), i - 1);
    EXPECT_EQ(histogram_mean_milli(&histogram), 15500U);
    EXPECT_EQ(histogram_mean(&histogram), 15U);
}

TEST(Histogram, EmptySaysZero)
{
    Histogram histogram;
    EXPECT_EQ(histogram_at(&histogram, 50000), 0U);
    EXPECT_EQ(histogram_at(&histogram, HISTOGRAM_ALL), 0U);
    EXPECT_EQ(histogram_mean(&histogram), 0U);
}

TEST(Histogram, MergedIsAllTogether)
{
    Histogram all;
    Histogram parts[2];
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t value : values_of(i + 1, 1000, 36)) {
            histogram_add(&parts[i], value);
            histogram_add(&all, value);
        }
    }
    histogram_merge(&parts[0], &parts[1]);
    EXPECT_EQ(memcmp(static_cast<histogram *>(&all), &parts[0], sizeof(histogram)), 0);
}

TEST(Histogram, DifferenceIsTheTimeBetween)
{
    Histogram total;
    Histogram between;
    for (uint64_t value : values_of(1, 1000, 36))
        histogram_add(&total, value);
    Histogram before = total;
    for (uint64_t value : values_of(2, 500, 20)) {
        histogram_add(&total, value);
        histogram_add(&between, value);
    }
    histogram_subtract(&total, &before);
    EXPECT_EQ(total.count, 500U);
    EXPECT_EQ(memcmp(total.buckets, between.buckets, sizeof(total.buckets)), 0);
    EXPECT_GE(total.greatest, between.greatest);
    EXPECT_LE(total.greatest, between.greatest + between.greatest / 16);
    EXPECT_LE(total.least, between.least);
}

TEST(Histogram, DifferenceAfterARestartStopsAtZero)
{
    Histogram old;
    Histogram fresh;
    histogram_add(&old, 1000);
    histogram_add(&old, 5);
    histogram_add(&fresh, 7);
    histogram_subtract(&fresh, &old);
    EXPECT_EQ(fresh.count, 1U);
    EXPECT_EQ(histogram_at(&fresh, 50000), 7U);
    histogram_subtract(&fresh, &fresh);
    EXPECT_EQ(fresh.count, 0U);
    EXPECT_EQ(fresh.least, UINT64_MAX);
    EXPECT_EQ(fresh.greatest, 0U);
}

TEST(Histogram, SurvivesBeingSentAsBuckets)
{
    Histogram here;
    Histogram there;
    for (uint64_t value : values_of(3, 1000, 40))
        histogram_add(&here, value);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram_add_bucket(&there, i, here.buckets[i]);
    EXPECT_EQ(there.count, here.count);
    uint64_t told = histogram_at(&there, 99000);
    uint64_t truth = histogram_at(&here, 99000);
    EXPECT_EQ(told, truth);
}

TEST(Histogram, HugeCountsDoNotOverflow)
{
    Histogram histogram;
    uint32_t bucket = histogram_bucket(UINT64_C(1) << 43);
    histogram_add_bucket(&histogram, bucket, UINT64_C(1) << 62);
    histogram_add_bucket(&histogram, 0, UINT64_C(1) << 61);
    uint64_t middle = histogram_at(&histogram, 90000);
    EXPECT_EQ(histogram_bucket(middle), bucket);
    uint64_t mean = histogram_mean(&histogram);
    EXPECT_GT(mean, UINT64_C(1) << 42);
    EXPECT_LT(mean, UINT64_C(1) << 43);
}

} // namespace
