/*
 * Entries' heads. The sum covers body and head. The head contains the sum of the entry
 * before, so the sum covers the whole log. So a head at another index, of another cluster
 * or after another entry fails.
 */
#include "protocol/entry.h"

#include <assert.h>

#include "base/hash.h"
#include "protocol/version.h"
#include "protocol/wire.h"

/* What the sum's seed covers: the head without the sum. */
enum {
    SEED_BYTES = 48
};

bool entry_id_less(struct entry_id a, struct entry_id b)
{
    return a.term != b.term ? a.term < b.term : a.index < b.index;
}

bool entry_id_equal(struct entry_id a, struct entry_id b)
{
    return a.term == b.term && a.index == b.index;
}

static bool is_kind(uint8_t kind)
{
    return kind >= ENTRY_BOOTSTRAP && kind <= ENTRY_TRIAL;
}

uint16_t entry_kind_version(enum entry_kind kind)
{
    return kind == ENTRY_TRIAL ? VERSION_TRIAL : VERSION_FIRST;
}

static void walk_head(struct wire *wire, struct entry_head *head)
{
    uint8_t kind = wire->mode == WIRE_READ ? 0 : (uint8_t)head->kind;
    uint8_t version = ENTRY_VERSION;
    uint16_t zero = 0;
    wire_u32(wire, &head->body_bytes);
    wire_u8(wire, &kind);
    wire_u8(wire, &version);
    wire_u16(wire, &zero);
    wire_u64(wire, &head->id.index);
    wire_u64(wire, &head->id.term);
    wire_u64(wire, &head->previous_term);
    wire_u64(wire, &head->cluster);
    wire_u64(wire, &head->previous_sum);
    wire_u64(wire, &head->sum);
    wire_require(wire, head->body_bytes <= ENTRY_BODY_MAX);
    wire_require(wire, is_kind(kind) && version == ENTRY_VERSION && zero == 0);
    wire_require(wire, head->id.index > 0 && head->id.term > 0 && head->cluster != 0);
    if (wire->mode == WIRE_READ)
        head->kind = (enum entry_kind)kind;
}

static uint64_t sum_entry(const unsigned char *bytes, uint32_t body_bytes)
{
    uint64_t seed = hash_bytes(bytes, SEED_BYTES, 0);
    return hash_bytes(bytes + ENTRY_HEAD_BYTES, body_bytes, seed);
}

void entry_seal(unsigned char *bytes, struct entry_head *head)
{
    head->sum = 0;
    struct wire wire = wire_writer(bytes, ENTRY_HEAD_BYTES);
    walk_head(&wire, head);
    assert(wire_complete(&wire));
    head->sum = sum_entry(bytes, head->body_bytes);
    wire = wire_writer(bytes + SEED_BYTES, ENTRY_HEAD_BYTES - SEED_BYTES);
    wire_u64(&wire, &head->sum);
}

bool entry_decode(const unsigned char *bytes, size_t count, struct entry_head *head)
{
    if (count < ENTRY_HEAD_BYTES)
        return false;
    struct wire wire = wire_reader(bytes, ENTRY_HEAD_BYTES);
    walk_head(&wire, head);
    if (!wire_complete(&wire) || count - ENTRY_HEAD_BYTES < head->body_bytes)
        return false;
    return head->sum == sum_entry(bytes, head->body_bytes);
}

size_t entry_bytes(const struct entry_head *head)
{
    return ENTRY_HEAD_BYTES + (size_t)head->body_bytes;
}
