/* Queries: one lock, and pages of all in an order that every node has. */

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "locks/state.h"
#include "worlds/locks_world.h"

namespace {

struct cluster_settings list_settings(uint32_t locks_max)
{
    struct cluster_settings settings = settings_default();
    settings.sessions_max = 4;
    settings.locks_max = settings.holds_max = locks_max;
    settings.name_blocks_max = 4 * locks_max;
    settings.answers_max = 1024;
    settings.waits_max = settings.changes_max = 16;
    return settings;
}

std::vector<std::string> list_all(
        const locks_world &world, uint32_t most, const std::string &prefix = "")
{
    std::vector<std::string> names;
    std::vector<struct lock_view> views(most);
    std::vector<unsigned char> scratch(most * (NAME_BYTES_MAX + LABEL_BYTES_MAX));
    uint64_t cursor = 0;
    do {
        struct view_page page = {views.data(), scratch.data(), most};
        uint32_t count = locks_list(world.locks, span_of(prefix), &cursor, &page);
        EXPECT_LE(count, most);
        for (uint32_t i = 0; i < count; i++)
            names.push_back(text_of(views[i].name));
    } while (cursor != 0);
    return names;
}

void hold_many(locks_world &world, locks_client &client, int count)
{
    world.checked = false;
    for (int i = 0; i < count; i++) {
        client.answered = client.number;
        ASSERT_EQ(client.acquire("job/" + std::to_string(i)).status, STATUS_OK);
    }
    world.checked = true;
}

TEST(LocksList, PagesCoverAllLocksOnceInOneOrder)
{
    locks_world world(list_settings(1000));
    EXPECT_TRUE(list_all(world, 5).empty());
    locks_client alice(world, NS_PER_S, "alice");
    hold_many(world, alice, 700);
    std::vector<std::string> all = list_all(world, 64);
    EXPECT_EQ(all.size(), 700u);
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 700u);
    for (uint32_t most : {1u, 2u, 7u, 63u})
        EXPECT_EQ(list_all(world, most), all);

    /* The same on a node that carved more. */
    locks_world other(list_settings(1000), list_settings(100000));
    locks_client again(other, NS_PER_S, "alice");
    hold_many(other, again, 700);
    EXPECT_EQ(list_all(other, 64), all);
}

TEST(LocksList, PrefixIsOfBytes)
{
    locks_world world(list_settings(100));
    locks_client alice(world, NS_PER_S);
    for (const char *name : {"a", "ab", "abc", "b", "ba"})
        alice.acquire(name);
    auto names = list_all(world, 2, "ab");
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"ab", "abc"}));
    EXPECT_TRUE(list_all(world, 2, "abcd").empty());
    EXPECT_TRUE(list_all(world, 2, std::string(255, 'a')).empty());
}

TEST(LocksList, PageLooksAtABoundedPartOfAnEmptyTable)
{
    locks_world world(list_settings(1 << 16), list_settings(1 << 16));
    locks_client alice(world, NS_PER_S);
    alice.acquire("a");
    uint64_t cursor = 0;
    int pages = 0;
    uint32_t found = 0;
    do {
        struct lock_view view;
        unsigned char scratch[NAME_BYTES_MAX + LABEL_BYTES_MAX];
        struct view_page page = {&view, scratch, 1};
        found += locks_list(world.locks, span_of(""), &cursor, &page);
        pages++;
    } while (cursor != 0);
    EXPECT_EQ(found, 1u);
    EXPECT_GE(pages, 4);
}

TEST(LocksList, ViewsTellHolderQueueAndWhatIsFree)
{
    locks_world world;
    locks_client alice(world, 100, "alice"), bob(world, 100, "bob");
    alice.acquire("a", 0, 9);
    bob.acquire("a", 50);
    world.pass(30, {bob.keepalive()});
    struct lock_view view;
    unsigned char scratch[NAME_BYTES_MAX + LABEL_BYTES_MAX];
    uint64_t cursor = 0;
    struct view_page page = {&view, scratch, 1};
    ASSERT_EQ(locks_list(world.locks, span_of(""), &cursor, &page), 1u);
    EXPECT_EQ(text_of(view.name), "a");
    EXPECT_EQ(view.session, alice.id);
    EXPECT_EQ(view.owner, 9u);
    EXPECT_EQ(view.waits, 1u);
    EXPECT_EQ(view.held_ns, 30u);
    EXPECT_EQ(view.remain_ns, 70u);
    EXPECT_EQ(text_of(view.label), "alice");
    locks_client carol(world, 100, "carol");
    carol.acquire("a", 50);
    EXPECT_EQ(locks_ahead(world.locks, span_of("a"), bob.id), 0u);
    EXPECT_EQ(locks_ahead(world.locks, span_of("a"), carol.id), 1u);
    EXPECT_EQ(locks_ahead(world.locks, span_of("a"), alice.id), 2u); /* It does not wait. */
    EXPECT_EQ(locks_ahead(world.locks, span_of("zz"), bob.id), 0u);
    struct lock_view nobody = world.view("zz");
    EXPECT_EQ(text_of(nobody.name), "zz");
    EXPECT_EQ(nobody.session, 0u);
    EXPECT_EQ(nobody.token, 0u);
    EXPECT_EQ(nobody.label.count, 0u);
}

TEST(LocksList, NothingToListIsOnePage)
{
    locks_world world(list_settings(1 << 16), list_settings(1 << 16));
    struct lock_view view;
    unsigned char scratch[NAME_BYTES_MAX + LABEL_BYTES_MAX];
    struct view_page page = {&view, scratch, 1};
    uint64_t cursor = 0;
    EXPECT_EQ(locks_list(world.locks, span_of(""), &cursor, &page), 0u);
    EXPECT_EQ(cursor, 0u);
}

/*
 * Locks of equal hash stay on one page; a page full of them goes on behind them, and ends.
 */
TEST(LocksList, EqualHashesAreNeitherPartedNorRepeated)
{
    locks_world world;
    locks_client alice(world, 100);
    for (int i = 0; i < 12; i++)
        alice.acquire(std::to_string(i));
    world.checked = false;
    /* Give all locks of a bucket the same hash, as someone who makes up names could. */
    std::map<uint64_t, uint32_t> groups;
    for (uint32_t bucket = 0; bucket < nametable_bucket_count(&world.locks->names);
            bucket++) {
        uint64_t hash = 0;
        for (uint32_t at = world.locks->names.heads[bucket]; at != 0;) {
            auto lock = static_cast<struct lock *>(pool_at(&world.locks->locks, at));
            hash = lock->hash = hash == 0 ? lock->hash : hash;
            at = lock->next;
            groups[hash]++;
        }
    }
    uint32_t largest = 0;
    for (const auto &[hash, count] : groups)
        largest = std::max(largest, count);
    ASSERT_GE(largest, 2u);
    std::vector<std::string> all = list_all(world, 64);
    EXPECT_EQ(all.size(), 12u);
    for (uint32_t most = largest; most <= 12; most++)
        EXPECT_EQ(list_all(world, most), all);
    EXPECT_EQ(list_all(world, 1).size(), groups.size());
}

/* What remains counts the lift of a new term, as expiry does. */
TEST(LocksList, RemainingTimeIsUntilTheSessionIsDue)
{
    locks_world world;
    locks_client alice(world, 40);
    alice.acquire("a");
    world.pass(30);
    world.term_start();
    EXPECT_EQ(world.view("a").remain_ns, 50u);
}

} // namespace
