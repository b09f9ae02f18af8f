/* The golden files beside the log: a snapshot, where a log begins, and one that was given up. */
#pragma once

#include "golden_snapshot.h"
#include "golden_text.h"
#include "store/begin_format.h"
#include "store/repair_format.h"
#include "worlds/snapshot_file.h"

namespace golden {

/* The golden state in as many chunks as it takes, each of the smallest size. */
inline files make_snapshot_file()
{
    locks_world world(settings_of_snapshot());
    make_state(world);
    snapshot_header header = snapshot_test::header_of(2, locks_index(world.locks));
    header.time = locks_time(world.locks);
    return {{header.last.index, snapshot_test::make_file(header, SNAPSHOT_BLOCK_BYTES,
                                        snapshots::take_all(world.locks))}};
}

inline begin_block begin_of_log()
{
    return {.node = 2,
            .cluster = 0xc1c1,
            .incarnation = 0x1234567890,
            .begin = {.before = {.term = 2, .index = 19}, .sum = 0xabcdef, .segment = 4},
            .fresh = true,
            .term = 3,
            .vote = 1};
}

inline files make_log_begin()
{
    begin_block begin = begin_of_log();
    std::vector<unsigned char> block(WAL_BLOCK_BYTES);
    log_begin_write(block.data(), &begin);
    return {{begin.begin.segment, block}};
}

inline repair_block repair_of_node()
{
    return {.node = 2,
            .vote = 1,
            .moving = true,
            .cluster = 0xc1c1,
            .given_up = 0x1234567890,
            .term = 7,
            .folder = 3};
}

inline files make_repair()
{
    repair_block repair = repair_of_node();
    std::vector<unsigned char> block(WAL_BLOCK_BYTES);
    repair_write(block.data(), &repair);
    return {{repair.folder, block}};
}

} // namespace golden
