/*
 * Recovery, fed a disk of arbitrary content. The first byte says how the rest is read: as a
 * disk, or as changes to a sound log, in which case those whose sums are then made right tell most.
 * Whatever is found must make sense, and the log must be able to go on behind it.
 */
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/hash.h"
#include "mirror.h"
#include "store/format.h"
#include "store/recovery.h"
#include "store/wal.h"

namespace {

using bytes = std::vector<unsigned char>;
using segments = std::map<uint64_t, bytes>;

constexpr size_t BLOCK = WAL_BLOCK_BYTES;

wal_settings settings_of_test()
{
    return {.node = 2,
            .incarnation = 0,
            .segment_bytes = 8 * BLOCK,
            .buffer_bytes = 16 * BLOCK,
            .entry_body_max = 2 * BLOCK,
            .writes_max = 1,
            .segments_max = 16};
}

/* Memory for recovery and wal, taken once. */
struct store {
    store()
    {
        settings = settings_of_test();
        struct arena measure;
        arena_init(&measure, nullptr, 0);
        wal_carve(&measure, &settings);
        recovery_carve(&measure, &settings);
        size_t count = (arena_used_bytes(&measure) / BLOCK + 1) * BLOCK;
        memory = static_cast<unsigned char *>(std::aligned_alloc(BLOCK, count));
        memset(memory, 0, count);
        arena_init(&arena, memory, count);
        wal = wal_carve(&arena, &settings);
        recovery = recovery_carve(&arena, &settings);
    }

    wal_settings settings{};
    unsigned char *memory = nullptr;
    struct arena arena {};
    struct wal *wal = nullptr;
    struct recovery *recovery = nullptr;
};

store &the_store()
{
    static store store;
    return store;
}

/* What is found must be a history that a replica could have. */
class reader {
public:
    void take(const recovery_item &item)
    {
        if (item.kind == RECOVERY_ENTRY) {
            entry_head head;
            fuzz::require(entry_decode(item.entry, entry_bytes(&item.head), &head),
                    "an entry is whole");
            fuzz::require(head.id.index == terms.size() + 1, "entries are in order");
            fuzz::require(terms.empty() || terms.back() <= head.id.term, "terms grow");
            terms.push_back(head.id.term);
        } else if (item.kind == RECOVERY_VOTE) {
            fuzz::require(item.term >= term, "terms grow");
            term = item.term;
        } else {
            fuzz::require(
                    0 < item.from && item.from <= terms.size(), "there is what is cut");
            terms.resize(item.from - 1);
        }
        count++;
    }

    std::vector<uint64_t> terms; /* Of the entries that are left */
    uint64_t term = 0;
    uint64_t count = 0;
};

recovery_decision read_disk(const segments &disk, size_t step, reader &reader)
{
    recovery *recovery = the_store().recovery;
    recovery_init(recovery, &the_store().settings);
    for (const auto &[number, content] : disk) {
        recovery_begin_segment(recovery, number, content.size());
        for (size_t at = 0; at + BLOCK <= content.size(); at += step) {
            size_t count = std::min(step, (content.size() - at) / BLOCK * BLOCK);
            /* A copy of exactly that size, so that a sanitizer sees a read past its end. */
            bytes chunk(&content[at], &content[at] + count);
            recovery_feed(recovery, chunk.data(), count);
            recovery_item item;
            while (recovery_next(recovery, &item))
                reader.take(item);
        }
    }
    return recovery_decide(recovery);
}

void write_all(wal *wal, segments &disk)
{
    wal_write write;
    while (wal_next_write(wal, &write)) {
        bytes &content = disk.at(write.place.segment);
        fuzz::require(write.place.offset + write.count <= content.size(), "it fits");
        memcpy(&content[write.place.offset], write.bytes, write.count);
        wal_written(wal, write.id);
    }
    wal_check(wal);
}

bool make_room(wal *wal, segments &disk)
{
    uint64_t number = wal_wanted_segment(wal);
    if (number != 0) {
        disk[number] = bytes(the_store().settings.segment_bytes);
        wal_segment_ready(wal, number);
    }
    return wal_has_room(wal, 1, ENTRY_HEAD_BYTES + 2 * BLOCK);
}

/* Go on behind what was found, and find that too. */
void go_on(segments &disk, const reader &before)
{
    wal *wal = the_store().wal;
    wal_init(wal, &the_store().settings, the_store().recovery);
    wal_check(wal);
    fuzz::require(wal_last(wal).index == before.terms.size(), "the last entry is known");
    if (before.term == UINT64_MAX || !make_room(wal, disk))
        return;
    wal_add_vote(wal, before.term + 1, 1);
    write_all(wal, disk);
    reader after;
    recovery_decision decision = read_disk(disk, 3 * BLOCK, after);
    fuzz::require(decision.verdict == RECOVERY_CLEAN || decision.verdict == RECOVERY_CUT,
            "what was written behind a cut is sound");
    fuzz::require(after.count == before.count + 1 && after.term == before.term + 1,
            "the vote is the only new thing");
}

/* A sound log of a few segments. */
segments make_sound()
{
    segments disk;
    wal *wal = the_store().wal;
    reader nothing;
    read_disk(disk, BLOCK, nothing);
    wal_init(wal, &the_store().settings, the_store().recovery);
    wal_set_cluster(wal, 77);
    for (uint64_t step = 1; step <= 9; step++) {
        fuzz::require(make_room(wal, disk), "there is room");
        if (step % 4 == 1)
            wal_add_vote(wal, step, 1);
        if (step == 6)
            wal_add_truncate(wal, 4);
        uint32_t count = static_cast<uint32_t>(step * 900);
        memset(wal_open_entry(wal, count), static_cast<int>(step), count);
        entry_head head{};
        head.id = {step, wal_last(wal).index + 1};
        head.kind = ENTRY_BATCH;
        head.body_bytes = count;
        wal_seal_entry(wal, &head);
        if (step % 3 != 0)
            write_all(wal, disk);
    }
    write_all(wal, disk);
    return disk;
}

void repair_sum(unsigned char *block)
{
    size_t at = memcmp(block, "lseg", 4) == 0 ? BLOCK - 8 : WAL_RECORD_HEAD_BYTES - 8;
    uint64_t sum = hash_bytes(block, at, 0);
    for (size_t byte = 0; byte < 8; byte++)
        block[at + byte] = static_cast<unsigned char>(sum >> (8 * byte));
}

/* Each five bytes: segment and block, what to do, two for where, and a value. */
segments change(const segments &sound, const uint8_t *data, size_t size)
{
    segments disk = sound;
    for (; size >= 5; data += 5, size -= 5) {
        auto segment = disk.find(1 + data[0] / 8U % sound.size());
        if (segment == disk.end() || segment->second.size() < (data[0] % 8U + 1) * BLOCK)
            continue;
        unsigned char *block = &segment->second[data[0] % 8U * BLOCK];
        unsigned char *from = &disk.begin()->second[0];
        size_t offset = (data[2] * 256U + data[3]) % (data[1] < 128 ? BLOCK : 64U);
        switch (data[1] % 8) {
        case 0:
            block[offset] = data[4];
            break;
        case 1:
        case 2:
            block[offset] = data[4];
            repair_sum(block);
            break;
        case 3:
            memset(block, 0, BLOCK);
            break;
        case 4:
            memset(block + offset / 512 * 512, data[4], 512);
            break;
        case 5:
            memmove(block, from + data[4] % (disk.begin()->second.size() / BLOCK) * BLOCK,
                    BLOCK);
            break;
        case 6:
            segment->second.resize(data[4] % 9U * BLOCK);
            if (disk.begin()->second.empty())
                return disk;
            break;
        default:
            if (disk.size() > 1)
                disk.erase(segment);
            if (disk.begin()->second.empty())
                return disk;
            break;
        }
    }
    return disk;
}

/* Segments of five blocks, the last one shorter. */
segments cut_up(const uint8_t *data, size_t size)
{
    segments disk;
    for (uint64_t number = 1; number <= 16 && size > 0; number++) {
        size_t count = std::min(size, 5 * BLOCK);
        disk[number] = bytes(data, data + count);
        data += count;
        size -= count;
    }
    return disk;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static const segments sound = make_sound();
    segments disk = data[0] % 8 == 0 ? cut_up(data + 1, size - 1)
                                     : change(sound, data + 1, size - 1);
    reader found;
    recovery_decision decision = read_disk(disk, (1 + data[0] / 8U % 8) * BLOCK, found);
    fuzz::require(decision.last.index == found.terms.size(), "the last entry is told");
    fuzz::require(decision.term == found.term, "the term is told");
    bool is_usable = decision.verdict == RECOVERY_BLANK ||
                     decision.verdict == RECOVERY_CLEAN || decision.verdict == RECOVERY_CUT;
    if (is_usable)
        go_on(disk, found);
    return 0;
}
