/*
 * What sessions are told besides answers: numbered, kept until confirmed, listed when
 * dropped.
 */

#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/locks_world.h"

namespace {

/* Two sessions; the second gets one change for each lock that the first lets go. */
struct handing_over {
    explicit handing_over(const struct cluster_settings &settings = small_settings())
            : world(settings), alice(world, 1000), bob(world, 1000)
    {
    }

    void hand_over(const std::string &name)
    {
        uint64_t token = alice.acquire(name).token;
        bob.acquire(name, 500);
        alice.release(name, token);
    }

    locks_world world;
    locks_client alice, bob;
};

TEST(LocksChanges, KeptUntilConfirmed)
{
    handing_over it;
    it.hand_over("a");
    it.hand_over("b");
    it.hand_over("c");
    EXPECT_EQ(it.world.changes(it.bob.id).size(), 3u);
    EXPECT_EQ(it.world.changes(it.bob.id, 2).at(0).change, 3u);
    EXPECT_TRUE(it.world.changes(it.bob.id, 3).empty());
    it.bob.confirmed = 2;
    it.world.pass(1, {it.bob.keepalive()});
    EXPECT_EQ(locks_tally(it.world.locks).changes, 1u);
    EXPECT_EQ(it.world.changes(it.bob.id, 2).size(), 1u);
    it.bob.confirmed = UINT64_MAX; /* More than there are: all. */
    EXPECT_EQ(it.world.apply(it.bob.acquire_of("d", 0)).change, 3u);
    EXPECT_EQ(locks_tally(it.world.locks).changes, 0u);
    struct session_view view;
    locks_session(it.world.locks, it.bob.id, &view);
    EXPECT_EQ(view.confirmed, 3u);
    it.hand_over("e");
    EXPECT_EQ(it.world.changes(it.bob.id, 3).at(0).change, 4u);
}

TEST(LocksChanges, ListedWhenDropped)
{
    struct cluster_settings settings = small_settings();
    settings.changes_per_session_max = 2;
    handing_over it(settings);
    uint64_t marked = mark_count("locks_change_dropped");
    it.hand_over("a");
    it.hand_over("b");
    bool listed;
    it.world.changes(it.bob.id, 0, &listed);
    EXPECT_FALSE(listed);
    it.hand_over("c");
    EXPECT_EQ(mark_count("locks_change_dropped"), marked + 1);
    uint64_t free_token = it.alice.acquire("d").token;
    it.bob.acquire("d", 500);

    auto list = it.world.changes(it.bob.id, 0, &listed);
    EXPECT_TRUE(listed);
    ASSERT_EQ(list.size(), 4u);
    EXPECT_EQ(list[0].kind, CHANGE_WAITS);
    EXPECT_EQ(list[0].number, 4u);
    for (size_t i = 1; i <= 3; i++) {
        EXPECT_EQ(list[i].kind, CHANGE_HOLDS);
        EXPECT_EQ(list[i].change, 0u);
        EXPECT_EQ(list[i].number, i);
        EXPECT_EQ(list[i].token, 2 * i);
    }

    /* Page by page it is the same list. */
    struct changes_from from = {0, 0, 0, false};
    for (uint32_t at = 0; at <= 4; at++) {
        struct change one;
        uint32_t count = locks_changes(it.world.locks, it.bob.id, &from, &one, 1);
        ASSERT_EQ(count, at < 4 ? 1u : 0u);
        if (count == 1) {
            EXPECT_EQ(one.number, list[at].number);
        }
    }
    /* A wait that became a hold after it was named as one is named again, as a hold. */
    struct change two[2];
    from = {0, 0, 0, false};
    ASSERT_EQ(locks_changes(it.world.locks, it.bob.id, &from, two, 2), 2u);
    it.alice.release("d", free_token);
    ASSERT_EQ(locks_changes(it.world.locks, it.bob.id, &from, two, 2), 2u);
    ASSERT_EQ(locks_changes(it.world.locks, it.bob.id, &from, two, 2), 1u);
    EXPECT_EQ(two[0].kind, CHANGE_HOLDS);
    EXPECT_EQ(two[0].number, 4u);
    /* Who has heard of the dropped ones gets the rest as changes. */
    auto rest = it.world.changes(it.bob.id, 2, &listed);
    EXPECT_FALSE(listed);
    EXPECT_EQ(rest.size(), 2u);
}

TEST(LocksChanges, OneSessionCannotTakeAllRoomFromAnother)
{
    struct cluster_settings settings = small_settings();
    settings.changes_max = 2;
    handing_over it(settings);
    locks_client carol(it.world, 1000);
    it.hand_over("a");
    it.hand_over("b");
    it.alice.acquire("c");
    carol.acquire("c", 500);
    it.alice.release("c", 5);
    bool listed;
    auto list = it.world.changes(carol.id, 0, &listed);
    EXPECT_TRUE(listed); /* She has none to drop: not kept at all, and listed. */
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].kind, CHANGE_HOLDS);
    EXPECT_EQ(it.world.changes(it.bob.id).size(), 2u);
    it.bob.confirmed = 2;
    it.world.pass(0, {it.bob.keepalive()});
    it.alice.acquire("d");
    carol.acquire("d", 500);
    it.alice.release("d", 7);
    auto changes = it.world.changes(carol.id, 1, &listed);
    EXPECT_FALSE(listed);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].change, 2u);
}

TEST(LocksChanges, NobodyHasNone)
{
    locks_world world;
    bool listed;
    EXPECT_TRUE(world.changes(77, 0, &listed).empty());
    EXPECT_FALSE(listed);
}

} // namespace
