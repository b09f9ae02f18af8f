#include "protocol/snapshot_format.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "protocol/wire.h"

enum {
    HEADER_MAGIC = 0x706e736c, /* "lsnp" */
    CHUNK_MAGIC = 0x6b68636c,  /* "lchk" */
    CLUSTER_VERSION_AT = 6,
    HEADER_SUM_AT = SNAPSHOT_BLOCK_BYTES - 8,
    CHUNK_SUM_AT = SNAPSHOT_CHUNK_HEAD_BYTES - 8,
};

static void wire_magic(struct wire *wire, uint32_t magic)
{
    uint32_t found = magic;
    wire_u32(wire, &found);
    wire_require(wire, found == magic);
}

static void wire_zeros(struct wire *wire, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t zero = 0;
        wire_u8(wire, &zero);
        wire_require(wire, zero == 0);
    }
}

/* More than one block for the header, and at least one for each chunk, but not too many. */
static bool has_sound_sizes(const struct snapshot_header *header)
{
    uint64_t chunk_bytes = header->chunk_bytes;
    if (chunk_bytes == 0 || chunk_bytes % SNAPSHOT_BLOCK_BYTES != 0 ||
            chunk_bytes > SNAPSHOT_CHUNK_BYTES_MAX || header->chunk_count == 0)
        return false;
    uint64_t whole = SNAPSHOT_BLOCK_BYTES + (header->chunk_count - 1) * chunk_bytes;
    return header->file_bytes % SNAPSHOT_BLOCK_BYTES == 0 && header->file_bytes > whole &&
           header->file_bytes <= whole + chunk_bytes;
}

/* The layout of a header up to the zeros, in both directions. */
static void wire_header(struct wire *wire, struct snapshot_header *header)
{
    uint8_t version = SNAPSHOT_VERSION;
    wire_magic(wire, HEADER_MAGIC);
    wire_u8(wire, &version);
    wire_require(wire, version == SNAPSHOT_VERSION);
    wire_zeros(wire, 1);
    wire_u16(wire, &header->cluster_version);
    wire_u32(wire, &header->chunk_bytes);
    wire_u32(wire, &header->chunk_count);
    wire_u64(wire, &header->file_bytes);
    wire_u64(wire, &header->cluster);
    wire_u64(wire, &header->last.term);
    wire_u64(wire, &header->last.index);
    wire_u64(wire, &header->last_sum);
    wire_u64(wire, &header->time);
    wire_u64(wire, &header->wall_ns);
    wire_u64(wire, &header->content_sum);
    struct span configuration = {header->configuration, header->configuration_bytes};
    wire_span(wire, &configuration, SNAPSHOT_CONFIGURATION_MAX);
    wire_require(wire, has_sound_sizes(header));
    wire_require(wire, header->cluster != 0 && header->last.term != 0);
    wire_require(wire, header->last.index != 0 && header->cluster_version != 0);
    if (wire->mode != WIRE_READ || wire->failed)
        return;
    header->configuration_bytes = configuration.count;
    memcpy(header->configuration, configuration.bytes, configuration.count);
}

void snapshot_write_header(unsigned char *block, const struct snapshot_header *header)
{
    struct snapshot_header copy = *header;
    memset(block, 0, SNAPSHOT_BLOCK_BYTES);
    struct wire wire = wire_writer(block, HEADER_SUM_AT);
    wire_header(&wire, &copy);
    assert(wire_complete(&wire));
    wire_put_u64(block + HEADER_SUM_AT, hash_bytes(block, HEADER_SUM_AT, 0));
}

enum snapshot_finding snapshot_read_header(
        const unsigned char *block, struct snapshot_header *header)
{
    memset(header, 0, sizeof *header);
    if (wire_get_u32(block) != HEADER_MAGIC ||
            wire_get_u64(block + HEADER_SUM_AT) != hash_bytes(block, HEADER_SUM_AT, 0))
        return SNAPSHOT_DAMAGED;
    header->cluster_version = wire_get_u16(block + CLUSTER_VERSION_AT);
    if (block[4] > SNAPSHOT_VERSION)
        return SNAPSHOT_NEWER;
    struct wire wire = wire_reader(block, HEADER_SUM_AT);
    wire_header(&wire, header);
    return wire.failed ? SNAPSHOT_DAMAGED : SNAPSHOT_GOOD;
}

/* The layout of a chunk's head up to its sum, in both directions. */
static void wire_chunk(struct wire *wire, struct snapshot_chunk *chunk)
{
    wire_magic(wire, CHUNK_MAGIC);
    wire_u32(wire, &chunk->number);
    wire_u32(wire, &chunk->record_bytes);
    wire_zeros(wire, 4);
    wire_u64(wire, &chunk->index);
}

static uint64_t sum_chunk(const unsigned char *bytes, uint32_t record_bytes)
{
    return hash_bytes(bytes + SNAPSHOT_CHUNK_HEAD_BYTES, record_bytes,
            hash_bytes(bytes, CHUNK_SUM_AT, 0));
}

uint32_t snapshot_write_chunk(unsigned char *bytes, struct snapshot_chunk *chunk)
{
    struct wire wire = wire_writer(bytes, CHUNK_SUM_AT);
    wire_chunk(&wire, chunk);
    assert(wire_complete(&wire) && wire.at == CHUNK_SUM_AT);
    chunk->sum = sum_chunk(bytes, chunk->record_bytes);
    wire_put_u64(bytes + CHUNK_SUM_AT, chunk->sum);
    uint32_t used = SNAPSHOT_CHUNK_HEAD_BYTES + chunk->record_bytes;
    uint32_t whole =
            (used + SNAPSHOT_BLOCK_BYTES - 1) / SNAPSHOT_BLOCK_BYTES * SNAPSHOT_BLOCK_BYTES;
    memset(bytes + used, 0, whole - used);
    return whole;
}

bool snapshot_read_chunk(
        const unsigned char *bytes, size_t count, struct snapshot_chunk *chunk)
{
    *chunk = (struct snapshot_chunk){0};
    if (count < SNAPSHOT_CHUNK_HEAD_BYTES)
        return false;
    struct wire wire = wire_reader(bytes, CHUNK_SUM_AT);
    wire_chunk(&wire, chunk);
    chunk->sum = wire_get_u64(bytes + CHUNK_SUM_AT);
    return wire_complete(&wire) &&
           chunk->record_bytes <= count - SNAPSHOT_CHUNK_HEAD_BYTES &&
           chunk->sum == sum_chunk(bytes, chunk->record_bytes);
}

uint64_t snapshot_add_sum(uint64_t content_sum, uint64_t chunk_sum)
{
    unsigned char bytes[8];
    wire_put_u64(bytes, chunk_sum);
    return hash_bytes(bytes, sizeof bytes, content_sum);
}
