/* What a record must say to follow in a log: one wrong word and it does not. */
#include "store/log.h"

#include <functional>
#include <gtest/gtest.h>

#include "base/mark.h"
#include "worlds/carved.h"

namespace {

constexpr uint64_t BLOCK = WAL_BLOCK_BYTES;

wal_settings small_settings()
{
    return {.node = 1,
            .incarnation = 0,
            .segment_bytes = 8 * BLOCK,
            .buffer_bytes = 8 * BLOCK,
            .entry_body_max = 2 * BLOCK,
            .writes_max = 1,
            .segments_max = 4};
}

entry_head head_of(entry_id id, entry_id before, uint64_t sum_before)
{
    entry_head head{};
    head.id = id;
    head.previous_term = before.term;
    head.previous_sum = sum_before;
    head.cluster = 9;
    head.sum = id.index * 1000;
    head.body_bytes = 100;
    head.kind = ENTRY_BATCH;
    return head;
}

/*
 * A log of term 3 with two entries in its first segment, which has room for three blocks
 * more.
 */
class StoreLog : public testing::Test {
protected:
    StoreLog() : memory(1 << 20)
    {
        wal_settings settings = small_settings();
        log_carve(&log, &memory.arena, &settings);
        log_init(&log);
        places_add_segment(&log.places, 8 * BLOCK);
        places_add_segment(&log.places, 8 * BLOCK);
        segment_header first{};
        first.place = {5, 1, 0, 0, 0};
        first.node = 1;
        first.segment_bytes = 8 * BLOCK;
        first.sum = 70;
        log_take_header(&log, &first);
        take(vote_of(3, 2), nullptr);
        entry_head one = head_of({3, 1}, {0, 0}, 0);
        take(entry_of(one), &one);
        entry_head two = head_of({3, 2}, {3, 1}, 1000);
        take(entry_of(two), &two);
    }

    record_place here() const
    {
        return {5, log.places.begun, places_end_position(&log.places), 0, log.previous};
    }
    record vote_of(uint64_t term, uint8_t vote) const
    {
        record record{};
        record.kind = RECORD_VOTE;
        record.place = here();
        record.value = term;
        record.vote = vote;
        return record;
    }
    record truncate_of(uint64_t from) const
    {
        record record{};
        record.kind = RECORD_TRUNCATE;
        record.place = here();
        record.value = from;
        return record;
    }
    record entry_of(const entry_head &head) const
    {
        record record{};
        record.kind = RECORD_ENTRY;
        record.place = here();
        record.payload_bytes = static_cast<uint32_t>(entry_bytes(&head));
        record.value = head.sum;
        return record;
    }
    void take(record record, const entry_head *head)
    {
        record.sum = ++sums;
        log_take_record(&log, &record, head);
    }

    /* Two and three are the next. */
    entry_head next() const
    {
        return head_of({4, 3}, {3, 2}, 2000);
    }
    bool takes(const std::function<void(record &, entry_head &)> &change) const
    {
        entry_head head = next();
        record record = entry_of(head);
        change(record, head);
        return log_takes_record(&log, &record, &head);
    }
    bool takes_vote(uint64_t term, uint8_t vote) const
    {
        record record = vote_of(term, vote);
        return log_takes_record(&log, &record, nullptr);
    }
    bool takes_truncate(uint64_t from) const
    {
        record record = truncate_of(from);
        return log_takes_record(&log, &record, nullptr);
    }

    segment_header next_header() const
    {
        segment_header header{};
        header.place = here();
        header.place.segment = 2;
        header.node = 1;
        header.vote = 2;
        header.segment_bytes = 8 * BLOCK;
        header.cluster = 9;
        header.term = 3;
        header.last = {3, 2};
        header.last_sum = 2000;
        return header;
    }
    bool takes_header(const std::function<void(segment_header &)> &change) const
    {
        segment_header header = next_header();
        change(header);
        return log_takes_header(&log, &header);
    }

    carved memory;
    struct log log {};
    uint64_t sums = 70;
};

TEST_F(StoreLog, EntryMustFollow)
{
    EXPECT_TRUE(takes([](auto &, auto &) {}));
    EXPECT_TRUE(takes([](auto &record, auto &) { record.place.run++; }));
    EXPECT_TRUE(takes(
            [](auto &record, auto &) { record.place.durable = record.place.position; }));

    EXPECT_FALSE(takes([](auto &record, auto &) { record.place.run--; }));
    EXPECT_FALSE(takes([](auto &record, auto &) { record.place.segment++; }));
    EXPECT_FALSE(takes([](auto &record, auto &) { record.place.position += BLOCK; }));
    EXPECT_FALSE(takes([](auto &record, auto &) {
        record.place.durable = record.place.position + 1;
    }));
    EXPECT_FALSE(takes([](auto &record, auto &) { record.place.previous ^= 1; }));
    EXPECT_FALSE(takes([](auto &record, auto &) { record.value ^= 1; }));
    EXPECT_FALSE(takes([](auto &record, auto &) { record.payload_bytes++; }));

    EXPECT_FALSE(takes([](auto &, auto &head) { head.id.index++; }));
    EXPECT_FALSE(takes([](auto &, auto &head) { head.id.term = 2; }));
    EXPECT_FALSE(takes([](auto &, auto &head) { head.previous_term++; }));
    EXPECT_FALSE(takes([](auto &, auto &head) { head.previous_sum++; }));
    EXPECT_FALSE(takes([](auto &, auto &head) { head.cluster++; }));
}

TEST_F(StoreLog, RecordMustFitIntoItsSegment)
{
    /* Four blocks are left. */
    EXPECT_TRUE(takes([](auto &record, auto &head) {
        head.body_bytes = 4 * BLOCK - 64 - ENTRY_HEAD_BYTES;
        record.payload_bytes = static_cast<uint32_t>(entry_bytes(&head));
    }));
    EXPECT_FALSE(takes([](auto &record, auto &head) {
        head.body_bytes = 4 * BLOCK - 63 - ENTRY_HEAD_BYTES;
        record.payload_bytes = static_cast<uint32_t>(entry_bytes(&head));
    }));
}

TEST_F(StoreLog, OneVoteATerm)
{
    EXPECT_TRUE(takes_vote(3, 2));
    EXPECT_TRUE(takes_vote(4, 0));
    EXPECT_TRUE(takes_vote(9, 1));
    EXPECT_FALSE(takes_vote(2, 2));
    EXPECT_FALSE(takes_vote(3, 1));
    EXPECT_FALSE(takes_vote(3, 0));
    take(vote_of(4, 0), nullptr);
    EXPECT_TRUE(takes_vote(4, 3));
}

TEST_F(StoreLog, OnlyWhatIsThereIsCutOff)
{
    EXPECT_FALSE(takes_truncate(0));
    EXPECT_TRUE(takes_truncate(1));
    EXPECT_TRUE(takes_truncate(2));
    EXPECT_FALSE(takes_truncate(3));
    take(truncate_of(2), nullptr);
    EXPECT_EQ(chain_last(&log.chain).index, 1U);
    EXPECT_FALSE(takes([](auto &, auto &) {}));
    EXPECT_TRUE(takes([](auto &, auto &head) {
        head.id.index = 2;
        head.previous_sum = 1000;
    }));
}

TEST_F(StoreLog, HeaderMustFollow)
{
    EXPECT_TRUE(takes_header([](auto &) {}));
    EXPECT_TRUE(takes_header([](auto &header) { header.place.run++; }));
    EXPECT_TRUE(takes_header([](auto &header) { header.segment_bytes -= BLOCK; }));
    EXPECT_TRUE(takes_header([](auto &header) { header.last.term = 0; }));

    EXPECT_FALSE(takes_header([](auto &header) { header.place.run--; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.place.segment = 1; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.place.segment = 3; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.place.position += BLOCK; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.place.previous ^= 1; }));
    EXPECT_FALSE(takes_header(
            [](auto &header) { header.place.durable = header.place.position + 1; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.node = 2; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.node = 0; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.cluster = 8; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.vote = 1; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.term = 4; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.segment_bytes += BLOCK; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.segment_bytes -= 1; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.segment_bytes = 0; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.last.index = 3; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.last.term = 2; }));
    EXPECT_FALSE(takes_header([](auto &header) { header.last_sum++; }));
}

TEST_F(StoreLog, TakenHeaderGoesOn)
{
    segment_header header = next_header();
    header.sum = 4711;
    log_take_header(&log, &header);
    EXPECT_EQ(log.previous, 4711U);
    EXPECT_EQ(places_end(&log.places).segment, 2U);
    EXPECT_EQ(places_end(&log.places).offset, BLOCK);
    EXPECT_EQ(places_end_position(&log.places), 5 * BLOCK);
    EXPECT_TRUE(takes([](auto &, auto &) {}));
}

/* However long the log, an entry is found, and not far behind where the search begins. */
TEST(StorePlaces, FewPlacesServeALongLog)
{
    constexpr uint64_t SEGMENT = UINT64_C(1) << 30;
    constexpr uint64_t ENTRY = 300 * 1024;
    carved memory(2 << 20);
    struct places places;
    wal_settings settings = small_settings();
    settings.segments_max = 64;
    places_carve(&places, &memory.arena, &settings);
    const log_begin whole = {.before = {0, 0}, .sum = 0, .segment = 1};
    places_init(&places, &whole);
    std::vector<wal_place> all;
    const auto add = [&](uint64_t index) {
        struct segment *current = places_current(&places);
        if (current == nullptr || current->used + ENTRY > SEGMENT) {
            ASSERT_TRUE(places_add_segment(&places, SEGMENT));
            places_begin_segment(&places, places_end_position(&places), {0, 0}, 0);
            places_add_bytes(&places, BLOCK);
        }
        places_note_entry(&places, index);
        all.resize(index - 1);
        all.push_back(places_end(&places));
        places_add_bytes(&places, ENTRY);
    };
    const auto position = [&](wal_place place) {
        return places_segment(&places, place.segment)->start + place.offset;
    };
    const auto check = [&] {
        for (uint64_t index = 1; index <= all.size(); index++) {
            uint64_t begin = position(places_locate(&places, index));
            uint64_t wanted = position(all[index - 1]);
            ASSERT_LE(begin, wanted);
            ASSERT_LT(wanted - begin,
                    places.step / PLACES_STEP * (PLACES_STEP + ENTRY + BLOCK));
        }
    };
    EXPECT_FALSE(places_have_entry_before(&places, 0));
    for (uint64_t index = 1; index <= 150000; index++)
        add(index);
    EXPECT_GT(mark_count("log_places_thinned"), 0U);
    EXPECT_EQ(places.step, 4U * PLACES_STEP);
    check();
    EXPECT_FALSE(places_have_entry_before(&places, BLOCK));
    EXPECT_TRUE(places_have_entry_before(&places, BLOCK + 1));
    places_cut(&places, 100000);
    for (uint64_t index = 100000; index <= 110000; index++)
        add(index);
    check();
}

} // namespace
