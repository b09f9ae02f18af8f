/* BUSY is waited out by acquires that are patient, by opens and by reads, until their limits. */
#include "worlds/core_world.h"

namespace {

struct busy_world : open_world {
    busy_world() : open_world(with_patience) {}

    uint32_t acquire_patiently(uint64_t wait_ns, const char *name = "a")
    {
        core_call asked = call(CORE_ACQUIRE, session, name);
        asked.wait_ns = wait_ns;
        asked.tag = 9;
        asked.patient = true;
        uint32_t request = submit(asked);
        tick();
        return request;
    }

    /* The cluster refuses all acquires for so long. Returns how many it refused. */
    unsigned refuse_for(uint64_t ns)
    {
        unsigned refused = 0;
        for (uint64_t end = now.boot_ns + ns; now.boot_ns < end;) {
            keep_alive();
            while (count_requests(REQUEST_ACQUIRE) > 0) {
                answer_to(take_request(REQUEST_ACQUIRE), STATUS_BUSY);
                refused++;
            }
            pass(2 * NS_PER_MS);
        }
        return refused;
    }

    void keep_alive()
    {
        while (count_requests(REQUEST_KEEPALIVE) > 0) {
            heard one = take_request(REQUEST_KEEPALIVE);
            uint64_t at = time + (now.boot_ns - begin) / 2;
            say(answers().section(11, at, at + ttl)
                            .answer(REQUEST_KEEPALIVE, one.request.number, STATUS_OK));
        }
    }

    uint64_t begin = now.boot_ns;
};

TEST(CoreBusy, APatientAcquireIsSentAgainUntilItIsTaken)
{
    busy_world world;
    world.acquire_patiently(WAIT_FOREVER);
    unsigned refused = world.refuse_for(30 * NS_PER_S);
    EXPECT_TRUE(world.completions.empty());
    EXPECT_GT(refused, 50u);
    EXPECT_LT(refused, 130u) << "it pauses longer and longer, up to half a second";
    world.pass(NS_PER_S);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_OK, 5);
    EXPECT_EQ(world.take_completion().token, 5u);
    EXPECT_GT(mark_count("client_waits_out_busy"), 0u);
}

TEST(CoreBusy, APatientAcquireIsToldBusyAtItsLimitAndNotBefore)
{
    busy_world world;
    world.acquire_patiently(3 * NS_PER_S);
    world.refuse_for(2990 * NS_PER_MS);
    EXPECT_TRUE(world.completions.empty());
    world.refuse_for(50 * NS_PER_MS);
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
    EXPECT_GT(mark_count("client_busy_until_limit"), 0u);
}

TEST(CoreBusy, APatientTryIsToldAtOnce)
{
    busy_world world;
    world.acquire_patiently(0);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
}

TEST(CoreBusy, APatientAcquireIsTakenWhileOthersAreRefusedHere)
{
    busy_world world;
    world.acquire(world.session, "b", NS_PER_S);
    world.pass(50 * NS_PER_MS);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    world.submit(world.call(CORE_ACQUIRE, world.session, "b"), STATUS_BUSY);
    world.acquire_patiently(NS_PER_S);
    EXPECT_EQ(world.count_requests(REQUEST_ACQUIRE), 0u) << "held back for a moment";
    world.pass(100 * NS_PER_MS);
    EXPECT_EQ(world.take_request(REQUEST_ACQUIRE).name, "a");
}

TEST(CoreBusy, G11_APatientAcquireThatWaitsCanBeCancelled)
{
    busy_world world;
    world.acquire_patiently(WAIT_FOREVER);
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    EXPECT_EQ(core_cancel_tag(world.core, world.session, 9, world.now), 1u);
    world.tick();
    EXPECT_EQ(world.take_completion().status, STATUS_CANCELLED);
    EXPECT_EQ(world.count_requests(REQUEST_CANCEL), 0u) << "nothing of it is under way";
}

/* An earlier sending may have been taken: that is undone before it is sent anew. */
TEST(CoreBusy, G6_APatientAcquireThatMayHaveBeenTakenIsUndoneFirst)
{
    busy_world world;
    world.acquire_patiently(WAIT_FOREVER);
    uint64_t number = world.take_request(REQUEST_ACQUIRE).request.number;
    world.reconnect();
    world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    heard cancel = world.take_request(REQUEST_CANCEL);
    EXPECT_EQ(cancel.request.target, number);
    world.pass(200 * NS_PER_MS); /* It is sent again with its number, and refused again. */
    while (world.count_requests(REQUEST_ACQUIRE) > 0)
        world.answer_to(world.take_request(REQUEST_ACQUIRE), STATUS_BUSY);
    world.answer_to(cancel, STATUS_OK);
    EXPECT_TRUE(world.completions.empty());
    world.pass(NS_PER_S);
    heard anew = world.take_request(REQUEST_ACQUIRE);
    EXPECT_GT(anew.request.number, number);
    world.answer_to(anew, STATUS_OK, 5);
    EXPECT_EQ(world.take_completion().token, 5u);
}

TEST(CoreBusy, AnOpenRefusedToTheLastIsToldBusy)
{
    core_world world(3, with_patience);
    world.tick();
    world.reach_leader();
    world.ask_open();
    unsigned refused = 0;
    for (int i = 0; i < 600 && world.completions.empty(); i++) {
        world.pass(10 * NS_PER_MS);
        while (world.count_requests(REQUEST_OPEN) > 0) {
            heard open = world.take_request(REQUEST_OPEN);
            refused++;
            world.say(answers().section(0, 0, 0).answer(
                    REQUEST_OPEN, open.request.number, STATUS_BUSY));
        }
    }
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
    EXPECT_GT(refused, 5u);
    EXPECT_LT(refused, 25u);
}

TEST(CoreBusy, AReadThatIsRefusedIsAskedAgainUntilItsLimit)
{
    open_world world(with_patience);
    static unsigned char room[CORE_READ_BYTES_MAX];
    core_call query = world.call(CORE_QUERY, 0, "a");
    query.room = room;
    query.room_bytes = sizeof room;
    world.submit(query);
    world.tick();
    unsigned refused = 0;
    for (int i = 0; i < 600 && world.completions.empty(); i++) {
        while (!world.readings.empty()) {
            read_answer answer = {};
            answer.stamp = world.readings.front().read.stamp;
            answer.status = STATUS_BUSY;
            world.readings.pop_front();
            refused++;
            world.say(FRAME_READ_ANSWER, world.lay_out(wire_read_answer, &answer));
        }
        world.pass(10 * NS_PER_MS);
    }
    EXPECT_EQ(world.take_completion().status, STATUS_BUSY);
    EXPECT_GT(refused, 5u);
}

/* Times that end never, or later than a clock can say. */
TEST(CoreBusy, SumsOfTimesSaturate)
{
    open_world world([](core_settings *settings) {
        settings->grace_ns = UINT64_MAX;
        settings->connect_wait_ns = UINT64_MAX;
        settings->silence_max_ns = UINT64_MAX;
        settings->min_usable_ns = UINT64_MAX;
    });
    for (uint64_t wait : {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2 * NS_PER_S,
                 UINT64_MAX - world.now.boot_ns, UINT64_MAX - world.now.boot_ns - 1,
                 UINT64_MAX - world.now.boot_ns - NS_PER_S}) {
        world.acquire(world.session, "a", wait);
        EXPECT_GT(world.take_request(REQUEST_ACQUIRE).request.wait_ns, UINT64_MAX / 2);
    }
    core_call open = world.call(CORE_OPEN, 0);
    open.ttl_ns = UINT64_MAX;
    open.limit_ns = UINT64_MAX;
    world.submit(open);
    uint32_t session = core_opened(world.core);
    world.tick();
    heard request = world.take_request(REQUEST_OPEN);
    world.say(answers()
                      .section(12, open_world::time, UINT64_MAX)
                      .answer(REQUEST_OPEN, request.request.number, STATUS_OK));
    world.completions.clear();
    EXPECT_EQ(world.believed(session), BELIEF_HELD);
    world.pass(100 * NS_PER_S);
    EXPECT_TRUE(world.completions.empty());
    EXPECT_EQ(world.believed(world.session), BELIEF_SUSPENDED) << "never LOST: no limit";
    EXPECT_EQ(world.believed(session), BELIEF_HELD);
    world.submit(world.call(CORE_CLOSE, session));
    world.tick();
    EXPECT_TRUE(core_has_session(world.core, session)) << "it is being closed";
}

} // namespace
