#include "protocol/snapshot_reader.h"

#include <assert.h>

#include "base/mark.h"

void snapshot_reader_init(struct snapshot_reader *reader)
{
    *reader = (struct snapshot_reader){.pieces = 0};
}

bool snapshot_reader_is_done(const struct snapshot_reader *reader)
{
    return reader->pieces > 0 && reader->pieces == 1 + reader->header.chunk_count;
}

struct snapshot_piece snapshot_reader_next(const struct snapshot_reader *reader)
{
    const struct snapshot_header *header = &reader->header;
    if (reader->pieces == 0)
        return (struct snapshot_piece){.bytes = SNAPSHOT_BLOCK_BYTES};
    if (snapshot_reader_is_done(reader))
        return (struct snapshot_piece){0};
    uint64_t before = reader->pieces - 1;
    uint64_t offset = SNAPSHOT_BLOCK_BYTES + before * header->chunk_bytes;
    uint64_t left = header->file_bytes - offset;
    bool is_last = reader->pieces == header->chunk_count;
    return (struct snapshot_piece){
            .offset = offset, .bytes = is_last ? (uint32_t)left : header->chunk_bytes};
}

static enum snapshot_finding take_chunk(struct snapshot_reader *reader,
        const unsigned char *bytes, size_t count, struct span *records)
{
    const struct snapshot_header *header = &reader->header;
    struct snapshot_chunk chunk;
    if (!snapshot_read_chunk(bytes, count, &chunk) || chunk.number != reader->pieces - 1 ||
            chunk.index != header->last.index)
        return SNAPSHOT_DAMAGED;
    reader->content_sum = snapshot_add_sum(reader->content_sum, chunk.sum);
    reader->pieces++;
    if (snapshot_reader_is_done(reader) && reader->content_sum != header->content_sum) {
        MARK(snapshot_of_other_chunks);
        return SNAPSHOT_DAMAGED;
    }
    *records = (struct span){bytes + SNAPSHOT_CHUNK_HEAD_BYTES, chunk.record_bytes};
    return SNAPSHOT_GOOD;
}

enum snapshot_finding snapshot_reader_take(struct snapshot_reader *reader,
        const unsigned char *bytes, size_t count, struct span *records)
{
    struct snapshot_piece piece = snapshot_reader_next(reader);
    *records = (struct span){0};
    if (piece.bytes == 0 || count != piece.bytes)
        return SNAPSHOT_DAMAGED;
    if (reader->pieces > 0)
        return take_chunk(reader, bytes, count, records);
    enum snapshot_finding finding = snapshot_read_header(bytes, &reader->header);
    if (finding == SNAPSHOT_GOOD)
        reader->pieces = 1;
    return finding;
}
