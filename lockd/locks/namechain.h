/*
 * Names and labels: chains of small blocks, so that a name of 255 bytes is possible and one
 * of 20 costs one block. The owner of the chain keeps its length.
 */
#ifndef LOCKS_NAMECHAIN_H
#define LOCKS_NAMECHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NAME_BLOCK_BYTES = 28
};

struct name_block {
    uint32_t next;
    unsigned char bytes[NAME_BLOCK_BYTES];
};

/* Blocks that a text of this many bytes takes. */
uint32_t namechain_blocks(uint32_t byte_count);

/* Store a text, for which there is room. Handle of the chain; 0 for an empty text. */
uint32_t namechain_put(struct pool *blocks, struct span text);

/* Give the chain back. */
void namechain_give(struct pool *blocks, uint32_t chain);

/* Copy the text out. */
void namechain_read(const struct pool *blocks, uint32_t chain, uint32_t byte_count,
        unsigned char *bytes);

/* Less than, equal to or greater than 0 as the chain's first `text.count` bytes are. */
int namechain_compare_head(const struct pool *blocks, uint32_t chain, struct span text);

#ifdef __cplusplus
}
#endif

#endif
