#include "lockbench/workload.h"

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

class Workload : public testing::Test {
protected:
    struct settings settings = {};
    struct workload workload = {};
    std::vector<workload_lock> locks;

    void begin(enum load load, uint64_t inflight, uint64_t shared)
    {
        settings.load = load;
        settings.inflight = inflight;
        settings.locks = shared;
        settings.seed = 1;
        locks.assign(workload_lock_count(&settings), {});
        workload_init(&workload, &settings, "b-", locks.data());
    }

    std::string name(uint32_t lock)
    {
        char text[WORKLOAD_NAME_BYTES];
        size_t length = workload_name(&workload, lock, text);
        return std::string(text, length);
    }
};

TEST_F(Workload, UncontendedSlotsShareNothing)
{
    begin(LOAD_UNCONTENDED, 100, 1);
    std::set<std::string> names;
    for (uint32_t slot = 0; slot < 100; slot++) {
        struct errand errand = workload_next(&workload, slot);
        EXPECT_FALSE(errand.try_only);
        names.insert(name(errand.lock));
    }
    EXPECT_EQ(names.size(), 100U);
    EXPECT_EQ(name(7), "b-o7");
}

TEST_F(Workload, ContendedSlotsAreSpreadEvenly)
{
    begin(LOAD_CONTENDED, 100, 4);
    std::map<std::string, int> waiters;
    for (uint32_t slot = 0; slot < 100; slot++)
        waiters[name(workload_next(&workload, slot).lock)]++;
    ASSERT_EQ(waiters.size(), 4U);
    EXPECT_EQ(waiters["b-s0"], 25);
    EXPECT_EQ(waiters["b-s3"], 25);
}

TEST_F(Workload, MixedHasAllThree)
{
    begin(LOAD_MIXED, 10, 4);
    int own = 0;
    int waits = 0;
    int tries = 0;
    for (int i = 0; i < 10000; i++) {
        struct errand errand = workload_next(&workload, 3);
        ASSERT_LT(errand.lock, workload_lock_count(&settings));
        if (errand.lock == 3)
            own++;
        else if (errand.try_only)
            tries++;
        else
            waits++;
        ASSERT_TRUE(errand.lock == 3 || errand.lock >= 10);
    }
    EXPECT_NEAR(own, 7000, 300);
    EXPECT_NEAR(waits, 2000, 300);
    EXPECT_NEAR(tries, 1000, 300);
}

/* Tokens of a lock grow. */
TEST_F(Workload, FindsTokensThatDoNotGrow)
{
    begin(LOAD_CONTENDED, 2, 1);
    EXPECT_EQ(workload_granted(&workload, 2, 5, 100, 200), GRANT_GOOD);
    workload_releasing(&workload, 2, 5);
    EXPECT_EQ(workload_granted(&workload, 2, 5, 110, 210), GRANT_TOKEN_OLD);
    EXPECT_EQ(workload_granted(&workload, 2, 4, 120, 220), GRANT_TOKEN_OLD);
    workload_releasing(&workload, 2, 5);
    EXPECT_EQ(workload_granted(&workload, 2, 6, 130, 230), GRANT_GOOD);
    EXPECT_EQ(workload_granted(&workload, 1, 1, 130, 230), GRANT_GOOD);
}

/* Nobody is granted what another may still act on. */
TEST_F(Workload, FindsTwoHoldersAtOnce)
{
    begin(LOAD_CONTENDED, 2, 1);
    EXPECT_EQ(workload_granted(&workload, 2, 5, 100, 200), GRANT_GOOD);
    EXPECT_EQ(workload_granted(&workload, 2, 6, 199, 300), GRANT_HELD_BEFORE);
    /* The first one's release says nothing of the second's hold. */
    workload_releasing(&workload, 2, 5);
    EXPECT_EQ(workload_granted(&workload, 2, 7, 250, 400), GRANT_HELD_BEFORE);
    /* Its lease is over: it does not act any more. */
    EXPECT_EQ(workload_granted(&workload, 2, 8, 400, 500), GRANT_GOOD);
}

} // namespace
