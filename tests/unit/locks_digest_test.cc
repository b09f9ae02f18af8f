/* The digest tells any two different states apart, and is blind to handles and history. */

#include <functional>
#include <gtest/gtest.h>
#include <set>

#include "worlds/locks_world.h"

namespace {

asked open_of(uint64_t ttl, const std::string &label, unsigned char secret)
{
    asked asked;
    asked.kind = REQUEST_OPEN;
    asked.wait_ns = ttl;
    asked.name = label;
    asked.secret = secret;
    return asked;
}

/* Digests after the same number of entries, in worlds that differ in one thing. */
TEST(LocksDigest, EverythingThatMattersIsInIt)
{
    using scene = std::function<void(locks_world &, locks_client &, locks_client &)>;
    const scene scenes[] = {
            [](auto &world, auto &, auto &) { world.pass(0); },
            [](auto &world, auto &, auto &) { world.pass(1); },
            [](auto &world, auto &, auto &) { world.term_start(); },
            [](auto &world, auto &alice, auto &) { world.pass(1, {alice.keepalive()}); },
            [](auto &world, auto &, auto &) { world.entry(0, {open_of(50, "", 0)}); },
            [](auto &world, auto &, auto &) { world.entry(0, {open_of(51, "", 0)}); },
            [](auto &world, auto &, auto &) { world.entry(0, {open_of(50, "x", 0)}); },
            [](auto &world, auto &, auto &) { world.entry(0, {open_of(50, "y", 0)}); },
            [](auto &world, auto &, auto &) { world.entry(0, {open_of(50, "", 1)}); },
            [](auto &, auto &alice, auto &) { alice.acquire("b"); },
            [](auto &, auto &alice, auto &) { alice.acquire("c"); },
            [](auto &, auto &, auto &bob) { bob.acquire("b"); },
            [](auto &, auto &alice, auto &) { alice.acquire("b", 0, 1); },
            [](auto &, auto &alice, auto &) { alice.acquire("b", 0, 2); },
            [](auto &, auto &alice, auto &) {
                alice.number = 5;
                alice.acquire("b");
            },
            [](auto &, auto &alice, auto &) { alice.acquire("a", 0); },
            [](auto &, auto &alice, auto &) { alice.acquire("a", 10); },
            [](auto &, auto &alice, auto &) { alice.acquire("a", 11); },
            [](auto &, auto &alice, auto &) { alice.acquire("a", WAIT_FOREVER); },
            [](auto &, auto &alice, auto &) { alice.acquire("a", 10, 1); },
            [](auto &, auto &, auto &bob) { bob.acquire("a", 0, 7, ACQUIRE_REENTRANT); },
            [](auto &, auto &, auto &bob) { bob.acquire("a", 0, 7); },
            [](auto &, auto &, auto &bob) { bob.release("a", 1); },
            [](auto &, auto &, auto &bob) { bob.release("a", 2); },
            [](auto &, auto &, auto &bob) { bob.cancel(1); },
            [](auto &, auto &, auto &bob) { bob.cancel(9); },
            [](auto &, auto &, auto &bob) { bob.close(); },
            [](auto &, auto &alice, auto &) { alice.close(); },
            [](auto &world, auto &, auto &bob) {
                bob.answered = 1;
                asked asked;
                asked.session = bob.id;
                asked.kind = REQUEST_KEEPALIVE;
                asked.answered = 1;
                world.apply(asked);
            },
    };
    std::set<uint64_t> digests;
    for (const scene &each : scenes) {
        locks_world world;
        locks_client alice(world, 100), bob(world, 100);
        bob.acquire("a", 0, 7);
        each(world, alice, bob);
        EXPECT_EQ(locks_index(world.locks), 4u);
        EXPECT_TRUE(digests.insert(locks_digest(world.locks)).second) << digests.size();
    }
}

/* Left-over work is state: what stands in which order decides what happens next. */
TEST(LocksDigest, OrderOfLeftOverWorkIsInIt)
{
    struct cluster_settings settings = small_settings();
    settings.work_max = 1;
    uint64_t digests[2];
    for (int turned = 0; turned < 2; turned++) {
        locks_world world(settings);
        locks_client alice(world, 1000), bob(world, 1000);
        for (const char *name : {"x", "a", "b"}) {
            alice.acquire(name);
            bob.acquire(name, 500);
        }
        asked first = alice.release_of("x", 1), second = alice.release_of("a", 2);
        asked third = alice.release_of("b", 3);
        second.number = turned ? third.number : second.number;
        third.number = turned ? third.number - 1 : third.number;
        if (turned)
            world.entry(0, {first, third, second});
        else
            world.entry(0, {first, second, third});
        digests[turned] = locks_digest(world.locks);
    }
    EXPECT_NE(digests[0], digests[1]);
}

TEST(LocksDigest, TimeOfTheGrantIsInIt)
{
    uint64_t digests[2];
    for (int late = 0; late < 2; late++) {
        locks_world world;
        locks_client alice(world, 100);
        if (late)
            world.pass(1);
        alice.acquire("a");
        if (!late)
            world.pass(1, {alice.keepalive()});
        digests[late] = locks_digest(world.locks);
    }
    EXPECT_NE(digests[0], digests[1]);
}

/*
 * What came and went without a trace in the state leaves none in the parts of the digest.
 */
TEST(LocksDigest, HistoryOfHandlesIsNotInIt)
{
    locks_world one, two(small_settings(), [] {
        struct cluster_settings plan = small_settings();
        plan.locks_max = 1000;
        return plan;
    }());
    for (locks_world *world : {&one, &two}) {
        locks_client alice(*world, 100);
        for (const char *name : {"a", "b", "c", "d"})
            alice.acquire(name);
        alice.release("b", 2);
        alice.acquire("e");
        alice.release("a", 1);
        alice.acquire("b");
    }
    EXPECT_EQ(locks_digest(one.locks), locks_digest(two.locks));
}

TEST(LocksDigest, PlanMustFit)
{
    struct cluster_settings plan = small_settings();
    locks_world world(plan, plan);
    EXPECT_TRUE(locks_fits(world.locks, &plan));
    for (uint32_t cluster_settings::*field : {&cluster_settings::sessions_max,
                 &cluster_settings::locks_max, &cluster_settings::holds_max,
                 &cluster_settings::waits_max, &cluster_settings::answers_max,
                 &cluster_settings::changes_max, &cluster_settings::name_blocks_max}) {
        struct cluster_settings more = plan;
        more.*field += 1;
        EXPECT_FALSE(locks_fits(world.locks, &more));
    }
}

} // namespace
