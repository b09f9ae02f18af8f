#include "locks/namechain.h"

#include <assert.h>
#include <string.h>

static uint32_t block_part(uint32_t left)
{
    return left < NAME_BLOCK_BYTES ? left : NAME_BLOCK_BYTES;
}

uint32_t namechain_blocks(uint32_t byte_count)
{
    return (byte_count + NAME_BLOCK_BYTES - 1) / NAME_BLOCK_BYTES;
}

uint32_t namechain_put(struct pool *blocks, struct span text)
{
    uint32_t first = 0;
    uint32_t *link = &first;
    for (uint32_t at = 0; at < text.count; at += NAME_BLOCK_BYTES) {
        *link = pool_take(blocks);
        struct name_block *block = pool_at(blocks, *link);
        memcpy(block->bytes, text.bytes + at, block_part(text.count - at));
        link = &block->next;
    }
    return first;
}

void namechain_give(struct pool *blocks, uint32_t chain)
{
    while (chain != 0) {
        const struct name_block *block = pool_at(blocks, chain);
        uint32_t next = block->next;
        pool_give(blocks, chain);
        chain = next;
    }
}

void namechain_read(const struct pool *blocks, uint32_t chain, uint32_t byte_count,
        unsigned char *bytes)
{
    for (uint32_t at = 0; at < byte_count; at += NAME_BLOCK_BYTES) {
        const struct name_block *block = pool_at(blocks, chain);
        memcpy(bytes + at, block->bytes, block_part(byte_count - at));
        chain = block->next;
    }
}

int namechain_compare_head(const struct pool *blocks, uint32_t chain, struct span text)
{
    for (uint32_t at = 0; at < text.count; at += NAME_BLOCK_BYTES) {
        const struct name_block *block = pool_at(blocks, chain);
        int order = memcmp(block->bytes, text.bytes + at, block_part(text.count - at));
        if (order != 0)
            return order;
        chain = block->next;
    }
    return 0;
}
