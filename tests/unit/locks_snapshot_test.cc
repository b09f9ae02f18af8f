/*
 * A snapshot that is taken while entries are applied is the state as it was when it began:
 * what is loaded from it is equal in everything, and goes on to do the same.
 */

#include <gtest/gtest.h>

#include "base/mark.h"
#include "locks/saving.h"
#include "worlds/locks_same.h"
#include "worlds/locks_snapshot.h"

namespace {

using namespace snapshots;

struct cluster_settings larger(struct cluster_settings plan)
{
    plan.sessions_max += 10;
    plan.locks_max += 100;
    plan.holds_max += 3;
    plan.answers_max += 70;
    return plan;
}

TEST(LocksSnapshot, EmptyStateComesBack)
{
    random_entries random(1);
    struct cluster_settings settings = tiny_settings(random);
    locks_world world(settings), other(settings, larger(settings));
    bytes records = take_all(world.locks);
    EXPECT_EQ(take(world.locks, records, 1000, 4096), 0U);
    ASSERT_TRUE(load_all(other.locks, records));
    EXPECT_EQ(
            locks_same::text_of_state(world.locks), locks_same::text_of_state(other.locks));
}

/*
 * Random entries; a snapshot begins somewhere, and is written while more are applied. It is
 * loaded into memory that has been used before and compared with a machine that stopped at
 * the begin. Then both apply what the first one had applied since, and more.
 */
class life {
public:
    explicit life(uint64_t seed) : random(seed), settings(tiny_settings(random))
    {
        subject = std::make_unique<locks_world>(settings);
        stopped = std::make_unique<locks_world>(settings, larger(settings));
        loaded = std::make_unique<locks_world>(settings, larger(settings));
        subject->checked = stopped->checked = loaded->checked = random.chance(8);
    }

    void live()
    {
        for (uint64_t left = random.below(300); left > 0; left--)
            apply_both();
        if (random.chance(3))
            abandon_one();
        locks_snapshot_begin(subject->locks);
        while (!locks_snapshot_done(subject->locks))
            go_on();
        ASSERT_TRUE(load_all(loaded->locks, records, 1 + random.below(600)));
        locks_check(loaded->locks);
        ASSERT_EQ(locks_same::text_of_state(loaded->locks),
                locks_same::text_of_state(stopped->locks));
        for (const random_entry &entry : since)
            compare_answers(entry);
        ASSERT_EQ(locks_digest(loaded->locks), locks_digest(subject->locks));
        for (int left = 200; left > 0; left--)
            compare_answers(random.entry(*loaded));
        locks_check(subject->locks);
    }

    uint64_t refused = 0; /* Times that there was no room at the side */
    uint64_t saved = 0;   /* Entries that put something there */
    std::map<std::string, uint64_t> met;

private:
    void apply_both()
    {
        random_entry entry = random.entry(*subject);
        apply(*subject, entry);
        apply(*stopped, entry);
        ASSERT_EQ(locks_digest(subject->locks), locks_digest(stopped->locks));
    }

    std::vector<struct locks_outcome> apply(locks_world &world, const random_entry &entry)
    {
        auto outcomes = world.entry(entry.dt, entry.commands, entry.keepalives, entry.kind);
        if (&world == subject.get())
            random.note(entry, outcomes);
        return outcomes;
    }

    /* A snapshot that is given up leaves nothing behind. */
    void abandon_one()
    {
        bytes ignored;
        locks_snapshot_begin(subject->locks);
        for (uint64_t left = random.below(20); left > 0; left--) {
            if (locks_snapshot_has_room(subject->locks, commands_max))
                apply_both();
            take(subject->locks, ignored, 1, 512);
        }
        locks_snapshot_abandon(subject->locks);
        EXPECT_FALSE(locks_snapshot_done(subject->locks));
        locks_check(subject->locks);
    }

    void go_on()
    {
        random_entry entry = random.entry(*subject);
        uint32_t commands =
                static_cast<uint32_t>(entry.commands.size() + entry.keepalives.size());
        if (random.chance(2) && locks_snapshot_has_room(subject->locks, commands)) {
            size_t before = subject->locks->saving.side_end;
            size_t need = saving_need(subject->locks, commands);
            note_state();
            apply(*subject, entry);
            size_t put = subject->locks->saving.side_end - before;
            ASSERT_LE(put, need);
            saved += put > 0;
            since.push_back(entry);
        } else {
            refused += !locks_snapshot_has_room(subject->locks, commands);
        }
        if (random.chance(2))
            take(subject->locks, records, static_cast<uint32_t>(1 + random.below(4)),
                    512 + random.below(1000));
        saving_check(subject->locks);
    }

    void note_state()
    {
        met["ending"] += !list_is_empty(&subject->locks->ending);
        met["ready"] += !list_is_empty(&subject->locks->ready);
        met["holds"] += locks_tally(subject->locks).holds > 0;
        met["waits"] += locks_tally(subject->locks).waits > 0;
        met["changes"] += locks_tally(subject->locks).changes > 0;
        met["answers"] += locks_tally(subject->locks).answers > 0;
        met["lifted"] += subject->locks->lifted > subject->locks->time;
    }

    void compare_answers(const random_entry &entry)
    {
        auto one = apply(*loaded, entry), other = apply(*stopped, entry);
        ASSERT_EQ(one.size(), other.size());
        for (size_t i = 0; i < one.size(); i++)
            ASSERT_EQ(random_entries::text_of(one[i]), random_entries::text_of(other[i]));
        ASSERT_EQ(locks_digest(loaded->locks), locks_digest(stopped->locks));
    }

    static constexpr uint32_t commands_max = 20;
    random_entries random;
    struct cluster_settings settings;
    std::unique_ptr<locks_world> subject, stopped, loaded;
    std::vector<random_entry> since;
    bytes records;
};

TEST(LocksSnapshot, WhatIsLoadedIsTheStateAtTheBegin)
{
    uint64_t refused = 0, saved = 0, full = mark_count("locks_snapshot_side_full");
    std::map<std::string, uint64_t> met;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        life life(seed);
        life.live();
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
        refused += life.refused;
        saved += life.saved;
        for (const auto &[what, count] : life.met)
            met[what] += count;
    }
    EXPECT_GT(refused, 100U);
    EXPECT_GT(mark_count("locks_snapshot_side_full"), full);
    EXPECT_GT(saved, 1000U);
    for (const char *what :
            {"ending", "ready", "holds", "waits", "changes", "answers", "lifted"})
        EXPECT_GT(met[what], 100U) << what;
}

} // namespace
