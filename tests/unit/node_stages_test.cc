/*
 * Where the time goes: each stage of an entry is counted between the clock readings that are
 * its borders, and nowhere else.
 */
#include "worlds/node_world.h"

#include "base/histogram.h"
#include "protocol/node_status.h"
#include "protocol/stage.h"

using namespace node_test;

namespace {

const uint64_t US = 1000;

/* What a node says of its stages. */
struct Said {
    std::map<uint8_t, histogram> rows;
    std::map<uint8_t, uint64_t> greatest;
    std::map<uint8_t, uint64_t> sums;
};

void read_row(wire &wire, Said &said)
{
    stage_row row{};
    wire_stage_row(&wire, &row);
    said.greatest[row.stage] = row.greatest;
    histogram &histogram = said.rows[row.stage];
    histogram_init(&histogram);
    uint16_t count = 0;
    wire_bucket_count(&wire, &count);
    for (uint16_t i = 0; i < count; i++) {
        node_status_bucket bucket{};
        wire_bucket(&wire, &bucket);
        histogram_add_bucket(&histogram, bucket.bucket, bucket.count);
    }
}

Said read_stages(const Heard &frame)
{
    Said said;
    wire wire = frame.reader();
    stages_head head{};
    wire_stages_head(&wire, &head);
    for (uint8_t i = 0; i < head.rows; i++)
        read_row(wire, said);
    for (uint8_t i = 0; i < head.sums; i++) {
        stage_value value{};
        wire_stage_value(&wire, &value);
        said.sums[value.sum] = value.value;
    }
    EXPECT_TRUE(wire_complete(&wire));
    return said;
}

/* Asks on a connection of its own, so that the client's own output stays as it is. */
Said ask(NodeWorld &world)
{
    world.handed_ns = 0;
    world.heard[9].clear();
    world.say(9, make_frame(FRAME_STAGES, [](wire & /*wire*/) {}));
    world.turn();
    EXPECT_EQ(world.heard[9].size(), 1U);
    EXPECT_EQ(world.heard[9].at(0).kind, FRAME_STAGES_ANSWER);
    return read_stages(world.heard[9].at(0));
}

uint64_t counted(const Said &said, stage stage)
{
    return said.rows.at(stage).count;
}

/* Is there one value in the row, and is it that? */
void expect_one(const Said &before, const Said &after, stage stage, uint64_t value)
{
    SCOPED_TRACE(stage);
    histogram rest = after.rows.at(stage);
    const histogram &old = before.rows.at(stage);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        rest.buckets[i] -= old.buckets[i];
    EXPECT_EQ(rest.count - old.count, 1U);
    EXPECT_EQ(rest.buckets[histogram_bucket(value)], 1U);
}

class Stages : public testing::Test {
protected:
    void lead(uint8_t self, uint8_t members)
    {
        world = std::make_unique<NodeWorld>(self, members);
        if (members > 1)
            world->hello(1, world->peer_hello(1));
        world->turn();
        world->run_until(world->now_ns + 2 * NS_PER_S);
        world->client(0);
        world->client(9);
        before = ask(*world);
        begin_ns = world->now_ns;
    }

    /* Now it is so much after the begin. */
    void at(uint64_t us)
    {
        world->now_ns = begin_ns + us * US;
    }

    /* The turn's end is stepped, its effects are handed on, the next turn begins, at: */
    void end_turn(uint64_t end_us, uint64_t handed_us, uint64_t next_us)
    {
        at(end_us);
        world->handed_ns = begin_ns + handed_us * US;
        world->sleep_ns = (next_us - end_us) * US;
        world->end_turn();
        world->sleep_ns = US;
    }

    void open_session(unsigned char byte)
    {
        request request = request_of(REQUEST_OPEN, byte);
        request.wait_ns = 60 * NS_PER_S;
        world->request(0, section_of(0, byte), request);
    }

    std::unique_ptr<NodeWorld> world;
    Said before;
    uint64_t begin_ns = 0;
};

} // namespace

/* One entry of two commands on a node alone: every border is a reading of the clock. */
TEST_F(Stages, CountEachStageOfAnEntryOnce)
{
    lead(1, 1);
    open_session(1);
    at(40);
    open_session(2); /* Within the same turn; the first command counts. */
    end_turn(100, 130, 500);
    end_turn(520, 550, 600);
    Said after = ask(*world);
    expect_one(before, after, STAGE_QUEUE, 130 * US);
    expect_one(before, after, STAGE_WRITE, 370 * US);
    expect_one(before, after, STAGE_REPLICATE, 370 * US);
    expect_one(before, after, STAGE_APPLY, 30 * US);
    expect_one(before, after, STAGE_ANSWER, 100 * US);
    expect_one(before, after, STAGE_COMMANDS, 2);
    EXPECT_EQ(after.sums.at(SUM_APPLIED), before.sums.at(SUM_APPLIED) + 1);
    EXPECT_EQ(after.sums.at(SUM_WRITES), before.sums.at(SUM_WRITES) + 1);
}

/* Who waits for a full ring of its own disk waits in `write`, and nobody else does. */
TEST_F(Stages, ASlowDiskOfTheLeaderIsItsOwnStage)
{
    lead(2, 3);
    world->disk_stalls = true;
    open_session(1);
    end_turn(10, 20, 300); /* The others answer at 300. */
    end_turn(310, 330, 350);
    Said after = ask(*world);
    expect_one(before, after, STAGE_REPLICATE, 280 * US);
    expect_one(before, after, STAGE_ANSWER, 50 * US);
    EXPECT_EQ(counted(after, STAGE_WRITE), counted(before, STAGE_WRITE));
    world->disk_stalls = false;
    end_turn(800, 810, 1020);
    Said last = ask(*world);
    expect_one(before, last, STAGE_WRITE, 1000 * US);
    EXPECT_EQ(counted(last, STAGE_REPLICATE), counted(after, STAGE_REPLICATE));
}

/* A client that reads nothing for a while has its answer late, in the stage of answers. */
TEST_F(Stages, ASlowReaderIsTheStageOfAnswers)
{
    lead(1, 1);
    world->slow[0] = true;
    open_session(1);
    end_turn(10, 20, 100);
    end_turn(110, 120, 130);
    Said during = ask(*world);
    EXPECT_EQ(counted(during, STAGE_ANSWER), counted(before, STAGE_ANSWER));
    at(5100);
    world->wake(0);
    Said after = ask(*world);
    expect_one(before, after, STAGE_ANSWER, 5000 * US);
}

/* Ticks without a command are entries too: they have no queue and no answer. */
TEST_F(Stages, AnEntryWithoutCommandsHasNoQueue)
{
    lead(1, 1);
    open_session(1);
    world->turn();
    Said opened = ask(*world);
    world->run_until(world->now_ns + 30 * NS_PER_S);
    Said after = ask(*world);
    EXPECT_GT(counted(after, STAGE_REPLICATE), counted(opened, STAGE_REPLICATE));
    EXPECT_EQ(counted(after, STAGE_QUEUE), counted(opened, STAGE_QUEUE));
    EXPECT_EQ(counted(after, STAGE_ANSWER), counted(opened, STAGE_ANSWER));
    EXPECT_EQ(counted(after, STAGE_COMMANDS), counted(opened, STAGE_COMMANDS));
    EXPECT_EQ(counted(after, STAGE_BYTES), counted(after, STAGE_REPLICATE));
}

/* What went through is added up: bytes in, bytes out, bytes to the disk in whole blocks. */
TEST_F(Stages, AddUpBytes)
{
    lead(1, 1);
    open_session(1);
    world->turn();
    Said after = ask(*world);
    EXPECT_GT(after.sums.at(SUM_RECEIVED), before.sums.at(SUM_RECEIVED));
    EXPECT_GT(after.sums.at(SUM_SENT), before.sums.at(SUM_SENT));
    uint64_t logged = after.sums.at(SUM_LOGGED) - before.sums.at(SUM_LOGGED);
    uint64_t written = after.sums.at(SUM_WRITTEN) - before.sums.at(SUM_WRITTEN);
    EXPECT_GT(logged, 0U);
    EXPECT_EQ(written, static_cast<uint64_t>(WAL_BLOCK_BYTES));
}
