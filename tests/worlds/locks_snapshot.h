/* Snapshots of a lock state as bytes: taken, loaded, cut into records, made right again. */
#ifndef TESTS_WORLDS_LOCKS_SNAPSHOT_H
#define TESTS_WORLDS_LOCKS_SNAPSHOT_H

#include <algorithm>
#include <vector>

#include "locks/load.h"
#include "locks/snapshot.h"
#include "locks/state.h"
#include "protocol/token.h"
#include "worlds/locks_random.h"
#include "worlds/locks_world.h"

namespace snapshots {

using bytes = std::vector<unsigned char>;

/* Take some records of the snapshot that is under way, and add them to `records`. */
inline size_t take(struct locks *locks, bytes &records, uint32_t items, size_t room)
{
    bytes out(room);
    size_t count = locks_snapshot_next(locks, out.data(), out.size(), items);
    records.insert(records.end(), out.begin(), out.begin() + static_cast<long>(count));
    return count;
}

inline bytes take_all(struct locks *locks)
{
    bytes records;
    locks_snapshot_begin(locks);
    while (!locks_snapshot_done(locks))
        take(locks, records, 1000, 4096);
    return records;
}

inline bool load_all(struct locks *locks, const bytes &records, size_t piece = 100000,
        uint16_t version = VERSION_FIRST)
{
    locks_load_begin(locks, version);
    for (size_t at = 0; at < records.size(); at += piece) {
        uint32_t count = static_cast<uint32_t>(std::min(piece, records.size() - at));
        if (!locks_load(locks, {&records[at], count}))
            return false;
    }
    uint32_t parts = static_cast<uint32_t>(1 + piece % 7);
    load_step step = LOAD_GOES_ON;
    while (step == LOAD_GOES_ON)
        step = locks_load_link(locks, parts);
    return step == LOAD_WHOLE;
}

/* Where each record begins, and the end. */
inline std::vector<size_t> borders(const bytes &records)
{
    std::vector<size_t> borders{0};
    while (borders.back() + RECORD_HEAD_BYTES <= records.size())
        borders.push_back(borders.back() + record_bytes(&records[borders.back()]));
    return borders;
}

/* Where the digest is in the head. */
constexpr size_t digest_at = RECORD_HEAD_BYTES + sizeof(uint16_t) + 7 * sizeof(uint64_t);

/*
 * Load records whose digest may be wrong: then a second time, with the digest that was
 * found. So all other checks can be seen to be enough.
 */
inline bool load_with_right_digest(struct locks *locks, bytes records)
{
    if (load_all(locks, records))
        return true;
    if (locks->loading.digest == 0 || records.size() < digest_at + 8)
        return false; /* It did not come so far. */
    wire_put_u64(&records[digest_at], locks->loading.digest);
    return load_all(locks, records);
}

/* A state in which something of everything is, after some random entries. */
inline void fill(locks_world &world, random_entries &random, int entries)
{
    if (entries % 3 == 1) /* A state that was restored. */
        locks_begin_life(world.locks, TOKEN_STEP);
    auto is_rich = [&] {
        struct locks_counts counts = locks_tally(world.locks);
        return counts.sessions > 1 && counts.holds > 0 && counts.waits > 0 &&
               counts.answers > 0 && counts.changes > 0;
    };
    for (int left = entries; left > 0 || (!is_rich() && left > -1000); left--) {
        random_entry entry = random.entry(world);
        random.note(
                entry, world.entry(entry.dt, entry.commands, entry.keepalives, entry.kind));
    }
}

} // namespace snapshots

#endif
