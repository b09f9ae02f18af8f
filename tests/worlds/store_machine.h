/*
 * A machine for the log: its memory, which a power cut takes, and its disk, which stays.
 *
 * The machine does what io does with the log's wishes, and keeps the story of what was added,
 * so that what is found after a power cut can be compared with it.
 *
 * What a process reads from its files (`disk`) may be more than is on the disk for certain
 * (`platter`): the kernel keeps what was written before a sync failed.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <vector>

#include "store/format.h"
#include "store/recovery.h"
#include "store/tail.h"
#include "store/wal.h"
#include "worlds/carved.h"
#include "worlds/dice.h"

namespace store_test {

using messages::bytes;
using messages::dice;

enum : uint64_t {
    BLOCK = WAL_BLOCK_BYTES,
    SECTOR = 512, /* A disk tears a write at these */
    CLUSTER = 0xc1c1,
};

using segments = std::map<uint64_t, bytes>;

/* Something that was added to a log, or found in one. */
struct happening {
    recovery_item_kind kind = RECOVERY_ENTRY;
    bytes entry;
    entry_head head{};
    uint64_t term = 0;
    uint8_t vote = 0;
    uint64_t from = 0;
    uint64_t position_end = 0; /* Not known of what was found */

    bool operator==(const happening &other) const
    {
        return kind == other.kind && entry == other.entry && term == other.term &&
               vote == other.vote && from == other.from;
    }
};

/* A small log that wraps and rolls over every few steps. */
inline wal_settings tiny_settings()
{
    return {.node = 2,
            .incarnation = 0,
            .segment_bytes = 12 * BLOCK,
            .buffer_bytes = 16 * BLOCK,
            .entry_body_max = 2 * BLOCK,
            .writes_max = 4,
            .segments_max = 4096};
}

struct found {
    std::vector<happening> happenings;
    recovery_decision decision{};
};

/*
 * Feed recovery all segments, `step` bytes at a time, from memory that then goes away. With
 * `begin`, the log begins there.
 */
inline found read_begun_log(recovery *recovery, const segments &disk, size_t step)
{
    found result;
    for (const auto &[number, content] : disk) {
        recovery_begin_segment(recovery, number, content.size());
        size_t whole = content.size() / BLOCK * BLOCK;
        for (size_t at = 0; at < whole; at += step) {
            size_t count = std::min(step, whole - at);
            bytes chunk(content.begin() + static_cast<ptrdiff_t>(at),
                    content.begin() + static_cast<ptrdiff_t>(at + count));
            recovery_feed(recovery, chunk.data(), count);
            recovery_item item;
            while (recovery_next(recovery, &item)) {
                happening &seen = result.happenings.emplace_back();
                seen.kind = item.kind;
                seen.head = item.head;
                seen.term = item.term;
                seen.vote = item.vote;
                seen.from = item.from;
                if (item.kind == RECOVERY_ENTRY)
                    seen.entry.assign(item.entry, item.entry + entry_bytes(&item.head));
            }
        }
    }
    result.decision = recovery_decide(recovery);
    return result;
}

inline found read_log(recovery *recovery, const wal_settings &settings,
        const segments &disk, size_t step, const log_begin *begin = nullptr)
{
    recovery_init(recovery, &settings);
    if (begin != nullptr)
        recovery_begin_at(recovery, begin);
    return read_begun_log(recovery, disk, step);
}

/* ... or as the node's own file says. */
inline found read_log(recovery *recovery, const wal_settings &settings,
        const segments &disk, size_t step, const begin_block &begin)
{
    recovery_init(recovery, &settings);
    recovery_begin_as(recovery, &begin);
    return read_begun_log(recovery, disk, step);
}

/* A record or a header on disk. */
struct spot {
    uint64_t segment;
    uint64_t offset;
    uint64_t count; /* Bytes on disk */
    uint64_t meant; /* ... of which this many are not padding */
    uint64_t position;
    uint64_t durable; /* What it says */
    bool is_header;
};

inline spot spot_at(uint64_t segment, uint64_t offset, const format_block &block)
{
    if (block.finding == FORMAT_HEADER)
        return {segment, offset, BLOCK, BLOCK, block.header.place.position,
                block.header.place.durable, true};
    const record &record = block.record;
    return {segment, offset, format_record_bytes(record.payload_bytes),
            WAL_RECORD_HEAD_BYTES + record.payload_bytes, record.place.position,
            record.place.durable, false};
}

/* All that a log on disk consists of, in order. */
inline std::vector<spot> spots_of(const segments &disk)
{
    std::vector<spot> spots;
    for (const auto &[number, content] : disk) {
        for (uint64_t at = 0; at < content.size();) {
            format_block block;
            format_read(&content[at], &block);
            if (block.finding != FORMAT_HEADER && block.finding != FORMAT_RECORD)
                break;
            spots.push_back(spot_at(number, at, block));
            at += spots.back().count;
        }
    }
    return spots;
}

class machine {
public:
    explicit machine(const wal_settings &given = tiny_settings())
            : settings(given), memory(memory_bytes(given)),
              wal(wal_carve(&memory.arena, &settings)),
              recovery(recovery_carve(&memory.arena, &settings))
    {
        boot();
    }

    /* ---- What the log asks of io. ---- */

    /* Make the segment that is wanted, if one is. */
    void make_segment()
    {
        uint64_t number = wal_wanted_segment(wal);
        if (number == 0)
            return;
        disk[number] = bytes(settings.segment_bytes);
        platter[number] = disk[number];
        wal_segment_ready(wal, number);
    }

    /* Take the next write; its bytes are not on disk yet. Null if there is none. */
    bool submit()
    {
        wal_write write;
        if (!wal_next_write(wal, &write))
            return false;
        EXPECT_EQ(write.count % BLOCK, 0U);
        EXPECT_LE(write.place.offset + write.count, disk.at(write.place.segment).size());
        in_flight.push_back({write, bytes(write.bytes, write.bytes + write.count)});
        return true;
    }

    /* The write at `at` of those in flight becomes durable. */
    void complete(size_t at)
    {
        flight done = in_flight[at];
        /* What is handed out stays untouched. */
        EXPECT_EQ(memcmp(done.write.bytes, done.content.data(), done.content.size()), 0);
        for (segments *files : {&disk, &platter}) {
            bytes &segment = files->at(done.write.place.segment);
            std::copy(done.content.begin(), done.content.end(),
                    segment.begin() + static_cast<ptrdiff_t>(done.write.place.offset));
        }
        in_flight.erase(in_flight.begin() + static_cast<ptrdiff_t>(at));
        wal_written(wal, done.write.id);
    }

    /* Write all there is, one after the other. */
    void flush()
    {
        while (!in_flight.empty())
            complete(0);
        while (submit())
            complete(0);
    }

    bool has_room(uint32_t count, uint64_t entry_bytes_all)
    {
        make_segment();
        return wal_has_room(wal, count, entry_bytes_all);
    }

    /* Wait until there is room. */
    void need_room(uint32_t count, uint64_t entry_bytes_all)
    {
        if (!has_room(count, entry_bytes_all))
            flush();
        ASSERT_TRUE(has_room(count, entry_bytes_all));
    }

    /* ---- What a replica adds. ---- */

    void vote(uint64_t term, uint8_t candidate)
    {
        need_room(0, 0);
        wal_add_vote(wal, term, candidate);
        happening &added = tell(RECOVERY_VOTE);
        added.term = term;
        added.vote = candidate;
    }

    void truncate(uint64_t from)
    {
        need_room(0, 0);
        wal_add_truncate(wal, from);
        tell(RECOVERY_TRUNCATE).from = from;
    }

    /* An own entry, built in place. */
    entry_head append(uint64_t term, const bytes &body, uint32_t body_max)
    {
        need_room(1, ENTRY_HEAD_BYTES + body_max);
        if (wal_cluster(wal) == 0)
            wal_set_cluster(wal, CLUSTER);
        unsigned char *room = wal_open_entry(wal, body_max);
        memset(room, 0xee, body_max);
        std::copy(body.begin(), body.end(), room);
        entry_head head = next_head(term, body);
        wal_seal_entry(wal, &head);
        tell_entry(head);
        return head;
    }
    entry_head append(uint64_t term, const bytes &body)
    {
        return append(term, body, static_cast<uint32_t>(body.size()));
    }

    /* Another node's entry, copied in. */
    entry_head receive(uint64_t term, const bytes &body)
    {
        need_room(1, ENTRY_HEAD_BYTES + body.size());
        entry_head head = next_head(term, body);
        head.previous_term = entries_now.empty() ? 0 : entries_now.back().head.id.term;
        head.previous_sum = entries_now.empty() ? 0 : entries_now.back().head.sum;
        head.cluster = CLUSTER;
        bytes entry(ENTRY_HEAD_BYTES);
        entry.insert(entry.end(), body.begin(), body.end());
        entry_seal(entry.data(), &head);
        wal_add_entry(wal, entry.data(), &head);
        tell_entry(head);
        return head;
    }

    /* Drop what stands before `index`, and the files; true if the beginning moved. */
    bool drop_before(uint64_t index)
    {
        if (!wal_drop_before(wal, index))
            return false;
        begin = wal_begin(wal);
        begin_is_told = true;
        disk.erase(disk.begin(), disk.find(begin.segment));
        platter.erase(platter.begin(), platter.find(begin.segment));
        gone.assign(entries_now.begin(),
                entries_now.begin() + static_cast<ptrdiff_t>(begin.before.index));
        format_block block;
        format_read(disk.at(begin.segment).data(), &block);
        EXPECT_EQ(block.finding, FORMAT_HEADER);
        uint64_t start = block.header.place.position;
        while (!story.empty() && story.front().position_end <= start)
            story.erase(story.begin());
        return true;
    }

    /* ---- Power. ---- */

    /*
     * All in memory is gone, the kernel's cache too. Writes in flight are on disk as `keep`
     * says of each sector.
     */
    template <class keep_sector> void cut_power(keep_sector keep)
    {
        put_in_flight(platter, keep);
        in_flight.clear();
        disk = platter;
    }

    /*
     * A sync failed, and so the process ended. The kernel keeps all that was in flight, and
     * the disk has of it what `keep` says of each sector.
     */
    template <class keep_sector> void fail_sync(keep_sector keep)
    {
        put_in_flight(platter, keep);
        put_in_flight(disk, [](uint64_t, uint64_t) { return true; });
        in_flight.clear();
    }

    /*
     * Start on what is on the disk, and compare with the story: nothing that was durable is
     * missing, nothing was made up. The story continues from what was found.
     */
    void boot(size_t step = 5 * BLOCK)
    {
        found now = read(disk, step);
        decision = now.decision;
        compare(now);
        story.resize(now.happenings.size());
        retell();
        wal_init(wal, &settings, recovery);
        durable = wal_durable(wal);
        check();
        write_tail_again();
    }

    /* From then on the log without the kernel's cache is what was found with it. */
    void write_tail_again()
    {
        for (const auto &[number, content] : disk) {
            if (platter[number].size() != content.size())
                platter[number] = content; /* A test has put it there. */
        }
        tail tail;
        tail_init(&tail, recovery);
        while (tail_left(&tail) > 0) {
            wal_place place = tail.place;
            uint64_t longest = format_entry_bytes(settings.entry_body_max);
            uint64_t count = std::min(tail_left(&tail), longest + BLOCK);
            const unsigned char *from = &disk.at(place.segment)[place.offset];
            size_t taken = tail_take(&tail, from, count);
            ASSERT_GT(taken, 0U);
            memcpy(&platter.at(place.segment)[place.offset], from, taken);
            written_again += taken;
        }
        ASSERT_TRUE(tail_is_whole(&tail));
    }

    found read(const segments &on_disk, size_t step) const
    {
        return read_log(
                recovery, settings, on_disk, step, begin_is_told ? &begin : nullptr);
    }

    /* What was found is the start of the story, and nothing that was durable is missing. */
    void compare(const found &now) const
    {
        recovery_verdict verdict = now.decision.verdict;
        ASSERT_TRUE(verdict == RECOVERY_BLANK || verdict == RECOVERY_CLEAN ||
                    verdict == RECOVERY_CUT)
                << verdict << " at " << now.decision.bad.segment << "+"
                << now.decision.bad.offset;
        ASSERT_LE(now.happenings.size(), story.size());
        for (size_t at = 0; at < now.happenings.size(); at++)
            ASSERT_EQ(now.happenings[at], story[at]) << at;
        if (now.happenings.size() < story.size()) {
            ASSERT_GT(story[now.happenings.size()].position_end, durable);
        }
    }

    /* What the log says of itself is what the story says. */
    void check()
    {
        wal_check(wal);
        ASSERT_GE(wal_durable(wal), durable);
        durable = wal_durable(wal);
        ASSERT_LE(durable, wal_end(wal));
        ASSERT_EQ(wal_last(wal).index, entries_now.size());
        if (!entries_now.empty() && wal_last_is_known(wal)) {
            ASSERT_EQ(wal_last(wal).term, entries_now.back().head.id.term);
            ASSERT_EQ(wal_last_sum(wal), entries_now.back().head.sum);
        }
    }

    /* The entry is in the buffer, or on disk where the log says. */
    void check_entry(uint64_t index)
    {
        const happening &wanted = entries_now[index - 1];
        entry_head head;
        const unsigned char *bytes_found = wal_find(wal, index, &head);
        if (index <= begin.before.index) {
            ASSERT_EQ(bytes_found, nullptr);
            ASSERT_EQ(wal_locate(wal, index).segment, 0U);
            ASSERT_EQ(wal_segment_end(wal, begin.segment - 1), 0U);
            uint64_t sum = 0;
            ASSERT_EQ(wal_sum_at(wal, index, &sum), index == begin.before.index);
            ASSERT_EQ(sum, index == begin.before.index ? wanted.head.sum : 0U);
            return;
        }
        ASSERT_EQ(bytes_found != nullptr, index >= wal_window_begin(wal));
        uint64_t sum = 0;
        if (wal_sum_at(wal, index, &sum)) {
            ASSERT_EQ(sum, wanted.head.sum);
        }
        if (bytes_found != nullptr) {
            ASSERT_EQ(head.sum, wanted.head.sum);
            ASSERT_EQ(bytes(bytes_found, bytes_found + entry_bytes(&head)), wanted.entry);
        } else {
            ASSERT_EQ(read_entry(index, wanted.head.id.term), wanted.entry);
        }
    }

    /* Walk the disk from where the log says, in chunks, as node does. */
    bytes read_entry(uint64_t index, uint64_t term)
    {
        wal_place place = wal_locate(wal, index);
        for (;;) {
            uint64_t end = wal_segment_end(wal, place.segment);
            if (end == 0)
                return {};
            if (place.offset >= end) {
                place = {place.segment + 1, 0};
                continue;
            }
            uint64_t longest = format_entry_bytes(settings.entry_body_max);
            uint64_t count = std::min<uint64_t>(end - place.offset, longest + BLOCK);
            wal_walk walk;
            wal_walk_init(&walk, &disk.at(place.segment)[place.offset], count);
            wal_walk_result result;
            while ((result = wal_walk_next(&walk)) < WAL_WALK_MORE) {
                if (result == WAL_WALK_ENTRY && walk.head.id.index == index &&
                        walk.head.id.term == term)
                    return bytes(walk.entry, walk.entry + entry_bytes(&walk.head));
            }
            if (result == WAL_WALK_END)
                return {};
            place.offset += walk.at;
        }
    }

    const std::vector<happening> &entries() const
    {
        return entries_now;
    }

    struct flight {
        wal_write write;
        bytes content;
    };

    const wal_settings settings;
    carved memory;
    struct wal *const wal;
    struct recovery *const recovery;
    segments disk;
    segments platter;
    uint64_t written_again = 0; /* Bytes, at starts */
    std::vector<flight> in_flight;
    std::vector<happening> story;
    uint64_t durable = 0;
    log_begin begin{{0, 0}, 0, 1};
    bool begin_is_told = false;
    recovery_decision decision{};

private:
    template <class keep_sector> void put_in_flight(segments &files, keep_sector keep) const
    {
        for (const flight &each : in_flight) {
            bytes &segment = files.at(each.write.place.segment);
            for (uint64_t at = 0; at < each.content.size(); at += SECTOR) {
                uint64_t to = each.write.place.offset + at;
                if (keep(each.write.place.segment, to))
                    memcpy(&segment[to], &each.content[at], SECTOR);
            }
        }
    }

    static size_t memory_bytes(const wal_settings &given)
    {
        struct arena arena;
        arena_init(&arena, nullptr, 0);
        wal_carve(&arena, &given);
        recovery_carve(&arena, &given);
        return arena_used_bytes(&arena);
    }

    entry_head next_head(uint64_t term, const bytes &body) const
    {
        entry_head head{};
        head.id = {term, entries_now.size() + 1};
        head.kind = ENTRY_BATCH;
        head.body_bytes = static_cast<uint32_t>(body.size());
        return head;
    }

    happening &tell(recovery_item_kind kind)
    {
        happening &added = story.emplace_back();
        added.kind = kind;
        added.position_end = wal_end(wal);
        /*
         * Filled in by the caller, after which the entries that are left are counted anew.
         */
        if (kind == RECOVERY_TRUNCATE)
            entries_now.resize(wal_last(wal).index);
        return added;
    }

    void tell_entry(const entry_head &head)
    {
        happening &added = tell(RECOVERY_ENTRY);
        entry_head in_buffer;
        const unsigned char *entry = wal_find(wal, head.id.index, &in_buffer);
        ASSERT_NE(entry, nullptr);
        added.head = head;
        added.entry.assign(entry, entry + entry_bytes(&head));
        entry_head decoded;
        ASSERT_TRUE(entry_decode(entry, added.entry.size(), &decoded));
        ASSERT_EQ(decoded.sum, head.sum);
        entries_now.push_back(added);
    }

    /* The entries that the story leaves. */
    void retell()
    {
        entries_now = gone;
        for (const happening &each : story) {
            if (each.kind == RECOVERY_ENTRY)
                entries_now.push_back(each);
            else if (each.kind == RECOVERY_TRUNCATE)
                entries_now.resize(each.from - 1);
        }
    }

    std::vector<happening> entries_now; /* From index 1 on */
    std::vector<happening> gone;        /* ... of which these are before the beginning */
};

} // namespace store_test
