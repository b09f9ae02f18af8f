/* What one client address, and one label, may take together (locks/quotas.h). */

#include <gtest/gtest.h>

#include <vector>

#include "base/mark.h"
#include "protocol/node_status.h"
#include "worlds/locks_world.h"

namespace {

constexpr unsigned char here = 1, there = 2, unknown = 0;
constexpr uint64_t ttl = 1000;

struct cluster_settings settings_with(uint32_t address_percent, uint32_t label_percent)
{
    struct cluster_settings settings = small_settings();
    settings.address_percent = address_percent;
    settings.label_percent = label_percent;
    return settings;
}

void expect_limit(const struct answer &answer, int limit)
{
    EXPECT_EQ(answer.status, STATUS_LIMIT);
    EXPECT_EQ(answer.detail, limit);
}

struct share_view largest(locks_world &world, bool of_label = false)
{
    struct share_view view;
    locks_largest_share(world.locks, of_label, &view);
    return view;
}

} // namespace

/* Sixteen sessions in all, half for one address. */
TEST(LocksQuota, AnAddressOpensItsShareOfSessionsAndNoMore)
{
    locks_world world(settings_with(50, 100));
    uint64_t before = mark_count("locks_quota_met");
    std::vector<uint64_t> sessions;
    for (int i = 0; i < 8; i++)
        sessions.push_back(world.open(ttl, "", here));
    expect_limit(world.open_answered(ttl, "", here).answer, LIMIT_ADDRESS_SESSIONS);
    EXPECT_EQ(mark_count("locks_quota_met"), before + 1);
    EXPECT_NE(world.open(ttl, "", there), 0u) << "others find something left";
    EXPECT_NE(world.open(ttl, "", unknown), 0u);

    asked close;
    close.session = sessions[0];
    close.kind = REQUEST_CLOSE;
    close.number = 1;
    EXPECT_EQ(world.apply(close).answer.status, STATUS_OK);
    EXPECT_NE(world.open(ttl, "", here), 0u) << "what is given back may be taken again";
    expect_limit(world.open_answered(ttl, "", here).answer, LIMIT_ADDRESS_SESSIONS);
}

TEST(LocksQuota, ALabelCountsWhereverItsClientsAre)
{
    locks_world world(settings_with(100, 25));
    for (unsigned char i = 1; i <= 4; i++)
        EXPECT_NE(world.open(ttl, "job", i), 0u);
    expect_limit(world.open_answered(ttl, "job", 5).answer, LIMIT_LABEL_SESSIONS);
    EXPECT_NE(world.open(ttl, "jobs", 5), 0u) << "another label";
    EXPECT_NE(world.open(ttl, "", 5), 0u) << "no label is none";
    EXPECT_EQ(text_of(largest(world, true).who), "job");
}

TEST(LocksQuota, HoldsAndWaitsOfAllSessionsOfAnAddressCount)
{
    struct cluster_settings settings = settings_with(25, 100);
    settings.waits_max = 8;
    locks_world world(settings);
    locks_client one(world, ttl, "", here), two(world, ttl, "", here);
    locks_client other(world, ttl, "", there);
    EXPECT_EQ(one.acquire("a").status, STATUS_OK);
    EXPECT_EQ(one.acquire("b").status, STATUS_OK);
    EXPECT_EQ(other.acquire("c").status, STATUS_OK);
    EXPECT_EQ(two.acquire("a", 5).status, STATUS_QUEUED);
    EXPECT_EQ(two.acquire("b", 5).status, STATUS_QUEUED);
    expect_limit(one.acquire("d"), LIMIT_ADDRESS_HOLDS);
    expect_limit(two.acquire("c", 5), LIMIT_ADDRESS_HOLDS);
    EXPECT_EQ(other.acquire("d").status, STATUS_OK);

    EXPECT_EQ(one.cancel(1).status, STATUS_CANCELLED) << "what it has can be given back";
    EXPECT_EQ(world.view("a").session, two.id) << "a wait becomes a hold";
    EXPECT_EQ(one.acquire("e").status, STATUS_OK);
    expect_limit(two.acquire("f"), LIMIT_ADDRESS_HOLDS);
}

TEST(LocksQuota, WaitsHaveAShareOfTheirOwn)
{
    struct cluster_settings settings = settings_with(50, 100);
    settings.waits_max = 4;
    locks_world world(settings);
    locks_client owner(world, ttl, "", there);
    EXPECT_EQ(owner.acquire("a").status, STATUS_OK);
    locks_client one(world, ttl, "", here), two(world, ttl, "", here);
    EXPECT_EQ(one.acquire("a", 5).status, STATUS_QUEUED);
    EXPECT_EQ(two.acquire("a", 5).status, STATUS_QUEUED);
    expect_limit(two.acquire("a", 5), LIMIT_ADDRESS_WAITS);
    EXPECT_EQ(two.acquire("a", 0).status, STATUS_TIMEOUT) << "a try waits for nothing";
    EXPECT_EQ(owner.acquire("a", 5).status, STATUS_QUEUED);
}

/* A wait keeps the name of a lock alive that another has made: it is charged, not refused. */
TEST(LocksQuota, NamesAreChargedToAllWhoKeepThem)
{
    struct cluster_settings settings = settings_with(25, 100);
    settings.name_blocks_max = 40;
    locks_world world(settings);
    std::string name(28 * 6, 'n');
    locks_client other(world, ttl, "", there), one(world, ttl, "", here);
    EXPECT_EQ(other.acquire(name).status, STATUS_OK);
    EXPECT_EQ(one.acquire(name, 50).status, STATUS_QUEUED) << "6 of its 10";
    expect_limit(one.acquire(std::string(28 * 5, 'm')), LIMIT_ADDRESS_NAME_BLOCKS);
    EXPECT_EQ(one.acquire(std::string(28 * 4, 'm')).status, STATUS_OK);
}

/* Whoever confirms nothing fills its own part only, and can still give back what it has. */
TEST(LocksQuota, AnswersThatNobodyConfirmsFillOnePartOnly)
{
    struct cluster_settings settings = settings_with(50, 100);
    settings.answers_max = 64;
    settings.holds_max = settings.locks_max = 16;
    locks_world world(settings);
    locks_client held(world, ttl, "", here);
    uint64_t token = held.acquire("kept").token;
    std::vector<locks_client> rude;
    for (int i = 0; i < 4; i++)
        rude.emplace_back(world, ttl, "", here);
    struct answer last = {};
    for (int i = 0; i < 40; i++)
        last = rude[static_cast<size_t>(i % 4)].release("none", 1);
    EXPECT_EQ(last.status, STATUS_BUSY);
    expect_limit(rude[0].acquire("x"), LIMIT_ADDRESS_ANSWERS);
    EXPECT_EQ(held.release("kept", token).status, STATUS_OK);
    EXPECT_EQ(rude[0].close().status, STATUS_OK);
    locks_client other(world, ttl, "", there);
    for (int i = 0; i < 8; i++)
        EXPECT_EQ(other.release("none", 1).status, STATUS_NOT_FOUND) << i;
}

TEST(LocksQuota, ThePartWithTheMostIsNamed)
{
    locks_world world(settings_with(50, 100));
    EXPECT_EQ(largest(world).of, SHARE_NONE);
    EXPECT_EQ(largest(world).who.count, 0u);
    locks_client other(world, ttl, "", there);
    locks_client one(world, ttl, "", here);
    for (const char *name : {"a", "b", "c", "d", "e", "f"})
        EXPECT_EQ(one.acquire(name).status, STATUS_OK);
    struct share_view view = largest(world);
    ASSERT_EQ(view.who.count, uint32_t{CLIENT_ADDRESS_BYTES});
    EXPECT_EQ(view.who.bytes[CLIENT_ADDRESS_BYTES - 1], here);
    EXPECT_EQ(view.of, SHARE_HOLDS);
    EXPECT_EQ(view.used, 6u);
    EXPECT_EQ(view.most, 8u);
    EXPECT_EQ(one.close().status, STATUS_OK);
    EXPECT_EQ(largest(world).who.bytes[CLIENT_ADDRESS_BYTES - 1], there);
}

/* With more parties than one look takes, some looks find the largest. */
TEST(LocksQuota, ManyPartiesTakeSomeLooks)
{
    struct cluster_settings settings = settings_with(100, 100);
    settings.sessions_max = 5000;
    settings.name_blocks_max = 10000;
    settings.answers_max = 100000;
    locks_world world(settings);
    world.checked = false;
    for (int i = 0; i < 4000; i++)
        EXPECT_NE(world.open(ttl, "label " + std::to_string(i)), 0u);
    for (int i = 0; i < 3; i++)
        EXPECT_NE(world.open(ttl, "label 3999"), 0u);
    for (int i = 0; i < 5; i++)
        (void)largest(world, true);
    EXPECT_EQ(text_of(largest(world, true).who), "label 3999");
    locks_check(world.locks);
}

/* The default takes nothing from one machine that is the only user of a cluster. */
TEST(LocksQuota, TheDefaultLeavesAFewPercentToOthers)
{
    struct cluster_settings settings = settings_default();
    EXPECT_EQ(settings.address_percent, 97u);
    EXPECT_GE(uint64_t{settings.holds_max} * settings.address_percent / 100, 1000000u);
    EXPECT_GE(uint64_t{settings.sessions_max} * settings.address_percent / 100, 250000u);
    EXPECT_GE(uint64_t{settings.sessions_max} * 3 / 100, 7000u) << "for all others";
}
