/*
 * The file that says that this directory gave up its log, because a part that was durable
 * cannot be read back. It is one block, and replaced as a whole, by a rename.
 *
 *     offset  bytes  field
 *          0      4  magic, "lrep"
 *          4      1  version (REPAIR_VERSION)
 *          5      1  node that wrote the log
 *          6      1  vote
 *          7      1  moving: 1 while files of the log may still have to be put aside
 *          8      8  cluster id
 *         16      8  incarnation that was given up
 *         24      8  term
 *         32      4  number of the folder to which the files are moved
 *         36         zeros
 *       4088      8  sum: XXH3-64 of bytes 0 to 4087
 *
 * Term and vote are the newest that any intact record or header shows.
 *
 * A repair goes in this order, so that a crash at any moment leads to the same repair again
 * or to its end:
 *
 *     1  this file is durable, `moving`
 *     2  all files of the log and all snapshots are in the folder, durably
 *     3  this file is durable, not `moving`
 *     4  the node starts with an empty log and a new incarnation
 *
 * The file stays until the node is a voter again. Until then an empty log beside it does not
 * mean a new node: it takes part in no bootstrap.
 */
#ifndef STORE_REPAIR_FORMAT_H
#define STORE_REPAIR_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    REPAIR_VERSION = 1,
};

struct repair_block {
    uint8_t node;
    uint8_t vote;
    bool moving;
    uint64_t cluster;
    uint64_t given_up; /* Incarnation; 0: nothing was given up */
    uint64_t term;
    uint32_t folder;
};

enum repair_finding {
    REPAIR_GOOD,
    REPAIR_DAMAGED,
    REPAIR_NEWER,
};

/* Write and read a whole block of WAL_BLOCK_BYTES. */
void repair_write(unsigned char *block, const struct repair_block *repair);
enum repair_finding repair_read(const unsigned char *block, struct repair_block *repair);

#ifdef __cplusplus
}
#endif

#endif
