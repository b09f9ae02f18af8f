/*
 * [Raft 3.8] What was durable before a power cut is found after it, whatever the cut
 * left of the writes in flight; what was cut off a log never comes back.
 */
#include "worlds/store_machine.h"

#include <cstdlib>

#include "base/mark.h"

namespace {

using namespace store_test;

bytes random_body(dice &dice, uint64_t most)
{
    bytes body(dice.coin() ? dice.below(most + 1) : dice.below(60));
    for (auto &each : body)
        each = dice.byte(0, 255);
    return body;
}

/* A machine that does what comes to mind, as far as a replica might. */
class life {
public:
    explicit life(uint64_t seed, const wal_settings &settings)
            : chance(seed), machine(settings)
    {
    }

    void step()
    {
        if (begin_moves && chance.below(10) == 0)
            take_snapshot();
        switch (chance.below(10)) {
        case 0:
            term += chance.between(1, 3);
            machine.vote(term, chance.byte(0, 3));
            break;
        case 1:
            cut_off();
            break;
        case 2:
        case 3:
        case 4:
            append();
            break;
        case 5:
        case 6:
            machine.submit();
            break;
        case 7:
        case 8:
            if (!machine.in_flight.empty())
                machine.complete(chance.below(machine.in_flight.size()));
            break;
        default:
            look();
            break;
        }
        machine.check();
    }

    void cut_power()
    {
        end([this](auto keep) { machine.cut_power(keep); });
    }
    void fail_sync()
    {
        end([this](auto keep) { machine.fail_sync(keep); });
    }

    /* Each block of what is in flight is there, is not, or is torn. */
    template <class how> void end(how ends)
    {
        while (chance.coin() && machine.submit()) {
        }
        std::map<std::pair<uint64_t, uint64_t>, uint64_t> kinds;
        uint64_t all = chance.below(4);
        ends([&](uint64_t segment, uint64_t offset) {
            if (all == 0)
                return false;
            if (all == 1)
                return true;
            auto [at, is_new] = kinds.try_emplace({segment, offset / BLOCK}, 0);
            if (is_new)
                at->second = chance.below(3);
            return at->second == 2 ? chance.coin() : at->second == 1;
        });
        machine.boot(chance.between(1, 12) * BLOCK);
        term = std::max(term, machine.decision.term);
        committed = std::min<uint64_t>(committed, machine.entries().size());
    }

    dice chance;
    store_test::machine machine;
    uint64_t term = 1;
    bool begin_moves = false;
    uint64_t committed = 0; /* Never cut off, but may be lost with the power */
    uint64_t moved = 0;

private:
    void take_snapshot()
    {
        committed = chance.between(committed, machine.entries().size());
        if (machine.drop_before(chance.between(1, committed + 1)))
            moved++;
    }

    void append()
    {
        bytes body = random_body(chance, machine.settings.entry_body_max);
        if (chance.coin())
            machine.receive(term, body);
        else
            machine.append(term, body,
                    static_cast<uint32_t>(
                            chance.between(body.size(), machine.settings.entry_body_max)));
        if (chance.below(8) == 0) {
            machine.need_room(1, ENTRY_HEAD_BYTES + machine.settings.entry_body_max);
            memset(wal_open_entry(machine.wal, 100), 0xdd, 100);
            wal_drop_entry(machine.wal);
        }
    }

    /* A new leader's entries replace what was not committed. */
    void cut_off()
    {
        uint64_t last = machine.entries().size();
        if (last == committed)
            return;
        uint64_t most = std::min<uint64_t>(last - committed, chance.coin() ? 3 : 40);
        term++;
        machine.vote(term, 0);
        machine.truncate(last + 1 - chance.between(1, most));
        if (chance.coin())
            machine.receive(term, random_body(chance, 300));
    }

    void look()
    {
        if (!machine.entries().empty())
            machine.check_entry(chance.between(1, machine.entries().size()));
    }
};

uint64_t count_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(StorePower, CutsAtRandomLoseNothingThatWasDurable)
{
    uint64_t lives = count_from_environment("STORE_LIVES", 60);
    uint64_t first = count_from_environment("STORE_FIRST", 1);
    uint64_t cuts = 0;
    for (uint64_t seed = first; seed < first + lives; seed++) {
        SCOPED_TRACE(seed);
        wal_settings settings = tiny_settings();
        settings.writes_max = 1 + static_cast<uint32_t>(seed % WAL_WRITES_MAX);
        settings.segment_bytes = (8 + seed % 13) * BLOCK;
        settings.buffer_bytes = (9 + seed % 7) * BLOCK;
        life life(seed, settings);
        for (uint64_t step = 0; step < 400; step++) {
            life.step();
            if (life.chance.below(25) == 0) {
                life.cut_power();
                cuts += life.machine.decision.verdict == RECOVERY_CUT;
            }
            if (testing::Test::HasFatalFailure())
                return;
        }
    }
    EXPECT_GT(cuts, lives);
    EXPECT_GT(mark_count("log_written_out_of_order"), 0U);
    EXPECT_GT(mark_count("recovery_torn_entry"), 0U);
}

/*
 * A process that ended because a sync failed is followed by one that reads more than is on
 * the disk, and by a power cut that takes the difference. What the process between them
 * relied upon is there nevertheless.
 */
TEST(StorePower, WhatOnlyTheCacheHasKeptIsWrittenAgain)
{
    uint64_t lives = count_from_environment("STORE_LIVES", 60);
    uint64_t first = count_from_environment("STORE_FIRST", 1);
    uint64_t written_again = 0;
    for (uint64_t seed = first; seed < first + lives; seed++) {
        SCOPED_TRACE(seed);
        wal_settings settings = tiny_settings();
        settings.writes_max = 1 + static_cast<uint32_t>(seed % WAL_WRITES_MAX);
        settings.segment_bytes = (8 + seed % 13) * BLOCK;
        life life(seed + 9000, settings);
        for (uint64_t step = 0; step < 400; step++) {
            life.step();
            if (life.chance.below(30) == 0)
                life.fail_sync();
            if (life.chance.below(40) == 0)
                life.cut_power();
            if (testing::Test::HasFatalFailure())
                return;
        }
        /* Not the whole log each time: what is known to be durable is left alone. */
        written_again += life.machine.written_again;
    }
    EXPECT_GT(written_again, 0U);
    EXPECT_GT(mark_count("log_tail_written_again"), 0U);
}

/* What is written again must be what was believed. */
TEST(StorePower, ATailThatChangedIsNotWrittenAgain)
{
    machine machine;
    machine.append(1, bytes(10, 'a'));
    machine.append(1, bytes(10, 'b'));
    machine.flush();
    machine.boot();
    for (uint64_t offset : std::vector<uint64_t>{BLOCK, 2 * BLOCK, 2 * BLOCK + 80}) {
        SCOPED_TRACE(offset);
        segments changed = machine.disk;
        changed.at(1)[offset] ^= 1;
        tail tail;
        tail_init(&tail, machine.recovery);
        bool whole = true;
        while (whole && tail_left(&tail) > 0)
            whole = tail_take(&tail, &changed.at(1)[tail.place.offset], BLOCK) > 0;
        EXPECT_FALSE(whole);
    }
    /* Intact, but of another run: only the sums tell. */
    store_test::machine other;
    other.append(1, bytes(10, 'a'));
    other.append(1, bytes(10, 'c'));
    other.flush();
    tail tail;
    tail_init(&tail, machine.recovery);
    ASSERT_GT(tail_left(&tail), 0U);
    while (tail_left(&tail) > 0)
        ASSERT_GT(tail_take(&tail, &other.disk.at(1)[tail.place.offset], BLOCK), 0U);
    EXPECT_FALSE(tail_is_whole(&tail));
}

/* The same with a log that loses its front again and again, in a ring of few segments. */
TEST(StorePower, CutsAtRandomWhileTheBeginMoves)
{
    uint64_t lives = count_from_environment("STORE_LIVES", 60);
    uint64_t first = count_from_environment("STORE_FIRST", 1);
    uint64_t moved = 0;
    for (uint64_t seed = first; seed < first + lives; seed++) {
        SCOPED_TRACE(seed);
        wal_settings settings = tiny_settings();
        settings.writes_max = 1 + static_cast<uint32_t>(seed % WAL_WRITES_MAX);
        settings.segment_bytes = (8 + seed % 13) * BLOCK;
        settings.segments_max = 200;
        life life(seed + 5000, settings);
        life.begin_moves = true;
        for (uint64_t step = 0; step < 400; step++) {
            life.step();
            if (life.chance.below(25) == 0)
                life.cut_power();
            if (testing::Test::HasFatalFailure())
                return;
        }
        moved += life.moved;
    }
    EXPECT_GT(moved, 5 * lives);
    EXPECT_GT(mark_count("log_begin_moved"), 0U);
}

/* Every subset of up to four blocks in flight, and every way to tear one of them. */
class subsets {
public:
    explicit subsets(machine &given) : whole(given)
    {
        for (const auto &flight : whole.in_flight)
            for (uint64_t at = 0; at < flight.content.size(); at += BLOCK)
                blocks.push_back({flight.write.place.segment,
                        flight.write.place.offset + at, &flight.content[at]});
    }

    bool are_few() const
    {
        return !blocks.empty() && blocks.size() <= 4;
    }

    void try_all()
    {
        for (uint64_t set = 0; set < (1U << blocks.size()); set++) {
            try_one(set, 0, 0, 0);
            for (size_t torn = 0; torn < blocks.size(); torn++) {
                for (uint64_t sector = 1; sector < BLOCK / SECTOR; sector++) {
                    try_one(set, torn, 0, sector);
                    try_one(set, torn, sector, BLOCK / SECTOR);
                }
            }
        }
    }

    uint64_t tried = 0;

private:
    struct block {
        uint64_t segment;
        uint64_t offset;
        const unsigned char *content;
    };

    /* The blocks of the set, and of one of them only some sectors. */
    void try_one(uint64_t set, size_t torn, uint64_t begin, uint64_t end)
    {
        segments disk = whole.disk;
        for (size_t at = 0; at < blocks.size(); at++) {
            bool is_torn = at == torn && begin != end;
            if (!is_torn && (set >> at & 1) == 0)
                continue;
            uint64_t from = is_torn ? begin * SECTOR : 0;
            uint64_t to = is_torn ? end * SECTOR : BLOCK;
            memcpy(&disk.at(blocks[at].segment)[blocks[at].offset + from],
                    blocks[at].content + from, to - from);
        }
        whole.compare(whole.read(disk, 64 * BLOCK));
        tried++;
    }

    machine &whole;
    std::vector<block> blocks;
};

TEST(StorePower, EverySubsetOfFourBlocksInFlight)
{
    uint64_t tried = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        SCOPED_TRACE(seed);
        life life(seed + 1000, tiny_settings());
        for (uint64_t step = 0; step < 60; step++) {
            life.step();
            subsets all(life.machine);
            if (all.are_few() && life.machine.disk.size() < 8)
                all.try_all();
            tried += all.tried;
            if (life.chance.below(30) == 0)
                life.cut_power();
            if (testing::Test::HasFatalFailure())
                return;
        }
    }
    EXPECT_GT(tried, 10000U);
}

/* Damage one thing below what others know to be durable. */
void damage(dice &chance, segments &disk, const std::vector<spot> &spots, const spot &where)
{
    unsigned char *begin = &disk.at(where.segment)[where.offset];
    uint64_t block = chance.below((where.meant + BLOCK - 1) / BLOCK) * BLOCK;
    uint64_t meant = std::min<uint64_t>(BLOCK, where.meant - block);
    const spot &other = spots[chance.below(spots.size())];
    bytes before(begin, begin + where.meant);
    switch (chance.below(4)) {
    case 0:
        begin[block + chance.below(meant)] ^=
                static_cast<unsigned char>(1U << chance.below(8));
        break;
    case 1:
        memset(begin + block, 0, BLOCK);
        break;
    case 2:
        memcpy(begin, &disk.at(other.segment)[other.offset], BLOCK);
        break;
    default:
        for (uint64_t at = 0; at < SECTOR && at < meant; at++)
            begin[block + at] = chance.byte(0, 255);
        break;
    }
    /* It may have been zero, or the same, before. */
    if (std::equal(before.begin(), before.end(), begin))
        begin[block] ^= 1;
}

TEST(StorePower, DamageOfWhatIsKnownToBeDurableIsAlwaysFound)
{
    uint64_t found_count = 0;
    for (uint64_t seed = 1; seed <= count_from_environment("STORE_LIVES", 30); seed++) {
        SCOPED_TRACE(seed);
        life life(seed + 2000, tiny_settings());
        for (uint64_t round = 0; round < 12; round++) {
            for (uint64_t step = 0; step < 30; step++)
                life.step();
            life.cut_power();
            machine &machine = life.machine;
            std::vector<spot> spots = spots_of(machine.disk);
            std::erase_if(spots, [&](const spot &each) {
                return each.position >= machine.durable ||
                       each.offset >= wal_segment_end(machine.wal, each.segment);
            });
            if (spots.empty())
                continue;
            const spot &where = spots[life.chance.below(spots.size())];
            uint64_t durable = 0;
            for (const spot &each : spots)
                if (&each != &where)
                    durable = std::max(durable, each.durable);
            if (where.position >= durable)
                continue;
            segments disk = machine.disk;
            damage(life.chance, disk, spots, where);
            found now = read_log(machine.recovery, machine.settings, disk, 7 * BLOCK);
            ASSERT_EQ(now.decision.verdict, RECOVERY_DAMAGED);
            found_count++;
        }
        if (testing::Test::HasFatalFailure())
            return;
    }
    EXPECT_GT(found_count, 200U);
}

} // namespace
