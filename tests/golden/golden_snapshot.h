/* The state of the golden snapshot: something of everything, and work left over. */
#pragma once

#include <cstdio>
#include <sstream>

#include "worlds/locks_snapshot.h"

namespace golden {

inline struct cluster_settings settings_of_snapshot()
{
    struct cluster_settings settings = small_settings();
    settings.min_ttl_ns = NS_PER_S;
    settings.max_ttl_ns = 60 * NS_PER_S;
    settings.work_max = 2;
    return settings;
}

/*
 * One session ends and another waits for what it held, but each entry does two items of due
 * work only. A third session has unconfirmed answers and changes, and a long name is held.
 */
inline void make_state(locks_world &world)
{
    locks_client alice(world, 2 * NS_PER_S, "alice"),
            bob(world, 10 * NS_PER_S, "bob, 10.0.0.7:4711");
    locks_client carol(world, 10 * NS_PER_S);
    for (const char *name : {"red", "green", "blue", "white"})
        alice.acquire(name, 0, 7, ACQUIRE_REENTRANT);
    alice.acquire("blue", 0, 7, ACQUIRE_REENTRANT);
    for (const char *name : {"red", "green", "blue"})
        bob.acquire(name, WAIT_FOREVER);
    carol.acquire("red", 5 * NS_PER_S, 1);
    carol.acquire("white", NS_PER_S / 2, 2);
    carol.acquire(std::string(255, 'n'));
    carol.cancel(9);
    world.term_start();
    world.pass(NS_PER_S, {bob.keepalive(), carol.keepalive()});
    world.entry(0, {alice.release_of("red", 1)});
    world.entry(0, {alice.close_of()}, {bob.keepalive()});
}

/* The same cluster after an upgrade to the version that only tests have. */
inline void make_upgraded_state(locks_world &world)
{
    make_state(world);
    settings_change change{
            0, 2, {{SETTING_VERSION, VERSION_TRIAL}, {SETTING_UPGRADE_AFTER, 7}}};
    locks_change_settings(world.locks, &change);
    locks_count_trial(world.locks);
    locks_count_trial(world.locks);
}

constexpr size_t SNAPSHOT_LINE = 32;

/* A line for each 32 bytes of a record, and each record begins one. */
inline std::string text_of_snapshot(const snapshots::bytes &records)
{
    std::ostringstream out;
    char number[8];
    std::vector<size_t> places = snapshots::borders(records);
    for (size_t i = 0; i + 1 < places.size(); i++) {
        out << "record\n";
        for (size_t at = places[i]; at < places[i + 1]; at++) {
            snprintf(number, sizeof(number), "%02x", records[at]);
            bool last = at + 1 == places[i + 1] || (at - places[i]) % SNAPSHOT_LINE == 31;
            out << number << (last ? "\n" : "");
        }
    }
    return out.str();
}

inline snapshots::bytes snapshot_from_text(const std::string &text)
{
    snapshots::bytes records;
    std::istringstream in(text);
    std::string line;
    while (in >> line)
        for (size_t at = 0; line != "record" && at + 1 < line.size(); at += 2)
            records.push_back(static_cast<unsigned char>(
                    std::stoul(line.substr(at, 2), nullptr, 16)));
    return records;
}

} // namespace golden
