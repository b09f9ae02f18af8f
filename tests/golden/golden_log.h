/* The log of the golden files. */
#pragma once

#include "golden_text.h"
#include "worlds/store_machine.h"

namespace golden {

using namespace store_test;

inline wal_settings settings()
{
    return {.node = 2,
            .incarnation = 0,
            .segment_bytes = 8 * BLOCK,
            .buffer_bytes = 16 * BLOCK,
            .entry_body_max = 2 * BLOCK,
            .writes_max = 4,
            .segments_max = 8};
}

inline bytes text(const char *what)
{
    return bytes(what, what + strlen(what));
}

/* Node 2 leads term 1; node 3 leads term 2 and replaces what was not committed. */
inline segments make_log()
{
    machine machine(settings());
    machine.vote(1, 2);
    machine.append(1, text("first"));
    machine.flush();
    machine.append(1, text("second"));
    machine.append(1, text("third"));
    machine.flush();
    machine.vote(2, 3);
    machine.truncate(3);
    machine.receive(2, text("third of another"));
    machine.flush();
    machine.receive(2, bytes(5000, '4'));
    machine.flush();
    machine.receive(2, bytes(6000, '5'));
    machine.flush();
    machine.make_segment();
    return machine.disk;
}

/* Of the last entry the first 4608 bytes were written. */
inline segments make_torn()
{
    segments disk = make_log();
    bytes &last = disk.at(2);
    std::fill_n(&last[3 * BLOCK + BLOCK + SECTOR], BLOCK - SECTOR, 0);
    return disk;
}

} // namespace golden
