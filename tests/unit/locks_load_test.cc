/*
 * Snapshots that are damaged or made up: loading says no and leaves an empty state. If all
 * sums are right as well, what is loaded is a state that keeps all rules.
 */

#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/locks_snapshot.h"

namespace {

using namespace snapshots;

struct cluster_settings larger(struct cluster_settings plan)
{
    plan.sessions_max += 10;
    plan.locks_max += 100;
    plan.name_blocks_max += 3;
    return plan;
}

class LocksLoad : public testing::TestWithParam<uint64_t> {
protected:
    LocksLoad()
            : random(GetParam()), settings(tiny_settings(random)), world(settings),
              other(settings, larger(settings))
    {
        other.checked = false;
        fill(world, random, 40);
        records = take_all(world.locks);
    }

    void expect_refused(const bytes &damaged, const std::string &what)
    {
        EXPECT_FALSE(load_all(other.locks, damaged)) << what;
        EXPECT_EQ(locks_tally(other.locks).sessions, 0U) << what;
        EXPECT_EQ(locks_index(other.locks), 0U) << what;
        locks_check(other.locks);
    }

    /* Whatever it is: if it is taken, it is a state that keeps all rules and goes on. */
    void expect_sound(const bytes &damaged)
    {
        if (!load_with_right_digest(other.locks, damaged)) {
            refused++;
            return;
        }
        taken++;
        locks_check(other.locks);
        random_entries more(GetParam());
        for (int left = 5; left > 0; left--) {
            random_entry entry = more.entry(other);
            more.note(entry,
                    other.entry(entry.dt, entry.commands, entry.keepalives, entry.kind));
        }
        other.pass(NS_PER_S);
        locks_check(other.locks);
    }

    random_entries random;
    struct cluster_settings settings;
    locks_world world, other;
    bytes records;
    int taken = 0, refused = 0;
};

TEST_P(LocksLoad, EveryByteThatIsWrongIsSeen)
{
    uint64_t marked = mark_count("locks_snapshot_refused");
    /* In the head: T before and the settings are not in the digest. */
    size_t time_before = RECORD_HEAD_BYTES + 2 + 16, settings_at = digest_at + 8 + 7 * 4;
    for (size_t at = 0; at < records.size(); at++) {
        bool free = (at >= time_before && at < time_before + 8) ||
                    (at >= settings_at && at < borders(records)[1]);
        for (unsigned change : {1U, 128U}) {
            bytes damaged = records;
            damaged[at] = static_cast<unsigned char>(damaged[at] ^ change);
            if (!free)
                expect_refused(damaged, "byte " + std::to_string(at));
            expect_sound(damaged);
        }
    }
    EXPECT_GT(mark_count("locks_snapshot_refused"), marked);
    EXPECT_GT(refused, taken);
    EXPECT_GT(taken, 50);
}

TEST_P(LocksLoad, RecordsThatAreMissingOrThereTwiceAreSeen)
{
    std::vector<size_t> places = borders(records);
    for (size_t i = 0; i + 1 < places.size(); i++) {
        auto begin = records.begin() + static_cast<long>(places[i]);
        auto end = records.begin() + static_cast<long>(places[i + 1]);
        bytes without(records.begin(), begin), twice(records.begin(), end);
        without.insert(without.end(), end, records.end());
        twice.insert(twice.end(), begin, records.end());
        std::string what = "record " + std::to_string(i);
        expect_refused(without, what);
        expect_refused(twice, what);
        expect_refused(bytes(records.begin(), begin), what);
        expect_refused(bytes(records.begin(), end - 1), what);
        expect_sound(without);
        expect_sound(twice);
    }
}

TEST_P(LocksLoad, PartsOfTwoSnapshotsMakeNone)
{
    bytes first = records, second;
    uint64_t digest = world.locks->digest;
    while (world.locks->digest == digest) {
        random_entry entry = random.entry(world);
        world.entry(entry.dt + 1, entry.commands, entry.keepalives, ENTRY_BATCH);
    }
    second = take_all(world.locks);
    size_t head = borders(first)[1];
    bytes mixed(first.begin(), first.begin() + static_cast<long>(head));
    mixed.insert(mixed.end(), second.begin() + static_cast<long>(borders(second)[1]),
            second.end());
    expect_refused(mixed, "the head of one, the parts of another");
    bytes more = first;
    more.insert(more.end(), second.begin(), second.end());
    expect_refused(more, "two, one behind the other");
}

TEST_P(LocksLoad, RandomDamageLeavesARightState)
{
    for (int i = 0; i < 400; i++) {
        bytes damaged = records;
        for (uint64_t left = 1 + random.below(3); left > 0; left--)
            damaged[random.below(damaged.size())] =
                    static_cast<unsigned char>(random.below(256));
        expect_sound(damaged);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LocksLoad, testing::Range(uint64_t{1}, uint64_t{9}));

TEST(LocksLoadPlan, WhatDoesNotFitIsRefused)
{
    random_entries random(1);
    struct cluster_settings settings = tiny_settings(random);
    locks_world world(settings);
    fill(world, random, 20);
    bytes records = take_all(world.locks);
    for (uint32_t cluster_settings::*field : {&cluster_settings::sessions_max,
                 &cluster_settings::locks_max, &cluster_settings::holds_max,
                 &cluster_settings::waits_max, &cluster_settings::answers_max,
                 &cluster_settings::changes_max, &cluster_settings::name_blocks_max}) {
        struct cluster_settings less = settings;
        less.*field -= 1;
        locks_world other(less);
        EXPECT_FALSE(load_all(other.locks, records));
        locks_check(other.locks);
    }
}

TEST(LocksLoadPlan, BytesAreTakenOnlyBetweenBeginAndTheFirstFault)
{
    random_entries random(2);
    struct cluster_settings settings = tiny_settings(random);
    locks_world world(settings), other(settings);
    fill(world, random, 20);
    bytes records = take_all(world.locks);
    uint32_t count = static_cast<uint32_t>(records.size());
    EXPECT_FALSE(locks_load(other.locks, {records.data(), count}));
    EXPECT_FALSE(locks_load_end(other.locks));
    locks_load_begin(other.locks, VERSION_FIRST);
    EXPECT_FALSE(locks_load(other.locks, {records.data() + 1, count - 1}));
    EXPECT_FALSE(locks_load(other.locks, {records.data(), count}));
    EXPECT_FALSE(locks_load_end(other.locks));
    ASSERT_TRUE(load_all(other.locks, records));
    EXPECT_FALSE(locks_load(other.locks, {records.data(), count}));
}

} // namespace
