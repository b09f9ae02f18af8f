/*
 * Snapshots of the lock state. The first byte says how the rest is read: as records, or as
 * changes to a sound snapshot, whose digest is then made right or not. What is taken must be a
 * state that keeps all rules, does what comes, and is taken again from a snapshot of its own.
 */
#include <cstdint>
#include <memory>

#include "mirror.h"
#include "worlds/locks_same.h"
#include "worlds/locks_snapshot.h"

namespace {

using namespace snapshots;

/* A sound snapshot of a state with everything in it, and two states to load into. */
struct stage {
    stage() : random(5), settings(tiny_settings(random)), world(settings), twin(settings)
    {
        fill(world, random, 100);
        sound = take_all(world.locks);
    }

    random_entries random;
    struct cluster_settings settings;
    locks_world world, twin;
    bytes sound;
};

/* Four bytes each: two for where, what to do, and a value. */
bytes edit(const bytes &sound, const uint8_t *data, size_t size)
{
    bytes records = sound;
    for (; size >= 4 && !records.empty(); data += 4, size -= 4) {
        size_t at = (data[0] | size_t{data[1]} << 8) % records.size();
        std::vector<size_t> places = borders(records);
        size_t record = at % (places.size() - 1);
        auto begin = records.begin() + static_cast<long>(places[record]);
        auto end = records.begin() +
                   static_cast<long>(std::min(places[record + 1], records.size()));
        bytes copy(begin, end);
        if (data[2] % 8 < 6)
            records[at] = data[3];
        else if (data[2] % 8 == 6)
            records.erase(begin, end);
        else
            records.insert(end, copy.begin(), copy.end());
    }
    return records;
}

void go_on(stage &stage)
{
    locks_check(stage.world.locks);
    bytes again = take_all(stage.world.locks);
    fuzz::require(load_all(stage.twin.locks, again, 100), "its own snapshot is taken");
    random_entries more(7);
    for (int left = 5; left > 0; left--) {
        random_entry entry = more.entry(stage.world);
        for (locks_world *world : {&stage.twin, &stage.world})
            more.note(entry,
                    world->entry(entry.dt, entry.commands, entry.keepalives, entry.kind));
    }
    fuzz::require(locks_same::text_of_state(stage.world.locks) ==
                          locks_same::text_of_state(stage.twin.locks),
            "both go on alike");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static stage stage;
    if (size == 0)
        return 0;
    bytes records = data[0] % 4 == 0 ? bytes(data + 1, data + size)
                                     : edit(stage.sound, data + 1, size - 1);
    size_t piece = 1 + data[0];
    bool taken = data[0] % 4 == 1 ? load_all(stage.world.locks, records, piece)
                                  : load_with_right_digest(stage.world.locks, records);
    if (taken)
        go_on(stage);
    else
        locks_check(stage.world.locks);
    return 0;
}
