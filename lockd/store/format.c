#include "store/format.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "protocol/wire.h"

enum {
    RECORD_MAGIC = 0x6365726c, /* "lrec" */
    HEADER_MAGIC = 0x6765736c, /* "lseg" */
    HEADER_FIELD_BYTES = 104,
    RECORD_SUM_AT = WAL_RECORD_HEAD_BYTES - 8,
    HEADER_SUM_AT = WAL_BLOCK_BYTES - 8,
};

/* Both layouts begin with these. */
static void wire_magic(struct wire *wire, uint32_t magic, uint8_t *version)
{
    uint32_t found = magic;
    wire_u32(wire, &found);
    wire_require(wire, found == magic);
    wire_u8(wire, version);
}

static void wire_zero_u8(struct wire *wire)
{
    uint8_t zero = 0;
    wire_u8(wire, &zero);
    wire_require(wire, zero == 0);
}

static void wire_place(struct wire *wire, struct record_place *place)
{
    wire_u32(wire, &place->run);
    wire_u64(wire, &place->segment);
    wire_u64(wire, &place->position);
    wire_u64(wire, &place->durable);
    wire_u64(wire, &place->previous);
}

/* The layout of a record's head, in both directions. */
static void wire_record(struct wire *wire, struct record *record)
{
    uint8_t version = WAL_VERSION;
    uint8_t kind = (uint8_t)record->kind;
    wire_magic(wire, RECORD_MAGIC, &version);
    wire_u8(wire, &kind);
    wire_u8(wire, &record->vote);
    wire_zero_u8(wire);
    wire_u32(wire, &record->payload_bytes);
    wire_place(wire, &record->place);
    wire_u64(wire, &record->value);
    wire_u64(wire, &record->sum);

    wire_require(wire, RECORD_ENTRY <= kind && kind <= RECORD_TRUNCATE);
    wire_require(wire, version == WAL_VERSION);
    record->kind = (enum record_kind)kind;
    bool is_entry = record->kind == RECORD_ENTRY;
    uint32_t payload_min = is_entry ? ENTRY_HEAD_BYTES : 0;
    uint32_t payload_max = is_entry ? ENTRY_HEAD_BYTES + ENTRY_BODY_MAX : 0;
    wire_require(wire, payload_min <= record->payload_bytes);
    wire_require(wire, record->payload_bytes <= payload_max);
    wire_require(wire, record->kind == RECORD_VOTE || record->vote == 0);
}

/* The layout of a segment's header up to the zeros, in both directions. */
static void wire_header(struct wire *wire, struct segment_header *header)
{
    uint8_t version = WAL_VERSION;
    uint32_t zero = 0;
    wire_magic(wire, HEADER_MAGIC, &version);
    wire_require(wire, version == WAL_VERSION);
    wire_u8(wire, &header->node);
    wire_u8(wire, &header->vote);
    wire_zero_u8(wire);
    wire_u32(wire, &zero);
    wire_require(wire, zero == 0);
    wire_place(wire, &header->place);
    wire_u64(wire, &header->segment_bytes);
    wire_u64(wire, &header->cluster);
    wire_u64(wire, &header->term);
    wire_u64(wire, &header->last.term);
    wire_u64(wire, &header->last.index);
    wire_u64(wire, &header->last_sum);
    wire_u64(wire, &header->incarnation);
}

static void wire_sum(struct wire *wire, uint64_t *sum)
{
    wire_u64(wire, sum);
}

void format_write_record(unsigned char *bytes, struct record *record)
{
    struct wire wire = wire_writer(bytes, WAL_RECORD_HEAD_BYTES);
    wire_record(&wire, record);
    assert(wire_complete(&wire) && wire.at == WAL_RECORD_HEAD_BYTES);

    record->sum = hash_bytes(bytes, RECORD_SUM_AT, 0);
    struct wire sum = wire_writer(bytes + RECORD_SUM_AT, sizeof(record->sum));
    wire_sum(&sum, &record->sum);
}

void format_write_header(unsigned char *block, struct segment_header *header)
{
    memset(block, 0, WAL_BLOCK_BYTES);
    struct wire wire = wire_writer(block, HEADER_FIELD_BYTES);
    wire_header(&wire, header);
    assert(wire_complete(&wire) && wire.at == HEADER_FIELD_BYTES);

    header->sum = hash_bytes(block, HEADER_SUM_AT, 0);
    struct wire sum = wire_writer(block + HEADER_SUM_AT, sizeof(header->sum));
    wire_sum(&sum, &header->sum);
}

static bool is_summed(const unsigned char *block, size_t sum_at)
{
    uint64_t sum = 0;
    struct wire wire = wire_reader(block + sum_at, sizeof(sum));
    wire_sum(&wire, &sum);
    return sum == hash_bytes(block, sum_at, 0);
}

static void read_record(const unsigned char *block, struct format_block *found)
{
    struct wire wire = wire_reader(block, WAL_RECORD_HEAD_BYTES);
    wire_record(&wire, &found->record);
    if (wire_complete(&wire))
        found->finding = FORMAT_RECORD;
}

static void read_header(const unsigned char *block, struct format_block *found)
{
    struct wire wire = wire_reader(block, HEADER_FIELD_BYTES);
    wire_header(&wire, &found->header);
    if (wire_complete(&wire)) {
        struct wire sum = wire_reader(block + HEADER_SUM_AT, sizeof(found->header.sum));
        wire_sum(&sum, &found->header.sum);
        found->finding = FORMAT_HEADER;
    }
}

void format_read(const unsigned char *block, struct format_block *found)
{
    uint32_t magic = 0;
    uint8_t version = 0;
    struct wire wire = wire_reader(block, sizeof(magic) + sizeof(version));
    wire_u32(&wire, &magic);
    wire_u8(&wire, &version);
    bool is_record = magic == RECORD_MAGIC;

    *found = (struct format_block){.finding = FORMAT_NOTHING};
    if (!is_record && magic != HEADER_MAGIC)
        return;
    if (!is_summed(block, is_record ? RECORD_SUM_AT : HEADER_SUM_AT))
        return;
    if (version > WAL_VERSION)
        found->finding = FORMAT_NEWER;
    else if (is_record)
        read_record(block, found);
    else
        read_header(block, found);
}
