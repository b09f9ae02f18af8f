/*
 * Files beside the log. The first byte says which: a snapshot, of which the header, chunks and
 * sums are made sound or not, the block that says where a log begins, or the one that says that a
 * log was given up. Whatever is in them,
 * the readers say what is wrong, and what they take comes out again as it was.
 */
#include "mirror.h"
#include "store/begin_format.h"
#include "store/repair_format.h"
#include "worlds/byte_source.h"
#include "worlds/snapshot_file.h"

namespace {

using snapshot_test::bytes;

constexpr uint32_t CHUNK_BYTES = SNAPSHOT_BLOCK_BYTES;
constexpr size_t EDITS_MAX = 8;

/* Anywhere in the file, and then the sum of that block or not. */
void edit(byte_source &in, bytes &file)
{
    for (size_t i = 0; i < EDITS_MAX && in.has_more(); i++) {
        size_t block = in.byte() % (file.size() / SNAPSHOT_BLOCK_BYTES);
        size_t offset = (in.byte() | size_t{in.byte()} << 8) % SNAPSHOT_BLOCK_BYTES;
        file[block * SNAPSHOT_BLOCK_BYTES + offset] = in.byte();
        if (block == 0 && in.byte() % 4 != 0)
            snapshot_test::repair_sum(file.data());
    }
}

void snapshot(byte_source &in)
{
    bytes records = in.some();
    records.resize(records.size() * (1 + in.byte() % 64));
    snapshot_header header =
            snapshot_test::header_of(1 + in.number() / 2, 1 + in.number() / 2);
    bytes file = snapshot_test::make_file(header, CHUNK_BYTES, records);
    snapshot_test::Read sound = snapshot_test::read_file(file);
    fuzz::require(sound.whole && sound.records == records, "it is read as it was written");
    edit(in, file);
    if (in.byte() % 4 == 0)
        file.resize(file.size() - in.byte() % 4 * SNAPSHOT_BLOCK_BYTES % file.size());
    snapshot_test::Read read = snapshot_test::read_file(file);
    if (read.whole)
        fuzz::require(read.records == records, "what is taken is what was written");
}

void begin(byte_source &in)
{
    begin_block begin{};
    begin.node = 1;
    begin.cluster = 2;
    begin.begin = {{3, 4}, 5, 6};
    bytes block(SNAPSHOT_BLOCK_BYTES);
    log_begin_write(block.data(), &begin);
    edit(in, block);
    begin_block read{};
    if (log_begin_read(block.data(), &read) != BEGIN_GOOD)
        return;
    bytes again(SNAPSHOT_BLOCK_BYTES);
    log_begin_write(again.data(), &read);
    begin_block twice{};
    fuzz::require(log_begin_read(again.data(), &twice) == BEGIN_GOOD,
            "what is taken can be written");
    fuzz::require(twice.begin.segment == read.begin.segment &&
                          twice.begin.sum == read.begin.sum && twice.term == read.term &&
                          twice.vote == read.vote && twice.fresh == read.fresh,
            "it is the same");
}

void repair(byte_source &in)
{
    repair_block repair{};
    repair.node = 1;
    repair.cluster = 2;
    repair.given_up = 3;
    repair.term = 4;
    repair.folder = 5;
    bytes block(SNAPSHOT_BLOCK_BYTES);
    repair_write(block.data(), &repair);
    edit(in, block);
    repair_block read{};
    if (repair_read(block.data(), &read) != REPAIR_GOOD)
        return;
    bytes again(SNAPSHOT_BLOCK_BYTES);
    repair_write(again.data(), &read);
    repair_block twice{};
    fuzz::require(repair_read(again.data(), &twice) == REPAIR_GOOD,
            "what is taken can be written");
    fuzz::require(twice.node == read.node && twice.vote == read.vote &&
                          twice.moving == read.moving && twice.cluster == read.cluster &&
                          twice.given_up == read.given_up && twice.term == read.term &&
                          twice.folder == read.folder,
            "it is the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    byte_source in(data, size);
    uint8_t which = in.byte() % 4;
    if (which == 0)
        begin(in);
    else if (which == 1)
        repair(in);
    else
        snapshot(in);
    return 0;
}
