/*
 * Bounded work: whatever dies, however much it had and however many wait for it, an entry
 * does at most work_max items, and the rest goes on in order.
 */

#include <gtest/gtest.h>

#include "worlds/locks_world.h"

namespace {

struct cluster_settings large_settings()
{
    struct cluster_settings settings = settings_default();
    settings.min_ttl_ns = 10;
    settings.max_ttl_ns = 1000000;
    settings.sessions_max = 120000;
    settings.locks_max = 120000;
    settings.holds_max = 120000;
    settings.waits_max = 50000;
    settings.waits_per_lock_max = 20000;
    settings.answers_max = 600000;
    settings.changes_max = 100000;
    settings.name_blocks_max = 240000;
    return settings;
}

/* What an entry may have changed: each item ends or makes at most one of these. */
uint32_t total_of(const struct locks *locks)
{
    struct locks_counts counts = locks_tally(locks);
    return counts.sessions + counts.holds + counts.waits + counts.answers + counts.changes;
}

/* Entries until nothing is left; none may take more than work_max items away. */
uint32_t run_out(locks_world &world, uint32_t work_max)
{
    uint32_t entries = 0;
    while (locks_has_work(world.locks)) {
        uint32_t before = total_of(world.locks);
        world.pass(0);
        uint32_t after = total_of(world.locks);
        EXPECT_LE(before - after, work_max);
        EXPECT_LT(entries, 1000000u);
        entries++;
    }
    locks_check(world.locks);
    return entries;
}

TEST(LocksBound, G5_HundredThousandSessionsAtOnce)
{
    struct cluster_settings settings = large_settings();
    locks_world world(settings);
    world.checked = false;
    asked open;
    open.kind = REQUEST_OPEN;
    open.wait_ns = 1000;
    for (int batch = 0; batch < 100; batch++)
        world.entry(0, std::vector<asked>(1000, open));
    ASSERT_EQ(locks_tally(world.locks).sessions, 100000u);

    locks_begin(world.locks, locks_index(world.locks) + 1, ENTRY_BATCH, 1000);
    locks_due(world.locks);
    locks_end(world.locks);
    EXPECT_EQ(locks_tally(world.locks).sessions, 100000u - settings.work_max);
    run_out(world, settings.work_max);
    EXPECT_EQ(locks_tally(world.locks).sessions, 0u);
}

TEST(LocksBound, OneSessionWithTenThousandHolds)
{
    struct cluster_settings settings = large_settings();
    locks_world world(settings);
    world.checked = false;
    locks_client alice(world, 1000), bob(world, 1000);
    for (int batch = 0; batch < 10; batch++) {
        std::vector<asked> acquires;
        for (int i = 0; i < 1000; i++)
            acquires.push_back(alice.acquire_of(std::to_string(batch * 1000 + i), 0));
        world.entry(0, acquires);
        alice.answered = alice.number;
    }
    bob.acquire("5000", WAIT_FOREVER);
    ASSERT_EQ(locks_tally(world.locks).holds, 10000u);
    world.pass(1000, {bob.keepalive()});
    EXPECT_EQ(locks_tally(world.locks).holds, 10000u - settings.work_max);
    uint32_t entries = run_out(world, settings.work_max);
    /* All holds, the last batch's answers, the session, bob's grant. */
    EXPECT_EQ(entries,
            (10000u + 1000 + 1 + 1 + settings.work_max - 1) / settings.work_max - 1);
    EXPECT_EQ(world.view("5000").session, bob.id);
    EXPECT_EQ(locks_tally(world.locks).locks, 1u);
}

TEST(LocksBound, TenThousandWaitersDieAtOnce)
{
    struct cluster_settings settings = large_settings();
    locks_world world(settings);
    world.checked = false;
    locks_client alice(world, 100000), last(world, 100000);
    alice.acquire("a");
    for (int i = 0; i < 10000; i++) {
        locks_client waiter(world, 1000);
        waiter.acquire("a", WAIT_FOREVER);
    }
    last.acquire("a", WAIT_FOREVER);
    world.pass(1000);
    EXPECT_TRUE(locks_has_work(world.locks));
    /* The lock comes free in the middle of it: nobody dead gets it, nobody overtakes. */
    alice.release("a", 1);
    EXPECT_EQ(world.view("a").session, 0u);
    EXPECT_EQ(alice.acquire("a", 0).status, STATUS_TIMEOUT);
    run_out(world, settings.work_max);
    EXPECT_EQ(world.view("a").session, last.id);
    EXPECT_EQ(world.view("a").token, 2u);
}

TEST(LocksBound, TenThousandWaitsTimeOutAtOnce)
{
    struct cluster_settings settings = large_settings();
    settings.changes_per_session_max = 100;
    locks_world world(settings);
    world.checked = false;
    locks_client alice(world, 100000), bob(world, 100000);
    alice.acquire("a");
    for (int i = 0; i < 10000; i++) {
        bob.answered = bob.number;
        bob.acquire("a", 500);
    }
    world.pass(500);
    EXPECT_EQ(locks_tally(world.locks).waits, 10000u - settings.work_max);
    run_out(world, settings.work_max);
    EXPECT_EQ(locks_tally(world.locks).waits, 0u);
    EXPECT_EQ(locks_tally(world.locks).changes, 100u);
}

/* Over several entries: locks are handed over in the order in which they came free. */
TEST(LocksBound, G7_HandoversGoInTheOrderInWhichLocksCameFree)
{
    struct cluster_settings settings = large_settings();
    settings.work_max = 3;
    locks_world world(settings);
    locks_client alice(world, 1000), bob(world, 1000);
    std::vector<asked> releases;
    for (int i = 0; i < 10; i++) {
        std::string name = std::to_string(i * 7 % 10);
        uint64_t token = alice.acquire(name).token;
        bob.acquire(name, WAIT_FOREVER);
        releases.push_back(alice.release_of(name, token));
    }
    world.entry(0, releases);
    while (locks_has_work(world.locks))
        world.pass(0);
    auto changes = world.changes(bob.id);
    ASSERT_EQ(changes.size(), 10u);
    for (size_t i = 0; i < 10; i++) {
        EXPECT_EQ(changes[i].number, i + 1);
        EXPECT_EQ(changes[i].token, 11 + i);
    }
}

/* Lifted sessions are filed again one item each, and meanwhile nothing is lost or late. */
TEST(LocksBound, FilingAgainIsCounted)
{
    struct cluster_settings settings = large_settings();
    settings.term_grace_ns = 500;
    settings.work_max = 10;
    locks_world world(settings);
    for (int i = 0; i < 100; i++)
        world.open(1000);
    world.pass(900);
    world.term_start();
    world.pass(100);
    uint32_t entries = 1;
    for (; locks_has_work(world.locks); entries++)
        world.pass(0);
    EXPECT_EQ(entries, 10u);
    EXPECT_EQ(locks_tally(world.locks).sessions, 100u);
    EXPECT_EQ(locks_deadline(world.locks), 1400u);
    world.pass(400);
    run_out(world, settings.work_max);
    EXPECT_EQ(locks_tally(world.locks).sessions, 0u);
}

TEST(LocksBound, MillionLocksFitAndAreFound)
{
    struct cluster_settings settings = settings_default();
    locks_world world(settings);
    world.checked = false;
    locks_client alice(world, NS_PER_S * 60);
    for (int batch = 0; batch < 1000; batch++) {
        std::vector<asked> acquires;
        for (int i = 0; i < 1000; i++)
            acquires.push_back(alice.acquire_of(std::to_string(batch * 1000 + i), 0));
        world.entry(0, acquires);
        alice.answered = alice.number;
    }
    EXPECT_EQ(locks_tally(world.locks).holds, 1000000u);
    EXPECT_EQ(world.view("123456").token, 123457u);
    EXPECT_EQ(alice.release("999999", 1000000).status, STATUS_OK);
}

} // namespace
