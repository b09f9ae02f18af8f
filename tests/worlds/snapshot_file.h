/* Snapshot files made and read by hand. */
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/hash.h"
#include "protocol/snapshot_reader.h"
#include "protocol/wire.h"

namespace snapshot_test {

using bytes = std::vector<unsigned char>;

inline snapshot_header header_of(uint64_t term, uint64_t index)
{
    snapshot_header header{};
    header.cluster_version = 1;
    header.cluster = 0xc1c1;
    header.last = {term, index};
    header.last_sum = 1000 * index;
    header.time = 12345;
    header.wall_ns = 67890;
    header.configuration_bytes = 13;
    memcpy(header.configuration, "configuration", 13);
    return header;
}

inline void put_chunk(bytes &file, snapshot_header &header, const unsigned char *records,
        uint32_t count, bool last)
{
    bytes chunk(header.chunk_bytes);
    std::copy(records, records + count, chunk.begin() + SNAPSHOT_CHUNK_HEAD_BYTES);
    snapshot_chunk head{};
    head.number = header.chunk_count;
    head.record_bytes = count;
    head.index = header.last.index;
    uint32_t whole = snapshot_write_chunk(chunk.data(), &head);
    if (last)
        chunk.resize(whole);
    file.insert(file.end(), chunk.begin(), chunk.end());
    header.content_sum = snapshot_add_sum(header.content_sum, head.sum);
    header.chunk_count++;
}

/* A whole file with these records, in as few chunks as they take. */
inline bytes make_file(snapshot_header header, uint32_t chunk_bytes, const bytes &records)
{
    bytes file(SNAPSHOT_BLOCK_BYTES);
    uint32_t room = snapshot_chunk_room(chunk_bytes);
    header.chunk_bytes = chunk_bytes;
    for (size_t at = 0; at < records.size() || at == 0;) {
        uint32_t count = static_cast<uint32_t>(std::min<size_t>(room, records.size() - at));
        put_chunk(file, header, &records[at], count, at + count == records.size());
        at += count;
    }
    header.file_bytes = file.size();
    snapshot_write_header(file.data(), &header);
    return file;
}

/* After a change of a header or of the block that says where a log begins. */
inline void repair_sum(unsigned char *block)
{
    wire_put_u64(block + SNAPSHOT_BLOCK_BYTES - 8,
            hash_bytes(block, SNAPSHOT_BLOCK_BYTES - 8, 0));
}

struct Read {
    snapshot_finding finding = SNAPSHOT_GOOD;
    bool whole = false;
    snapshot_header header{};
    bytes records;
};

inline Read read_file(const bytes &file)
{
    Read read;
    snapshot_reader reader;
    snapshot_reader_init(&reader);
    for (;;) {
        snapshot_piece piece = snapshot_reader_next(&reader);
        read.whole = snapshot_reader_is_done(&reader);
        read.header = reader.header;
        if (piece.bytes == 0 || piece.offset + piece.bytes > file.size())
            return read;
        /* A copy of exactly that size, so that a sanitizer sees a read past its end. */
        bytes copy(&file[piece.offset], &file[piece.offset] + piece.bytes);
        span records{};
        read.finding = snapshot_reader_take(&reader, copy.data(), copy.size(), &records);
        if (read.finding != SNAPSHOT_GOOD)
            return read;
        if (records.count > 0)
            read.records.insert(
                    read.records.end(), records.bytes, records.bytes + records.count);
    }
}

} // namespace snapshot_test
