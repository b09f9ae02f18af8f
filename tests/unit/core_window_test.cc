/*
 * The window of numbers: however full it is, what it waits for gets a number, and so does what
 * gives something up.
 */
#include <algorithm>
#include <map>

#include "worlds/core_world.h"

namespace {

constexpr uint64_t AT_ONCE = 384; /* Acquires of one session that are sent at once */

struct full_world : open_world {
    full_world() : open_world(with_patience)
    {
        for (int i = 0; i < 1000; i++) {
            core_call asked = call(CORE_ACQUIRE, session, "a");
            asked.wait_ns = 10 * NS_PER_S;
            asked.tag = static_cast<uint64_t>(i) + 1;
            submit(asked);
        }
        tick();
    }

    /* As the cluster answers: free locks are granted, cancelled ones are released. */
    void answer_all()
    {
        while (!inbox.empty()) {
            heard request = inbox.front();
            inbox.pop_front();
            bool acquire = request.request.kind == REQUEST_ACQUIRE;
            highest = std::max(highest, request.request.number - request.answered);
            answer_to(request, STATUS_OK, acquire ? ++token : 0);
        }
    }

    uint64_t token = 0;
    uint64_t highest = 0; /* How far past what is answered a number went */
};

TEST(CoreWindow, G6_AcquiresLeaveNumbersForTheirCancelsAndForReleases)
{
    full_world world;
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), AT_ONCE);
    for (uint64_t tag = 1; tag <= AT_ONCE; tag++)
        EXPECT_EQ(core_cancel_tag(world.core, world.session, tag, world.now), 1u);
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), AT_ONCE);
    for (int i = 0; i < 256; i++)
        world.submit(world.call(CORE_RELEASE, world.session, "b"));
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_RELEASE), 256u);
    world.answer_all();
    EXPECT_LE(world.highest, uint64_t{REQUEST_WINDOW});
    EXPECT_GT(mark_count("client_window_full"), 0u);
}

/* The grant of the first waits for its CANCEL, and the window for the first. */
TEST(CoreWindow, G11_ACancelOfTheFirstOfAFullWindowIsSent)
{
    full_world world;
    std::deque<heard> acquires;
    acquires.swap(world.inbox);
    EXPECT_EQ(core_cancel_tag(world.core, world.session, 1, world.now), 1u);
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 1u);
    acquires.insert(acquires.end(), world.inbox.begin(), world.inbox.end());
    world.inbox.swap(acquires);
    world.answer_all();
    EXPECT_EQ(world.completions.size(), 1000u);
    world.completions.clear();
    world.release(world.session, "a", 2);
    world.acquire(world.session, "free", 0);
    world.answer_all();
    EXPECT_EQ(world.completions.size(), 2u);
}

/* Releases may fill the window; what it waits for still gets through. */
TEST(CoreWindow, G11_ReleasesDoNotTakeTheNumbersOfCancels)
{
    full_world world;
    std::deque<heard> acquires;
    acquires.swap(world.inbox);
    for (int i = 0; i < 1000; i++)
        world.submit(world.call(CORE_RELEASE, world.session, "b"));
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_RELEASE), 256u);
    world.inbox.clear();
    EXPECT_EQ(core_cancel_tag(world.core, world.session, 1, world.now), 1u);
    world.tick();
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 1u) << "before the releases";
}

/* All limits pass while the leader says nothing; then it answers everything. */
TEST(CoreWindow, G11_AFullWindowOutlivesASilentLeader)
{
    full_world world;
    world.pass(12 * NS_PER_S);
    world.answer_all();
    EXPECT_EQ(world.completions.size(), 1000u);
    std::map<int, int> told;
    for (const core_completion &done : world.completions)
        told[done.status]++;
    EXPECT_EQ(told[STATUS_OK], 0);
    world.completions.clear();
    world.acquire(world.session, "free", 5 * NS_PER_S);
    for (int i = 0; i < 20 && world.completions.empty(); i++) {
        world.pass(100 * NS_PER_MS);
        world.answer_all();
    }
    EXPECT_EQ(world.take_completion().status, STATUS_OK);
}

/* What has ended by itself needs no CANCEL any more. */
TEST(CoreWindow, ACancelThatHasNotLeftIsForgottenWithItsAcquire)
{
    open_world world;
    uint32_t request = world.acquire(world.session, "a", NS_PER_S);
    heard acquire = world.take_request(REQUEST_ACQUIRE);
    world.full =
            true; /* The socket takes nothing, and what waits to be sent is written later. */
    EXPECT_TRUE(core_cancel(world.core, request, world.now));
    world.answer_to(acquire, STATUS_TIMEOUT);
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
    EXPECT_GT(mark_count("client_cancel_needless"), 0u);
}

} // namespace
