#include "store/begin_format.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "protocol/wire.h"

enum {
    BEGIN_MAGIC = 0x6765626c, /* "lbeg" */
    BEGIN_SUM_AT = WAL_BLOCK_BYTES - 8,
};

/* The layout up to the zeros, in both directions. */
static void wire_begin(struct wire *wire, struct begin_block *begin)
{
    uint32_t magic = BEGIN_MAGIC;
    uint8_t version = BEGIN_VERSION;
    wire_u32(wire, &magic);
    wire_require(wire, magic == BEGIN_MAGIC);
    wire_u8(wire, &version);
    wire_require(wire, version == BEGIN_VERSION);
    wire_u8(wire, &begin->node);
    wire_u8(wire, &begin->vote);
    wire_bool(wire, &begin->fresh);
    wire_u64(wire, &begin->cluster);
    wire_u64(wire, &begin->incarnation);
    wire_u64(wire, &begin->begin.before.term);
    wire_u64(wire, &begin->begin.before.index);
    wire_u64(wire, &begin->begin.sum);
    wire_u64(wire, &begin->begin.segment);
    wire_u64(wire, &begin->term);
    wire_require(wire, begin->node != 0 && begin->cluster != 0);
    wire_require(wire, begin->begin.before.index != 0 && begin->begin.before.term != 0);
    wire_require(wire, begin->begin.segment > 1);
    wire_require(wire, begin->fresh || (begin->term == 0 && begin->vote == 0));
}

void log_begin_write(unsigned char *block, const struct begin_block *begin)
{
    struct begin_block copy = *begin;
    memset(block, 0, WAL_BLOCK_BYTES);
    struct wire wire = wire_writer(block, BEGIN_SUM_AT);
    wire_begin(&wire, &copy);
    assert(wire_complete(&wire));
    wire_put_u64(block + BEGIN_SUM_AT, hash_bytes(block, BEGIN_SUM_AT, 0));
}

enum begin_finding log_begin_read(const unsigned char *block, struct begin_block *begin)
{
    *begin = (struct begin_block){0};
    if (wire_get_u32(block) != BEGIN_MAGIC ||
            wire_get_u64(block + BEGIN_SUM_AT) != hash_bytes(block, BEGIN_SUM_AT, 0))
        return BEGIN_DAMAGED;
    if (block[4] > BEGIN_VERSION)
        return BEGIN_NEWER;
    struct wire wire = wire_reader(block, BEGIN_SUM_AT);
    wire_begin(&wire, begin);
    return wire.failed ? BEGIN_DAMAGED : BEGIN_GOOD;
}
