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

/* The head of the next record, and how long it is: only END and MORE say more than OTHER. */
static enum wal_walk_result walk_head(
        const struct wal_walk *walk, struct format_block *block, uint64_t *count)
{
    size_t left = walk->count - walk->at;
    if (left < WAL_BLOCK_BYTES)
        return WAL_WALK_MORE;
    format_read(walk->bytes + walk->at, block);
    *count = WAL_BLOCK_BYTES;
    bool is_header = block->finding == FORMAT_HEADER;
    bool is_known = is_header || block->finding == FORMAT_RECORD;
    if (!is_known ||
            !belongs_here(walk, is_header ? &block->header.place : &block->record.place))
        return WAL_WALK_END;
    if (!is_header)
        *count = format_record_bytes(block->record.payload_bytes);
    return left < *count ? WAL_WALK_MORE : WAL_WALK_OTHER;
}

enum wal_walk_result wal_walk_next(struct wal_walk *walk)
{
    struct format_block block;
    uint64_t count = 0;
    walk->entry = NULL;
    enum wal_walk_result result = walk_head(walk, &block, &count);
    bool is_entry = result == WAL_WALK_OTHER && block.finding == FORMAT_RECORD &&
                    block.record.kind == RECORD_ENTRY;
    if (is_entry)
        result = walk_entry(walk, &block.record);
    if (result == WAL_WALK_ENTRY || result == WAL_WALK_OTHER)
        walk->at += count;
    return result;
}

size_t wal_walk_whole(const struct wal_walk *walk)
{
    struct wal_walk heads = *walk;
    struct format_block block;
    uint64_t count = 0;
    while (walk_head(&heads, &block, &count) == WAL_WALK_OTHER)
        heads.at += count;
    return heads.at;
}
