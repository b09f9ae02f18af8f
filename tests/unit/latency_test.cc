/* lockctl status --latency: what is shown is what happened between two readings. */
#include "lockctl/latency.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "base/units.h"

namespace {

/* A reading: filled as a node fills it, by values. */
class Reading {
public:
    explicit Reading(uint64_t uptime_ns) : taken(std::make_unique<lk_node_stages>())
    {
        *taken = {};
        taken->uptime_ns = uptime_ns;
    }
    Reading &add(lk_stage stage, uint64_t value, uint64_t times = 1)
    {
        lk_histogram &histogram = taken->stages[stage];
        histogram.buckets[histogram_bucket(value)] += times;
        histogram.greatest = std::max(histogram.greatest, value);
        return *this;
    }
    Reading &sum(lk_sum sum, uint64_t value)
    {
        taken->sums[sum] = value;
        return *this;
    }
    std::unique_ptr<lk_node_stages> taken;
};

std::unique_ptr<latency> between(const Reading *before, const Reading &after)
{
    auto made = std::make_unique<latency>();
    latency_between(made.get(), before ? before->taken.get() : nullptr, after.taken.get());
    return made;
}

std::string shown(const latency &latency, bool as_json)
{
    char *text = nullptr;
    size_t count = 0;
    FILE *out = open_memstream(&text, &count);
    json json;
    json_init(&json, out);
    if (as_json) {
        json_begin_object(&json, nullptr);
        latency_write(&latency, &json);
        json_end(&json);
    } else {
        latency_print(&latency, out);
    }
    fclose(out);
    std::string result(text, count);
    free(text);
    return result;
}

} // namespace

TEST(Latency, IsTheDifferenceOfTwoReadings)
{
    Reading before(NS_PER_S);
    before.add(LK_STAGE_WRITE, 5 * NS_PER_MS, 3)
            .add(LK_STAGE_QUEUE, 7)
            .sum(LK_SUM_APPLIED, 100);
    Reading after(3 * NS_PER_S);
    after.add(LK_STAGE_WRITE, 5 * NS_PER_MS, 3).add(LK_STAGE_WRITE, 100 * NS_PER_US, 2);
    after.add(LK_STAGE_QUEUE, 7).sum(LK_SUM_APPLIED, 130);
    auto span = between(&before, after);
    EXPECT_EQ(span->span_ns, 2 * NS_PER_S);
    EXPECT_FALSE(span->restarted);
    EXPECT_EQ(span->stages[LK_STAGE_WRITE].count, 2U);
    EXPECT_NEAR(
            static_cast<double>(span->stages[LK_STAGE_WRITE].greatest), 100e3, 100e3 / 16);
    EXPECT_EQ(span->stages[LK_STAGE_QUEUE].count, 0U);
    EXPECT_EQ(span->sums[LK_SUM_APPLIED], 30U);
}

/* Since the start of the node its greatest value is known exactly. */
TEST(Latency, TheGreatestSinceTheStartIsExact)
{
    Reading only(NS_PER_S);
    only.add(LK_STAGE_TURN, 1234567);
    auto all = between(nullptr, only);
    EXPECT_EQ(histogram_at(&all->stages[LK_STAGE_TURN], HISTOGRAM_ALL), 1234567U);
}

/* A node that was restarted has counted from 0: nothing is subtracted. */
TEST(Latency, ARestartedNodeShowsWhatWasSinceThen)
{
    Reading before(10 * NS_PER_S);
    before.add(LK_STAGE_TURN, 50, 1000).sum(LK_SUM_SENT, 5000);
    Reading after(NS_PER_S);
    after.add(LK_STAGE_TURN, 50, 10).sum(LK_SUM_SENT, 40);
    auto span = between(&before, after);
    EXPECT_TRUE(span->restarted);
    EXPECT_EQ(span->span_ns, NS_PER_S);
    EXPECT_EQ(span->stages[LK_STAGE_TURN].count, 10U);
    EXPECT_EQ(span->sums[LK_SUM_SENT], 40U);
    EXPECT_NE(shown(*span, false).find("restarted"), std::string::npos);
}

TEST(Latency, AsATable)
{
    Reading only(2 * NS_PER_S);
    only.add(LK_STAGE_WRITE, 1500 * NS_PER_US, 90).add(LK_STAGE_WRITE, 16);
    only.add(LK_STAGE_ENTRY_COMMANDS, 12, 8);
    only.sum(LK_SUM_APPLIED, 8).sum(LK_SUM_SYSTEM_CALLS, 20).sum(LK_SUM_WRITTEN, 32768);
    std::string said = shown(*between(nullptr, only), false);
    EXPECT_EQ(said.find("within 2.00s\nstage"), 0U) << said;
    EXPECT_NE(said.find("\ncommands      8      12      12"), std::string::npos) << said;
    EXPECT_NE(said.find("  .         *\n"), std::string::npos) << said;
    EXPECT_EQ(said.find("queue"), std::string::npos) << "an empty stage has no row";
    EXPECT_NE(
            said.find("8 entries applied; for each: 2.5 system calls, 0.0 bytes received, "
                      "0.0 bytes sent, 0.0 bytes logged, 4096.0 bytes written, 0.0 "
                      "writes\n"),
            std::string::npos)
            << said;
}

TEST(Latency, AsJson)
{
    Reading only(2 * NS_PER_S);
    only.add(LK_STAGE_ENTRY_COMMANDS, 12, 8).sum(LK_SUM_APPLIED, 8);
    std::string said = shown(*between(nullptr, only), true);
    EXPECT_NE(said.find("\"span_ns\":2000000000,\"restarted\":false,"), std::string::npos);
    EXPECT_NE(said.find("\"commands_per_entry\":{\"count\":8,\"mean\":12,\"p50\":12,"),
            std::string::npos)
            << said;
    EXPECT_NE(said.find("\"queue_ns\":{\"count\":0,"), std::string::npos);
    EXPECT_NE(said.find("\"entries\":8,"), std::string::npos);
}
