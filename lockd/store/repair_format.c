#include "store/repair_format.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "protocol/wire.h"

enum {
    REPAIR_MAGIC = 0x7065726c, /* "lrep" */
    REPAIR_SUM_AT = WAL_BLOCK_BYTES - 8,
};

/* The layout up to the zeros, in both directions. */
static void wire_repair(struct wire *wire, struct repair_block *repair)
{
    uint32_t magic = REPAIR_MAGIC;
    uint8_t version = REPAIR_VERSION;
    wire_u32(wire, &magic);
    wire_require(wire, magic == REPAIR_MAGIC);
    wire_u8(wire, &version);
    wire_require(wire, version == REPAIR_VERSION);
    wire_u8(wire, &repair->node);
    wire_u8(wire, &repair->vote);
    wire_bool(wire, &repair->moving);
    wire_u64(wire, &repair->cluster);
    wire_u64(wire, &repair->given_up);
    wire_u64(wire, &repair->term);
    wire_u32(wire, &repair->folder);
    wire_require(wire, repair->node != 0 && repair->cluster != 0);
    wire_require(wire, repair->given_up != 0 && repair->folder != 0);
    wire_require(wire, repair->vote == 0 || repair->term != 0);
}

void repair_write(unsigned char *block, const struct repair_block *repair)
{
    struct repair_block copy = *repair;
    memset(block, 0, WAL_BLOCK_BYTES);
    struct wire wire = wire_writer(block, REPAIR_SUM_AT);
    wire_repair(&wire, &copy);
    assert(wire_complete(&wire));
    wire_put_u64(block + REPAIR_SUM_AT, hash_bytes(block, REPAIR_SUM_AT, 0));
}

enum repair_finding repair_read(const unsigned char *block, struct repair_block *repair)
{
    *repair = (struct repair_block){0};
    if (wire_get_u32(block) != REPAIR_MAGIC ||
            wire_get_u64(block + REPAIR_SUM_AT) != hash_bytes(block, REPAIR_SUM_AT, 0))
        return REPAIR_DAMAGED;
    if (block[4] > REPAIR_VERSION)
        return REPAIR_NEWER;
    struct wire wire = wire_reader(block, REPAIR_SUM_AT);
    wire_repair(&wire, repair);
    return wire.failed ? REPAIR_DAMAGED : REPAIR_GOOD;
}
