/* Walks the records of a chunk that was read from a segment. */

#include <assert.h>
#include <stddef.h>

#include "store/format.h"
#include "store/wal.h"

void wal_walk_init(struct wal_walk *walk, const void *bytes, size_t count)
{
    *walk = (struct wal_walk){.bytes = bytes, .count = count};
}

/* An entry's record is here, and its head is intact. */
static enum wal_walk_result walk_entry(struct wal_walk *walk, const struct record *record)
{
    const unsigned char *entry = walk->bytes + walk->at + WAL_RECORD_HEAD_BYTES;
    if (!entry_decode(entry, record->payload_bytes, &walk->head))
        return WAL_WALK_END;
    if (walk->head.sum != record->value ||
            entry_bytes(&walk->head) != record->payload_bytes)
        return WAL_WALK_END;
    walk->entry = entry;
    return WAL_WALK_ENTRY;
}

/* A sector of another place may be intact: what was written there went astray. */
static bool belongs_here(const struct wal_walk *walk, const struct record_place *place)
{
    if (walk->place.segment == 0)
        return true;
    return place->segment == walk->place.segment &&
           place->position == walk->position + walk->at;
}

enum wal_walk_result wal_walk_next(struct wal_walk *walk)
{
    size_t left = walk->count - walk->at;
    walk->entry = NULL;
    if (left < WAL_BLOCK_BYTES)
        return WAL_WALK_MORE;

    struct format_block block;
    format_read(walk->bytes + walk->at, &block);
    uint64_t count = WAL_BLOCK_BYTES;
    enum wal_walk_result result = WAL_WALK_OTHER;
    bool is_header = block.finding == FORMAT_HEADER;
    bool is_known = is_header || block.finding == FORMAT_RECORD;
    if (!is_known ||
            !belongs_here(walk, is_header ? &block.header.place : &block.record.place)) {
        result = WAL_WALK_END;
    } else if (!is_header) {
        count = format_record_bytes(block.record.payload_bytes);
        if (left < count)
            return WAL_WALK_MORE;
        if (block.record.kind == RECORD_ENTRY)
            result = walk_entry(walk, &block.record);
    }
    if (result != WAL_WALK_END)
        walk->at += count;
    return result;
}
